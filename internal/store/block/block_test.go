package block

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/loadgen"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/varint"
)

var testMarks = SummaryBits{All: [DictionaryKinds]int{0: 128, 2: 512, 3: 512, 4: 64}, Failed: [DictionaryKinds]int{0: 32, 2: 128}}

// keepTest returns texts of which several rows have the same ones.
func keepTest(r *store.Record, kind int) (text, name string) {
	name = strings.Repeat("x", r.Status%300)
	return fmt.Sprint(kind%3, name), name
}

func order(rows []Row) {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.Record.Start.UnixNano(), b.Record.Start.UnixNano()), bytes.Compare(a.Record.ID[:], b.Record.ID[:]))
	})
}

// drawRow draws a record of anything that its fields can hold.
func drawRow(t *rapid.T) Row {
	number := rapid.OneOf(rapid.Just(int64(0)), rapid.Int64Range(0, 100_000), rapid.Int64Range(0, usage.MaxTokens), rapid.Map(rapid.Int64Range(0, 1<<40), func(v int64) int64 { return v * 1_000_000 }))
	text := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.StringMatching(`chatcmpl-[0-9a-zA-Z]{24}`))
	bytesOf := func(b []byte, label string) {
		if rapid.Bool().Draw(t, label) {
			copy(b, rapid.SliceOfN(rapid.Byte(), len(b), len(b)).Draw(t, label))
		}
	}
	r := &store.Record{}
	copy(r.ID[:], rapid.SliceOfN(rapid.Byte(), 24, 24).Draw(t, "id"))
	bytesOf(r.Parent[:], "parent")
	bytesOf(r.SupersededBy[:], "by")
	r.Signal = rapid.SampledFrom([]usage.Signal{usage.SignalSpan, usage.SignalLog}).Draw(t, "signal")
	if r.Signal == usage.SignalSpan {
		copy(r.Trace[:], r.ID[:16])
		copy(r.Span[:], r.ID[16:])
	} else {
		bytesOf(r.Trace[:], "trace")
		bytesOf(r.Span[:], "span")
	}
	r.Start = time.Unix(0, rapid.OneOf(rapid.Int64Range(0, 1<<62), rapid.Int64Range(1_700_000_000, 1_700_003_600)).Draw(t, "start")).UTC()
	r.StoredAt = time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seen"), 0).UTC()
	r.Duration, r.TTFT = time.Duration(number.Draw(t, "duration")), time.Duration(number.Draw(t, "ttft"))
	r.Status, r.Quality = rapid.IntRange(0, 999).Draw(t, "status"), usage.Quality(rapid.Uint16().Draw(t, "quality"))
	r.Counted, r.Failed = rapid.Bool().Draw(t, "counted"), rapid.Bool().Draw(t, "failed")
	r.Reason, r.Inherited = store.Reason(rapid.IntRange(0, 4).Draw(t, "reason")), usage.Inherited(rapid.Uint8().Draw(t, "inherited"))
	r.Tokens = usage.Tokens{
		InputUncached: number.Draw(t, "in"), CacheRead: number.Draw(t, "read"), CacheWrite: number.Draw(t, "write"), CacheWrite1h: number.Draw(t, "1h"),
		OutputText: number.Draw(t, "out"), Reasoning: number.Draw(t, "reasoning"), Fields: usage.TokenFields(rapid.Uint8().Draw(t, "fields")),
	}
	if rapid.Bool().Draw(t, "modal") {
		r.Modalities = usage.Modalities{AudioInput: number.Draw(t, "audio"), VideoOutput: number.Draw(t, "video")}
	}
	r.Cost = usage.NanoUSD(rapid.Int64().Draw(t, "cost"))
	r.ReportedCost, r.HasReportedCost = usage.NanoUSD(rapid.Int64().Draw(t, "reported")), rapid.Bool().Draw(t, "has")
	r.ResponseID, r.RequestID, r.Session, r.SignalGroup = text.Draw(t, "response"), text.Draw(t, "request"), text.Draw(t, "session"), text.Draw(t, "group")
	r.ErrorMessage = rapid.OneOf(rapid.Just(""), rapid.Just(""), rapid.String(), rapid.StringMatching(`Rate limit reached for gpt-4o: [0-9a-zA-Z ]{0,80}`)).Draw(t, "message")
	row := Row{Record: r}
	for k := range row.IDs {
		row.IDs[k] = rapid.OneOf(rapid.Uint32Range(0, 5), rapid.Uint32()).Draw(t, "text")
	}
	return row
}

// TestRoundTrip: whatever records hold comes back, and their summary rules none of them out.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(drawRow), 1, rapid.SampledFrom([]int{1, 2, 20, MaxRows}).Draw(t, "most")).Draw(t, "rows")
		requireRoundTrip(t, rows)
	})
}

func requireRoundTrip(t require.TestingT, rows []Row) {
	order(rows)
	f, err := OpenFigures(EncodeFigures(rows, keepTest))
	require.NoError(t, err)
	n, err := OpenNames(EncodeNames(rows, len(rows)%3 > 0))
	require.NoError(t, err)
	summary := testMarks.Summarise(rows, keepTest)
	require.True(t, testMarks.Valid(summary))
	require.Equal(t, len(rows), f.Rows())
	if len(rows)%2 == 0 {
		require.NoError(t, f.Complete())
	}
	all := [FreeTexts]string{}
	for i := range rows {
		r := rows[i].Record
		var counts usage.Countable
		f.ReadCountable(i, &counts)
		require.Equal(t, usage.Countable{Tokens: r.Tokens, Cost: r.Cost, Quality: r.Quality, Failed: r.Failed}, counts)
		got := store.Record{}
		got.Signal = rows[i].Record.Signal // of the emitter's text
		texts := f.Read(i, &got)
		require.NoError(t, n.Read(i, &got))
		for k, n := range rows[i].IDs {
			want, name := keepTest(rows[i].Record, k)
			text, is := f.InlineText(uint64(texts[k]))
			require.Equal(t, n&Inline != 0, is)
			if is {
				require.Equal(t, want, text)
				texts[k] = NameNumber(name)
			} else {
				require.Equal(t, n, texts[k])
			}
		}
		require.Equal(t, *rows[i].Record, got)
		require.Equal(t, rows[i].Record.Start.UnixNano(), f.Starts()[i])
		require.Equal(t, got.SupersededBy, n.SupersededBy(i))
		require.Zero(t, n.Compare(i, &got.ID))
		require.True(t, testMarks.MayHaveID(summary, HashID(got.ID)))
		for k := range texts {
			require.True(t, testMarks.MayHaveText(summary, k, texts[k], false))
			require.True(t, !got.Failed || testMarks.MayHaveText(summary, k, texts[k], true))
		}
		require.True(t, !got.Failed || summary.HasFailed())
		require.NoError(t, f.Err())
		require.True(t, got.SupersededBy == usage.ID{} || summary.HasSuperseded())
		for which := range all {
			all[which] += FreeText(rows[i].Record, which)
		}
	}
	for i := range rows {
		if needle := strings.ToLower(rows[i].Record.ErrorMessage); needle != "" {
			found := map[int]bool{}
			require.NoError(t, n.Search(Message, needle, func(row int) { found[row] = true }))
			require.True(t, found[i])
		}
	}
	for which := range all {
		text, err := n.Texts(which)
		require.NoError(t, err)
		require.Equal(t, all[which], text)
	}
}

// TestWidths: numbers of every width, the greatest and least included, and whole thousands.
func TestWidths(t *testing.T) {
	for _, scale := range []int64{1, 1_000, 1_000_000} {
		for width := range 63 {
			values := []int64{0, scale, 1 << width / scale * scale, 5 * scale}
			if width%2 == 1 {
				values = append(values, -1<<width/scale*scale)
			}
			b := append(appendInts(nil, values), make([]byte, padding)...)
			r := reader{varint.Reader{B: b}}
			c := readInts(&r, len(values))
			require.False(t, r.Bad)
			for i := range values {
				require.Equal(t, values[i], c.at(i), "width %d", width)
			}
		}
	}
	values := []int64{math.MinInt64, math.MaxInt64, 0}
	r := reader{varint.Reader{B: append(appendInts(nil, values), make([]byte, padding)...)}}
	c := readInts(&r, 3)
	require.Equal(t, values, []int64{c.at(0), c.at(1), c.at(2)})
}

// TestDamage: a changed byte is found, whatever it is, and a cut string.
func TestDamage(t *testing.T) {
	rows := loadRows(40)
	for _, b := range [][]byte{EncodeFigures(rows, keepTest), EncodeNames(rows, true)} {
		open := func(b []byte) error {
			if bytes.Equal(b[:2], EncodeFigures(rows, keepTest)[:2]) && len(b) == len(EncodeFigures(rows, keepTest)) {
				_, err := OpenFigures(b)
				return err
			}
			_, err := OpenNames(b)
			return err
		}
		for i := range b {
			c := slices.Clone(b)
			c[i] ^= 0x41
			require.ErrorIs(t, open(c), ErrDamaged)
			require.ErrorIs(t, open(b[:i]), ErrDamaged)
		}
	}
	// bytes that were sealed but are not ours: no panic
	for i := range 2000 {
		b := EncodeFigures(rows, keepTest)
		b = b[:len(b)-padding-checkedSize]
		b[i%len(b)] ^= byte(i/len(b)*37 + 1)
		if f, err := OpenFigures(seal(b)); err == nil {
			for j := range f.Rows() {
				f.Read(j, &store.Record{})
			}
			_ = f.Complete()
		}
		c := EncodeNames(rows, true)
		c = c[:len(c)-padding-checkedSize]
		c[(i*7)%len(c)] ^= byte(i + 1)
		if n, err := OpenNames(seal(c)); err == nil {
			for j := range n.rows {
				_ = n.Read(j, &store.Record{})
			}
		}
	}
}

// loadRows returns rows of usual traffic.
func loadRows(n int) []Row {
	g := loadgen.New(loadgen.Set{Calls: 4 * n, Ordered: true, Days: 1})
	numbers := map[string]uint32{}
	number := func(kind int, v string) uint32 {
		k := fmt.Sprint(kind, v)
		if _, known := numbers[k]; !known {
			numbers[k] = uint32(len(numbers) + 1)
		}
		return numbers[k]
	}
	var rows []Row
	seen := map[usage.ID]bool{}
	for len(rows) < n {
		c, _ := g.Next()
		if seen[c.ID] {
			continue
		}
		seen[c.ID] = true
		c.Cost = usage.NanoUSD(c.Tokens.InputUncached*2500 + c.Tokens.OutputText*10000)
		rows = append(rows, Row{Record: &store.Record{Call: c, Counted: true, StoredAt: c.Start.Truncate(time.Second)}, IDs: DictionaryIDs{
			number(0, c.Model), number(1, c.Provider), number(2, c.KeyFingerprint), number(3, c.User), number(4, c.Service), 1, 2, number(7, c.Model), number(8, c.ErrorType), 3,
		}})
	}
	order(rows)
	return rows
}

// TestFewBytes keeps what a record takes in mind: a third of a row of the database.
func TestFewBytes(t *testing.T) {
	rows := loadRows(MaxRows)
	figures, names := len(EncodeFigures(rows, keepTest)), len(EncodeNames(rows, true))
	t.Logf("%.1f bytes of figures, %.1f of names a record", float64(figures)/MaxRows, float64(names)/MaxRows)
	require.Less(t, (figures+names)/MaxRows, 90)
}

// TestRuledOut: a summary rules out nearly all ids that are not there.
func TestRuledOut(t *testing.T) {
	summary := testMarks.Summarise(loadRows(MaxRows), keepTest)
	wrong := 0
	for i := range 10_000 {
		var id usage.ID
		copy(id[:], fmt.Sprintf("%024d", i))
		if testMarks.MayHaveID(summary, HashID(id)) {
			wrong++
		}
	}
	require.Less(t, wrong, 500)
}

// TestFailedRuledOut: what failed rows do not have is ruled out where only they are asked for.
func TestFailedRuledOut(t *testing.T) {
	rows := loadRows(MaxRows)
	for i := range rows {
		rows[i].Record.Failed = i == 7
		rows[i].IDs[2] = uint32(i)
	}
	summary := testMarks.Summarise(rows, keepTest)
	failed, all := 0, 0
	for n := range uint32(MaxRows) {
		if testMarks.MayHaveText(summary, 2, n, true) {
			failed++
		}
		if testMarks.MayHaveText(summary, 2, n, false) {
			all++
		}
		require.Equal(t, testMarks.MayHaveText(summary, 3, n, false), testMarks.MayHaveText(summary, 3, n, true), "a kind without marks of failed rows has those of all")
	}
	require.Equal(t, MaxRows, all)
	require.Equal(t, 2, failed, "two numbers share a bit")
}

func BenchmarkEncode(b *testing.B) {
	rows := loadRows(MaxRows)
	b.Run("figures", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			EncodeFigures(rows, keepTest)
		}
	})
	b.Run("names", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			EncodeNames(rows, true)
		}
	})
	b.Run("summary", func(b *testing.B) {
		for range b.N {
			testMarks.Summarise(rows, keepTest)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	rows := loadRows(MaxRows)
	figures, names := EncodeFigures(rows, keepTest), EncodeNames(rows, true)
	b.Run("figures", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_, _ = OpenFigures(figures)
		}
	})
	b.Run("records", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			f, _ := OpenFigures(figures)
			n, _ := OpenNames(names)
			var r store.Record
			for i := range f.Rows() {
				f.Read(i, &r)
				_ = n.Read(i, &r)
			}
		}
	})
	b.Run("sum", func(b *testing.B) {
		for range b.N {
			f, _ := OpenFigures(figures)
			var sum int64
			for c := InputUncached; c <= Reasoning; c++ {
				for i := range f.Rows() {
					sum += f.Number(c, i)
				}
			}
		}
	})
}

// TestContainsLower: it equals lower case and a search, whatever is in the text.
func TestContainsLower(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9@\[_-]{0,40}`), rapid.String()).Draw(t, "text")
		part := strings.ToLower(rapid.OneOf(rapid.StringMatching(`[a-z0-9@]{0,2}`), rapid.Just(text)).Draw(t, "part"))
		require.Equal(t, strings.Contains(strings.ToLower(text), part), ContainsLower(text, part))
		ascii, upper := letters(text)
		require.Equal(t, strings.IndexFunc(text, func(r rune) bool { return r > 127 }) < 0, ascii)
		require.True(t, upper || !ascii || strings.ToLower(text) == text)
	})
}

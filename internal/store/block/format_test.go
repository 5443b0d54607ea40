package block

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/hexdoc"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const formatDocument = "../../../docs/formats/block.md"

// formatRows are the records of the golden files: a span that counts, and a log record that it superseded.
// They never change, or the files would not be those of an older version.
func formatRows() []Row {
	start := time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC)
	span := &store.Record{Counted: true, StoredAt: start.Add(3 * time.Second)}
	span.Trace, span.Span = usage.TraceID(bytes.Repeat([]byte{0x5b}, 16)), usage.SpanID(bytes.Repeat([]byte{0xee}, 8))
	span.ID = usage.SpanRecordID(span.Trace, span.Span)
	span.Start, span.Duration, span.Status = start, 2*time.Second, 200
	span.Tokens = usage.Tokens{InputUncached: 1200, OutputText: 300, Fields: usage.HasInput | usage.HasOutput}
	span.Cost, span.ResponseID = 6_000_000, "chatcmpl-1"
	span.Inherited = usage.InheritedUser

	log := &store.Record{SupersededBy: span.ID, Reason: store.ReasonSameCall, StoredAt: start.Add(5 * time.Second)}
	log.Signal = usage.SignalLog
	copy(log.ID[:], bytes.Repeat([]byte{0xaa}, len(log.ID)))
	log.Trace, log.Span = span.Trace, span.Span
	log.Start, log.Failed, log.Status = start.Add(1500*time.Millisecond), true, 429
	log.Quality, log.RequestID = usage.NoUsage, "req-2"
	log.Modalities = usage.Modalities{AudioInput: 300}
	return []Row{
		{Record: span, IDs: DictionaryIDs{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
		{Record: log, IDs: DictionaryIDs{1, 2, 3, 4, 5, 6, 11, 8, 12, 0}},
	}
}

// formatOwn makes the user and the model of the second record texts that the block keeps itself.
func formatOwn() ([]Row, InlineTexts) {
	rows := formatRows()
	rows[1].IDs[0], rows[1].IDs[3] = Inline, Inline
	return rows, func(_ *store.Record, kind int) (text, name string) {
		if kind == 0 {
			return "gpt-4o", "gpt-4o"
		}
		return "alice", "alice"
	}
}

// tierRows are the same records, of which the first has a service tier.
func tierRows(own bool) ([]Row, InlineTexts) {
	rows, keep := formatRows(), InlineTexts(nil)
	if own {
		rows, keep = formatOwn()
	}
	rows[0].Record.Tier = usage.TierBatch
	return rows, keep
}

// accountRows are those, of which the first has an account too.
func accountRows(own bool) ([]Row, InlineTexts) {
	rows, keep := tierRows(own)
	rows[0].IDs[account] = 13
	return rows, keep
}

// TestFormatFigures reads the golden files of all versions of figures, compares what is written today with
// them, and the example in the document.
func TestFormatFigures(t *testing.T) {
	own, keep := formatOwn()
	tiers, _ := tierRows(false)
	tiersOwn, _ := tierRows(true)
	accounts, _ := accountRows(false)
	accountsOwn, _ := accountRows(true)
	for _, c := range []struct {
		name string
		rows []Row
		keep InlineTexts
		own  map[int]string // of the second record, by kind
	}{
		{name: "figures-1", rows: formatRows()},
		{name: "figures-2", rows: own, keep: keep, own: map[int]string{0: "gpt-4o", 3: "alice"}},
		{name: "figures-3", rows: tiers},
		{name: "figures-4", rows: tiersOwn, keep: keep, own: map[int]string{0: "gpt-4o", 3: "alice"}},
		{name: "figures-5", rows: accounts},
		{name: "figures-6", rows: accountsOwn, keep: keep, own: map[int]string{0: "gpt-4o", 3: "alice"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			golden, err := hexdoc.File("testdata/formats/" + c.name + ".hex")
			require.NoError(t, err)
			f, err := OpenFigures(golden)
			require.NoError(t, err)
			require.NoError(t, f.Complete())
			require.Equal(t, len(c.rows), f.Rows())
			for i := range c.rows {
				want := *c.rows[i].Record
				var got store.Record
				texts := f.Read(i, &got)
				for kind, n := range texts {
					text, is := f.InlineText(uint64(n))
					require.Equal(t, c.rows[i].IDs[kind]&Inline != 0, is)
					if is {
						require.Equal(t, c.own[kind], text)
					} else {
						require.Equal(t, c.rows[i].IDs[kind], n)
					}
				}
				onlyFigures(&want)
				require.Equal(t, want, got)
			}
			require.Equal(t, golden, EncodeFigures(c.rows, c.keep), "the format changed: it needs another version, and this file stays")
			example, err := hexdoc.Example(formatDocument, c.name)
			require.NoError(t, err)
			require.Equal(t, golden, example)
		})
	}
}

// onlyFigures leaves what is in figures.
func onlyFigures(r *store.Record) {
	r.ID, r.Trace, r.Span, r.Parent, r.SupersededBy = usage.ID{}, usage.TraceID{}, usage.SpanID{}, usage.SpanID{}, usage.ID{}
	r.Signal, r.Modalities = 0, usage.Modalities{}
	r.ResponseID, r.RequestID, r.Session, r.SignalGroup, r.ErrorMessage = "", "", "", "", ""
}

// TestFormatNames does the same for names. The bytes of compressed texts are the compressor's: they are
// only read.
func TestFormatNames(t *testing.T) {
	for _, name := range []string{"names-1", "names-1-compressed", "names-2", "names-2-compressed"} {
		t.Run(name, func(t *testing.T) {
			rows := formatRows()
			golden, err := hexdoc.File("testdata/formats/" + name + ".hex")
			require.NoError(t, err)
			switch name {
			case "names-1-compressed":
				rows[0].Record.Session = string(bytes.Repeat([]byte("session "), 64))
				require.Less(t, len(golden), len(rows[0].Record.Session))
			case "names-2":
				rows[1].Record.ErrorMessage = "slow down"
			case "names-2-compressed":
				rows[1].Record.ErrorMessage = string(bytes.Repeat([]byte("slow down "), 64))
				require.Less(t, len(golden), len(rows[1].Record.ErrorMessage))
			}
			n, err := OpenNames(golden)
			require.NoError(t, err)
			for i := range rows {
				want, got := *rows[i].Record, store.Record{}
				got.Signal = want.Signal // of the emitter's text
				require.NoError(t, n.Read(i, &got))
				require.Equal(t, want.ID, got.ID)
				require.Equal(t, want.Trace, got.Trace)
				require.Equal(t, want.Span, got.Span)
				require.Equal(t, want.Parent, got.Parent)
				require.Equal(t, want.SupersededBy, got.SupersededBy)
				require.Equal(t, want.Modalities, got.Modalities)
				require.Equal(t, want.ErrorMessage, got.ErrorMessage)
				require.Equal(t, [...]string{want.ResponseID, want.RequestID, want.Session, want.SignalGroup},
					[...]string{got.ResponseID, got.RequestID, got.Session, got.SignalGroup})
			}
			if strings.HasSuffix(name, "compressed") {
				return
			}
			require.Equal(t, golden, EncodeNames(rows, false), "the format changed: it needs another version, and this file stays")
			example, err := hexdoc.Example(formatDocument, name)
			require.NoError(t, err)
			require.Equal(t, golden, example)
		})
	}
}

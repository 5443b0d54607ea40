package match

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/usage"
)

var start = time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC)

var words = []string{"", "a", "b", "A b", "ab", "Äb"}

func word(t *rapid.T, label string) string { return rapid.SampledFrom(words).Draw(t, label) }

func drawRecord(t *rapid.T) *store.Record {
	r := &store.Record{Counted: rapid.Bool().Draw(t, "counted"), StoredAt: start}
	if !r.Counted {
		r.Reason = store.Reason(rapid.IntRange(1, 4).Draw(t, "reason"))
	}
	r.Start = start.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "start")) * time.Minute)
	r.Trace, r.Span = usage.TraceID{rapid.Byte().Draw(t, "trace"), 0xab}, usage.SpanID{rapid.Byte().Draw(t, "span"), 0xcd}
	if rapid.Bool().Draw(t, "log") {
		r.Signal = usage.SignalLog
		r.ID = usage.ID(rapid.SliceOfN(rapid.Byte(), 24, 24).Draw(t, "id"))
	} else {
		r.ID = usage.SpanRecordID(r.Trace, r.Span)
	}
	r.Model, r.Provider, r.User, r.Service, r.Project = word(t, "model"), word(t, "provider"), word(t, "user"), word(t, "service"), word(t, "project")
	r.KeyFingerprint, r.KeyDisplay = word(t, "fingerprint"), word(t, "display")
	r.RequestModel, r.Path, r.Method, r.Operation, r.ErrorType = word(t, "requested"), word(t, "path"), word(t, "method"), word(t, "operation"), word(t, "error")
	r.RequestID, r.ResponseID, r.Session = word(t, "request"), word(t, "response"), word(t, "session")
	r.Status, r.Failed = rapid.SampledFrom([]int{0, 200, 404, 429, 503}).Draw(t, "status"), rapid.Bool().Draw(t, "failed")
	r.Quality = usage.Quality(rapid.IntRange(0, 15).Draw(t, "quality"))
	r.Tier = rapid.SampledFrom([]usage.Tier{usage.TierUnknown, usage.TierBatch, usage.TierFlex}).Draw(t, "tier")
	return r
}

func drawTerm(t *rapid.T) store.Term {
	term := store.Term{Field: rapid.SampledFrom(append(store.SearchFields(), "")).Draw(t, "field"), Not: rapid.Bool().Draw(t, "not")}
	switch term.Field {
	case store.FieldNameStatus:
		term.Value = rapid.SampledFrom([]string{"ok", "error", "429", "4xx", "9xx", "x"}).Draw(t, "status")
	case store.FieldNameQuality:
		term.Value = rapid.SampledFrom(usage.Quality(15).Names()).Draw(t, "quality")
	case store.FieldNameSuperseded:
		term.Value = rapid.SampledFrom([]string{"yes", "no", "twin", "echo", "x"}).Draw(t, "superseded")
	case store.FieldNameTier:
		term.Value = rapid.SampledFrom([]string{"batch", "flex", "x"}).Draw(t, "tier")
	default:
		term.Value = rapid.SampledFrom([]string{"", "a", "B", "äb", "abc", "cd00", "0"}).Draw(t, "value")
		if rapid.Bool().Draw(t, "keys") {
			term.Keys = []string{word(t, "key")}
		}
	}
	return term
}

func drawFilter(t *rapid.T) store.Filter {
	list := func(label string) []string {
		return rapid.SliceOfN(rapid.SampledFrom(append(words, "other")), 0, 2).Draw(t, label)
	}
	f := store.Filter{
		Models: list("models"), Superseded: rapid.Bool().Draw(t, "superseded"), None: rapid.IntRange(0, 20).Draw(t, "none") == 0,
		Statuses: rapid.SliceOfN(rapid.SampledFrom([]string{"ok", "error", "429", "5xx", ""}), 0, 2).Draw(t, "statuses"),
		Tiers:    rapid.SliceOfN(rapid.SampledFrom([]string{"", "batch", "nothing"}), 0, 2).Draw(t, "tiers"),
	}
	for _, of := range []*[]string{&f.Providers, &f.Keys, &f.Users, &f.Services, &f.Projects} {
		if rapid.IntRange(0, 3).Draw(t, "by") == 0 {
			*of = list("values")
		}
	}
	if rapid.Bool().Draw(t, "from") {
		f.From = start.Add(time.Duration(rapid.IntRange(-1, 6).Draw(t, "after")) * time.Minute)
	}
	if rapid.Bool().Draw(t, "to") {
		f.To = start.Add(time.Duration(rapid.IntRange(-1, 6).Draw(t, "before")) * time.Minute)
	}
	for range rapid.IntRange(0, 2).Draw(t, "terms") {
		f.Text = append(f.Text, drawTerm(t))
	}
	return f
}

type opened struct {
	figures *block.Figures
	names   *block.Names
}

func (o opened) Figures() *block.Figures      { return o.figures }
func (o opened) Names() (*block.Names, error) { return o.names, nil }

// TestMatcher: rows of a block, and records that are in none, match where the filter itself says so, whether their texts
// have numbers or are kept by the block; and no block that has such a row is excluded by its summary.
func TestMatcher(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := dictionary.New(rapid.SampledFrom([]int{0, 1, 3, 100}).Draw(t, "limit"), nil)
		var rows []block.Row
		for range rapid.IntRange(1, 8).Draw(t, "rows") {
			r := drawRecord(t)
			added := texts.Additions()
			rows = append(rows, block.Row{Record: r, IDs: added.IDs(&r.Call)})
			texts.Add(added)
		}
		slices.SortStableFunc(rows, func(a, b block.Row) int { return a.Record.Start.Compare(b.Record.Start) })
		figures, err := block.OpenFigures(block.EncodeFigures(rows, dictionary.InlineText))
		require.NoError(t, err)
		names, err := block.OpenNames(block.EncodeNames(rows, false))
		require.NoError(t, err)
		summary := dictionary.SummaryBits.Summarise(rows, dictionary.InlineText)
		for range 5 {
			f := drawFilter(t)
			m := New(&f, texts.Values())
			var want []int
			for i, row := range rows {
				if f.Matches(row.Record) {
					want = append(want, i)
				}
				require.Equal(t, f.Matches(row.Record), m.Row(row.Record.Start.UnixNano(), &row), "%+v of %+v", f, row.Record)
			}
			first, last := rows[0].Record.Start.UnixNano(), rows[len(rows)-1].Record.Start.UnixNano()
			got, err := m.Rows(opened{figures, names}, first >= m.From && last <= m.To)
			require.NoError(t, err)
			require.Equal(t, want, got, "%+v", f)
			require.NoError(t, figures.Err())
			if len(want) > 0 {
				require.True(t, m.MayBeIn(first, last, summary), "%+v", f)
			}
		}
	})
}

// TestExcludedBlocks: a block is not read where its times, its texts or its outcomes rule it out.
func TestExcludedBlocks(t *testing.T) {
	texts := dictionary.New(100, nil)
	r := &store.Record{Counted: true}
	r.Start, r.Model, r.User = start, "m", "u"
	added := texts.Additions()
	rows := []block.Row{{Record: r, IDs: added.IDs(&r.Call)}}
	texts.Add(added)
	summary := dictionary.SummaryBits.Summarise(rows, dictionary.InlineText)
	at := start.UnixNano()
	for name, tc := range map[string]struct {
		f    store.Filter
		want bool
	}{
		"everything":     {store.Filter{}, true},
		"its model":      {store.Filter{Models: []string{"m"}}, true},
		"another model":  {store.Filter{Models: []string{"x"}}, false},
		"one of two":     {store.Filter{Models: []string{"x", "m"}}, true},
		"another user":   {store.Filter{Models: []string{"m"}, Users: []string{"x"}}, false},
		"failed":         {store.Filter{Statuses: []string{"error"}}, false},
		"failed or not":  {store.Filter{Statuses: []string{"error", "ok"}}, true},
		"later":          {store.Filter{From: start.Add(1)}, false},
		"at that time":   {store.Filter{From: start, To: start.Add(1)}, true},
		"earlier":        {store.Filter{To: start}, false},
		"none":           {store.Filter{None: true}, false},
		"no such tier":   {store.Filter{Tiers: []string{"nonsense"}}, false},
		"before history": {store.Filter{To: time.Time{}.Add(1)}, false},
	} {
		require.Equal(t, tc.want, New(&tc.f, texts.Values()).MayBeIn(at, at, summary), name)
	}
	m := Everything(math.MinInt64, math.MaxInt64)
	require.True(t, m.MayBeIn(at, at, summary))
	m.Summary = func(block.Summary) bool { return false }
	require.False(t, m.MayBeIn(at, at, summary))
}

// TestReadsNames: only searches of what single records have read the names of blocks.
func TestReadsNames(t *testing.T) {
	for field, want := range map[string]bool{"model": false, "status": false, "request_id": true, "session": true, "trace_id": true, "": true} {
		f := store.Filter{Text: []store.Term{{Field: field, Value: "ab"}}}
		require.Equal(t, want, New(&f, nil).ReadsNames(), field)
	}
	f := store.Filter{Text: []store.Term{{Field: "trace_id", Value: "xyz"}}}
	require.False(t, New(&f, nil).ReadsNames(), "no identifier has these letters")
}

package sqlite

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// model is what an engine must be equal to: records by identity and start.
type model struct {
	records map[place]store.Record
}

func (m *model) sorted() []store.Record {
	var out []store.Record
	for _, r := range m.records {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b store.Record) int {
		return cmp.Or(cmp.Compare(a.Start.UnixNano(), b.Start.UnixNano()), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

// drawRecord draws one of few identities, so that records meet again, over some hours.
func drawRecord(t *rapid.T) store.Record {
	pick := func(label string, of ...string) string { return rapid.SampledFrom(of).Draw(t, label) }
	n := rapid.IntRange(1, 60).Draw(t, "n")
	r := record(n, start.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "at"))*7*time.Minute))
	r.Signal = usage.Signal(n % 2)
	if r.Signal == usage.SignalLog {
		r.ID[0] = 9
	}
	r.Model, r.Provider = pick("model", "m", "gpt-4o", "Ünïcode"), pick("provider", "openai", "anthropic")
	r.User, r.Service = pick("user", "", "alice", "bob"), pick("service", "", "s1")
	if key := pick("key", "", "k1", "k2"); key != "" {
		r.KeyFingerprint, r.KeyDisplay = usage.Fingerprint(key), "sk-…"+key
	}
	r.ResponseID, r.RequestID, r.Session = pick("response", "", "resp-ABC", "ÄÖ"), pick("request", "", "req-1"), pick("session", "", "Session")
	r.Operation, r.Path = pick("operation", "chat", "embeddings"), pick("path", "/v1/chat", "/v1/x")
	r.Status = rapid.SampledFrom([]int{0, 200, 429, 503}).Draw(t, "status")
	r.Failed = rapid.Bool().Draw(t, "failed")
	if r.Counted = rapid.Bool().Draw(t, "counted"); !r.Counted {
		r.Reason = store.ReasonTwin
		r.SupersededBy = record(rapid.IntRange(1, 60).Draw(t, "by"), start).ID
	}
	r.Quality = rapid.SampledFrom([]usage.Quality{0, usage.Unpriced, usage.Estimated, usage.Inconsistent}).Draw(t, "quality")
	r.Cost, r.Tokens.OutputText, r.Tokens.CacheRead = usage.NanoUSD(n%7), int64(n*3), int64(n*100)
	r.Duration, r.TTFT = time.Duration(n%5)*time.Second, time.Duration(n%3)*time.Second
	if r.HasReportedCost = n%13 == 0; n%11 == 0 {
		r.Tokens = usage.Tokens{} // it told no usage
	}
	return r
}

func drawFilter(t *rapid.T) store.Filter {
	some := func(label string, of ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 0, 2, rapid.ID).Draw(t, label)
	}
	at := func(label string) time.Time {
		if rapid.Bool().Draw(t, label) {
			return time.Time{}
		}
		return start.Add(time.Duration(rapid.IntRange(-5, 160).Draw(t, label)) * time.Minute)
	}
	f := store.Filter{
		From: at("from"), To: at("to"), Superseded: rapid.Bool().Draw(t, "superseded"), None: rapid.IntRange(0, 30).Draw(t, "none") == 0,
	}
	if rapid.Bool().Draw(t, "filtered") {
		f.Models, f.Users, f.Statuses = some("models", "m", "gpt-4o", "absent"), some("users", "", "alice", "carol"), some("statuses", "ok", "error", "429", "503")
		f.Keys = some("keys", "", usage.Fingerprint("k1"), "unknown")
		f.Providers, f.Services, f.Projects = some("providers", "openai"), some("services", "s1"), some("projects", "", "none")
	}
	for range rapid.IntRange(0, 2).Draw(t, "terms") {
		term := store.Term{
			Field: rapid.SampledFrom([]string{"", "request_id", "trace_id", "span_id", "model", "path", "user", "key", "session", "operation"}).Draw(t, "field"),
			Value: rapid.SampledFrom([]string{"abc", "äö", "req", "0000", "0102", "gpt", "ünï", "v1", "ali", "k1", "sess", "chat", "zz"}).Draw(t, "value"),
			Not:   rapid.Bool().Draw(t, "not"),
		}
		switch rapid.IntRange(0, 5).Draw(t, "whole") {
		case 0:
			term.Field, term.Value = store.FieldNameStatus, rapid.SampledFrom([]string{"ok", "4xx", "503"}).Draw(t, "is")
		case 1:
			term.Field, term.Value = store.FieldNameQuality, rapid.SampledFrom([]string{"unpriced", "estimated"}).Draw(t, "is")
		case 2:
			term.Field, term.Value = store.FieldNameSuperseded, rapid.SampledFrom([]string{"yes", "no", "twin", "echo"}).Draw(t, "is")
		case 3:
			term.Keys = []string{usage.Fingerprint("k2")}
		}
		f.Text = append(f.Text, term)
	}
	return f
}

func (m *model) matching(f *store.Filter) []store.Record {
	var out []store.Record
	for _, r := range m.sorted() {
		if f.Matches(&r) {
			out = append(out, r)
		}
	}
	return out
}

func (m *model) check(t *rapid.T, e *Engine) {
	all := m.sorted()
	info, err := e.Info(ctx)
	require.NoError(t, err)
	require.EqualValues(t, len(all), info.Records)
	f := drawFilter(t)
	want := m.matching(&f)
	require.Equal(t, want, scanned(t, e, f))
	requirePages(t, e, f, want, rapid.IntRange(1, 30).Draw(t, "limit"))
	requireSorted(t, e, f, want, rapid.IntRange(1, 30).Draw(t, "sorted limit"))
	requireTotals(t, e, f)
	requireFigures(t, e, f, want)
	for i := range all {
		got, found, err := find(e, all[i].ID, all[i].Start)
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, all[i], got)
	}
	if len(all) > 0 {
		n := rapid.IntRange(0, len(all)-1).Draw(t, "nth")
		at, found, err := e.Nth(ctx, int64(n))
		require.NoError(t, err)
		require.True(t, found)
		require.True(t, all[n].Start.Equal(at))
	}
	_, found, err := e.Nth(ctx, int64(len(all)))
	require.NoError(t, err)
	require.False(t, found)
	by := record(rapid.IntRange(1, 60).Draw(t, "relative"), start).ID
	var relatives []store.Record
	for _, r := range all {
		if r.ID == by || r.SupersededBy == by {
			relatives = append(relatives, r)
		}
	}
	got, err := e.Lookup(ctx, store.Lookup{IDs: []usage.ID{by}, SupersededBy: []usage.ID{by}, Max: 1000})
	require.NoError(t, err)
	require.ElementsMatch(t, relatives, got)
}

func scanned(t require.TestingT, e *Engine, f store.Filter) (out []store.Record) {
	require.NoError(t, e.Scan(ctx, f, func(r *store.Record) error {
		out = append(out, *r)
		return nil
	}))
	return out
}

func requirePages(t require.TestingT, e *Engine, f store.Filter, want []store.Record, limit int) {
	var pages []store.Record
	for cursor := ""; ; {
		page, next, err := e.List(ctx, store.Page{Filter: f, Cursor: cursor, Limit: limit})
		require.NoError(t, err)
		if pages = append(pages, page...); next == "" {
			break
		}
		require.Len(t, page, limit)
		cursor = next
	}
	slices.Reverse(pages)
	require.Equal(t, want, pages)
}

// requireSorted compares lists by every figure, both ways, with the records in the order that they belong in.
func requireSorted(t require.TestingT, e *Engine, f store.Filter, all []store.Record, limit int) {
	for by := store.ByCost; by < store.FigureCount; by++ {
		for _, ascending := range []bool{false, true} {
			figure := func(r *store.Record) (int64, bool) {
				switch by {
				case store.ByCost:
					return int64(r.Cost), r.HasReportedCost || (r.Tokens.Reported() && r.Quality&usage.Unpriced == 0)
				case store.ByDuration:
					return int64(r.Duration), r.Duration > 0
				case store.ByTTFT:
					return int64(r.TTFT), r.TTFT > 0
				}
				return r.Tokens.Input() + r.Tokens.Output(), r.Tokens.Reported()
			}
			want := slices.Clone(all)
			slices.Reverse(want) // newest first
			slices.SortStableFunc(want, func(a, b store.Record) int {
				x, knownX := figure(&a)
				y, knownY := figure(&b)
				switch {
				case knownX != knownY:
					return map[bool]int{true: -1, false: 1}[knownX]
				case !knownX:
					return 0
				case ascending:
					return cmp.Compare(x, y)
				}
				return cmp.Compare(y, x)
			})
			got := []store.Record{}
			order := store.Order{By: by, Ascending: ascending}
			for cursor := ""; ; {
				page, next, err := e.List(ctx, store.Page{Filter: f, Order: order, Cursor: cursor, Limit: limit})
				require.NoError(t, err)
				if got = append(got, page...); next == "" {
					break
				}
				require.Len(t, page, limit)
				_, _, err = e.List(ctx, store.Page{Filter: f, Order: store.Order{By: by, Ascending: !ascending}, Cursor: next, Limit: limit})
				require.ErrorIs(t, err, store.ErrCursor, "a cursor of another order")
				cursor = next
			}
			require.Equal(t, len(want), len(got))
			for i := range want {
				require.Equal(t, want[i], got[i], "record %d by %d, ascending %t", i, by, ascending)
			}
		}
	}
}

// requireFigures compares what is read without names.
func requireFigures(t require.TestingT, e *Engine, f store.Filter, want []store.Record) {
	bare := func(r store.Record) string {
		return fmt.Sprint(r.Start.UnixNano(), r.Counted, r.Failed, r.Status, r.Model, r.KeyFingerprint, r.User, r.Tokens, r.Cost, r.Quality, r.Duration, r.TTFT)
	}
	var wanted, got []string
	for _, r := range want {
		wanted = append(wanted, bare(r))
	}
	require.NoError(t, e.Figures(ctx, f, func(r *store.Record) error {
		got = append(got, bare(*r))
		return nil
	}))
	require.ElementsMatch(t, wanted, got)
}

// requireTotals compares the sums by two fields with those of the records.
func requireTotals(t require.TestingT, e *Engine, f store.Filter) {
	f.Superseded = false
	want := map[string]store.Total{}
	for _, r := range scanned(t, e, f) {
		status := fmt.Sprint(r.Status)
		if r.Status == 0 {
			status = map[bool]string{true: "error", false: "ok"}[r.Failed]
		}
		k := strings.Join([]string{r.KeyFingerprint, status}, " ")
		s := want[k]
		s.Values = []string{r.KeyFingerprint, status}
		s.Calls++
		addIf(&s.Errors, r.Failed)
		addIf(&s.NoUsage, !r.Tokens.Reported())
		addIf(&s.Unpriced, r.Quality&usage.Unpriced != 0)
		addIf(&s.Inconsistent, r.Quality&usage.Inconsistent != 0)
		addIf(&s.Estimated, r.Quality&usage.Estimated != 0)
		if r.Quality&usage.Unpriced == 0 {
			s.Cost += r.Cost
		}
		s.Tokens.InputUncached += r.Tokens.InputUncached
		s.Tokens.CacheRead += r.Tokens.CacheRead
		s.Tokens.OutputText += r.Tokens.OutputText
		want[k] = s
	}
	totals, err := e.Totals(ctx, f, []store.Field{store.FieldKey, store.FieldStatus}, 1000)
	require.NoError(t, err)
	got := map[string]store.Total{}
	for _, s := range totals {
		got[strings.Join(s.Values, " ")] = s
	}
	require.Equal(t, want, got)
}

// TestModel: whatever is written, folded, dropped and begun anew, with whichever answers lost, every way of reading gives what a plain
// table of records gives.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "model")
		require.NoError(t, err)
		defer func() { _ = os.RemoveAll(dir) }()
		o := Options{Path: filepath.Join(dir, "t.db"), MaxTexts: rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(t, "texts")}
		begin := func() *Engine {
			e := openLossy(t, o)
			if o.MaxTexts > 0 {
				e.dims.reuseAt = 0
			}
			return e
		}
		e := begin()
		defer func() { require.NoError(t, e.Close()) }()
		m := &model{records: map[place]store.Record{}}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 7:
				e.dropped = 1 << 40
				loseAnswer(t, func() error { return e.Compact(ctx) })
				requireTexts(t, e)
			case 0:
				loseAnswer(t, func() error {
					e.writing.Lock()
					defer e.writing.Unlock()
					return e.fold(ctx)
				})
			case 1:
				require.NoError(t, e.Close())
				e = begin()
			case 2:
				m.drop(t, e)
			default:
				m.write(t, e)
			}
			m.check(t, e)
		}
	})
}

func (m *model) drop(t *rapid.T, e *Engine) {
	before := start.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "before")) * time.Minute)
	limit := rapid.IntRange(1, 20).Draw(t, "most")
	old := 0
	for _, r := range m.records {
		if r.Start.Before(before) {
			old++
		}
	}
	n := 0
	loseAnswer(t, func() (err error) {
		n, err = retire(e, before, start, limit)
		return err
	})
	require.Equal(t, min(old, limit), n)
	left := map[place]bool{}
	for _, r := range scanned(t, e, store.Filter{Superseded: true}) {
		left[placeOf(&r)] = true
	}
	for p, r := range m.records {
		if !left[p] {
			require.True(t, r.Start.Before(before), "a record was dropped that is not old")
			delete(m.records, p)
			n--
		}
	}
	require.Zero(t, n)
}

func (m *model) write(t *rapid.T, e *Engine) {
	w := store.Write{ID: store.NewWriteID(), Seen: start}
	known := m.sorted()
	pick := func(label string) store.Record {
		if len(known) > 0 && rapid.Bool().Draw(t, label) {
			return rapid.SampledFrom(known).Draw(t, label)
		}
		return drawRecord(t)
	}
	for range rapid.IntRange(0, 2).Draw(t, "removes") {
		r := pick("remove")
		w.Remove = append(w.Remove, store.Ref{ID: r.ID, Start: r.Start})
		delete(m.records, placeOf(&r))
	}
	for range rapid.IntRange(0, 12).Draw(t, "puts") {
		r := drawRecord(t)
		w.Put = append(w.Put, r)
		m.records[placeOf(&r)] = r
	}
	for range rapid.IntRange(0, 2).Draw(t, "marks") {
		r := pick("mark")
		mark := store.Mark{ID: r.ID, Start: r.Start, Counted: rapid.Bool().Draw(t, "counts")}
		if !mark.Counted {
			mark.Reason, mark.SupersededBy = store.ReasonEcho, usage.ID{7}
		}
		w.Mark = append(w.Mark, mark)
		if r, stored := m.records[placeOf(&r)]; stored {
			r.Counted, r.Reason, r.SupersededBy = mark.Counted, mark.Reason, mark.SupersededBy
			m.records[placeOf(&r)] = r
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "costs") {
		r := pick("cost")
		cost := store.Cost{ID: r.ID, Start: r.Start, Cost: 77, PriceVersion: "v2", Quality: usage.Estimated}
		w.Costs = append(w.Costs, cost)
		if r, stored := m.records[placeOf(&r)]; stored {
			r.Cost, r.PriceVersion, r.Quality = cost.Cost, cost.PriceVersion, cost.Quality
			m.records[placeOf(&r)] = r
		}
	}
	if rapid.IntRange(0, 5).Draw(t, "fails") == 0 {
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		require.Error(t, e.Commit(cancelled, w), "nothing of it may stay")
	}
	loseAnswer(t, func() error { return e.Commit(ctx, w) })
	if rapid.IntRange(0, 5).Draw(t, "again") == 0 {
		require.NoError(t, e.Commit(ctx, w), "it is not applied twice")
	}
}

// loseAnswer runs what writes, mostly as it is, else with a COMMIT that reports an error; where that tells
// that nothing was committed, once more.
func loseAnswer(t *rapid.T, write func() error) {
	how := rapid.SampledFrom([]int32{goes, goes, goes, unheard, undone, unhandled}).Draw(t, "commit")
	nextCommit.Store(how)
	err := write()
	nextCommit.Store(goes) // there may have been nothing to commit
	if how == goes || how == unheard {
		require.NoError(t, err)
	}
	if err != nil {
		require.ErrorIs(t, err, errAnswer)
		require.NoError(t, write())
	}
}

// requireTexts checks that no more texts have numbers than can have, and, of those that do, that the database
// has them too.
func requireTexts(t *rapid.T, e *Engine) {
	known := map[string]int{}
	for _, k := range e.dims.texts() {
		require.LessOrEqual(t, k.Count, k.Max)
		known[k.Kind] = k.Count
	}
	rows, err := e.readDB.QueryContext(ctx, "SELECT kind, count(*) FROM dims GROUP BY kind")
	require.NoError(t, err)
	defer rows.Close()
	stored := map[string]int{}
	for rows.Next() {
		var k, n int
		require.NoError(t, rows.Scan(&k, &n))
		stored[kindNames[k]] = n
	}
	require.NoError(t, rows.Err())
	for k, n := range known {
		require.Equal(t, stored[k], n, k)
	}
}

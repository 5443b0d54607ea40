package storetest

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Model checks that whatever is written, deferred, retired and restarted, with whichever answers lost, every way of
// reading returns what a plain table of records gives. It is a part of Run; an engine can run it with faults of its
// own, which open draws.
func Model(t *testing.T, with func(*rapid.T) Open) {
	rapid.Check(t, func(t *rapid.T) {
		open := with(t)
		dir, err := os.MkdirTemp("", "model")
		require.NoError(t, err)
		defer func() { _ = os.RemoveAll(dir) }()
		s := begin(t, open, dir)
		defer func() { s.end() }()
		m := &reference{records: map[at]store.Record{}}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0, 7:
				maintain(t, s.Engine, rapid.Bool().Draw(t, "compact"))
			case 1:
				s.restart()
			case 2:
				m.drawRetire(t, s.Engine)
			default:
				m.drawCommit(t, s.Engine)
			}
			m.check(t, s.Engine)
		}
	})
}

func maintain(t require.TestingT, e store.Engine, compact bool) {
	m, can := e.(store.Maintenance)
	switch {
	case !can:
	case compact:
		require.NoError(t, m.Vacuum(ctx))
	default:
		require.NoError(t, m.Compact(ctx))
	}
}

// faulty returns the engine with a drawn fault of the next write.
func faulty(t *rapid.T, e store.Engine) *Faulty {
	f := &Faulty{Engine: e}
	f.Next(rapid.SampledFrom([]Fault{None, None, None, Fails, CommitsAndFails, FailsAndCommits}).Draw(t, "fault"), 0)
	return f
}

func (m *reference) drawCommit(t *rapid.T, e store.Engine) {
	w := drawWrite(t, m.sorted())
	m.apply(&w)
	if rapid.IntRange(0, 5).Draw(t, "cancelled") == 0 {
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		require.Error(t, e.Commit(cancelled, w), "nothing of it may stay")
	}
	f := faulty(t, e)
	_ = settle(t, f, w.ID, func() error { return f.Commit(ctx, w) })
	if rapid.IntRange(0, 5).Draw(t, "again") == 0 {
		require.NoError(t, e.Commit(ctx, w), "it is not made twice")
	}
}

func (m *reference) drawRetire(t *rapid.T, e store.Engine) {
	r := store.Retirement{
		ID: store.NewWriteID(), Before: store.Ref{Start: start.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "before")) * time.Minute)}, LinksBefore: start,
	}
	if records := m.sorted(); len(records) > 0 && rapid.Bool().Draw(t, "at a record") {
		first := rapid.SampledFrom(records).Draw(t, "that stays")
		r.Before = store.Ref{ID: first.ID, Start: first.Start}
	}
	r.Watermark = r.Before.Start
	m.retire(r.Before)
	f := faulty(t, e)
	_ = settle(t, f, r.ID, func() error { return f.Retire(ctx, r) })
}

// check compares every way of reading.
func (m *reference) check(t *rapid.T, e store.Engine) {
	records := m.sorted()
	info, err := e.Info(ctx)
	require.NoError(t, err)
	require.EqualValues(t, len(records), info.Records)
	if len(records) > 0 {
		require.False(t, info.Oldest.IsZero() || info.Oldest.After(records[0].Start))
		n := rapid.IntRange(0, len(records)-1).Draw(t, "nth")
		at, found, err := e.Nth(ctx, int64(n))
		require.NoError(t, err)
		require.True(t, found)
		require.True(t, records[n].Start.Equal(at))
	}
	_, found, err := e.Nth(ctx, int64(len(records)))
	require.NoError(t, err)
	require.False(t, found)
	f := drawFilter(t)
	want := m.matching(&f)
	requireScan(t, e, f, want)
	limit := rapid.IntRange(1, 30).Draw(t, "limit")
	for by := store.ByTime; by < store.FigureCount; by++ {
		for _, ascending := range []bool{false, true} {
			o := store.Order{By: by, Ascending: ascending}
			requirePages(t, e, f, o, ordered(want, o), limit)
		}
	}
	plain := f // of whole days: an engine may have their sums
	plain.From, plain.To, plain.StoredSince, plain.Text = time.Time{}, time.Time{}, time.Time{}, nil
	for _, f := range []store.Filter{f, plain, {}} {
		for range 3 { // and may keep what it summed before
			requireTotals(t, e, f, m)
		}
	}
	requireFigures(t, e, f, want)
	q := drawLookup(t, records)
	got, err := e.Lookup(ctx, q)
	require.NoError(t, err)
	require.ElementsMatch(t, m.lookup(&q), got)
	var refs []store.Ref
	for i := range records {
		refs = append(refs, store.Ref{ID: records[i].ID, Start: records[i].Start})
	}
	got, err = e.Lookup(ctx, store.Lookup{Refs: refs})
	require.NoError(t, err)
	require.Equal(t, records, append([]store.Record{}, got...))
}

func requireScan(t require.TestingT, e store.Calls, f store.Filter, want []store.Record) {
	var got []store.Record
	require.NoError(t, e.Scan(ctx, f, func(r *store.Record) error {
		got = append(got, *r)
		return nil
	}))
	require.Equal(t, want, got)
}

// requireFigures compares what is read without names.
func requireFigures(t require.TestingT, e store.Calls, f store.Filter, want []store.Record) {
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

// requireTotals compares the sums by two fields with the sums of the records.
func requireTotals(t require.TestingT, e store.Calls, f store.Filter, m *reference) {
	f.Superseded = false
	want := map[string]store.Total{}
	for _, r := range m.matching(&f) {
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
	for field, of := range fieldsOf {
		requireTotalsBy(t, e, f, field, of, m.matching(&f))
	}
}

// fieldsOf are fields of totals with what a record has there.
var fieldsOf = map[store.Field]func(*store.Record) string{
	store.FieldAccount: func(r *store.Record) string { return r.Account }, store.FieldEnvironment: func(r *store.Record) string { return r.Environment },
	store.FieldErrorType: func(r *store.Record) string { return r.ErrorType }, store.FieldEmitter: func(r *store.Record) string { return r.Scope },
	store.FieldSession: func(r *store.Record) string { return r.Session }, store.FieldQuality: func(r *store.Record) string { return strings.Join(r.Quality.Names(), ",") },
}

// requireTotalsBy compares the calls of each value of a field, and of the calls that have none.
func requireTotalsBy(t require.TestingT, e store.Calls, f store.Filter, field store.Field, of func(*store.Record) string, matching []store.Record) {
	left := map[string]int64{}
	for i := range matching {
		left[of(&matching[i])]++
	}
	totals, err := e.Totals(ctx, f, []store.Field{field}, 1000)
	require.NoError(t, err)
	require.Len(t, totals, len(left), field)
	for _, s := range totals {
		require.Equal(t, left[s.Values[0]], s.Calls, field)
	}
}

func addIf(n *int64, condition bool) {
	if condition {
		*n++
	}
}

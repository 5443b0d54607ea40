package storetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// FullRecord returns a record that has every field set.
func FullRecord() store.Record {
	want := record(1, start)
	want.Parent = usage.SpanID{9}
	want.Role, want.SignalGroup, want.SecondarySignal = usage.RoleAggregate, "g", true
	want.Duration, want.TTFT, want.Stream = 5*time.Second+1, time.Second+2, usage.Yes
	want.Operation, want.RequestModel, want.Tier = "chat", "rm", usage.TierPriority
	want.Account = "a…@e….com (552621c7)"
	want.KeyFingerprint, want.KeyDisplay = usage.Fingerprint("k"), "k…"
	want.User, want.Service, want.Environment, want.Project, want.Session = "u", "s", "e", "pr", "se"
	want.Method, want.Path, want.Status, want.ErrorType, want.Failed = "POST", "/v1", 429, "rate", true
	want.ErrorMessage = "Rate limit reached for requests"
	want.ResponseID, want.RequestID, want.Scope, want.Process = "resp", "req", "sc", 1<<63+5
	want.Tokens = usage.Tokens{InputUncached: 1, CacheRead: 2, CacheWrite: 3, OutputText: 4, Reasoning: 5, CacheWrite1h: 2, Fields: 63}
	want.Modalities = usage.Modalities{AudioInput: 1, AudioOutput: 300, ImageOutput: 1 << 40}
	want.PriceVersion = "book 1"
	want.Inherited = usage.InheritedUser | usage.InheritedSession
	want.ReportedCost, want.HasReportedCost, want.Cost = 7, true, 7
	want.Quality = usage.Inconsistent | usage.ReportedCost
	want.Counted, want.SupersededBy, want.Reason = false, usage.ID{3}, store.ReasonTwin
	return want
}

// testRoundTrip: a record with every field set comes back as it was, after a restart too.
func testRoundTrip(t *testing.T, open Open) {
	s := fresh(t, open)
	want := FullRecord()
	s.put(want)
	for range 2 {
		got, err := s.Lookup(ctx, store.Lookup{Refs: []store.Ref{{ID: want.ID, Start: want.Start}}})
		require.NoError(t, err)
		require.Equal(t, []store.Record{want}, got)
		require.Equal(t, []store.Record{want}, s.scan(all))
		s.restart()
	}
}

// testSameStart: many records that start at one time are all kept and found.
func testSameStart(t *testing.T, open Open) {
	s := fresh(t, open)
	const n = 6000
	w := store.Write{At: start}
	for i := range n {
		w.Put = append(w.Put, record(i+1, start))
	}
	require.NoError(t, s.Commit(ctx, w))
	require.NoError(t, s.Commit(ctx, w), "a second time changes nothing")
	require.Len(t, s.scan(all), n)
	var refs []store.Ref
	for _, i := range []int{1, n / 2, n} {
		refs = append(refs, store.Ref{ID: record(i, start).ID, Start: start})
	}
	got, err := s.Lookup(ctx, store.Lookup{Refs: refs})
	require.NoError(t, err)
	require.Len(t, got, 3)
	require.NoError(t, s.Commit(ctx, store.Write{Remove: refs[1:2], At: start}))
	require.Len(t, s.scan(all), n-1, "removing one hides none of the others")
	require.NoError(t, s.Commit(ctx, w))
	require.Len(t, s.scan(all), n)
}

func testLiteralFilters(t *testing.T, open Open) {
	s := fresh(t, open)
	for i, model := range []string{"a%b", "aXb", "a_b", "A%B", "it's; DROP TABLE calls"} {
		r := record(i+1, start.Add(time.Duration(i)*time.Second))
		r.Model, r.RequestID = model, "req-"+model
		s.put(r)
	}
	for i, tc := range []struct {
		want int
		f    store.Filter
	}{
		{1, store.Filter{Models: []string{"a%b"}}},
		{2, store.Filter{Models: []string{"a%b", "a_b", "none"}}},
		{1, store.Filter{Models: []string{"it's; DROP TABLE calls"}}},
		{2, store.Filter{Text: []store.Term{{Value: "A%b"}}}}, // whatever the case
		{1, store.Filter{Text: []store.Term{{Field: "request_id", Value: "a_b"}}}},
		{0, store.Filter{Text: []store.Term{{Field: "user", Value: "a"}}}},
		{3, store.Filter{From: start.Add(time.Second), To: start.Add(4 * time.Second)}},
		{1, store.Filter{From: start, To: start.Add(time.Nanosecond)}},
		{4, store.Filter{From: start.Add(time.Nanosecond)}},
		{5, store.Filter{StoredSince: start.Truncate(time.Second)}},
		{0, store.Filter{StoredSince: start.Add(time.Second)}},
		{0, store.Filter{None: true}},
	} {
		require.Len(t, s.scan(tc.f), tc.want, i)
	}
}

// testCursors checks that new records do not move the pages, and that a cursor is refused that the engine did not
// return.
func testCursors(t *testing.T, open Open) {
	s := fresh(t, open)
	for i := range 25 {
		s.put(record(i+1, start.Add(time.Duration(i)*time.Second)))
	}
	var records []store.Record
	cursors := []string{}
	for cursor := ""; ; {
		page, next, err := s.List(ctx, store.Page{Limit: 7, Cursor: cursor})
		require.NoError(t, err)
		if records = append(records, page...); next == "" {
			break
		}
		s.put(record(100+len(records), start.Add(time.Hour)))
		cursor = next
		cursors = append(cursors, next)
		s.restart() // a cursor outlives the process
	}
	require.Len(t, records, 25)
	for i, r := range records {
		require.EqualValues(t, 25-i, r.Tokens.InputUncached)
	}
	last := cursors[len(cursors)-1]
	for _, bad := range []string{"x", "AQ", strings.Repeat("A", 14), strings.Repeat("A", 100_000), last[:len(last)-1] + "!", last + "A", "'; DROP TABLE calls", "\x00"} {
		for by := store.ByTime; by < store.FigureCount; by++ {
			_, _, err := s.List(ctx, store.Page{Limit: 1, Cursor: bad, Order: store.Order{By: by}})
			require.ErrorIs(t, err, store.ErrCursor, "%.20q by %d", bad, by)
		}
	}
}

// testLimits checks that limits hold, and that a write is refused as a whole if a part of it cannot be stored.
func testLimits(t *testing.T, open Open) {
	s := fresh(t, open)
	var records []store.Record
	for i := range 20 {
		r := record(i+1, start.Add(time.Duration(i)*time.Minute))
		r.Model, r.Trace, r.ID = fmt.Sprint("m", i), usage.TraceID{7}, usage.SpanRecordID(usage.TraceID{7}, r.Span)
		r.RequestID = "shared"
		records = append(records, r)
	}
	s.put(records...)
	_, err := s.Totals(ctx, store.Filter{}, []store.Field{store.FieldModel}, 19)
	require.ErrorIs(t, err, store.ErrTooMany)
	totals, err := s.Totals(ctx, store.Filter{}, []store.Field{store.FieldModel}, 20)
	require.NoError(t, err)
	require.Len(t, totals, 20)
	for _, limit := range []int{0, -1} {
		_, _, err := s.List(ctx, store.Page{Limit: limit})
		require.Error(t, err)
	}
	got, err := s.Lookup(ctx, store.Lookup{CallIDs: []string{"shared"}, Max: 3})
	require.NoError(t, err)
	require.Equal(t, records[:3], got, "the oldest")
	require.Empty(t, must(s.Lookup(ctx, store.Lookup{CallIDs: []string{"shared"}})), "none where Max is 0")
	for _, bad := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0), time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC)} {
		err := s.Commit(ctx, store.Write{ID: store.NewWriteID(), Put: []store.Record{record(50, start), record(51, bad)}, At: start})
		require.Error(t, err, bad)
		require.Len(t, s.scan(all), 20)
		require.Empty(t, must(s.Lookup(ctx, store.Lookup{Refs: []store.Ref{{ID: record(51, bad).ID, Start: bad}}})))
		require.NoError(t, s.Commit(ctx, store.Write{Remove: []store.Ref{{Start: bad}}, Mark: []store.Mark{{Start: bad}}, At: start}), "nothing is there")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// testLookup: the lists are alternatives, a zero value selects nothing, and each record comes once.
func testLookup(t *testing.T, open Open) {
	s := fresh(t, open)
	a, b, c := record(1, start), record(2, start.Add(time.Minute)), record(3, start.Add(2*time.Hour))
	a.ResponseID, b.RequestID, c.Process = "resp", "req", 9
	b.Counted, b.Reason, b.SupersededBy = false, store.ReasonTwin, a.ID
	s.put(a, b, c)
	again := a // the same identity at another time
	again.Start = start.Add(time.Hour)
	s.put(again)
	for name, tc := range map[string]struct {
		q    store.Lookup
		want []store.Record
	}{
		"nothing":            {store.Lookup{Max: 9}, nil},
		"zero values":        {store.Lookup{IDs: []usage.ID{{}}, SupersededBy: []usage.ID{{}}, CallIDs: []string{""}, Processes: []uint64{0}, Max: 9}, nil},
		"a ref":              {store.Lookup{Refs: []store.Ref{{ID: a.ID, Start: start}}}, []store.Record{a}},
		"a ref of elsewhere": {store.Lookup{Refs: []store.Ref{{ID: a.ID, Start: start.Add(1)}}}, nil},
		"an id":              {store.Lookup{IDs: []usage.ID{a.ID}, Max: 9}, []store.Record{a, again}},
		"an id in time":      {store.Lookup{IDs: []usage.ID{a.ID}, From: start.Add(1), Max: 9}, []store.Record{again}},
		"what it stands for": {store.Lookup{SupersededBy: []usage.ID{a.ID}, Max: 9}, []store.Record{b}},
		"a response id":      {store.Lookup{CallIDs: []string{"resp"}, To: start.Add(time.Hour), Max: 9}, []store.Record{a}},
		"a request id":       {store.Lookup{CallIDs: []string{"req"}, Max: 9}, []store.Record{b}},
		"a process":          {store.Lookup{Processes: []uint64{9}, Max: 9}, []store.Record{c}},
		"several ways": {store.Lookup{
			Refs: []store.Ref{{ID: a.ID, Start: start}, {ID: a.ID, Start: start}}, IDs: []usage.ID{a.ID}, CallIDs: []string{"resp"},
			Processes: []uint64{9}, Max: 9,
		}, []store.Record{a, again, c}},
	} {
		got, err := s.Lookup(ctx, tc.q)
		require.NoError(t, err, name)
		require.Equal(t, append([]store.Record{}, tc.want...), append([]store.Record{}, got...), name)
	}
}

// testLinks: links are kept as they first came, and are aged by when they were last written.
func testLinks(t *testing.T, open Open) {
	s := fresh(t, open)
	first := usage.SpanParent{Trace: usage.TraceID{1}, Span: usage.SpanID{2}, Parent: usage.SpanID{3}, Tool: true}
	other := first
	other.Parent = usage.SpanID{4}
	late := usage.SpanParent{Trace: usage.TraceID{1}, Span: usage.SpanID{5}, Parent: usage.SpanID{2}}
	require.NoError(t, s.Commit(ctx, store.Write{Links: []usage.SpanParent{first}, At: start}))
	require.NoError(t, s.Commit(ctx, store.Write{Links: []usage.SpanParent{other, late}, At: start.Add(time.Hour)}))
	links := func(since time.Time) (out []usage.SpanParent) {
		require.NoError(t, s.Links(ctx, since, func(k usage.SpanParent) error {
			out = append(out, k)
			return nil
		}))
		return out
	}
	for range 2 {
		require.ElementsMatch(t, []usage.SpanParent{first, late}, links(time.Time{}))
		require.Equal(t, []usage.SpanParent{late}, links(start.Add(time.Minute)))
		s.restart()
	}
	require.NoError(t, s.Retire(ctx, store.Retirement{ID: store.NewWriteID(), LinksBefore: start.Add(time.Minute)}))
	require.Equal(t, []usage.SpanParent{late}, links(time.Time{}))
}

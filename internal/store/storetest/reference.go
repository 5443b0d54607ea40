package storetest

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// at names a record: identity and start (Unix ns).
type at struct {
	id    usage.ID
	start int64
}

func placeOf(r *store.Record) at { return at{r.ID, r.Start.UnixNano()} }

// reference is a plain table of records, which an engine must be equal to.
type reference struct{ records map[at]store.Record }

func (m *reference) sorted() []store.Record {
	out := make([]store.Record, 0, len(m.records))
	for _, r := range m.records {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b store.Record) int {
		return cmp.Or(cmp.Compare(a.Start.UnixNano(), b.Start.UnixNano()), bytes.Compare(a.ID[:], b.ID[:]))
	})
	return out
}

// matching returns the records that match, as Scan does.
func (m *reference) matching(f *store.Filter) (out []store.Record) {
	for _, r := range m.sorted() {
		if f.Matches(&r) {
			out = append(out, r)
		}
	}
	return out
}

// apply makes a write.
func (m *reference) apply(w *store.Write) {
	for _, r := range w.Remove {
		delete(m.records, at{r.ID, r.Start.UnixNano()})
	}
	for i := range w.Put {
		m.records[placeOf(&w.Put[i])] = w.Put[i]
	}
	for _, c := range w.Mark {
		m.change(c.ID, c.Start, func(r *store.Record) { r.Counted, r.Reason, r.SupersededBy = c.Counted, c.Reason, c.SupersededBy })
	}
	for _, c := range w.Costs {
		m.change(c.ID, c.Start, func(r *store.Record) { r.Cost, r.PriceVersion, r.Quality = c.Cost, c.PriceVersion, c.Quality })
	}
}

func (m *reference) change(id usage.ID, start time.Time, to func(*store.Record)) {
	p := at{id, start.UnixNano()}
	if r, stored := m.records[p]; stored {
		to(&r)
		m.records[p] = r
	}
}

// retire removes what comes before a bound.
func (m *reference) retire(before store.Ref) {
	for p := range m.records {
		if p.start < before.Start.UnixNano() || (p.start == before.Start.UnixNano() && bytes.Compare(p.id[:], before.ID[:]) < 0) {
			delete(m.records, p)
		}
	}
}

// lookup returns what Lookup does.
func (m *reference) lookup(q *store.Lookup) []store.Record {
	out, n := []store.Record{}, 0
	for _, r := range m.sorted() {
		ref := slices.ContainsFunc(q.Refs, func(f store.Ref) bool { return f.ID == r.ID && f.Start.Equal(r.Start) })
		f := store.Filter{From: q.From, To: q.To, Superseded: true}
		related := n < q.Max && f.Matches(&r) && (slices.Contains(q.IDs, r.ID) || slices.Contains(q.SupersededBy, r.SupersededBy) ||
			slices.Contains(q.Processes, r.Process) ||
			slices.Contains(q.CallIDs, r.RequestID) || slices.Contains(q.CallIDs, r.ResponseID))
		if related {
			n++
		}
		if ref || related {
			out = append(out, r)
		}
	}
	return out
}

// figure returns the figure by which a list is sorted; false where it is not known.
func figure(r *store.Record, by store.Figure) (int64, bool) {
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

// ordered returns records as a list by a figure does.
func ordered(records []store.Record, o store.Order) []store.Record {
	want := slices.Clone(records)
	if o.By == store.ByTime && o.Ascending {
		return want
	}
	slices.Reverse(want) // newest first
	if o.By == store.ByTime {
		return want
	}
	slices.SortStableFunc(want, func(a, b store.Record) int {
		x, knownX := figure(&a, o.By)
		y, knownY := figure(&b, o.By)
		switch {
		case knownX != knownY:
			return map[bool]int{true: -1, false: 1}[knownX]
		case !knownX:
			return 0
		case o.Ascending:
			return cmp.Compare(x, y)
		}
		return cmp.Compare(y, x)
	})
	return want
}

// requirePages compares a list of any order, page by page, with the records that it shall have.
func requirePages(t require.TestingT, e store.Calls, f store.Filter, o store.Order, want []store.Record, limit int) {
	got := []store.Record{}
	for cursor := ""; ; {
		page, next, err := e.List(ctx, store.Page{Filter: f, Order: o, Cursor: cursor, Limit: limit})
		require.NoError(t, err)
		if got = append(got, page...); next == "" {
			break
		}
		require.Len(t, page, limit)
		if o.By != store.ByTime {
			other := store.Order{By: o.By, Ascending: !o.Ascending}
			_, _, err = e.List(ctx, store.Page{Filter: f, Order: other, Cursor: next, Limit: limit})
			require.ErrorIs(t, err, store.ErrCursor, "a cursor of another order")
		}
		cursor = next
	}
	require.Equal(t, len(want), len(got))
	for i := range want {
		require.Equal(t, want[i], got[i], "record %d by %d, ascending %t", i, o.By, o.Ascending)
	}
}

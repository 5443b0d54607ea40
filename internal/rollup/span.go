package rollup

import (
	"math"
	"sync"
)

// Totals over months read the same days again and again. So the figures of sixteen days are kept added
// up, as long as the pages they are made of are the same ones; changes beside the pages are not in them.

// spanDays is how many days a span has: those whose numbers differ in their last bits only.
const spanDays = 16

type spanKey struct {
	axis Axis
	span int64 // number of the first day by spanDays
}

// span is the figures of the members of sixteen days.
type span struct {
	versions [spanDays]uint64 // of the pages; 0 where there is none
	ids      []uint32
	columns
}

// spans keeps spans that were made. It is the queries' own: they may run beside each other.
type spans struct {
	mu  sync.Mutex
	all map[spanKey]*span
}

// maxSpans bounds the spans that are kept: a year of all axes.
const maxSpans = 256

// get gives the span of some days, which are all of it that there are.
func (x *spans) get(k spanKey, days []daySum, members int) *span {
	var versions [spanDays]uint64
	for i := range days {
		versions[days[i].number-k.span*spanDays] = days[i].identity
	}
	x.mu.Lock()
	s := x.all[k]
	x.mu.Unlock()
	if s != nil && s.versions == versions {
		return s
	}
	s = makeSpan(days, members)
	s.versions = versions
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.all == nil || len(x.all) >= maxSpans {
		x.all = map[spanKey]*span{}
	}
	x.all[k] = s
	return s
}

func makeSpan(days []daySum, members int) *span {
	const none = math.MaxUint32
	s := &span{}
	at := make([]uint32, members)
	for i := range at {
		at[i] = none
	}
	var rows []figures
	for i := range days {
		d := &days[i]
		for k, id := range d.ids {
			if at[id] == none {
				at[id] = uint32(len(rows)) //nolint:gosec // as many as there are members
				rows, s.ids = append(rows, figures{}), append(s.ids, id)
			}
			d.day.add(k, &rows[at[id]])
		}
	}
	s.columns = makeColumns(rows)
	return s
}

// spanAt gives how many days from the i-th on make a whole span whose figures all go to one point; 0
// for none.
func (s *Summing) spanAt(i int) int {
	first := &s.days[i]
	if s.q.Histograms != OfNone || len(s.q.Of) > 0 || first.parts != 1 || first.point[0] < 0 {
		return 0
	}
	number := floorDiv(first.number, spanDays)
	from, to := number*spanDays, (number+1)*spanDays
	if i > 0 && s.days[i-1].number >= from || from*slotsPerDay < s.q.Edges[0] {
		return 0 // it began before, or not all of it is asked for
	}
	n := 0
	for n < len(s.days)-i && s.days[i+n].number < to {
		d := &s.days[i+n]
		if d.parts != 1 || d.point[0] != first.point[0] {
			return 0
		}
		n++
	}
	if last := s.q.Edges[len(s.q.Edges)-1]; n < spanDays/2 || to*slotsPerDay > last {
		return 0
	}
	return n
}

// addSpan adds the figures of n days from the i-th on.
func (s *Summing) addSpan(i, n int) {
	d := &s.days[i]
	sp := s.rollup.spans.get(spanKey{s.q.Axis, floorDiv(d.number, spanDays)}, s.days[i:i+n], len(s.names))
	for k, id := range sp.ids {
		if t := s.target(id); t != nil {
			sp.add(k, &t.figures[d.point[0]])
		}
	}
}

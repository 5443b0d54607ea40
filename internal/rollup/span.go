package rollup

import (
	"math"
	"sync"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
)

// Totals over months read the same days again and again. So the figures of some days in a row are kept
// added up, as long as the pages they are made of are the same ones; changes beside the pages are not in
// them.

// spanDays are how many days spans have, the longest first: of one of sixteen, the days whose numbers
// differ in the last four bits only.
var spanDays = [...]int64{16, 4}

const maxSpanDays = 16

type spanKey struct {
	dimension  Dimension
	days, span int64 // how many, and the number of the first one by that
}

// span is the figures of the values of several days.
type span struct {
	pages [maxSpanDays]uint64 // identities of the pages; 0 where there is none
	ids   []uint32
	cell.Columns
}

// spans keeps spans that were made. It is the queries' own: they may run beside each other.
type spans struct {
	mu  sync.Mutex
	all map[spanKey]*span
}

// maxSpans bounds the spans that are kept: more than a year's of all dimensions.
const maxSpans = 1_024

// get returns the span of some days, which are all of it that there are.
func (x *spans) get(k spanKey, days []daySum, members int) *span {
	var pages [maxSpanDays]uint64
	for i := range days {
		pages[days[i].number-k.span*k.days] = days[i].identity
	}
	x.mu.Lock()
	s := x.all[k]
	x.mu.Unlock()
	if s != nil && s.pages == pages {
		return s
	}
	s = makeSpan(days, members)
	s.pages = pages
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
	var rows []cell.Figures
	for i := range days {
		d := &days[i]
		for k, id := range d.ids {
			if at[id] == none {
				at[id] = uint32(len(rows))
				rows, s.ids = append(rows, cell.Figures{}), append(s.ids, id)
			}
			d.day.Add(k, &rows[at[id]])
		}
	}
	s.Columns = cell.MakeColumns(rows)
	return s
}

// spanAt returns how many days from the i-th on make a whole span whose figures all go to one point; 0
// for none.
func (s *Summing) spanAt(i int, days int64) int {
	first := &s.days[i]
	number := floorDiv(first.number, days)
	from, to := number*days, (number+1)*days
	if i > 0 && s.days[i-1].number >= from || from*bucketsPerDay < s.q.Edges[0] || to*bucketsPerDay > s.q.Edges[len(s.q.Edges)-1] {
		return 0 // it began before, or not all of it is asked for
	}
	n := 0
	for n < len(s.days)-i && s.days[i+n].number < to {
		d := &s.days[i+n]
		if d.parts != 1 || d.first != first.first {
			return 0
		}
		n++
	}
	if int64(n) <= days/2 {
		return 0
	}
	return n
}

// addSpan adds the figures of the span that begins with the i-th day, and returns how many of the days
// are in it; 0 where there is none.
func (s *Summing) addSpan(i int) int {
	d := &s.days[i]
	if s.q.Histograms != OfNone || len(s.q.Of) > 0 || d.parts != 1 || d.first < 0 {
		return 0
	}
	for _, days := range spanDays {
		n := s.spanAt(i, days)
		if n == 0 {
			continue
		}
		sp := s.rollup.spans.get(spanKey{s.q.Dimension, days, floorDiv(d.number, days)}, s.days[i:i+n], len(s.names))
		for k, id := range sp.ids {
			if t := s.target(id); t != nil {
				sp.Add(k, &t.figures[d.first])
			}
		}
		return n
	}
	return 0
}

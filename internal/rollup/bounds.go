package rollup

import "math"

// Values are names that senders choose, so that their number is bounded: over all days, and so is what
// the pages of all days take in memory. Values beyond the bounds are summed as Overflow, and must be subtracted from
// there again. So whether a page has a call under its value or under Overflow must depend on the stored pages
// only, not on the time of the question:
//
//   - A page that has put a call to Overflow because there was no room for a further name is closed. It takes
//     in values that have sums on an earlier day, and no others. New names are taken in only on days after all
//     closed ones. So a value that was put to Overflow on a day never gets sums on an earlier one, while the
//     page of that day is there.
//   - A page that has put a call to Overflow because there was no room for a further row is full. It takes in
//     none.
//
// In both cases the values that have sums on the page keep them.

// noDay is the first day of values without sums.
const noDay = math.MaxInt64

// bounds are the memory that the values of a dimension use.
type bounds struct {
	first  []int64 // by number of the value: the first day that it has sums on, or an earlier one
	closed int64   // the last closed day; math.MinInt64 where there is none
	bytes  int64   // of all pages, without what can be let go
}

// observe takes note of a page.
func (b *bounds) observe(day int64, p *page) {
	for _, id := range p.ids {
		b.first[id] = min(b.first[id], day)
	}
	for id := range p.pendingChanges {
		b.first[id] = min(b.first[id], day)
	}
	if p.closed {
		b.closed = max(b.closed, day)
	}
}

// recomputeBounds computes the bounds again, when days have gone.
func (r *Rollup) recomputeBounds(a Dimension) {
	b := &r.dimensions[a].bounds
	b.closed = math.MinInt64
	for id := range b.first {
		b.first[id] = noDay
	}
	for number, d := range r.days {
		b.observe(number, &d[a])
	}
}

// size is the bytes of a page that stay in memory; changes are bounded by themselves.
func (p *page) size() int64 {
	const (
		perID   = 4
		perTime = 8
	)
	n := perID*int64(len(p.ids)) + perTime*int64(len(p.last)) + p.day.Size()
	if p.smallHist() {
		n += p.hist.Size()
	}
	for _, c := range p.partials {
		if n += c.Size(); c.hist != nil {
			n += c.hist.Size()
		}
	}
	return n
}

// admit reports whether a page takes in a value that has no sums on it. Where it does not, the page is full
// or closed from then on.
func (r *Rollup) admit(at Page, p *page, m Value) bool {
	x := &r.dimensions[at.Dimension]
	if p.full = p.full || x.bytes >= r.o.MaxBytes; p.full {
		return false
	}
	id, known := x.ids[m]
	if known && x.first[id] < at.Day {
		return true
	}
	if at.Day > x.closed && (known || len(x.ids) < r.o.MaxValues) {
		return true
	}
	p.closed = true
	x.closed = max(x.closed, at.Day)
	return false
}

// IsComplete reports whether the sums of some values of a dimension are all of their calls: on no day some may have
// been summed as Overflow. nil is all values.
func (r *Rollup) IsComplete(a Dimension, of map[Value]bool) bool {
	for number, d := range r.days {
		p := &d[a]
		if !p.full && !p.closed {
			continue
		}
		if of == nil {
			return false
		}
		for m, wanted := range of {
			if wanted && !r.isCompleteOn(Page{Day: number, Dimension: a}, p, m) {
				return false
			}
		}
	}
	return true
}

func (r *Rollup) isCompleteOn(at Page, p *page, m Value) bool {
	x := &r.dimensions[at.Dimension]
	id, known := x.ids[m]
	if !known {
		return false
	}
	if !p.full && x.first[id] < at.Day || p.pendingChanges[id] != nil {
		return true
	}
	_, known = r.find(at.Dimension, p, id)
	return known
}

// ExceedsLimits reports whether pages that were loaded have more values, or take far more memory, than the options
// allow: they were made with other options, or by a version that bounded single days.
func (r *Rollup) ExceedsLimits() bool {
	for a := range r.dimensions {
		if x := &r.dimensions[a]; len(x.ids) > r.o.MaxValues+1 || x.bytes > 2*r.o.MaxBytes { // one is Overflow
			return true
		}
	}
	return false
}

// Replace says that days may be on disk with sums that are to be replaced by these.
func (r *Rollup) Replace(days []int64) {
	for _, day := range days {
		r.droppedDays[day] = true
	}
}

// Cardinality is how many values a dimension has and can have, and whether calls of further ones were summed as Overflow
// on some day that is kept.
type Cardinality struct {
	Values, Max int
	Bytes       int64 // of the sums of all days, without what is read from disk
	HasOverflow bool
}

// Cardinality returns the use of the limits of a dimension.
func (r *Rollup) Cardinality(a Dimension) Cardinality {
	x := &r.dimensions[a]
	return Cardinality{Values: len(x.ids), Max: r.o.MaxValues, Bytes: x.bytes, HasOverflow: !r.IsComplete(a, nil)}
}

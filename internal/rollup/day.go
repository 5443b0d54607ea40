package rollup

import (
	"context"
	"iter"
	"sort"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
)

// daySum sums one page for a query.
type daySum struct {
	number int64
	page
	// A day is mostly one part, or two with one boundary: cut is the first bucket of the second one.
	parts int
	cut   uint8
	first int                 // the point that the first part goes to; -1: left out
	point *[bucketsPerDay]int // of each bucket, where there are several parts
}

// at returns the point that a bucket goes to; -1 where it is left out.
func (d *daySum) at(bucket uint8) int {
	if d.point == nil {
		return d.first
	}
	return d.point[bucket]
}

// plan finds the point that each bucket of the day goes to.
func (d *daySum) plan(q *Query) {
	first := d.number * bucketsPerDay
	i := max(0, sort.Search(len(q.Edges)-1, func(i int) bool { return q.Edges[i] > first })-1)
	d.parts, d.first, d.point = 1, i, nil
	if q.Edges[i] <= first && first+bucketsPerDay <= q.Edges[i+1] && !q.skips(first) {
		return
	}
	d.point = &[bucketsPerDay]int{}
	for bucket := range bucketsPerDay {
		b := first + bucket
		for i < len(q.Edges)-2 && q.Edges[i+1] <= b {
			i++
		}
		d.point[bucket] = i
		if b < q.Edges[i] || b >= q.Edges[i+1] || q.Skip[b] {
			d.point[bucket] = -1
		}
		if bucket > 0 && d.point[bucket] != d.point[bucket-1] {
			d.parts++
			d.cut = uint8(bucket)
		}
	}
	d.first = d.point[0]
}

// skips reports whether a bucket of a day is left out.
func (q *Query) skips(first int64) bool {
	for b, skipped := range q.Skip {
		if skipped && first <= b && b < first+bucketsPerDay {
			return true
		}
	}
	return false
}

// each visits the values of a page that are asked for.
func (s *Summing) each(d *daySum, visit func(i int, t *target) error) error {
	of := s.q.Of
	if len(of) >= len(d.ids)/searchCost {
		of = nil // target leaves the others out
	}
	for i := range d.positionsOf(s.names, of) {
		if t := s.target(d.ids[i]); t != nil {
			if err := visit(i, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// day adds up one page.
func (s *Summing) day(ctx context.Context, d *daySum) error {
	if len(d.ids) == 0 {
		return nil
	}
	withHist := s.q.Histograms != OfNone
	if d.parts == 1 {
		if d.first >= 0 {
			return s.whole(ctx, d, d.first, withHist)
		}
		return nil
	}
	if d.parts == 2 {
		c := d.partial(d.cut)
		if c == nil && d.buckets == nil { // what costs a reading is kept for the next
			var err error
			if c, err = s.make(ctx, d); err != nil {
				return err
			}
		}
		if c != nil && (c.hist != nil || !withHist) {
			return s.halves(ctx, d, c, withHist)
		}
	}
	return s.buckets(ctx, d, withHist)
}

// part returns a part of a page.
func (s *Summing) part(ctx context.Context, d *daySum, part Part) (*cell.Blob, error) {
	if !d.lacks(part) {
		if part == Buckets {
			return d.buckets, nil
		}
		return d.hist, nil
	}
	return s.rollup.part(ctx, Page{Day: d.number, Dimension: s.q.Dimension}, &d.page, part)
}

func (s *Summing) whole(ctx context.Context, d *daySum, at int, withHist bool) error {
	var hist *cell.Blob
	if withHist {
		var err error
		if hist, err = s.part(ctx, d, Hists); err != nil {
			return err
		}
	}
	return s.each(d, func(i int, t *target) error {
		d.day.Add(i, &t.figures[at])
		if hist == nil {
			return nil
		}
		return s.read(t, at, hist.At(i))
	})
}

// read adds histograms as they are stored.
func (s *Summing) read(t *target, at int, stored []byte) error {
	if err := cell.ReadHistograms(stored, &s.duration, &s.ttft); err != nil {
		return err
	}
	s.histograms(t, at, &s.duration, &s.ttft)
	return nil
}

// buckets adds up a day by its base buckets.
func (s *Summing) buckets(ctx context.Context, d *daySum, withHist bool) error {
	buckets, err := s.part(ctx, d, Buckets)
	if err != nil {
		return err
	}
	var hist *cell.Blob
	if withHist {
		if hist, err = s.part(ctx, d, Hists); err != nil {
			return err
		}
	}
	return s.each(d, func(i int, t *target) error {
		r := cell.NewReader(buckets.At(i))
		n := r.Uvarint()
		for k := uint64(0); k < n && !r.Bad; k++ {
			bucket := r.Byte()
			if int64(bucket) >= bucketsPerDay {
				return cell.ErrDamaged
			}
			at := d.at(bucket)
			var h []byte
			switch {
			case n == 1 && at >= 0:
				if d.day.Add(i, &t.figures[at]); withHist {
					h = hist.At(i)
				}
			case n == 1:
			case at >= 0:
				h = r.Packed(&t.figures[at])
			default:
				var none cell.Figures
				r.Packed(&none)
			}
			if at >= 0 && withHist {
				if err := s.read(t, at, h); err != nil {
					return err
				}
			}
		}
		if r.Bad || len(r.B) > 0 {
			return cell.ErrDamaged
		}
		return nil
	})
}

// searchCost is how many steps it takes to find one value among tens of thousands.
const searchCost = 16

// positionsOf returns where some values are on a page; nil is all.
func (p *page) positionsOf(names []Value, of map[Value]bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		if of != nil && len(of) < len(p.ids)/searchCost {
			for m, wanted := range of {
				if i, known := findValue(names, p, m); wanted && known && !yield(i) {
					return
				}
			}
			return
		}
		for i, id := range p.ids {
			if (of == nil || of[names[id]]) && !yield(i) {
				return
			}
		}
	}
}

package rollup

import (
	"context"
	"errors"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
)

// Each visits the sums of every bucket of a dimension from bucket from on, of some values; nil is all.
// Those of other values are not decoded. Changes that are not merged yet are visits of their own:
// visits of one value and bucket are to be added up. Sums visited have no histograms.
func (r *Rollup) Each(ctx context.Context, a Dimension, from int64, of map[Value]bool, visit func(m Value, bucket int64, s *Sums)) error {
	e := r.BeginEach(a, from, of, nil)
	err := e.Read(ctx)
	if err == nil {
		err = e.Visit(visit)
	}
	return err
}

// Visiting is visits to the sums of values that were begun, see Each.
type Visiting struct {
	rollup    *Rollup
	dimension Dimension
	from      int64
	of        map[Value]bool
	names     []Value
	days      []visitedDay
}

type visitedDay struct {
	number int64
	whole  bool // one visit, at its first bucket
	page   page
	over   []overSum // the changes beside it
}

// BeginEach begins what Each does: Read and Visit follow. Each day that whole (nil: none) says yes to is one
// visit, of its first bucket. It must run beside nothing that changes the sums; what follows may.
func (r *Rollup) BeginEach(a Dimension, from int64, of map[Value]bool, whole func(firstBucket int64) bool) *Visiting {
	e := &Visiting{rollup: r, dimension: a, from: from, of: of, names: r.dimensions[a].names}
	for _, number := range r.sorted {
		p := &r.days[number][a]
		first := number * bucketsPerDay
		if first+bucketsPerDay <= from {
			continue
		}
		d := visitedDay{number: number, page: *p, whole: first >= from && whole != nil && whole(first)}
		d.page.pendingChanges, d.page.lastChanged = nil, nil
		for id, c := range p.pendingChanges {
			if of != nil && !of[e.names[id]] {
				continue
			}
			for i := range c.buckets {
				d.over = append(d.over, overSum{value: id, bucket: c.buckets[i].bucket, Figures: c.buckets[i].Figures})
			}
		}
		e.days = append(e.days, d)
	}
	return e
}

// Read reads what has to be read from disk. It returns ErrChanged where the sums were saved since BeginEach.
func (e *Visiting) Read(ctx context.Context) error {
	for i := range e.days {
		d := &e.days[i]
		if d.whole || !d.page.lacks(Buckets) {
			continue
		}
		for range d.page.positionsOf(e.names, e.of) { // only where a value is asked for that is on the page
			b, err := e.rollup.part(ctx, Page{Day: d.number, Dimension: e.dimension}, &d.page, Buckets)
			if errors.Is(err, errOther) {
				return ErrChanged
			}
			if err != nil {
				return err
			}
			d.page.put(Buckets, b)
			break
		}
	}
	return nil
}

// Visit visits them, when Read has returned nil.
func (e *Visiting) Visit(visit func(m Value, bucket int64, s *Sums)) error {
	for i := range e.days {
		d := &e.days[i]
		first := d.number * bucketsPerDay
		visitOne := func(id uint32, bucket uint8, f *cell.Figures) {
			if b := first + int64(bucket); b >= e.from {
				var s Sums
				f.AddTo(&s)
				visit(e.names[id], b, &s)
			}
		}
		for i := range d.page.positionsOf(e.names, e.of) {
			if d.whole {
				f := d.page.day.Row(i)
				visitOne(d.page.ids[i], 0, &f)
			} else if err := d.page.eachBucket(i, visitOne); err != nil {
				return err
			}
		}
		for i := range d.over {
			visitOne(d.over[i].value, d.over[i].bucket, &d.over[i].Figures)
		}
	}
	return nil
}

// eachBucket visits the buckets of a value.
func (p *page) eachBucket(i int, visitOne func(id uint32, bucket uint8, f *cell.Figures)) error {
	rd := cell.NewReader(p.buckets.At(i))
	n := rd.Uvarint()
	for k := uint64(0); k < n && !rd.Bad; k++ {
		bucket, f := rd.Byte(), cell.Figures{}
		if n > 1 {
			rd.Packed(&f)
		} else {
			f = p.day.Row(i)
		}
		visitOne(p.ids[i], bucket, &f)
	}
	if rd.Bad {
		return cell.ErrDamaged
	}
	return nil
}

package rollup

import (
	"context"
	"slices"
)

// Drop drops the buckets from (included) to to (excluded).
func (r *Rollup) Drop(ctx context.Context, from, to int64) error {
	d := r.BeginDrop(from, to)
	err := d.Work(ctx)
	if err == nil {
		r.EndDrop(d)
	}
	return err
}

// Dropping is buckets that are about to be dropped.
type Dropping struct {
	from, to int64
	parts    []Remerge // pages of which a part stays
}

// Work does the work, concurrently with readers and without a lock. Nothing must be added until EndDrop is done.
func (d *Dropping) Work(ctx context.Context) error {
	for i := range d.parts {
		p := &d.parts[i]
		first := p.at.Day * bucketsPerDay
		p.keep = func(bucket uint8) bool { return first+int64(bucket) < d.from || d.to <= first+int64(bucket) }
		if err := p.Work(ctx); err != nil {
			return err
		}
		p.next.dirty = true
	}
	return nil
}

// whole reports whether nothing of a day stays, and some whether not all does.
func (d *Dropping) whole(first int64) bool { return d.from <= first && first+bucketsPerDay <= d.to }

func (d *Dropping) some(first int64) bool { return d.from < first+bucketsPerDay && first < d.to }

// BeginDrop begins to drop: Work and EndDrop follow.
func (r *Rollup) BeginDrop(from, to int64) *Dropping {
	d := &Dropping{from: from, to: to}
	for _, number := range r.sorted {
		first := number * bucketsPerDay
		if !d.some(first) || d.whole(first) {
			continue
		}
		for a := range DimensionCount {
			p := &r.days[number][a]
			if len(p.ids)+p.cells == 0 {
				continue
			}
			d.parts = append(d.parts, Remerge{of: r, at: Page{Day: number, Dimension: a}, page: *p})
		}
	}
	return d
}

// EndDrop drops what BeginDrop prepared.
func (r *Rollup) EndDrop(d *Dropping) {
	for i := range d.parts {
		r.Put(&d.parts[i])
	}
	gone := false
	for _, number := range slices.Clone(r.sorted) {
		if !d.whole(number * bucketsPerDay) {
			continue
		}
		for a := range r.days[number] {
			p := &r.days[number][a]
			r.changes -= p.cells
			r.dimensions[a].bytes -= p.size()
		}
		delete(r.days, number)
		at, _ := slices.BinarySearch(r.sorted, number)
		r.sorted = slices.Delete(r.sorted, at, at+1)
		gone, r.droppedDays[number] = true, true
	}
	if gone {
		for a := range DimensionCount {
			r.forget(a)
			r.recomputeBounds(a)
		}
	}
}

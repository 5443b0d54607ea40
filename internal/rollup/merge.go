package rollup

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// Crowded returns the pages to merge with Remerge, those with the most changes first. If they are merged in time,
// adding a call never has to merge a page.
func (r *Rollup) Crowded() []Page {
	if r.changes <= r.o.MaxChanges/2 {
		return nil
	}
	return r.most(r.o.MaxChanges / 4)
}

// most names the pages with the most changes, without which there are few left.
func (r *Rollup) most(left int) []Page {
	var pages []Page
	for number, d := range r.days {
		for a := range d {
			if d[a].cells > 0 {
				pages = append(pages, Page{Day: number, Dimension: Dimension(a)})
			}
		}
	}
	over := func(p Page) int { return r.days[p.Day][p.Dimension].cells }
	slices.SortFunc(pages, func(a, b Page) int { return cmp.Compare(over(b), over(a)) })
	n := 0
	for rest := r.changes; n < len(pages) && rest > left; n++ {
		rest -= over(pages[n])
	}
	return pages[:n]
}

// merged returns the page with its changes merged. It is a copy, so that it can be changed while readers use the page
// and keep further partial days.
func (r *Rollup) merged(ctx context.Context, at Page, p page, keep func(uint8) bool) (*page, error) {
	for _, part := range []Part{Buckets, Hists} {
		if !p.lacks(part) {
			continue
		}
		b, err := r.part(ctx, at, &p, part)
		if err != nil {
			return nil, err
		}
		p.put(part, b)
	}
	next, err := p.merged(at.Dimension, r.dimensions[at.Dimension].names, keep)
	if err != nil {
		return nil, fmt.Errorf("fold sums: %w", err)
	}
	return next, nil
}

// put replaces a page by its merged form.
func (r *Rollup) put(at Page, next *page) {
	p := &r.days[at.Day][at.Dimension]
	r.changes -= p.cells
	r.identify(next)
	r.dimensions[at.Dimension].bytes += next.size() - p.size()
	*p = *next
}

// identify gives a new page its identity, so that data kept elsewhere for it are not taken for another page's.
func (r *Rollup) identify(p *page) {
	r.made++
	p.identity = r.made
}

// Remerge is a page whose changes are put into its bytes.
type Remerge struct {
	of   *Rollup
	at   Page
	page page             // as it was
	keep func(uint8) bool // buckets that stay; nil: all
	next *page            // nil: nothing changes
}

// BeginRemerge begins to put a page's changes into its bytes: Work and Put follow.
func (r *Rollup) BeginRemerge(p Page) *Remerge {
	if d := r.days[p.Day]; d != nil && d[p.Dimension].cells > 0 {
		return &Remerge{of: r, at: p, page: d[p.Dimension]}
	}
	return &Remerge{}
}

// Work does the work, concurrently with readers and without a lock. Nothing must be added until Put is done.
func (f *Remerge) Work(ctx context.Context) (err error) {
	if f.of != nil {
		f.next, err = f.of.merged(ctx, f.at, f.page, f.keep)
	}
	return err
}

// Put replaces the page by its merged form. Encode may then read it concurrently with readers.
func (r *Rollup) Put(f *Remerge) {
	if f.next != nil {
		r.put(f.at, f.next)
	}
}

// MergeChanges is all of it.
func (r *Rollup) MergeChanges(ctx context.Context, p Page) error {
	f := r.BeginRemerge(p)
	err := f.Work(ctx)
	if err == nil {
		r.Put(f)
	}
	return err
}

package rollup

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
)

func (p *page) lacks(part Part) bool {
	if part == Buckets {
		return p.buckets == nil
	}
	return p.hist == nil
}

func (p *page) put(part Part, b *cell.Blob) {
	if part == Buckets {
		p.buckets = b
	} else {
		p.hist = b
	}
}

// part reads a part of a page that is not in memory.
func (r *Rollup) part(ctx context.Context, at Page, p *page, part Part) (*cell.Blob, error) {
	return r.cache.get(cacheKey{at.Day, at.Dimension, part}, p.identity, r.o.MaxCached, func() (*cell.Blob, error) {
		if r.o.Read == nil {
			return nil, cell.ErrDamaged
		}
		b, err := r.o.Read(ctx, at, part)
		if err != nil {
			return nil, fmt.Errorf("read stored sums: %w", err)
		}
		return decodePart(b, part, p.version, len(p.ids))
	})
}

// Page is the sums of one dimension and one day as they are kept on disk.
type Page struct {
	Day       int64 // UTC days since the Unix epoch
	Dimension Dimension
	Data      []byte
	// Parts are kept apart from it, by Part. A part that Encode returns as nil stays on disk as it is, and one that it
	// returns empty is to be removed. Load takes no part that can be read later.
	Parts [Hists + 1][]byte
}

// Dirty names the pages that differ from what is on disk.
func (r *Rollup) Dirty() []Page {
	var out []Page
	for number := range r.droppedDays {
		if r.days[number] == nil {
			for a := range DimensionCount {
				out = append(out, Page{Day: number, Dimension: a})
			}
		}
	}
	for _, number := range r.sorted {
		for a := range DimensionCount {
			if r.days[number][a].dirty {
				out = append(out, Page{Day: number, Dimension: a})
			}
		}
	}
	return out
}

// Encode fills in a merged page's bytes; nil where the page is empty.
func (r *Rollup) Encode(p *Page) {
	p.Data, p.Parts = nil, [Hists + 1][]byte{Buckets: {}, Hists: {}}
	d := r.days[p.Day]
	if d == nil || len(d[p.Dimension].ids) == 0 {
		return
	}
	at := &d[p.Dimension]
	p.Data = at.encode(r.dimensions[p.Dimension].names)
	if p.Parts[Buckets] = nil; at.buckets != nil {
		p.Parts[Buckets] = at.encodePart(Buckets)
	}
	switch {
	case at.hist == nil:
		p.Parts[Hists] = nil
	case !at.smallHist():
		p.Parts[Hists] = at.encodePart(Hists)
	}
}

// keptDays is of how many days, the newest ones, all parts stay in memory.
const keptDays = 2

// Saved notes that pages are on disk as Encode gave them, and lets parts go that can be read again.
func (r *Rollup) Saved(pages []Page) {
	for _, p := range pages {
		if d := r.days[p.Day]; d != nil {
			d[p.Dimension].dirty = d[p.Dimension].cells > 0
		} else {
			delete(r.droppedDays, p.Day)
		}
	}
	if r.o.Read == nil {
		return
	}
	for _, number := range r.sorted[:max(0, len(r.sorted)-keptDays)] {
		for a := range r.days[number] {
			p := &r.days[number][a]
			if p.dirty || p.cells > 0 || len(p.ids) == 0 {
				continue
			}
			p.buckets = nil
			if !p.smallHist() {
				p.hist = nil
			}
		}
	}
}

// Load takes a page as it is on disk, and replaces the one in memory.
func (r *Rollup) Load(p Page) error {
	if p.Dimension >= DimensionCount {
		return cell.ErrDamaged
	}
	loaded, names, err := decodePage(p.Dimension, p.Data)
	if err != nil {
		return err
	}
	for _, part := range []Part{Buckets, Hists} {
		if !loaded.lacks(part) || len(p.Parts[part]) == 0 {
			continue
		}
		b, err := decodePart(p.Parts[part], part, loaded.version, len(names))
		if err != nil {
			return err
		}
		loaded.put(part, b)
	}
	loaded.ids = make([]uint32, len(names))
	for i, m := range names {
		loaded.ids[i] = r.dimensions[p.Dimension].id(m)
	}
	d := r.dayAt(p.Day)
	r.changes -= d[p.Dimension].cells
	r.identify(loaded)
	x := &r.dimensions[p.Dimension]
	x.bytes += loaded.size() - d[p.Dimension].size()
	d[p.Dimension] = *loaded
	x.observe(p.Day, loaded)
	delete(r.droppedDays, p.Day)
	if p.Dimension == Keys {
		start := BucketStart(p.Day * bucketsPerDay)
		for i, m := range names {
			if at := start.Add(time.Duration(loaded.last[i] - 1)); loaded.last[i] > 0 && at.After(r.LastUsed(m.Value)) {
				if used := r.lastUsed[m.Value]; used != nil {
					*used = at
				} else {
					r.lastUsed[m.Value] = &at
				}
			}
		}
	}
	return nil
}

package sqlite

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"sort"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Records stand in blocks, each of one hour, in the database; what was written since blocks were last
// changed is in memory, as entries, and in the table recent for the next start. A view is both together
// at one moment. It is never changed: a write makes another.

// place is where a record stands in the order of all: its start (Unix ns), then its id.
type place struct {
	start int64
	id    usage.ID
}

func placeOf(r *store.Record) place { return place{start: r.Start.UnixNano(), id: r.ID} }

func (p *place) compare(o *place) int {
	if p.start != o.start {
		return cmp.Compare(p.start, o.start)
	}
	return bytes.Compare(p.id[:], o.id[:])
}

// entry is a record as it was written lately.
type entry struct {
	place
	row  block.Row // Record is nil where the record was removed
	home int64     // id of the block that has an earlier form of it; 0 for none
}

func (e *entry) gone() bool { return e.row.Record == nil }

// blockRef is what is known of a block without reading it.
type blockRef struct {
	id          int64
	hour        int64
	first, last int64 // starts (Unix ns), both included
	records     int
	summary     block.Summary
}

// hourBlocks is the blocks of one hour.
type hourBlocks struct {
	hour    int64
	blocks  []*blockRef // ascending by first
	byLast  []*blockRef // descending by last
	records int
}

func newHour(hour int64, blocks []*blockRef) *hourBlocks {
	h := &hourBlocks{hour: hour, blocks: blocks}
	slices.SortFunc(h.blocks, func(a, b *blockRef) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.id, b.id)) })
	h.byLast = slices.Clone(blocks)
	slices.SortFunc(h.byLast, func(a, b *blockRef) int { return cmp.Or(cmp.Compare(b.last, a.last), cmp.Compare(b.id, a.id)) })
	for _, b := range blocks {
		h.records += b.records
	}
	return h
}

const hourNanos = int64(time.Hour)

// hourOf numbers the hour of a start, which is after 1970.
func hourOf(start int64) int64 { return start / hourNanos }

type view struct {
	version int64          // of the blocks, see meta.blocks_version
	hours   []*hourBlocks  // ascending
	recent  []*entry       // ascending by place
	changed map[int64]bool // blocks that are the home of an entry
	records int64          // in all
	dims    dimValues      // the texts of all of them; others' numbers may be given anew
}

// entryAt finds an entry.
func (v *view) entryAt(p *place) (*entry, bool) {
	i, found := slices.BinarySearchFunc(v.recent, p, func(e *entry, p *place) int { return e.compare(p) })
	if !found {
		return nil, false
	}
	return v.recent[i], true
}

// hourAt gives the blocks of an hour; nil where there are none.
func (v *view) hourAt(hour int64) *hourBlocks {
	i, found := slices.BinarySearchFunc(v.hours, hour, func(h *hourBlocks, hour int64) int { return cmp.Compare(h.hour, hour) })
	if !found {
		return nil
	}
	return v.hours[i]
}

// around calls visit for the blocks that may hold a start, until it returns false.
func (h *hourBlocks) around(start int64, visit func(*blockRef) bool) {
	// of those that end at or after the start, those that begin at or before it
	n := sort.Search(len(h.byLast), func(i int) bool { return h.byLast[i].last < start })
	m := sort.Search(len(h.blocks), func(i int) bool { return h.blocks[i].first > start })
	if n <= m {
		for _, b := range h.byLast[:n] {
			if b.first <= start && !visit(b) {
				return
			}
		}
		return
	}
	for _, b := range h.blocks[:m] {
		if b.last >= start && !visit(b) {
			return
		}
	}
}

// between gives the hours that overlap a range of starts, the end included.
func (v *view) between(from, to int64) []*hourBlocks {
	i := sort.Search(len(v.hours), func(i int) bool { return v.hours[i].hour >= hourOf(max(from, 0)) })
	n := sort.Search(len(v.hours), func(i int) bool { return v.hours[i].hour > hourOf(max(to, 0)) })
	return v.hours[i:max(i, n)]
}

// recentBetween gives the entries of a range of starts, the end included.
func (v *view) recentBetween(from, to int64) []*entry {
	i := sort.Search(len(v.recent), func(i int) bool { return v.recent[i].start >= from })
	n := sort.Search(len(v.recent), func(i int) bool { return v.recent[i].start > to })
	return v.recent[i:max(i, n)]
}

// with gives the view after a write. Fresh is ascending by place.
func (v *view) with(fresh []*entry, added int64) *view {
	next := *v
	next.records += added
	own := false // changed is a copy
	for _, e := range fresh {
		if e.home == 0 || next.changed[e.home] {
			continue
		}
		if !own {
			next.changed, own = maps.Clone(v.changed), true
			if next.changed == nil {
				next.changed = map[int64]bool{}
			}
		}
		next.changed[e.home] = true
	}
	if len(fresh) == 0 {
		return &next
	}
	if n := len(v.recent); n == 0 || v.recent[n-1].compare(&fresh[0].place) < 0 {
		next.recent = append(v.recent, fresh...) //nolint:gocritic // what others see of the same memory ends before it
		return &next
	}
	next.recent = merge(v.recent, fresh)
	return &next
}

// merge puts newer entries into the place of, and between, older ones.
func merge(old, fresh []*entry) []*entry {
	out := make([]*entry, 0, len(old)+len(fresh)+len(fresh)/2)
	for _, f := range fresh {
		i := sort.Search(len(old), func(i int) bool { return old[i].compare(&f.place) >= 0 })
		out = append(out, old[:i]...)
		if old = old[i:]; len(old) > 0 && old[0].compare(&f.place) == 0 {
			old = old[1:]
		}
		out = append(out, f)
	}
	return append(out, old...)
}

// withBlocks gives the view after blocks were replaced, and what is recent then.
func (v *view) withBlocks(version int64, removed, added []*blockRef, recent []*entry) *view {
	byHour := map[int64][]*blockRef{} // of hours that change: what is added
	for _, b := range removed {
		byHour[b.hour] = nil
	}
	for _, b := range added {
		byHour[b.hour] = append(byHour[b.hour], b)
	}
	next := &view{version: version}
	for _, h := range v.hours {
		kept, changes := byHour[h.hour]
		if !changes {
			next.hours = append(next.hours, h)
			continue
		}
		delete(byHour, h.hour)
		for _, b := range h.blocks {
			if !slices.Contains(removed, b) {
				kept = append(kept, b)
			}
		}
		if len(kept) > 0 {
			next.hours = append(next.hours, newHour(h.hour, kept))
		}
	}
	for hour, blocks := range byHour {
		if len(blocks) == 0 {
			continue
		}
		next.hours = append(next.hours, newHour(hour, blocks))
	}
	slices.SortFunc(next.hours, func(a, b *hourBlocks) int { return cmp.Compare(a.hour, b.hour) })
	for _, h := range next.hours {
		next.records += int64(h.records)
	}
	next.setRecent(recent)
	return next
}

// setRecent puts entries into a view that has none; they are ascending by place.
func (v *view) setRecent(entries []*entry) {
	v.recent = entries
	for _, e := range entries {
		if e.home != 0 {
			if v.changed == nil {
				v.changed = map[int64]bool{}
			}
			v.changed[e.home] = true
		}
		switch {
		case e.gone() && e.home != 0:
			v.records--
		case !e.gone() && e.home == 0:
			v.records++
		}
	}
}

// oldest gives the start of the oldest record; false where there is none.
func (v *view) oldest() (int64, bool) {
	first, some := int64(0), false
	if len(v.hours) > 0 {
		first, some = v.hours[0].blocks[0].first, true
	}
	for _, e := range v.recent {
		if !e.gone() {
			if !some || e.start < first {
				first, some = e.start, true
			}
			break
		}
	}
	return first, some
}

package columnar

import (
	"cmp"
	"maps"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

// memEntry is a record of the memtable.
type memEntry struct {
	Place
	row   block.Row // Record is nil where the record was removed
	block int64     // id of the block that has an earlier form of it; 0 for none
}

func (e *memEntry) removed() bool { return e.row.Record == nil }

// BlockRef describes a block that is not in memory.
type BlockRef struct {
	ID          int64 // a new block has a greater id than all before it
	Hour        int64 // Unix time in hours: all its records start in it
	First, Last int64 // starts (Unix ns) of its first and its last record
	Records     int
	Summary     block.Summary
}

// valid reports whether the description of a block is possible.
func (b *BlockRef) valid() bool {
	return dictionary.SummaryBits.Valid(b.Summary) && hourOf(b.First) == b.Hour && hourOf(b.Last) == b.Hour
}

// hourIDs numbers the hours' lists of blocks: two of one number are the same blocks.
var hourIDs atomic.Uint64

// hourBlocks is the blocks of one hour.
type hourBlocks struct {
	id      uint64 // no other list of blocks has it
	hour    int64
	blocks  []*BlockRef // ascending by First
	byLast  []*BlockRef // descending by Last
	records int
}

func newHour(hour int64, blocks []*BlockRef) *hourBlocks {
	h := &hourBlocks{id: hourIDs.Add(1), hour: hour, blocks: blocks}
	slices.SortFunc(h.blocks, func(a, b *BlockRef) int {
		return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.ID, b.ID))
	})
	h.byLast = slices.Clone(blocks)
	slices.SortFunc(h.byLast, func(a, b *BlockRef) int {
		return cmp.Or(cmp.Compare(b.Last, a.Last), cmp.Compare(b.ID, a.ID))
	})
	for _, b := range blocks {
		h.records += b.Records
	}
	return h
}

const hourNanos = int64(time.Hour)

// hourOf returns the number of the hour of a start, which is after 1970.
func hourOf(start int64) int64 { return start / hourNanos }

// Snapshot is all records at one moment: the blocks, without their bytes, and the memtable. It is never changed.
type Snapshot struct {
	version  int64             // of the blocks
	hours    []*hourBlocks     // ascending
	memtable []*memEntry       // ascending by place
	changed  map[int64]bool    // blocks of which the memtable has a later form of some record
	records  int64             // in all
	values   dictionary.Values // the texts of all of them; the numbers of others may be given again
}

// Version returns the number of the state of the blocks, which grows with each change of them. Transactions that
// see another number do not see the blocks of this snapshot.
func (v *Snapshot) Version() int64 { return v.version }

// Records returns how many records there are.
func (v *Snapshot) Records() int64 { return v.records }

// MemtableSize returns how many records, or removals of records, are in the memtable.
func (v *Snapshot) MemtableSize() int { return len(v.memtable) }

// entryAt returns the entry at a place.
func (v *Snapshot) entryAt(p *Place) (*memEntry, bool) {
	i, found := slices.BinarySearchFunc(v.memtable, p, func(e *memEntry, p *Place) int { return e.compare(p) })
	if !found {
		return nil, false
	}
	return v.memtable[i], true
}

// hourAt returns the blocks of an hour; nil where there are none.
func (v *Snapshot) hourAt(hour int64) *hourBlocks {
	i, found := slices.BinarySearchFunc(v.hours, hour, func(h *hourBlocks, hour int64) int {
		return cmp.Compare(h.hour, hour)
	})
	if !found {
		return nil
	}
	return v.hours[i]
}

// around calls visit for the blocks that may hold a start, until it returns false.
func (h *hourBlocks) around(start int64, visit func(*BlockRef) bool) {
	// of those that end at or after the start, those that begin at or before it
	n := sort.Search(len(h.byLast), func(i int) bool { return h.byLast[i].Last < start })
	m := sort.Search(len(h.blocks), func(i int) bool { return h.blocks[i].First > start })
	if n <= m {
		for _, b := range h.byLast[:n] {
			if b.First <= start && !visit(b) {
				return
			}
		}
		return
	}
	for _, b := range h.blocks[:m] {
		if b.Last >= start && !visit(b) {
			return
		}
	}
}

// between returns the hours that overlap a range of starts, the end included.
func (v *Snapshot) between(from, to int64) []*hourBlocks {
	i := sort.Search(len(v.hours), func(i int) bool { return v.hours[i].hour >= hourOf(max(from, 0)) })
	n := sort.Search(len(v.hours), func(i int) bool { return v.hours[i].hour > hourOf(max(to, 0)) })
	return v.hours[i:max(i, n)]
}

// memtableBetween returns the entries of a range of starts, the end included.
func (v *Snapshot) memtableBetween(from, to int64) []*memEntry {
	i := sort.Search(len(v.memtable), func(i int) bool { return v.memtable[i].Start >= from })
	n := sort.Search(len(v.memtable), func(i int) bool { return v.memtable[i].Start > to })
	return v.memtable[i:max(i, n)]
}

// with returns the snapshot after a write. fresh is ascending by place; added is how many records there are more.
func (v *Snapshot) with(fresh []*memEntry, added int64) *Snapshot {
	next := *v
	next.records += added
	copied := false // next.changed
	for _, e := range fresh {
		if e.block == 0 || next.changed[e.block] {
			continue
		}
		if !copied {
			next.changed, copied = maps.Clone(v.changed), true
			if next.changed == nil {
				next.changed = map[int64]bool{}
			}
		}
		next.changed[e.block] = true
	}
	if len(fresh) == 0 {
		return &next
	}
	if n := len(v.memtable); n == 0 || v.memtable[n-1].compare(&fresh[0].Place) < 0 {
		next.memtable = append(v.memtable, fresh...) //nolint:gocritic // what others see of the same memory ends before it
		return &next
	}
	next.memtable = merge(v.memtable, fresh)
	return &next
}

// merge puts newer entries into the place of, and between, older ones.
func merge(old, fresh []*memEntry) []*memEntry {
	out := make([]*memEntry, 0, len(old)+len(fresh)+len(fresh)/2)
	for _, f := range fresh {
		i := sort.Search(len(old), func(i int) bool { return old[i].compare(&f.Place) >= 0 })
		out = append(out, old[:i]...)
		if old = old[i:]; len(old) > 0 && old[0].compare(&f.Place) == 0 {
			old = old[1:]
		}
		out = append(out, f)
	}
	return append(out, old...)
}

// withBlocks returns the snapshot after blocks were replaced, and with another memtable.
func (v *Snapshot) withBlocks(version int64, removed, added []*BlockRef, memtable []*memEntry) *Snapshot {
	byHour := map[int64][]*BlockRef{} // of hours that change: what is added
	for _, b := range removed {
		byHour[b.Hour] = nil
	}
	for _, b := range added {
		byHour[b.Hour] = append(byHour[b.Hour], b)
	}
	next := &Snapshot{version: version}
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
	next.setMemtable(memtable)
	return next
}

// setMemtable puts entries into a snapshot that has none; they are ascending by place.
func (v *Snapshot) setMemtable(entries []*memEntry) {
	v.memtable = entries
	for _, e := range entries {
		if e.block != 0 {
			if v.changed == nil {
				v.changed = map[int64]bool{}
			}
			v.changed[e.block] = true
		}
		switch {
		case e.removed() && e.block != 0:
			v.records--
		case !e.removed() && e.block == 0:
			v.records++
		}
	}
}

// Oldest returns the start of the oldest record, or a little before, where that was removed; zero where there is none.
func (v *Snapshot) Oldest() time.Time {
	if oldest, some := v.oldest(); some {
		return time.Unix(0, oldest).UTC()
	}
	return time.Time{}
}

// oldest returns the start of the oldest record; false where there is none.
func (v *Snapshot) oldest() (int64, bool) {
	first, some := int64(0), false
	if len(v.hours) > 0 {
		first, some = v.hours[0].blocks[0].First, true
	}
	for _, e := range v.memtable {
		if !e.removed() {
			if !some || e.Start < first {
				first, some = e.Start, true
			}
			break
		}
	}
	return first, some
}

// hoursWithRecords lists the hours of which there are blocks or entries, ascending.
func (v *Snapshot) hoursWithRecords() []int64 {
	hours := make([]int64, 0, len(v.hours))
	for _, h := range v.hours {
		hours = append(hours, h.hour)
	}
	for _, e := range v.memtable {
		hours = append(hours, hourOf(e.Start))
	}
	slices.Sort(hours)
	return slices.Compact(hours)
}

// countHour counts the records of an hour; not exact where the memtable has some of it.
func (v *Snapshot) countHour(hour int64) (n int64, exact bool) {
	if h := v.hourAt(hour); h != nil {
		n = int64(h.records)
	}
	return n, len(v.memtableBetween(hour*hourNanos, (hour+1)*hourNanos-1)) == 0
}

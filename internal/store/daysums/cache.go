// Package daysums keeps sums of whole days by several columns together in memory: what a store summed of the blocks of a day
// once, so that it does not read them again for the next question.
package daysums

import (
	"cmp"
	"maps"
	"slices"
	"sync"
)

// At is a UTC day, by its number, and the set of columns that it is summed by, as bits.
type At struct {
	Day     int64
	Columns uint32
}

// Day is the sums of the blocks of a day by all combinations of the values of some columns. It is never changed.
type Day struct {
	Blocks []uint64 // names the blocks that it sums, such as a number for each hour's list of blocks
	Rows   []byte   // the combinations, as the store writes them; nil: the day was asked for, and not summed yet
	// Leads are the values of the column by which the rows are sorted, ascending, and Ends where the rows of each end.
	Leads, Ends []uint32
	Unfit       bool  // it is not worth being kept, or cannot be: the records have to be looked at
	used        int64 // guarded by the cache
}

// size is about what it takes in memory.
func (d *Day) size() int {
	const rest = 200
	return cap(d.Rows) + 8*len(d.Blocks) + 4*(cap(d.Leads)+cap(d.Ends)) + rest
}

// MaxBytes bounds what is kept: a quarter of a year by model and key, where fifteen thousand
// combinations occur on a day.
const MaxBytes = 32 << 20

// Cache keeps sums of days. The zero value is empty. It is safe for concurrent use.
type Cache struct {
	mu    sync.Mutex
	days  map[At]*Day
	bytes int
	tick  int64 // of the last query
}

// Next begins a query, and returns its number.
func (c *Cache) Next() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tick++
	return c.tick
}

// Get returns the sums of a day, or that they were asked for; nil where the day had other blocks then.
func (c *Cache) Get(at At, blocks []uint64, tick int64) *Day {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.days[at]
	if d == nil || !slices.Equal(d.Blocks, blocks) {
		return nil
	}
	d.used = max(d.used, tick)
	return d
}

// Put keeps the sums of a day, in the place of what was used least lately. What the same query uses stays, so that a query
// that needs more than there is room for uses what is there, again and again.
func (c *Cache) Put(at At, d *Day, tick int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.days == nil {
		c.days = map[At]*Day{}
	}
	if old := c.days[at]; old != nil {
		c.bytes -= old.size()
		delete(c.days, at)
	}
	if c.bytes+d.size() > MaxBytes {
		c.makeRoom(d.size(), tick)
	}
	if c.bytes+d.size() > MaxBytes {
		return
	}
	d.used = tick
	c.days[at] = d
	c.bytes += d.size()
}

// makeRoom drops what was used least lately, and a part of the rest, so that it has not to be looked for each time.
func (c *Cache) makeRoom(n int, tick int64) {
	const spare = MaxBytes / 16
	byUse := slices.SortedFunc(maps.Keys(c.days), func(a, b At) int { return cmp.Compare(c.days[a].used, c.days[b].used) })
	for _, at := range byUse {
		d := c.days[at]
		if c.bytes+n+spare <= MaxBytes || d.used >= tick {
			return
		}
		c.bytes -= d.size()
		delete(c.days, at)
	}
}

// Of returns the rows of one value of the column by which they are sorted.
func (d *Day) Of(lead uint32) []byte {
	i, found := slices.BinarySearch(d.Leads, lead)
	if !found {
		return nil
	}
	begin := uint32(0)
	if i > 0 {
		begin = d.Ends[i-1]
	}
	return d.Rows[begin:d.Ends[i]]
}

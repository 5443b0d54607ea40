package rollup

import (
	"cmp"
	"context"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options are the limits of a Rollup. Zero values mean the defaults.
type Options struct {
	// MaxValues bounds the values of one dimension over all days; further values are summed as Overflow. Default
	// 20,000.
	MaxValues int
	// MaxBytes bounds what the days' sums of the values of one dimension take in memory; from there on what is
	// new on a day is summed as Overflow. Default 32 MiB.
	MaxBytes int64
	// MaxChanges bounds the sums that are kept as changes beside the pages. Default 65,536.
	MaxChanges int
	// Read reads a part of a page as it was saved; nil where it is not there. Without it, all parts
	// stay in memory. It is called by what has a context, which needs no lock.
	Read func(ctx context.Context, p Page, part Part) ([]byte, error)
	// MaxCached bounds the bytes of parts that are kept after they were read. Default 16 MB.
	MaxCached int64
}

// Rollup is the sums. It does no locking; what only reads may run beside others that only read.
type Rollup struct {
	o           Options
	dimensions  [DimensionCount]dimensionValues
	days        map[int64]*day // by number of UTC days since the Unix epoch
	sorted      []int64        // their numbers, ascending
	changes     int            // sums kept as changes
	lastUsed    map[string]*time.Time
	cache       cache
	spans       spans
	made        uint64         // pages ever made, counted from a random number: those of two Rollups differ
	droppedDays map[int64]bool // days that were dropped and may be on disk still
	// Overflowed counts the calls that were summed as Overflow on some dimension.
	Overflowed int64
}

type day [DimensionCount]page

// New makes an empty Rollup.
func New(o Options) *Rollup {
	o.MaxValues, o.MaxChanges = cmp.Or(o.MaxValues, 20_000), cmp.Or(o.MaxChanges, 1<<16)
	o.MaxCached, o.MaxBytes = cmp.Or(o.MaxCached, 16<<20), cmp.Or(o.MaxBytes, 32<<20)
	r := &Rollup{made: rand.Uint64(), //nolint:gosec // distinguishes pages, no secret
		o: o, days: map[int64]*day{}, droppedDays: map[int64]bool{}, lastUsed: map[string]*time.Time{}}
	for a := range r.dimensions {
		r.dimensions[a].ids, r.dimensions[a].closed = map[Value]uint32{}, math.MinInt64
	}
	return r
}

// find returns the place of a value on a page.
func (r *Rollup) find(a Dimension, p *page, id uint32) (int, bool) {
	names := r.dimensions[a].names
	return findValue(names, p, names[id])
}

func findValue(names []Value, p *page, m Value) (int, bool) {
	return slices.BinarySearchFunc(p.ids, m, func(id uint32, m Value) int { return compareValues(names[id], m) })
}

// dayAt returns a day, made where it is new.
func (r *Rollup) dayAt(number int64) *day {
	d := r.days[number]
	if d == nil {
		d = &day{}
		for a := range d {
			d[a].hist, d[a].buckets = &cell.Blob{}, &cell.Blob{}
			d[a].day = cell.MakeColumns(nil)
			d[a].version = rand.Uint32() //nolint:gosec // distinguishes pages of one day, no secret
			r.identify(&d[a])
			r.dimensions[a].bytes += d[a].size()
		}
		r.days[number] = d
		at, _ := slices.BinarySearch(r.sorted, number)
		r.sorted = slices.Insert(r.sorted, at, number)
	}
	return d
}

// Add counts a call n times (1 or -1). A caller that adds many calls must merge the pages that Crowded returns.
func (r *Rollup) Add(c *usage.Call, n int64) {
	b := BucketOf(c.Start)
	number := floorDiv(b, bucketsPerDay)
	d, bucket := r.dayAt(number), uint8(b-number*bucketsPerDay)
	var counts Sums
	counts.AddCounts(c, n)
	one := cell.FiguresOf(&counts)
	duration, ttft := cell.HistogramBuckets(c)
	overflowed := false
	for a := range DimensionCount {
		p := &d[a]
		change, folded := r.change(Page{Day: number, Dimension: a}, p, ValueOf(a, c))
		s, fresh := change.at(bucket)
		s.Add(&one)
		if c.Duration > 0 {
			s.duration.AddBucket(duration, n)
		}
		if c.TTFT > 0 {
			s.ttft.AddBucket(ttft, n)
		}
		p.dirty = true
		overflowed = overflowed || folded
		if fresh {
			p.cells++
			r.changes++
		}
		if a == Keys && n > 0 && !folded {
			r.used(change, c.Start, BucketStart(number*bucketsPerDay))
		}
	}
	if overflowed && n > 0 {
		r.Overflowed++
	}
}

// change returns the changes of a value of a page, or of Overflow where the page does not take the value in.
func (r *Rollup) change(at Page, p *page, m Value) (c *valueChanges, folded bool) {
	x := &r.dimensions[at.Dimension]
	if c := p.lastChanged; c != nil && x.names[c.value] == m { // on most dimensions the next call is often of the same
		return c, false
	}
	id, known := x.ids[m]
	if known {
		if c := p.pendingChanges[id]; c != nil {
			p.lastChanged = c
			return c, false
		}
		_, known = r.find(at.Dimension, p, id)
	}
	if !known && m != Overflow && !r.admit(at, p, m) {
		c, _ = r.change(at, p, Overflow)
		return c, true
	}
	if p.pendingChanges == nil {
		p.pendingChanges = map[uint32]*valueChanges{}
	}
	if !known {
		p.fresh++
	}
	c = &valueChanges{value: x.id(m), fresh: !known}
	p.pendingChanges[c.value], p.lastChanged = c, c
	x.first[c.value] = min(x.first[c.value], at.Day)
	return c, false
}

// used notes the start of a key's call.
func (r *Rollup) used(c *valueChanges, start, day time.Time) {
	key := r.dimensions[Keys].names[c.value].Value
	if key == "" {
		return
	}
	c.last = max(c.last, int64(start.Sub(day))+1)
	if c.used == nil {
		if c.used = r.lastUsed[key]; c.used == nil {
			c.used = &time.Time{}
			r.lastUsed[key] = c.used
		}
	}
	if start.After(*c.used) {
		*c.used = start
	}
}

// LastUsed returns when the last call with a key started; zero where none is known.
func (r *Rollup) LastUsed(fingerprint string) time.Time {
	if at := r.lastUsed[fingerprint]; at != nil {
		return *at
	}
	return time.Time{}
}

// Newest returns a time after which no call starts that is in the sums: the end of the last bucket that
// has some.
func (r *Rollup) Newest(ctx context.Context) (newest time.Time, err error) {
	for i := len(r.sorted) - 1; i >= 0 && newest.IsZero(); i-- {
		at := r.sorted[i] * bucketsPerDay
		err = r.Each(ctx, All, at, nil, func(_ Value, b int64, _ *Sums) {
			if end := BucketStart(b + 1); end.After(newest) {
				newest = end
			}
		})
		if err != nil {
			return newest, err
		}
	}
	return newest, nil
}

// KeysSeen returns the fingerprints of the keys of all calls that counted, in no order; those that were
// summed as Overflow are not among them.
func (r *Rollup) KeysSeen() []string { return slices.Collect(maps.Keys(r.lastUsed)) }

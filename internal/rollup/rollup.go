package rollup

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Dimension is a dimension whose sums are kept. They are narrow ones: sums over all dimensions at once
// would be as many as there are calls.
type Dimension uint8

// The axes. All has one member.
const (
	All Dimension = iota
	Models
	Keys
	Users
	Services
	Projects
	Statuses
	DimensionCount
)

// ValueOf places a call on an axis.
func ValueOf(a Dimension, c *usage.Call) Value {
	switch a {
	case Models:
		return Value{Value: c.Model, Provider: c.Provider}
	case Keys:
		return Value{Value: c.KeyFingerprint}
	case Users:
		return Value{Value: c.User}
	case Services:
		return Value{Value: c.Service}
	case Projects:
		return Value{Value: c.Project}
	case Statuses:
		return Value{Value: StatusOf(c)}
	default:
		return Value{}
	}
}

// StatusOf names a call's outcome: "ok" or "error", with the HTTP status where it is known.
func StatusOf(c *usage.Call) string {
	outcome := 0
	if c.Failed {
		outcome = 1
	}
	if c.Status < 0 || c.Status >= len(statuses[0]) {
		return outcomes[outcome] + " " + strconv.Itoa(c.Status)
	}
	return statuses[outcome][c.Status]
}

var outcomes = [...]string{"ok", "error"}

// statuses names the outcomes of the HTTP statuses that there are.
var statuses = func() (names [2][600]string) {
	for i, outcome := range outcomes {
		names[i][0] = outcome
		for status := 1; status < len(names[i]); status++ {
			names[i][status] = outcome + " " + strconv.Itoa(status)
		}
	}
	return names
}()

// BucketOf numbers the base buckets from the Unix epoch.
func BucketOf(t time.Time) int64 { return floorDiv(t.UnixNano(), int64(Bucket)) }

// BucketStart is the reverse of BucketOf.
func BucketStart(b int64) time.Time { return time.Unix(0, b*int64(Bucket)).UTC() }

// Aligned tells whether a time is the start of a base bucket.
func Aligned(t time.Time) bool { return BucketStart(BucketOf(t)).Equal(t) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// Options are the limits of a Rollup. Zero values mean the defaults.
type Options struct {
	// MaxValues bounds the members of one axis over all days; what comes beyond them is summed as
	// Other. Default 20,000.
	MaxValues int
	// MaxBytes bounds what the days' sums of the members of one axis take in memory; from there on what is
	// new on a day is summed as Other. Default 32 MiB.
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
	made        uint64         // pages ever made
	droppedDays map[int64]bool // days that were dropped and may be on disk still
	// Overflowed counts the calls that were summed as Other on some axis.
	Overflowed int64
}

type day [DimensionCount]page

// New makes an empty Rollup.
func New(o Options) *Rollup {
	o.MaxValues, o.MaxChanges = cmp.Or(o.MaxValues, 20_000), cmp.Or(o.MaxChanges, 1<<16)
	o.MaxCached, o.MaxBytes = cmp.Or(o.MaxCached, 16<<20), cmp.Or(o.MaxBytes, 32<<20)
	r := &Rollup{o: o, days: map[int64]*day{}, droppedDays: map[int64]bool{}, lastUsed: map[string]*time.Time{}}
	for a := range r.dimensions {
		r.dimensions[a].ids, r.dimensions[a].closed = map[Value]uint32{}, math.MinInt64
	}
	return r
}

// dimensionValues numbers the members of an axis, so that their names are kept once.
type dimensionValues struct {
	ids   map[Value]uint32
	names []Value  // by number
	free  []uint32 // numbers that no page uses
	bounds
}

// id gives a member's number, a new one where it has none.
func (x *dimensionValues) id(m Value) uint32 {
	id, known := x.ids[m]
	if known {
		return id
	}
	m = Value{strings.Clone(m.Value), strings.Clone(m.Provider)} // not a part of something larger
	if n := len(x.free); n > 0 {
		id, x.free = x.free[n-1], x.free[:n-1]
		x.names[id], x.first[id] = m, noDay
	} else {
		id = uint32(len(x.names))
		x.names, x.first = append(x.names, m), append(x.first, noDay)
	}
	x.ids[m] = id
	return id
}

// forget frees the numbers of members that are on no page any more. Who reads pages beside it keeps
// the names that it began with.
func (r *Rollup) forget(a Dimension) {
	x := &r.dimensions[a]
	used := make([]bool, len(x.names))
	for _, id := range x.free {
		used[id] = true // free already
	}
	for _, d := range r.days {
		p := &d[a]
		for _, id := range p.ids {
			used[id] = true
		}
		for id := range p.pendingChanges {
			used[id] = true
		}
	}
	x.names = slices.Clone(x.names)
	for id := range used {
		if !used[id] {
			delete(x.ids, x.names[id])
			if a == Keys {
				delete(r.lastUsed, x.names[id].Value)
			}
			x.names[id] = Value{}
			x.free = append(x.free, uint32(id))
		}
	}
}

// find gives the place of a member on a page.
func (r *Rollup) find(a Dimension, p *page, id uint32) (int, bool) {
	names := r.dimensions[a].names
	return findValue(names, p, names[id])
}

func findValue(names []Value, p *page, m Value) (int, bool) {
	return slices.BinarySearchFunc(p.ids, m, func(id uint32, m Value) int { return compareValues(names[id], m) })
}

// dayAt gives a day, made where it is new.
func (r *Rollup) dayAt(number int64) *day {
	d := r.days[number]
	if d == nil {
		d = &day{}
		for a := range d {
			d[a].hist, d[a].buckets = &cell.Blob{}, &cell.Blob{}
			d[a].day = cell.MakeColumns(nil)
			d[a].version = rand.Uint32() //nolint:gosec // tells apart pages of one day, no secret
			r.identify(&d[a])
			r.dimensions[a].bytes += d[a].size()
		}
		r.days[number] = d
		at, _ := slices.BinarySearch(r.sorted, number)
		r.sorted = slices.Insert(r.sorted, at, number)
	}
	return d
}

// Add counts a call n times (1 or -1). Whoever adds much folds now and then what Crowded names.
func (r *Rollup) Add(c *usage.Call, n int64) {
	b := BucketOf(c.Start)
	number := floorDiv(b, bucketsPerDay)
	d, slot := r.dayAt(number), uint8(b-number*bucketsPerDay)
	var counts Sums
	counts.AddCounts(c, n)
	one := cell.FiguresOf(&counts)
	duration, ttft := cell.HistogramBuckets(c)
	overflowed := false
	for a := range DimensionCount {
		p := &d[a]
		change, folded := r.change(Page{Day: number, Dimension: a}, p, ValueOf(a, c))
		s, fresh := change.at(slot)
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

// change gives the changes of a member of a page; those of Other where the page does not take the member in.
func (r *Rollup) change(at Page, p *page, m Value) (c *valueChanges, folded bool) {
	x := &r.dimensions[at.Dimension]
	if c := p.lastChanged; c != nil && x.names[c.member] == m { // on most axes the next call is often of the same
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
	c = &valueChanges{member: x.id(m), fresh: !known}
	p.pendingChanges[c.member], p.lastChanged = c, c
	x.first[c.member] = min(x.first[c.member], at.Day)
	return c, false
}

// used notes the start of a key's call.
func (r *Rollup) used(c *valueChanges, start, day time.Time) {
	key := r.dimensions[Keys].names[c.member].Value
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

// Crowded names the pages to fold, see Refold, so that there is room for further changes and none has
// to be folded while one is added; those with the most changes first.
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

// merged makes the page that folding one gives. It is a copy, so that it may be worked on beside readers,
// who keep further prefixes.
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

// put puts a folded page in the place of what it was made of.
func (r *Rollup) put(at Page, next *page) {
	p := &r.days[at.Day][at.Dimension]
	r.changes -= p.cells
	r.identify(next)
	r.dimensions[at.Dimension].bytes += next.size() - p.size()
	*p = *next
}

// identify gives a page that was made its identity: what is kept of it elsewhere is of no other one.
func (r *Rollup) identify(p *page) {
	r.made++
	p.identity = r.made
}

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

// LastUsed tells when the last call with a key started; zero where none is known.
func (r *Rollup) LastUsed(fingerprint string) time.Time {
	if at := r.lastUsed[fingerprint]; at != nil {
		return *at
	}
	return time.Time{}
}

// Newest gives a time after which no call starts that is in the sums: the end of the last bucket that
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

// Drop forgets the buckets from (included) to to (excluded).
func (r *Rollup) Drop(ctx context.Context, from, to int64) error {
	d := r.BeginDrop(from, to)
	err := d.Work(ctx)
	if err == nil {
		r.EndDrop(d)
	}
	return err
}

// Dropping is buckets that are about to be forgotten.
type Dropping struct {
	from, to int64
	parts    []Remerge // pages of which a part stays
}

// Work does the work, beside readers and without a lock. Nothing must be added until EndDrop is done.
func (d *Dropping) Work(ctx context.Context) error {
	for i := range d.parts {
		p := &d.parts[i]
		first := p.at.Day * bucketsPerDay
		p.keep = func(slot uint8) bool { return first+int64(slot) < d.from || d.to <= first+int64(slot) }
		if err := p.Work(ctx); err != nil {
			return err
		}
		p.next.dirty = true
	}
	return nil
}

// whole tells whether nothing of a day stays, and some whether not all does.
func (d *Dropping) whole(first int64) bool { return d.from <= first && first+bucketsPerDay <= d.to }
func (d *Dropping) some(first int64) bool  { return d.from < first+bucketsPerDay && first < d.to }

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

// EndDrop forgets what BeginDrop was told.
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

// KeysSeen gives the fingerprints of the keys of all calls that counted, in no order; those that were
// summed as Other are not among them.
func (r *Rollup) KeysSeen() []string { return slices.Collect(maps.Keys(r.lastUsed)) }

// Page is the sums of one axis and one day as they are kept on disk.
type Page struct {
	Day       int64 // UTC days since the Unix epoch
	Dimension Dimension
	Data      []byte
	// Parts are kept apart from it, by Part. What Encode gives as nil stays on disk as it is, and what
	// it gives as empty is to be removed. Load takes none of what can be read later.
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

// Remerge is a page whose changes are put into its bytes.
type Remerge struct {
	of   *Rollup
	at   Page
	page page             // as it was
	keep func(uint8) bool // slots that stay; nil: all
	next *page            // nil: nothing changes
}

// BeginRemerge begins to put a page's changes into its bytes: Work and Put follow.
func (r *Rollup) BeginRemerge(p Page) *Remerge {
	if d := r.days[p.Day]; d != nil && d[p.Dimension].cells > 0 {
		return &Remerge{of: r, at: p, page: d[p.Dimension]}
	}
	return &Remerge{}
}

// Work does the work, beside readers and without a lock. Nothing must be added until Put is done.
func (f *Remerge) Work(ctx context.Context) (err error) {
	if f.of != nil {
		f.next, err = f.of.merged(ctx, f.at, f.page, f.keep)
	}
	return err
}

// Put puts a folded page in its place. Encode may then read it beside readers.
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

// Encode fills in a folded page's bytes; nil where the page is empty.
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

// Load takes a page as it is on disk, in the place of what is there.
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

// DayOf numbers the UTC day of a time.
func DayOf(t time.Time) int64 { return floorDiv(BucketOf(t), bucketsPerDay) }

// DayBuckets gives the buckets of a day, the end excluded.
func DayBuckets(day int64) (from, to int64) { return day * bucketsPerDay, (day + 1) * bucketsPerDay }

// Open are the edges of all time.
var Open = []int64{math.MinInt64, math.MaxInt64}

const hour = int64(time.Hour)

// HourOf numbers the hour of a time, from the Unix epoch.
func HourOf(t time.Time) int64 { return floorDiv(t.UnixNano(), hour) }

// HourBuckets returns the buckets of an hour, the end excluded.
func HourBuckets(h int64) (from, to int64) {
	return h * hour / int64(Bucket), (h + 1) * hour / int64(Bucket)
}

package rollup

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Axis is a dimension whose sums are kept. They are narrow ones: sums over all dimensions at once
// would be as many as there are calls.
type Axis uint8

// The axes. All has one member.
const (
	All Axis = iota
	Models
	Keys
	Users
	Services
	Projects
	Statuses
	AxisCount
)

// MemberOf places a call on an axis.
func MemberOf(a Axis, c *usage.Call) Member {
	switch a {
	case Models:
		return Member{Value: c.Model, Provider: c.Provider}
	case Keys:
		return Member{Value: c.KeyFingerprint}
	case Users:
		return Member{Value: c.User}
	case Services:
		return Member{Value: c.Service}
	case Projects:
		return Member{Value: c.Project}
	case Statuses:
		return Member{Value: StatusOf(c)}
	default:
		return Member{}
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
	// MaxMembers bounds the members of one axis in one day; what comes beyond them is summed as
	// Other. Default 20,000.
	MaxMembers int
	// MaxChanges bounds the sums that are kept as changes beside the pages. Default 65,536.
	MaxChanges int
}

// Rollup is the sums. It does no locking; what only reads may run beside others that only read.
type Rollup struct {
	o        Options
	days     map[int64]*day // by number of UTC days since the Unix epoch
	sorted   []int64        // their numbers, ascending
	changes  int            // sums kept as changes
	lastUsed map[string]*time.Time
	// Folded counts the calls that were summed as Other on some axis.
	Folded int64
}

type day [AxisCount]page

// New makes an empty Rollup.
func New(o Options) *Rollup {
	o.MaxMembers, o.MaxChanges = cmp.Or(o.MaxMembers, 20_000), cmp.Or(o.MaxChanges, 1<<16)
	return &Rollup{o: o, days: map[int64]*day{}, lastUsed: map[string]*time.Time{}}
}

// dayAt gives a day, made where it is new.
func (r *Rollup) dayAt(number int64) *day {
	d := r.days[number]
	if d == nil {
		d = &day{}
		r.days[number] = d
		at, _ := slices.BinarySearch(r.sorted, number)
		r.sorted = slices.Insert(r.sorted, at, number)
	}
	return d
}

// Add counts a call n times (1 or -1).
func (r *Rollup) Add(c *usage.Call, n int64) {
	b := BucketOf(c.Start)
	number := floorDiv(b, slotsPerDay)
	d, slot := r.dayAt(number), uint8(b-number*slotsPerDay) //nolint:gosec // below slotsPerDay
	var one Sums
	one.addCounts(c, n)
	duration, ttft := bucketsOf(c)
	wasFolded := false
	for a := range AxisCount {
		p := &d[a]
		change, folded := p.change(MemberOf(a, c), r.o.MaxMembers)
		s, fresh := change.at(slot)
		s.MergeCounts(&one)
		if c.Duration > 0 {
			s.Duration.add(duration, n)
		}
		if c.TTFT > 0 {
			s.TTFT.add(ttft, n)
		}
		p.dirty = true
		wasFolded = wasFolded || folded
		if fresh {
			p.cells++
			r.changes++
		}
		if a == Keys && n > 0 && !folded {
			r.used(change, c.Start, BucketStart(number*slotsPerDay))
		}
	}
	if wasFolded && n > 0 {
		r.Folded++
	}
	if r.changes > r.o.MaxChanges {
		r.foldMost()
	}
}

// used notes the start of a key's call.
func (r *Rollup) used(c *changed, start, day time.Time) {
	if c.member.Value == "" {
		return
	}
	c.last = max(c.last, int64(start.Sub(day))+1)
	if c.used == nil {
		if c.used = r.lastUsed[c.member.Value]; c.used == nil {
			c.used = &time.Time{}
			r.lastUsed[c.member.Value] = c.used
		}
	}
	if start.After(*c.used) {
		*c.used = start
	}
}

// foldMost folds the pages with the most changes until half of the room is free.
func (r *Rollup) foldMost() {
	var pages []*page
	for _, d := range r.days {
		for a := range d {
			if d[a].cells > 0 {
				pages = append(pages, &d[a])
			}
		}
	}
	slices.SortFunc(pages, func(a, b *page) int { return cmp.Compare(b.cells, a.cells) })
	for _, p := range pages {
		if r.changes <= r.o.MaxChanges/2 {
			return
		}
		r.fold(p, nil)
	}
}

// fold folds one page. Its bytes are ours and were checked when they were read, so that they can be
// damaged in memory only.
func (r *Rollup) fold(p *page, keep func(uint8) bool) {
	r.changes -= p.cells
	if err := p.fold(keep); err != nil {
		panic(fmt.Sprintf("fold sums: %v", err))
	}
}

// LastUsed tells when the last call with a key started; zero where none is known.
func (r *Rollup) LastUsed(fingerprint string) time.Time {
	if at := r.lastUsed[fingerprint]; at != nil {
		return *at
	}
	return time.Time{}
}

// Full tells whether an axis has sums of Other, so that its members' own sums may lack calls.
func (r *Rollup) Full(a Axis) bool {
	for _, d := range r.days {
		if d[a].full {
			return true
		}
	}
	return false
}

// Drop forgets the buckets from (included) to to (excluded).
func (r *Rollup) Drop(from, to int64) {
	for number, d := range r.days {
		first := number * slotsPerDay
		if first+slotsPerDay <= from || to <= first {
			continue
		}
		if from <= first && first+slotsPerDay <= to {
			for a := range d {
				r.changes -= d[a].cells
			}
			delete(r.days, number)
			at, _ := slices.BinarySearch(r.sorted, number)
			r.sorted = slices.Delete(r.sorted, at, at+1)
			continue
		}
		for a := range d {
			d[a].dirty = true
			r.fold(&d[a], func(slot uint8) bool { return first+int64(slot) < from || to <= first+int64(slot) })
		}
	}
}

// Query says what Sum adds up.
type Query struct {
	Axis Axis
	// Edges are ascending numbers of buckets, at least two: there is a point for each
	// [Edges[i], Edges[i+1]). math.MinInt64 and math.MaxInt64 leave an end open.
	Edges []int64
	// Skip leaves out single buckets.
	Skip map[int64]bool
	// Points gives the points of a member to add to, one for each pair of edges; nil leaves it out.
	Points func(Member) []Sums
	// Histograms says whose histograms are filled.
	Histograms Histograms
	// Overall are the points that the histograms of all members go to, where that is asked for.
	Overall []Sums
}

// Histograms says which histograms a query fills: they are most of its work.
type Histograms uint8

// Those of each point of each member, none, or only those over all members together.
const (
	OfPoints Histograms = iota
	OfNone
	OfAll
)

// Sum adds up.
func (r *Rollup) Sum(q Query) {
	for _, number := range r.sorted {
		first := number * slotsPerDay
		if first+slotsPerDay <= q.Edges[0] || q.Edges[len(q.Edges)-1] <= first {
			continue
		}
		d := daySum{Query: &q, page: &r.days[number][q.Axis]}
		d.plan(first)
		d.sum()
	}
}

// daySum adds up one page.
type daySum struct {
	*Query
	page  *page
	point [slotsPerDay]int // of each slot; -1: left out
	whole bool             // all slots go to point[0]
}

// plan finds the point that each slot of the day goes to.
func (d *daySum) plan(first int64) {
	i := 0
	for i < len(d.Edges)-2 && d.Edges[i+1] <= first {
		i++
	}
	d.whole = true
	for slot := range slotsPerDay {
		b := first + slot
		for i < len(d.Edges)-2 && d.Edges[i+1] <= b {
			i++
		}
		d.point[slot] = i
		if b < d.Edges[i] || b >= d.Edges[i+1] || d.Skip[b] {
			d.point[slot] = -1
		}
		d.whole = d.whole && d.point[slot] == d.point[0]
	}
	d.whole = d.whole && d.point[0] >= 0
}

func (d *daySum) sum() {
	p := d.page
	for i, m := range p.names {
		if points := d.Points(m); points != nil {
			d.sumBlock(p.block(i), points)
		}
	}
	for m, c := range p.changed {
		var points []Sums
		for i := range c.cells {
			at := d.point[c.cells[i].slot]
			if at < 0 {
				continue
			}
			if points == nil {
				if points = d.Points(m); points == nil {
					break
				}
			}
			d.addSums(&c.cells[i].Sums, points, at)
		}
	}
}

func (d *daySum) addSums(s *Sums, points []Sums, at int) {
	into := &points[at]
	into.MergeCounts(s)
	if d.Histograms == OfAll {
		into = &d.Overall[at]
	}
	if d.Histograms != OfNone {
		into.Duration.Merge(&s.Duration)
		into.TTFT.Merge(&s.TTFT)
	}
}

func (d *daySum) sumBlock(block []byte, points []Sums) {
	r := reader{b: block}
	n := r.uvarint()
	if d.whole {
		if n == 1 {
			r.byte()
		}
		d.addCell(&r, points, d.point[0])
		return
	}
	if n > 1 {
		r.addCell(nil, nil)
		r.uvarint()
	}
	for range n {
		if at := d.point[r.byte()]; at >= 0 {
			d.addCell(&r, points, at)
		} else {
			r.addCell(nil, nil)
		}
	}
}

func (d *daySum) addCell(r *reader, points []Sums, at int) {
	switch d.Histograms {
	case OfPoints:
		r.addCell(&points[at], &points[at])
	case OfNone:
		r.addCell(&points[at], nil)
	default:
		r.addCell(&points[at], &d.Overall[at])
	}
}

// Each visits the sums of every bucket of an axis from bucket from on, of some members; nil is all.
// Those of other members are not decoded. Changes that are not folded yet are visits of their own:
// visits of one member and bucket are to be added up.
func (r *Rollup) Each(a Axis, from int64, of map[Member]bool, visit func(m Member, bucket int64, s *Sums)) {
	for _, number := range r.sorted {
		p := &r.days[number][a]
		first := number * slotsPerDay
		if first+slotsPerDay <= from {
			continue
		}
		for i := range p.members(of) {
			visitBlock(p.block(i), func(slot uint8, s *Sums) {
				if b := first + int64(slot); b >= from {
					visit(p.names[i], b, s)
				}
			})
		}
		for m, c := range p.changed {
			if of != nil && !of[m] {
				continue
			}
			for i := range c.cells {
				if b := first + int64(c.cells[i].slot); b >= from {
					visit(m, b, &c.cells[i].Sums)
				}
			}
		}
	}
}

// KeysSeen gives the fingerprints of the keys of all calls that counted, in no order; those that were
// summed as Other are not among them.
func (r *Rollup) KeysSeen() []string { return slices.Collect(maps.Keys(r.lastUsed)) }

// Page is the sums of one axis and one day as they are kept on disk.
type Page struct {
	Day  int64 // UTC days since the Unix epoch
	Axis Axis
	Data []byte
}

// Dirty names the pages that differ from what is on disk.
func (r *Rollup) Dirty() []Page {
	var out []Page
	for _, number := range r.sorted {
		for a := range AxisCount {
			if r.days[number][a].dirty {
				out = append(out, Page{Day: number, Axis: a})
			}
		}
	}
	return out
}

// Fold puts the changes of a page into its bytes. Encode may then read it beside readers.
func (r *Rollup) Fold(p Page) {
	if d := r.days[p.Day]; d != nil {
		r.fold(&d[p.Axis], nil)
	}
}

// Encode fills in a folded page's bytes; nil where the page is empty.
func (r *Rollup) Encode(p *Page) {
	p.Data = nil
	if d := r.days[p.Day]; d != nil && len(d[p.Axis].names) > 0 {
		p.Data = d[p.Axis].encode()
	}
}

// Saved notes that pages are on disk as Encode gave them.
func (r *Rollup) Saved(pages []Page) {
	for _, p := range pages {
		if d := r.days[p.Day]; d != nil {
			d[p.Axis].dirty = d[p.Axis].cells > 0
		}
	}
}

// Load takes a page as it is on disk, in the place of what is there.
func (r *Rollup) Load(p Page) error {
	if p.Axis >= AxisCount {
		return errDamaged
	}
	loaded, err := decodePage(p.Data)
	if err != nil {
		return err
	}
	d := r.dayAt(p.Day)
	r.changes -= d[p.Axis].cells
	d[p.Axis] = *loaded
	if p.Axis == Keys {
		start := BucketStart(p.Day * slotsPerDay)
		for i, m := range loaded.names {
			if at := start.Add(time.Duration(loaded.last[i] - 1)); loaded.last[i] > 0 && at.After(r.LastUsed(m.Value)) {
				r.lastUsed[m.Value] = &at
			}
		}
	}
	return nil
}

// DayOf numbers the UTC day of a time.
func DayOf(t time.Time) int64 { return floorDiv(BucketOf(t), slotsPerDay) }

// DayBuckets gives the buckets of a day, the end excluded.
func DayBuckets(day int64) (from, to int64) { return day * slotsPerDay, (day + 1) * slotsPerDay }

// Open are the edges of all time.
var Open = []int64{math.MinInt64, math.MaxInt64}

package rollup

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sort"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
)

// Query says what Sum adds up.
type Query struct {
	Dimension Dimension
	// Edges are ascending numbers of buckets, at least two: there is a point for each
	// [Edges[i], Edges[i+1]). math.MinInt64 and math.MaxInt64 leave an end open.
	Edges []int64
	// Skip leaves out single buckets.
	Skip map[int64]bool
	// Of are the members that are asked for; nil is all.
	Of map[Value]bool
	// Points gives the points of a member to add to, one for each pair of edges; nil leaves it out.
	// It is asked once for a member.
	Points func(Value) []Sums
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

// ErrChanged reports sums that were changed and saved while they were being read: to be asked again.
var ErrChanged = errors.New("the sums changed while they were read")

// Sum adds up.
func (r *Rollup) Sum(ctx context.Context, q Query) error {
	s := r.Begin(q)
	return s.End(ctx)
}

// Summing is a query that was begun. Nothing of it is in the query's points before End.
type Summing struct {
	q      Query
	rollup *Rollup
	names  []Value
	days   []daySum
	points []target // by number of the member
	room   []cell.Figures
	// together are the figures of members that share their points, by the first of these: many members
	// and many points would take much room. Of a query that Again follows each member has its own.
	together map[*Sums][]cell.Figures
	made     []made
	over     []overSum // the changes beside the pages, where they are to be asked for again
	// Room to read histograms into.
	duration, ttft, wholeDuration, wholeTTFT Histogram
}

// overSum is a change beside a page.
type overSum struct {
	day    int // its place in Summing.days
	member uint32
	slot   uint8
	cell.Figures
}

// target is where a member's figures go.
type target struct {
	asked   bool
	shares  bool           // the figures are another member's too, who adds them to the points
	points  []Sums         // nil: the member is left out
	figures []cell.Figures // by point
}

// made is the sums of a part of a day that a query made.
type made struct {
	day     int64
	of      uint64 // identity of its page
	partial *partialDay
}

// Begin takes what a query needs from the sums as they are. It must run beside nothing that changes
// them; End may.
func (r *Rollup) Begin(q Query) *Summing { return r.begin(q, false) }

// BeginTwice is Begin of a query that Again follows.
func (r *Rollup) BeginTwice(q Query) *Summing { return r.begin(q, true) }

func (r *Rollup) begin(q Query, twice bool) *Summing {
	s := &Summing{q: q, rollup: r, names: r.dimensions[q.Dimension].names}
	if !twice && len(q.Edges) > 2 {
		s.together = map[*Sums][]cell.Figures{}
	}
	s.points = make([]target, len(s.names))
	asked := r.sorted
	for len(asked) > 0 && (asked[0]+1)*bucketsPerDay <= q.Edges[0] {
		asked = asked[1:]
	}
	for n := len(asked); n > 0 && q.Edges[len(q.Edges)-1] <= asked[n-1]*bucketsPerDay; n-- {
		asked = asked[:n-1]
	}
	s.days = make([]daySum, 0, len(asked))
	for _, number := range asked {
		p := &r.days[number][q.Dimension]
		d := daySum{number: number, page: *p}
		d.pendingChanges, d.lastChanged = nil, nil
		d.plan(&q)
		s.changes(&d, p)
		if twice {
			for id, c := range p.pendingChanges {
				for i := range c.buckets {
					s.over = append(s.over, overSum{day: len(s.days), member: id, slot: c.buckets[i].bucket, Figures: c.buckets[i].Figures})
				}
			}
		}
		s.days = append(s.days, d)
	}
	return s
}

// Again asks the same sums, as they were when the first query began, something else: of the same axis
// and within the same edges, and without histograms. End follows.
func (s *Summing) Again(q Query) *Summing {
	q.Histograms = OfNone
	again := &Summing{
		q: q, rollup: s.rollup, names: s.names, points: make([]target, len(s.names)), days: slices.Clone(s.days), together: map[*Sums][]cell.Figures{},
	}
	for i := range again.days {
		d := &again.days[i]
		d.plan(&q)
	}
	for i := range s.over {
		c := &s.over[i]
		if at := again.days[c.day].at(c.slot); at >= 0 {
			if t := again.target(c.member); t != nil {
				t.figures[at].Add(&c.Figures)
			}
		}
	}
	return again
}

// target gives where a member's figures go; nil for nowhere.
func (s *Summing) target(id uint32) *target {
	t := &s.points[id]
	if !t.asked {
		s.ask(id, t)
	}
	if t.points == nil {
		return nil
	}
	return t
}

// ask finds out where a member's figures go.
func (s *Summing) ask(id uint32, t *target) {
	t.asked = true
	m := s.names[id]
	if s.q.Of != nil && !s.q.Of[m] {
		return
	}
	if t.points = s.q.Points(m); t.points == nil {
		return
	}
	if s.together != nil && len(t.points) > 0 {
		if t.figures, t.shares = s.together[&t.points[0]]; t.shares {
			return
		}
		defer func() { s.together[&t.points[0]] = t.figures }()
	}
	const atOnce = 256
	n := len(s.q.Edges) - 1
	if len(s.room) < n {
		s.room = make([]cell.Figures, max(n, min(atOnce, len(s.names))))
	}
	t.figures, s.room = s.room[:n:n], s.room[n:]
}

// changes adds the changes beside a page.
func (s *Summing) changes(d *daySum, p *page) {
	for id, c := range p.pendingChanges {
		for i := range c.buckets {
			k := &c.buckets[i]
			at := d.at(k.bucket)
			if at < 0 {
				continue
			}
			t := s.target(id)
			if t == nil {
				break
			}
			t.figures[at].Add(&k.Figures)
			s.histograms(t, at, &k.duration, &k.ttft)
		}
	}
}

func (s *Summing) histograms(t *target, at int, duration, ttft *Histogram) {
	into := &t.points[at]
	switch s.q.Histograms {
	case OfNone:
		return
	case OfAll:
		into = &s.q.Overall[at]
	}
	into.Duration.Merge(duration)
	into.TTFT.Merge(ttft)
}

// End adds up. It gives ErrChanged where the sums were saved since Begin, and parts of them have to be
// read; the query's points are of no use then, as after any other error. It ends with its context.
func (s *Summing) End(ctx context.Context) error {
	for i := 0; i < len(s.days); i++ {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("add up the days: %w", err)
		}
		if n := s.addSpan(i); n > 0 {
			i += n - 1
			continue
		}
		if err := s.day(ctx, &s.days[i]); err != nil {
			if errors.Is(err, errOther) {
				return ErrChanged
			}
			return err
		}
	}
	for k := range s.points {
		t := &s.points[k]
		if t.shares {
			continue
		}
		for i := range t.figures {
			t.figures[i].AddTo(&t.points[i])
		}
	}
	return nil
}

// daySum is what is added up of one page.
type daySum struct {
	number int64
	page
	// A day is mostly one part, or two with one boundary: cut is the first slot of the second one.
	parts int
	cut   uint8
	first int                 // the point that the first part goes to; -1: left out
	point *[bucketsPerDay]int // of each slot, where there are several parts
}

// at gives the point that a slot goes to; -1 where it is left out.
func (d *daySum) at(slot uint8) int {
	if d.point == nil {
		return d.first
	}
	return d.point[slot]
}

// plan finds the point that each slot of the day goes to.
func (d *daySum) plan(q *Query) {
	first := d.number * bucketsPerDay
	i := max(0, sort.Search(len(q.Edges)-1, func(i int) bool { return q.Edges[i] > first })-1)
	d.parts, d.first, d.point = 1, i, nil
	if q.Edges[i] <= first && first+bucketsPerDay <= q.Edges[i+1] && !q.skips(first) {
		return
	}
	d.point = &[bucketsPerDay]int{}
	for slot := range bucketsPerDay {
		b := first + slot
		for i < len(q.Edges)-2 && q.Edges[i+1] <= b {
			i++
		}
		d.point[slot] = i
		if b < q.Edges[i] || b >= q.Edges[i+1] || q.Skip[b] {
			d.point[slot] = -1
		}
		if slot > 0 && d.point[slot] != d.point[slot-1] {
			d.parts++
			d.cut = uint8(slot)
		}
	}
	d.first = d.point[0]
}

// skips tells whether a bucket of a day is left out.
func (q *Query) skips(first int64) bool {
	for b, skipped := range q.Skip {
		if skipped && first <= b && b < first+bucketsPerDay {
			return true
		}
	}
	return false
}

// each visits the members of a page that are asked for.
func (s *Summing) each(d *daySum, visit func(i int, t *target) error) error {
	of := s.q.Of
	if len(of) >= len(d.ids)/searchCost {
		of = nil // target leaves the others out
	}
	for i := range d.positionsOf(s.names, of) {
		if t := s.target(d.ids[i]); t != nil {
			if err := visit(i, t); err != nil {
				return err
			}
		}
	}
	return nil
}

// day adds up one page.
func (s *Summing) day(ctx context.Context, d *daySum) error {
	if len(d.ids) == 0 {
		return nil
	}
	withHist := s.q.Histograms != OfNone
	if d.parts == 1 {
		if d.first >= 0 {
			return s.whole(ctx, d, d.first, withHist)
		}
		return nil
	}
	if d.parts == 2 {
		c := d.page.partial(d.cut)
		if c == nil && d.buckets == nil { // what costs a reading is kept for the next
			var err error
			if c, err = s.make(ctx, d); err != nil {
				return err
			}
		}
		if c != nil && (c.hist != nil || !withHist) {
			return s.halves(ctx, d, c, withHist)
		}
	}
	return s.slots(ctx, d, withHist)
}

// part gives a part of a page.
func (s *Summing) part(ctx context.Context, d *daySum, part Part) (*cell.Blob, error) {
	if !d.lacks(part) {
		if part == Buckets {
			return d.buckets, nil
		}
		return d.hist, nil
	}
	return s.rollup.part(ctx, Page{Day: d.number, Dimension: s.q.Dimension}, &d.page, part)
}

func (s *Summing) whole(ctx context.Context, d *daySum, at int, withHist bool) error {
	var hist *cell.Blob
	if withHist {
		var err error
		if hist, err = s.part(ctx, d, Hists); err != nil {
			return err
		}
	}
	return s.each(d, func(i int, t *target) error {
		d.day.Add(i, &t.figures[at])
		if hist == nil {
			return nil
		}
		return s.read(t, at, hist.At(i))
	})
}

// read adds histograms as they are stored.
func (s *Summing) read(t *target, at int, stored []byte) error {
	if err := cell.ReadHistograms(stored, &s.duration, &s.ttft); err != nil {
		return err
	}
	s.histograms(t, at, &s.duration, &s.ttft)
	return nil
}

// halves adds up a day of two parts by the sums of the first one: what is not in it is in the second.
func (s *Summing) halves(ctx context.Context, d *daySum, c *partialDay, withHist bool) error {
	before, after := d.first, d.at(c.end)
	var hist *cell.Blob
	if withHist && after >= 0 {
		var err error
		if hist, err = s.part(ctx, d, Hists); err != nil {
			return err
		}
	}
	dur, ttft, allDur, allTTFT := &s.duration, &s.ttft, &s.wholeDuration, &s.wholeTTFT
	return s.each(d, func(i int, t *target) error {
		row := c.Row(i)
		if before >= 0 {
			t.figures[before].Add(&row)
		}
		if after >= 0 {
			d.day.Add(i, &t.figures[after])
			t.figures[after].Subtract(&row)
		}
		if !withHist {
			return nil
		}
		if err := cell.ReadHistograms(c.hist.At(i), dur, ttft); err != nil {
			return err
		}
		if before >= 0 {
			s.histograms(t, before, dur, ttft)
		}
		if after >= 0 {
			if err := cell.ReadHistograms(hist.At(i), allDur, allTTFT); err != nil {
				return err
			}
			allDur.Subtract(dur)
			allTTFT.Subtract(ttft)
			s.histograms(t, after, allDur, allTTFT)
		}
		return nil
	})
}

// slots adds up a day by its quarters of an hour.
func (s *Summing) slots(ctx context.Context, d *daySum, withHist bool) error {
	slots, err := s.part(ctx, d, Buckets)
	if err != nil {
		return err
	}
	var hist *cell.Blob
	if withHist {
		if hist, err = s.part(ctx, d, Hists); err != nil {
			return err
		}
	}
	return s.each(d, func(i int, t *target) error {
		r := cell.NewReader(slots.At(i))
		n := r.Uvarint()
		for k := uint64(0); k < n && !r.Bad; k++ {
			slot := r.Byte()
			if int64(slot) >= bucketsPerDay {
				return cell.ErrDamaged
			}
			at := d.at(slot)
			var h []byte
			switch {
			case n == 1 && at >= 0:
				if d.day.Add(i, &t.figures[at]); withHist {
					h = hist.At(i)
				}
			case n == 1:
			case at >= 0:
				h = r.Packed(&t.figures[at])
			default:
				var none cell.Figures
				r.Packed(&none)
			}
			if at >= 0 && withHist {
				if err := s.read(t, at, h); err != nil {
					return err
				}
			}
		}
		if r.Bad || len(r.B) > 0 {
			return cell.ErrDamaged
		}
		return nil
	})
}

// make makes the sums of the part of a day before its cut, of all members.
func (s *Summing) make(ctx context.Context, d *daySum) (*partialDay, error) {
	p := d.page
	for _, part := range []Part{Buckets, Hists} {
		b, err := s.part(ctx, d, part)
		if err != nil {
			return nil, err
		}
		p.put(part, b)
	}
	c, err := p.makePartial(d.cut)
	if err != nil {
		return nil, err
	}
	s.made = append(s.made, made{day: d.number, of: d.identity, partial: c})
	return c, nil
}

// makePartial makes the sums of the part of a day before a slot.
func (p *page) makePartial(slot uint8) (*partialDay, error) {
	c := &partialDay{end: slot}
	if p.smallHist() {
		c.hist = &cell.Blob{}
	}
	rows := make([]cell.Figures, len(p.ids))
	var dur, ttft, allDur, allTTFT Histogram
	var room []byte
	for i := range p.ids {
		allDur.Clear()
		allTTFT.Clear()
		r := cell.NewReader(p.buckets.At(i))
		n := r.Uvarint()
		for k := uint64(0); k < n && !r.Bad; k++ {
			if r.Byte() >= slot {
				break // they ascend
			}
			var h []byte
			if n > 1 {
				h = r.Packed(&rows[i])
			} else {
				p.day.Add(i, &rows[i])
				h = p.hist.At(i)
			}
			if c.hist != nil {
				if err := cell.ReadHistograms(h, &dur, &ttft); err != nil {
					return nil, err
				}
				allDur.Merge(&dur)
				allTTFT.Merge(&ttft)
			}
		}
		if r.Bad {
			return nil, cell.ErrDamaged
		}
		if c.hist != nil {
			room = cell.AppendHistograms(room[:0], &allDur, &allTTFT)
			c.hist.Append(room)
		}
	}
	c.Columns = cell.MakeColumns(rows)
	return c, nil
}

// Keep keeps what a query made, for the next ones that ask for the same days. It tells whether there
// was anything.
func (r *Rollup) Keep(s *Summing) bool {
	for _, m := range s.made {
		d := r.days[m.day]
		if d == nil {
			continue
		}
		p := &d[s.q.Dimension]
		if p.identity != m.of || p.partial(m.partial.end) != nil {
			continue
		}
		cuts := []*partialDay{m.partial} // a new list: readers may have the old one
		for _, c := range p.partials {
			if len(cuts) < maxPartials {
				cuts = append(cuts, c)
			}
		}
		before := p.size()
		p.partials, p.dirty = cuts, true
		r.dimensions[s.q.Dimension].bytes += p.size() - before
	}
	return len(s.made) > 0
}

// Made tells whether a query made what Keep would keep.
func (s *Summing) Made() bool { return len(s.made) > 0 }

// FirstDay gives when the first day that has sums begins, in UTC; false where there are none.
func (r *Rollup) FirstDay() (time.Time, bool) {
	if len(r.sorted) == 0 {
		return time.Time{}, false
	}
	return BucketStart(r.sorted[0] * bucketsPerDay), true
}

// Totals visits the members that a query of one point found, with their sums, which have no
// histograms and are valid during the visit only. It comes after End.
func (s *Summing) Totals(visit func(m Value, total *Sums)) {
	var total Sums
	for id := range s.points {
		if t := &s.points[id]; t.points != nil {
			total = Sums{}
			t.figures[0].AddTo(&total)
			visit(s.names[id], &total)
		}
	}
}

// Each visits the sums of every bucket of an axis from bucket from on, of some members; nil is all.
// Those of other members are not decoded. Changes that are not folded yet are visits of their own:
// visits of one member and bucket are to be added up. Sums visited have no histograms.
func (r *Rollup) Each(ctx context.Context, a Dimension, from int64, of map[Value]bool, visit func(m Value, bucket int64, s *Sums)) error {
	e := r.BeginEach(a, from, of, nil)
	err := e.Read(ctx)
	if err == nil {
		err = e.Visit(visit)
	}
	return err
}

// Visiting is visits to the sums of members that were begun, see Each.
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
				d.over = append(d.over, overSum{member: id, slot: c.buckets[i].bucket, Figures: c.buckets[i].Figures})
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
		for range d.page.positionsOf(e.names, e.of) { // only where a member is asked for that is on the page
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
		tell := func(id uint32, slot uint8, f *cell.Figures) {
			if b := first + int64(slot); b >= e.from {
				var s Sums
				f.AddTo(&s)
				visit(e.names[id], b, &s)
			}
		}
		for i := range d.page.positionsOf(e.names, e.of) {
			if d.whole {
				f := d.page.day.Row(i)
				tell(d.page.ids[i], 0, &f)
			} else if err := d.page.eachBucket(i, tell); err != nil {
				return err
			}
		}
		for i := range d.over {
			tell(d.over[i].member, d.over[i].slot, &d.over[i].Figures)
		}
	}
	return nil
}

// eachBucket visits the slots of a member.
func (p *page) eachBucket(i int, tell func(id uint32, slot uint8, f *cell.Figures)) error {
	rd := cell.NewReader(p.buckets.At(i))
	n := rd.Uvarint()
	for k := uint64(0); k < n && !rd.Bad; k++ {
		slot, f := rd.Byte(), cell.Figures{}
		if n > 1 {
			rd.Packed(&f)
		} else {
			f = p.day.Row(i)
		}
		tell(p.ids[i], slot, &f)
	}
	if rd.Bad {
		return cell.ErrDamaged
	}
	return nil
}

// searchCost is how many steps it takes to find one member among tens of thousands.
const searchCost = 16

// positionsOf gives where some members are on a page; nil is all.
func (p *page) positionsOf(names []Value, of map[Value]bool) iter.Seq[int] {
	return func(yield func(int) bool) {
		if of != nil && len(of) < len(p.ids)/searchCost {
			for m, wanted := range of {
				if i, known := findValue(names, p, m); wanted && known && !yield(i) {
					return
				}
			}
			return
		}
		for i, id := range p.ids {
			if (of == nil || of[names[id]]) && !yield(i) {
				return
			}
		}
	}
}

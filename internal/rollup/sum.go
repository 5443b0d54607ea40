package rollup

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	// Of are the values that are asked for; nil is all.
	Of map[Value]bool
	// Points returns the points of a value to add to, one for each pair of edges; nil leaves it out.
	// It is asked once for a value.
	Points func(Value) []Sums
	// Histograms says whose histograms are filled.
	Histograms Histograms
	// Overall are the points that the histograms of all values go to, where that is asked for.
	Overall []Sums
}

// Histograms says which histograms a query fills: they are most of its work.
type Histograms uint8

// Those of each point of each value, none, or only those over all values together.
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
	points []target // by number of the value
	room   []cell.Figures
	// together are the figures of values that share their points, by the first of these: many values
	// and many points would take much memory. If Again follows the query, each value has its own.
	together map[*Sums][]cell.Figures
	made     []made
	over     []overSum // the changes beside the pages, where they are to be asked for again
	// Room to read histograms into.
	duration, ttft, wholeDuration, wholeTTFT Histogram
}

// overSum is a change beside a page.
type overSum struct {
	day    int // its place in Summing.days
	value  uint32
	bucket uint8
	cell.Figures
}

// target is where a value's figures go.
type target struct {
	asked   bool
	shares  bool           // the figures are another value's too, who adds them to the points
	points  []Sums         // nil: the value is left out
	figures []cell.Figures // by point
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
					s.over = append(s.over, overSum{day: len(s.days), value: id, bucket: c.buckets[i].bucket, Figures: c.buckets[i].Figures})
				}
			}
		}
		s.days = append(s.days, d)
	}
	return s
}

// Again asks the same sums, as they were when the first query began, something else: of the same dimension
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
		if at := again.days[c.day].at(c.bucket); at >= 0 {
			if t := again.target(c.value); t != nil {
				t.figures[at].Add(&c.Figures)
			}
		}
	}
	return again
}

// target returns the target that a value's figures are added to; nil where they are not asked for.
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

// ask sets the points of t to which a value's figures are added, if the query asks for the value.
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

// End adds up. It returns ErrChanged where the sums were saved since Begin, and parts of them have to be
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

// FirstDay returns when the first day that has sums begins, in UTC; false where there are none.
func (r *Rollup) FirstDay() (time.Time, bool) {
	if len(r.sorted) == 0 {
		return time.Time{}, false
	}
	return BucketStart(r.sorted[0] * bucketsPerDay), true
}

// Totals visits the values that a query of one point found, with their sums, which have no
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

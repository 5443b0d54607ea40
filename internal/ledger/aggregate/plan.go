package aggregate

import (
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

// plan is how a query is answered.
type plan struct {
	query      Query
	dimension  rollup.Dimension
	fromMemory bool
	from, to   time.Time       // zero is open
	top        map[string]bool // names of the top groups, where they are looked for first: see rank
}

// bucketed is a plan in base buckets.
type bucketed struct {
	edges   []int64
	parts   [][2]time.Time // parts of base buckets that only records have
	partial map[int64]bool // the base buckets that parts lie in
}

func (x *State) plan(q Query) (*plan, error) {
	for i := 1; i < len(q.Edges); i++ {
		if !q.Edges[i-1].Before(q.Edges[i]) {
			return nil, fmt.Errorf("%w: its edges do not ascend", ErrQuery)
		}
	}
	if len(q.Edges) == 1 {
		return nil, fmt.Errorf("%w: one edge bounds no interval", ErrQuery)
	}
	p := &plan{query: q, from: q.Filter.From, to: q.Filter.To}
	if n := len(q.Edges); n > 0 {
		if p.from.IsZero() || p.from.Before(q.Edges[0]) {
			p.from = q.Edges[0]
		}
		if p.to.IsZero() || q.Edges[n-1].Before(p.to) {
			p.to = q.Edges[n-1]
		}
	}
	p.dimension, p.fromMemory = dimensionFor(q)
	if p.fromMemory && filtered(&q.Filter) && !x.isComplete(p) {
		p.fromMemory = false // the sums of single values may lack calls that were summed as others
	}
	return p, nil
}

// dimensionFor returns the one dimension that answers a query, and false where none does.
func dimensionFor(q Query) (rollup.Dimension, bool) {
	need := map[rollup.Dimension]bool{}
	f := &q.Filter
	if unsummed(f) || !q.By.hasSums() {
		return rollup.All, false // sums are not kept by them
	}
	for a, used := range map[rollup.Dimension]bool{
		rollup.Models: len(f.Models)+len(f.Providers) > 0, rollup.Keys: len(f.Keys) > 0, rollup.Users: len(f.Users) > 0,
		rollup.Services: len(f.Services) > 0, rollup.Projects: len(f.Projects) > 0, rollup.Statuses: len(f.Statuses) > 0,
	} {
		if used {
			need[a] = true
		}
	}
	if by := dimensionOf(q.By); q.By != ByNothing {
		need[by] = true
	}
	switch len(need) {
	case 0:
		return rollup.All, true
	case 1:
		for a := range need {
			return a, true
		}
	}
	return rollup.All, false
}

// filtered reports whether a filter selects values of any dimension.
func filtered(f *store.Filter) bool {
	return len(f.Models)+len(f.Providers)+len(f.Keys)+len(f.Users)+len(f.Services)+len(f.Projects)+len(f.Statuses) > 0 || unsummed(f)
}

// unsummed reports whether a filter selects values of dimensions that no sums are kept by.
func unsummed(f *store.Filter) bool {
	return len(f.Tiers)+len(f.Accounts)+len(f.Operations)+len(f.Environments)+len(f.ErrorTypes)+len(f.Emitters)+len(f.Sessions)+len(f.Qualities) > 0 || f.Any != nil
}

// isComplete reports whether the sums in memory have all calls of the values that a plan asks for.
func (x *State) isComplete(p *plan) bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.sums.IsComplete(p.dimension, p.values())
}

// within returns the plan in base buckets. No call that is in the sums starts after newest: an edge
// after it cuts nothing.
func (p *plan) within(newest time.Time) bucketed {
	b := bucketed{partial: map[int64]bool{}}
	cut := func(t time.Time) time.Time {
		if t.IsZero() || rollup.Aligned(t) {
			return t
		}
		if t.After(newest) {
			return rollup.BucketStart(rollup.BucketOf(t) + 1)
		}
		b.partial[rollup.BucketOf(t)] = true
		return t
	}
	from, to := cut(p.from), cut(p.to)
	edges := make([]time.Time, len(p.query.Edges))
	for i, e := range p.query.Edges {
		edges[i] = cut(e)
	}
	for n := range b.partial {
		begin, end := rollup.BucketStart(n), rollup.BucketStart(n+1)
		if !from.IsZero() && begin.Before(from) {
			begin = from
		}
		if !to.IsZero() && to.Before(end) {
			end = to
		}
		if begin.Before(end) {
			b.parts = append(b.parts, [2]time.Time{begin, end})
		}
	}
	first, last := rollup.Open[0], rollup.Open[1]
	if !from.IsZero() {
		first = firstBucket(from)
	}
	if !to.IsZero() {
		last = firstBucket(to)
	}
	if len(edges) == 0 {
		b.edges = []int64{first, max(first, last)}
		return b
	}
	b.edges = make([]int64, len(edges))
	for i, e := range edges {
		b.edges[i] = max(first, min(firstBucket(e), last))
	}
	return b
}

// firstBucket returns the first bucket that does not start before a time.
func firstBucket(t time.Time) int64 {
	b := rollup.BucketOf(t)
	if !rollup.Aligned(t) {
		b++
	}
	return b
}

// begin begins to add the whole base buckets from memory. The caller holds the lock.
func (x *State) begin(p *plan, b bucketed, s *summation) (sums []*rollup.Summing) {
	q := rollup.Query{Dimension: p.dimension, Edges: b.edges, Skip: b.partial, Of: p.values(), Overall: s.overall, Points: func(m rollup.Value) []Sums {
		if !p.passes(m) {
			return nil
		}
		return s.points(m)
	}}
	switch {
	case p.query.Overall:
		q.Histograms = rollup.OfAll
	case p.query.CountsOnly:
		q.Histograms = rollup.OfNone
	}
	if p.query.Overall && !filtered(&p.query.Filter) && p.dimension != rollup.All {
		q.Histograms = rollup.OfNone // the sums of all are fewer
		discard := make([]Sums, len(q.Edges)-1)
		sums = append(sums, x.sums.Begin(rollup.Query{
			Dimension: rollup.All, Edges: q.Edges, Skip: q.Skip, Histograms: rollup.OfAll, Overall: q.Overall,
			Points: func(rollup.Value) []Sums { return discard },
		}))
	}
	return append(sums, x.sums.Begin(q))
}

// values returns the values of the plan's dimension that the filter lists; nil where it lists none
// or only parts of them, such as models without their providers.
func (p *plan) values() map[rollup.Value]bool {
	f := &p.query.Filter
	values := map[rollup.Dimension][]string{rollup.Keys: f.Keys, rollup.Users: f.Users, rollup.Services: f.Services, rollup.Projects: f.Projects}[p.dimension]
	if len(values) == 0 {
		return nil
	}
	of := make(map[rollup.Value]bool, len(values))
	for _, v := range values {
		of[rollup.Value{Value: v}] = true
	}
	return of
}

// passes reports whether a value of the plan's dimension passes the filter.
func (p *plan) passes(m rollup.Value) bool {
	f := &p.query.Filter
	switch p.dimension {
	case rollup.Models:
		return in(f.Models, m.Value) && in(f.Providers, m.Provider)
	case rollup.Keys:
		return in(f.Keys, m.Value)
	case rollup.Users:
		return in(f.Users, m.Value)
	case rollup.Services:
		return in(f.Services, m.Value)
	case rollup.Projects:
		return in(f.Projects, m.Value)
	case rollup.Statuses:
		return statusIn(f.Statuses, m.Value)
	default:
		return true
	}
}

// dimensionOf returns the dimension of the sums that has the values of a grouping.
func dimensionOf(d GroupBy) rollup.Dimension {
	switch d {
	case ByModel, ByProvider:
		return rollup.Models
	case ByKey:
		return rollup.Keys
	case ByUser:
		return rollup.Users
	case ByService:
		return rollup.Services
	case ByProject:
		return rollup.Projects
	case ByStatus:
		return rollup.Statuses
	default:
		return rollup.All
	}
}

package aggregate

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// There may be thousands of users, and about ten are shown. A query for the top groups therefore sums the totals of all
// groups first, then the points of the groups that are shown; the rest is the difference from the overall sums.

// named returns the name of a group.
func (q *Query) named(value string) string {
	if q.As == nil {
		return value
	}
	return q.As(value)
}

// ranked returns what a group is ranked by.
func (q *Query) ranked(s *Sums) int64 {
	if q.Rank == nil {
		return s.Tokens.Total()
	}
	return q.Rank(s)
}

// narrow puts groups of one name together, and those beyond the top ones.
func (q *Query) narrow(groups []Group) []Group {
	type ranked struct {
		*Group
		by, calls int64
	}
	at := make(map[string]int, len(groups))
	all := make([]ranked, 0, len(groups))
	for i := range groups {
		g := &groups[i]
		name := q.named(g.Value)
		n, known := at[name]
		if !known {
			n = len(all)
			at[name] = n
			g.Value, g.Provider = name, ""
			all = append(all, ranked{Group: g})
		}
		for k := range g.Points {
			if known {
				all[n].Points[k].MergeCounts(&g.Points[k])
			}
			all[n].by = usage.AddSat(all[n].by, q.ranked(&g.Points[k]))
			all[n].calls = usage.AddSat(all[n].calls, g.Points[k].Calls)
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.by, a.by), cmp.Compare(b.calls, a.calls), cmp.Compare(a.Value, b.Value))
	})
	out := make([]Group, 0, q.Top+1)
	for i, g := range all {
		switch {
		case i < q.Top:
			out = append(out, *g.Group)
		case i == q.Top:
			out = append(out, Group{Points: g.Points, Rest: true})
		default:
			for k := range g.Points {
				out[q.Top].Points[k].MergeCounts(&g.Points[k])
			}
		}
	}
	return out
}

// narrows reports whether a query's top groups are found before their points are added up.
func (p *plan) narrows(b bucketed) bool {
	return p.query.Top > 0 && len(p.query.Edges) > 0 && p.dimension != rollup.All && !filtered(&p.query.Filter) && len(b.partial) == 0
}

// errNotRanked reports a query whose top groups have to be found first.
var errNotRanked = errors.New("the top groups are not known yet")

// ranks reports whether a query's groups are of more than one point, and only the top ones are shown: it
// would take much memory to keep the points of all apart.
func (p *plan) ranks() bool {
	return p.query.Top > 0 && p.query.By != ByNothing && len(p.query.Edges) > 2
}

// rank finds the names of the top groups of a query that ranks, by a query for their totals. Commits
// before the points are summed may change the order, but no sum.
func (x *State) rank(ctx context.Context, p *plan, alone bool) error {
	if !p.ranks() {
		return nil
	}
	f := p.query.Filter
	f.From, f.To = p.from, p.to
	totals, err := x.totalsOf(ctx, Query{Filter: f, By: p.query.By, CountsOnly: true}, alone)
	if err != nil {
		return err
	}
	p.top = map[string]bool{}
	for _, g := range p.query.narrow(totals.Groups) {
		if !g.Rest {
			p.top[g.Value] = true
		}
	}
	return nil
}

// totalsOf answers a query without edges, histograms and top groups. alone is as for fromSums.
func (x *State) totalsOf(ctx context.Context, q Query, alone bool) (Answer, error) {
	p, err := x.plan(q)
	if err != nil {
		return Answer{}, err
	}
	if p.fromMemory {
		return x.fromSums(ctx, p, alone)
	}
	if a, ok, err := x.fromTotals(ctx, p); ok || err != nil {
		return a, err
	}
	s := newSummation(p)
	if err := x.sumRecords(ctx, p, s, p.from, p.to); err != nil {
		return Answer{}, err
	}
	return s.answer(x.LastCommit(), 0), nil
}

// topGroups are the sums that a query for the top groups begins with.
type topGroups struct {
	plan   *plan
	edges  []int64
	all    *rollup.Summing // of everything
	points []Sums          // its points
	totals *rollup.Summing // of each value, over all points
}

// beginTop begins it. The caller holds the lock.
func (x *State) beginTop(p *plan, b bucketed, s *summation) *topGroups {
	t := &topGroups{plan: p, edges: b.edges, points: make([]Sums, len(b.edges)-1)}
	q := rollup.Query{
		Dimension: rollup.All, Edges: b.edges, Histograms: rollup.OfNone, Overall: s.overall,
		Points: func(rollup.Value) []Sums { return t.points },
	}
	if p.query.Overall {
		q.Histograms = rollup.OfAll
	}
	t.all = x.sums.Begin(q)
	together := make([]Sums, 1) // what is asked for is each value's own, see Totals
	t.totals = x.sums.BeginTwice(rollup.Query{
		Dimension: p.dimension, Edges: []int64{b.edges[0], b.edges[len(b.edges)-1]}, Histograms: rollup.OfNone,
		Points: func(rollup.Value) []Sums { return together },
	})
	return t
}

func (t *topGroups) sums() []*rollup.Summing { return []*rollup.Summing{t.all, t.totals} }

// rank is a group's place among the others.
type rank struct {
	name      string
	values    []rollup.Value
	by, calls int64
}

// ranked returns the top groups, in order, and whether there are further ones.
func (t *topGroups) ranked(s *summation) (top []*rank, more bool) {
	q := &t.plan.query
	at := map[string]*rank{}
	t.totals.Totals(func(m rollup.Value, total *Sums) {
		if total.Calls == 0 {
			return
		}
		name := q.named(s.group(m).Value)
		r := at[name]
		if r == nil {
			r = &rank{name: name}
			at[name] = r
			top = append(top, r)
		}
		r.values = append(r.values, m)
		r.by = usage.AddSat(r.by, q.ranked(total))
		r.calls = usage.AddSat(r.calls, total.Calls)
	})
	if len(top) > q.Top { // of thousands only those are put in order that may be among the top ones
		sums := make([]int64, len(top))
		for i, r := range top {
			sums[i] = r.by
		}
		slices.Sort(sums)
		least := sums[len(sums)-q.Top]
		top, more = slices.DeleteFunc(top, func(r *rank) bool { return r.by < least }), true
	}
	slices.SortFunc(top, func(a, b *rank) int {
		return cmp.Or(cmp.Compare(b.by, a.by), cmp.Compare(b.calls, a.calls), cmp.Compare(a.name, b.name))
	})
	return top[:min(len(top), q.Top)], more
}

// answer sums the points of the top groups, after the sums of all groups have been completed.
func (t *topGroups) answer(ctx context.Context, s *summation, keep func(*rollup.Summing)) (Answer, error) {
	q := &t.plan.query
	top, more := t.ranked(s)
	n := len(t.edges) - 1
	out := Answer{Groups: make([]Group, 0, len(top)+1)}
	of, into := map[rollup.Value]bool{}, map[rollup.Value][]Sums{}
	for _, r := range top {
		g := Group{Value: r.name, Points: make([]Sums, n)}
		out.Groups = append(out.Groups, g)
		for _, m := range r.values {
			of[m], into[m] = true, g.Points
		}
	}
	points := t.totals.Again(rollup.Query{Dimension: t.plan.dimension, Edges: t.edges, Of: of, Points: func(m rollup.Value) []Sums { return into[m] }})
	if err := points.End(ctx); err != nil {
		return Answer{}, err
	}
	keep(points)
	if more {
		rest := Group{Rest: true, Points: t.points}
		for k := range rest.Points {
			for i := range top {
				rest.Points[k].SubtractCounts(&out.Groups[i].Points[k])
			}
		}
		out.Groups = append(out.Groups, rest)
	}
	if q.Overall {
		out.Overall = s.overall
	}
	return out, nil
}

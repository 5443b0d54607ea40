package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
)

// Of thousands of users people look at some ten. So of a query for the top groups the totals are added
// up first, then the points of those that are shown, and the rest is what is left of all.

// named gives the name of a group.
func (q *Query) named(value string) string {
	if q.As == nil {
		return value
	}
	return q.As(value)
}

// narrow puts groups of one name together, and those beyond the top ones.
func (q *Query) narrow(groups []Group) []Group {
	type ranked struct {
		*Group
		tokens, calls int64
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
			all[n].tokens += g.Points[k].Tokens.Total()
			all[n].calls += g.Points[k].Calls
		}
	}
	slices.SortFunc(all, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.tokens, a.tokens), cmp.Compare(b.calls, a.calls), cmp.Compare(a.Value, b.Value))
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

// narrows tells whether a query's top groups are found before their points are added up.
func (p *plan) narrows(b bucketed) bool {
	return p.query.Top > 0 && len(p.query.Edges) > 0 && p.axis != rollup.All && !filtered(&p.query.Filter) && len(b.partial) == 0
}

// topGroups are the sums that a query for the top groups begins with.
type topGroups struct {
	plan   *plan
	edges  []int64
	all    *rollup.Summing // of everything
	points []Sums          // its points
	totals *rollup.Summing // of each member, over all points
	groups *summation      // its groups, of one point each
}

// beginTop begins it. The caller holds the lock.
func (l *Ledger) beginTop(p *plan, b bucketed, s *summation) *topGroups {
	t := &topGroups{plan: p, edges: b.edges, points: make([]Sums, len(b.edges)-1), groups: newSummation(&plan{query: Query{By: p.query.By}})}
	q := rollup.Query{
		Axis: rollup.All, Edges: b.edges, Histograms: rollup.OfNone, Overall: s.overall,
		Points: func(rollup.Member) []Sums { return t.points },
	}
	if p.query.Overall {
		q.Histograms = rollup.OfAll
	}
	t.all = l.sums.Begin(q)
	t.totals = l.sums.BeginTwice(rollup.Query{
		Axis: p.axis, Edges: []int64{b.edges[0], b.edges[len(b.edges)-1]}, Histograms: rollup.OfNone,
		Points: t.groups.points,
	})
	return t
}

func (t *topGroups) sums() []*rollup.Summing { return []*rollup.Summing{t.all, t.totals} }

// answer adds up the points of the top groups, when the sums that it began with have ended.
func (t *topGroups) answer(s *summation, keep func(*rollup.Summing)) (Answer, error) {
	q := &t.plan.query
	totals := t.groups.answer(time.Time{}, 0).Groups
	members := len(totals)
	narrow := Query{Top: q.Top, As: q.As}
	ranked := narrow.narrow(totals)
	n := len(t.edges) - 1
	shown := make(map[string]*Group, q.Top)
	out := Answer{Groups: make([]Group, 0, len(ranked))}
	for i := range ranked {
		g := Group{Value: ranked[i].Value, Rest: ranked[i].Rest, Points: make([]Sums, n)}
		if out.Groups = append(out.Groups, g); !g.Rest {
			shown[g.Value] = &out.Groups[i]
		}
	}
	of := map[rollup.Member]bool{}
	into := func(m rollup.Member) *Group { return shown[q.named(t.groups.group(m).Value)] }
	t.totals.Members(func(m rollup.Member) {
		if into(m) != nil {
			of[m] = true
		}
	})
	if members > 0 {
		points := t.totals.Again(rollup.Query{Axis: t.plan.axis, Edges: t.edges, Of: of, Points: func(m rollup.Member) []Sums {
			return into(m).Points
		}})
		if err := points.End(); err != nil {
			return Answer{}, err
		}
		keep(points)
	}
	if last := len(out.Groups) - 1; last >= 0 && out.Groups[last].Rest {
		rest := out.Groups[last].Points
		for k := range rest {
			rest[k].MergeCounts(&t.points[k])
			for i := range out.Groups[:last] {
				rest[k].TakeCounts(&out.Groups[i].Points[k])
			}
		}
	}
	if q.Overall {
		out.Overall = s.overall
	}
	return out, nil
}

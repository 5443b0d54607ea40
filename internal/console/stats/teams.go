package stats

import (
	"cmp"
	"context"
	"slices"

	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// A call can have several teams: those of its key, of its user, and of its project. By team, it is in the sums of each of them, and
// in those of "" where it has none. So sums by team are exact, each for itself, and can be more than that of all calls
// together, which is always given besides.

// callsOf returns the calls of teams, for the ledger.
func callsOf(teams []store.Team, index *keyindex.Index) []ledger.Team {
	out := make([]ledger.Team, len(teams))
	for i := range teams {
		out[i] = ledger.Team{ID: teams[i].ID, AnyOf: index.CallsOf(&teams[i])}
	}
	return out
}

// byTeam answers a breakdown by teams, and perhaps another dimension.
func (c *Handlers) byTeam(ctx context.Context, q ledger.BreakdownQuery, index *keyindex.Index, teams []store.Team) (ledger.Breakdown, error) {
	place := slices.Index(q.By, ledger.ByTeam)
	other := ledger.ByNothing
	if len(q.By) == 2 {
		other = q.By[1-place]
	}
	of := callsOf(teams, index)
	groups, err := c.teamGroups(ctx, ledger.TeamQuery{Filter: q.Filter, Teams: of, By: other})
	if err != nil {
		return ledger.Breakdown{}, err
	}
	out := ledger.Breakdown{AsOf: groups.AsOf, Total: &ledger.Sums{}}
	type pair struct{ team, value string }
	rows, once := map[pair]int{}, map[string]int{}
	values := func(team, value string) []string {
		v := make([]string, len(q.By))
		v[place] = team
		if len(v) == 2 {
			v[1-place] = value
		}
		return v
	}
	for i := range groups.Groups {
		g := &groups.Groups[i]
		out.Total.MergeCounts(&g.Points[0])
		if len(q.By) == 2 {
			at, known := once[g.Value]
			if !known {
				at = len(out.Once)
				once[g.Value], out.Once = at, append(out.Once, ledger.Row{Values: values("", g.Value)})
			}
			out.Once[at].MergeCounts(&g.Points[0])
		}
		ids := []string{""}
		if len(g.Teams) > 0 {
			ids = ids[:0]
			for _, t := range g.Teams {
				ids = append(ids, of[t].ID)
			}
		}
		for _, id := range ids {
			at, known := rows[pair{id, g.Value}]
			if !known {
				if len(out.Rows) >= ledger.MaxRows {
					return out, ledger.ErrTooMany
				}
				at = len(out.Rows)
				rows[pair{id, g.Value}], out.Rows = at, append(out.Rows, ledger.Row{Values: values(id, g.Value)})
			}
			out.Rows[at].MergeCounts(&g.Points[0])
		}
	}
	return out, nil
}

// teamGroups sums by the sets of teams that calls have. Where all members of all teams are of one kind, the sums by that kind answer
// it; otherwise the records do.
func (c *Handlers) teamGroups(ctx context.Context, q ledger.TeamQuery) (ledger.TeamSums, error) {
	by, single := kindOf(q.Teams)
	if !single || len(q.Edges) > 0 {
		return c.Ledger.Teams(ctx, q) //nolint:wrapcheck // its caller tells errors apart
	}
	dimensions := []ledger.GroupBy{by}
	if q.By != ledger.ByNothing && q.By != by {
		dimensions = append(dimensions, q.By)
	}
	b, err := c.Ledger.Breakdown(ctx, ledger.BreakdownQuery{Filter: q.Filter, By: dimensions})
	if err != nil {
		return ledger.TeamSums{}, err //nolint:wrapcheck // likewise
	}
	of := map[string][]int{}
	for i := range q.Teams {
		for _, member := range slices.Concat(q.Teams[i].Keys, q.Teams[i].Users, q.Teams[i].Projects) {
			if known := of[member]; len(known) == 0 || known[len(known)-1] != i {
				of[member] = append(known, i)
			}
		}
	}
	out := ledger.TeamSums{AsOf: b.AsOf, Groups: make([]ledger.TeamGroup, len(b.Rows))}
	for i := range b.Rows {
		r := &b.Rows[i]
		g := ledger.TeamGroup{Teams: of[r.Values[0]], Points: []ledger.Sums{r.Sums}}
		if q.By != ledger.ByNothing {
			g.Value = r.Values[len(r.Values)-1]
		}
		out.Groups[i] = g
	}
	return out, nil
}

// kindOf returns the dimension that all members of teams are of, and false where they are of several.
func kindOf(teams []ledger.Team) (by ledger.GroupBy, single bool) {
	by = ledger.ByNothing
	for i := range teams {
		for _, kind := range []struct {
			by      ledger.GroupBy
			members []string
		}{{ledger.ByKey, teams[i].Keys}, {ledger.ByUser, teams[i].Users}, {ledger.ByProject, teams[i].Projects}} {
			switch {
			case len(kind.members) == 0:
			case by == ledger.ByNothing:
				by = kind.by
			case by != kind.by:
				return by, false
			}
		}
	}
	if by == ledger.ByNothing {
		by = ledger.ByProject // there are no members: any will do
	}
	return by, true
}

// teamSeries returns the points of the top teams, largest first, and those of the calls that none of these has, where there are any.
func (c *Handlers) teamSeries(ctx context.Context, f store.Filter, s *span, g grouping, index *keyindex.Index) ([]Series, error) {
	teams, err := c.Teams(ctx, index)
	if err != nil {
		return nil, err
	}
	sums, err := c.teamGroups(ctx, ledger.TeamQuery{Filter: f, Teams: callsOf(teams, index), Edges: s.edges, Limit: maxTeamPoints})
	if err != nil {
		return nil, err
	}
	const none = -1
	all := map[int]*teamPoints{}
	for i := range sums.Groups {
		of := sums.Groups[i].Teams
		if len(of) == 0 {
			of = []int{none}
		}
		for _, t := range of {
			if all[t] == nil {
				all[t] = &teamPoints{team: t, points: make([]ledger.Sums, len(s.edges)-1)}
			}
			all[t].add(sums.Groups[i].Points)
		}
	}
	key := sortKeys[cmp.Or(g.sort, "total_tokens")]
	ranked := make([]*teamPoints, 0, len(all))
	for _, t := range all {
		ranked = append(ranked, t)
	}
	slices.SortFunc(ranked, func(a, b *teamPoints) int {
		return cmp.Or(cmp.Compare(key(&b.total), key(&a.total)), cmp.Compare(a.team, b.team))
	})
	ranked = ranked[:min(g.top, len(ranked))]
	var out []Series
	shown := map[int]bool{}
	for _, t := range ranked {
		shown[t.team] = true
		name := ""
		if t.team != none {
			name = teams[t.team].Name
		}
		out = append(out, Series{Group: name, Points: s.points(t.points)})
	}
	rest := teamPoints{points: make([]ledger.Sums, len(s.edges)-1)}
	for i := range sums.Groups {
		of := sums.Groups[i].Teams
		if len(of) == 0 && !shown[none] || len(of) > 0 && !slices.ContainsFunc(of, func(t int) bool { return shown[t] }) {
			rest.add(sums.Groups[i].Points)
		}
	}
	if rest.total.Calls > 0 {
		out = append(out, Series{Group: "other", Other: true, Points: s.points(rest.points)})
	}
	return out, nil
}

// maxTeamPoints bounds the points of all sets of teams of a trend, in memory.
const maxTeamPoints = 200_000

// teamPoints is the points of one team.
type teamPoints struct {
	team   int
	points []ledger.Sums
	total  ledger.Sums
}

func (t *teamPoints) add(points []ledger.Sums) {
	for i := range points {
		t.points[i].MergeCounts(&points[i])
		t.total.MergeCounts(&points[i])
	}
}

package aggregate

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Team is a set of calls. Teams may have calls in common.
type Team struct {
	ID string // "" is that of calls that no team has
	store.AnyOf
}

// MaxTeams bounds the teams of a TeamQuery.
const MaxTeams = 10_000

// TeamQuery asks for sums by the sets of teams that calls belong to, and, where By is not ByNothing, by another dimension too.
type TeamQuery struct {
	Filter store.Filter // Superseded is refused
	Teams  []Team       // with different ids, none of them ""
	By     GroupBy      // ByNothing: by teams alone
	Edges  []time.Time  // as in Query
	Limit  int          // points of all groups; 0: MaxRows
}

// TeamGroup is the sums of the calls that the same teams have. Each call is in one group.
type TeamGroup struct {
	Teams []int  // indexes in TeamQuery.Teams, ascending; none: no team has them
	Value string // of TeamQuery.By
	// Provider is the provider of the model where By is ByModel. Groups of one model can differ in it.
	Provider string
	Points   []Sums // without histograms
}

// TeamSums is the answer to a TeamQuery.
type TeamSums struct {
	Groups []TeamGroup // in no order
	AsOf   time.Time   // time of the last commit that the sums include
}

// Teams sums what counts by teams. It reads the records that match, once.
func (x *State) Teams(ctx context.Context, q TeamQuery) (TeamSums, error) {
	if q.Filter.Superseded || len(q.Teams) > MaxTeams || q.By >= BySession {
		return TeamSums{}, fmt.Errorf("%w: it needs calls that count, a dimension, and at most %d teams", ErrQuery, MaxTeams)
	}
	if len(q.Edges) == 1 || !slices.IsSortedFunc(q.Edges, time.Time.Compare) {
		return TeamSums{}, fmt.Errorf("%w: its edges do not ascend", ErrQuery)
	}
	f := q.Filter
	if n := len(q.Edges); n > 0 {
		if f.From.Before(q.Edges[0]) {
			f.From = q.Edges[0]
		}
		if f.To.IsZero() || q.Edges[n-1].Before(f.To) {
			f.To = q.Edges[n-1]
		}
	}
	if q.Limit <= 0 {
		q.Limit = MaxRows
	}
	t := &teamSums{q: &q, points: max(len(q.Edges)-1, 1), sets: map[string]int{}, of: map[teamKey]int{}, groups: map[teamGroup]int{}}
	t.index()
	asOf := x.LastCommit()
	n := 0
	err := x.engine.Figures(ctx, x.Kept(f), func(r *store.Record) error {
		const every = 4096
		if n++; n%every == 0 && ctx.Err() != nil {
			return ctx.Err() //nolint:wrapcheck // it is wrapped below
		}
		return t.add(r)
	})
	if errors.Is(err, ErrTooMany) {
		return TeamSums{}, ErrTooMany
	}
	if err != nil {
		return TeamSums{}, fmt.Errorf("sum stored records by team: %w", err)
	}
	return TeamSums{Groups: t.out, AsOf: asOf}, nil
}

// teamKey is what tells which teams a call belongs to.
type teamKey struct{ key, user, project string }

type teamGroup struct {
	set             int
	value, provider string
}

// teamSums is a TeamQuery that is being answered.
type teamSums struct {
	q                     *TeamQuery
	points                int
	keys, users, projects map[string][]int // teams by member
	sets                  map[string]int   // of teams, by their indexes
	teams                 [][]int          // by set
	of                    map[teamKey]int  // sets
	groups                map[teamGroup]int
	out                   []TeamGroup
}

// index lists the teams by their members.
func (t *teamSums) index() {
	t.keys, t.users, t.projects = map[string][]int{}, map[string][]int{}, map[string][]int{}
	for i := range t.q.Teams {
		m := &t.q.Teams[i].AnyOf
		for _, of := range []struct {
			in      map[string][]int
			members []string
		}{{t.keys, m.Keys}, {t.users, m.Users}, {t.projects, m.Projects}} {
			for _, name := range of.members {
				if known := of.in[name]; len(known) == 0 || known[len(known)-1] != i {
					of.in[name] = append(known, i)
				}
			}
		}
	}
}

// setOf returns the number of the set of teams that a call belongs to.
func (t *teamSums) setOf(r *store.Record) int {
	k := teamKey{r.KeyFingerprint, r.User, r.Project}
	if set, known := t.of[k]; known {
		return set
	}
	teams := slices.Concat(t.keys[k.key], t.users[k.user], t.projects[k.project])
	slices.Sort(teams)
	teams = slices.Compact(teams)
	var name []byte
	for _, i := range teams {
		name = binary.AppendUvarint(name, uint64(i))
	}
	set, known := t.sets[string(name)]
	if !known {
		set = len(t.teams)
		t.sets[string(name)], t.teams = set, append(t.teams, teams)
	}
	const most = 100_000 // names of telemetry
	if len(t.of) >= most {
		clear(t.of)
	}
	t.of[teamKey{strings.Clone(k.key), strings.Clone(k.user), strings.Clone(k.project)}] = set
	return set
}

func (t *teamSums) add(r *store.Record) error {
	point := 0
	if n := len(t.q.Edges); n > 0 {
		var found bool
		if point, found = slices.BinarySearchFunc(t.q.Edges, r.Start, time.Time.Compare); !found {
			point--
		}
		if point < 0 || point >= n-1 {
			return nil
		}
	}
	g := teamGroup{set: t.setOf(r), value: valueOf(t.q.By, &r.Call)}
	if t.q.By == ByModel {
		g.provider = r.Provider
	}
	at, known := t.groups[g]
	if !known {
		if (len(t.out)+1)*t.points > t.q.Limit {
			return ErrTooMany
		}
		at = len(t.out)
		g.value, g.provider = strings.Clone(g.value), strings.Clone(g.provider)
		t.groups[g] = at
		t.out = append(t.out, TeamGroup{Teams: t.teams[g.set], Value: g.value, Provider: g.provider, Points: make([]Sums, t.points)})
	}
	t.out[at].Points[point].AddCounts(&r.Call, 1)
	return nil
}

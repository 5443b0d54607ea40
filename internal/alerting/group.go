package alerting

import (
	"slices"
	"strconv"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// group is the rules that have one filter.
type group struct {
	key    string // the filter, as it is written in rules
	filter store.Filter
	meters map[string]*meter // by window, zone and histogram
	// last is when a call was last committed that matches; zero where there was none.
	last  time.Time
	known bool // last was found out
	// lookBack is how far back a last call is looked for; 0: no rule asks for it.
	lookBack time.Duration
	members  [3]map[string]bool // of filter.Any: keys, users, projects
	visited  uint64             // the last fact that it was visited with, where it is listed several times
	used     bool               // by a rule that is enabled
	each     []*watch           // rules that look at each call
}

// status returns the values of the filter of statuses that a call has.
func (f *fact) statuses() [2]string {
	out := [2]string{"ok", ""}
	if f.Failed {
		out[0] = "error"
	}
	if f.status != 0 {
		out[1] = strconv.Itoa(f.status)
	}
	return out
}

// membersOf returns the members of a set of calls as sets.
func membersOf(any *store.AnyOf) (out [3]map[string]bool) {
	if any == nil {
		return out
	}
	for i, names := range [3][]string{any.Keys, any.Users, any.Projects} {
		out[i] = make(map[string]bool, len(names))
		for _, name := range names {
			out[i][name] = true
		}
	}
	return out
}

// matches reports whether the group's filter lets a call through. It takes as long whatever the number of members is.
func (g *group) matches(c *fact) bool {
	return matchesBesides(&g.filter, c) && (g.filter.Any == nil || g.members[0][c.key] || g.members[1][c.user] || g.members[2][c.project])
}

// matchesBesides reports whether a filter without its Any lets a call through. It is the meaning of store.Filter for calls
// that count.
func matchesBesides(f *store.Filter, c *fact) bool {
	among := func(values []string, v string) bool { return len(values) == 0 || slices.Contains(values, v) }
	if f.None || !among(f.Models, c.model) || !among(f.Providers, c.provider) || !among(f.Keys, c.key) || !among(f.Users, c.user) ||
		!among(f.Services, c.service) || !among(f.Projects, c.project) || !among(f.Accounts, c.account) {
		return false
	}
	if len(f.Tiers) > 0 && !slices.Contains(f.Tiers, c.tier.String()) {
		return false
	}
	if len(f.Statuses) == 0 {
		return true
	}
	s := c.statuses()
	return slices.Contains(f.Statuses, s[0]) || s[1] != "" && slices.Contains(f.Statuses, s[1])
}

// index finds the groups of a call: each is listed by the values of one dimension of its filter.
type index struct {
	groups map[string]*group
	by     [7]map[string][]*group
	all    []*group
	visits uint64 // facts so far
}

// dimensions returns the values of the dimensions by which groups are listed, the most selective first.
func (c *fact) dimensions() [7]string {
	return [7]string{c.key, c.user, c.project, c.service, c.model, c.provider, c.statuses()[0]}
}

func listed(f *store.Filter) [7][]string {
	var statuses []string // a code is of calls that are listed by both
	for _, s := range f.Statuses {
		if s != "ok" && s != "error" {
			statuses = []string{"ok", "error"}
			break
		}
		statuses = append(statuses, s)
	}
	return [7][]string{f.Keys, f.Users, f.Projects, f.Services, f.Models, f.Providers, statuses}
}

// build lists the groups.
func (x *index) build() {
	x.by, x.all = [7]map[string][]*group{}, nil
	for _, g := range x.groups {
		x.list(g)
	}
}

func (x *index) list(g *group) {
	for i, values := range listed(&g.filter) {
		if len(values) == 0 {
			continue
		}
		if x.by[i] == nil {
			x.by[i] = map[string][]*group{}
		}
		for j, v := range values {
			if !slices.Contains(values[:j], v) {
				x.by[i][v] = append(x.by[i][v], g)
			}
		}
		return
	}
	if g.filter.Any == nil {
		x.all = append(x.all, g)
		return
	}
	for i, members := range g.members { // keys, users and projects are the first dimensions
		for v := range members {
			if x.by[i] == nil {
				x.by[i] = map[string][]*group{}
			}
			x.by[i][v] = append(x.by[i][v], g)
		}
	}
}

// each calls visit for each group whose filter lets a call through.
func (x *index) each(c *fact, visit func(*group)) {
	x.visits++
	for _, g := range x.all {
		if g.matches(c) {
			visit(g)
		}
	}
	for i, v := range c.dimensions() {
		for _, g := range x.by[i][v] {
			if g.visited != x.visits && g.matches(c) {
				g.visited = x.visits // a group of members is listed by all of them
				visit(g)
			}
		}
	}
}

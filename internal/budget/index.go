package budget

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// index finds the groups of a call or of a check. It is never changed.
type index struct {
	all                           []*group
	fingerprints, users, projects map[string][]*group
	models, providers, accounts   map[string][]*group
	keys                          map[string][]*group // by the id of a key
}

// newIndex returns the index of groups.
func newIndex(groups map[target]*group) index {
	x := index{
		fingerprints: map[string][]*group{}, users: map[string][]*group{}, projects: map[string][]*group{}, models: map[string][]*group{},
		providers: map[string][]*group{}, accounts: map[string][]*group{}, keys: map[string][]*group{},
	}
	put := func(in map[string][]*group, values []string, g *group) {
		for _, v := range values {
			if of := in[v]; v != "" && (len(of) == 0 || of[len(of)-1] != g) { // a member may be named twice
				in[v] = append(of, g)
			}
		}
	}
	for _, g := range groups {
		switch g.scope {
		case store.ScopeAll:
			x.all = append(x.all, g)
		case store.ScopeModel:
			put(x.models, []string{g.subject}, g)
		case store.ScopeProvider:
			put(x.providers, []string{g.subject}, g)
		case store.ScopeAccount:
			put(x.accounts, []string{g.subject}, g)
		case store.ScopeKey, store.ScopeUser, store.ScopeTeam:
			put(x.fingerprints, g.members.Keys, g)
			put(x.users, g.members.Users, g)
			put(x.projects, g.members.Projects, g)
			put(x.keys, g.ids, g)
		}
	}
	return x
}

// each visits the groups that a call counts for, some of them several times.
func (x *index) each(c *usage.Call, visit func(*group)) {
	for _, of := range [...][]*group{
		x.all, x.fingerprints[c.KeyFingerprint], x.users[c.User], x.projects[c.Project], x.models[c.Model], x.providers[c.Provider], x.accounts[c.Account],
	} {
		for _, g := range of {
			visit(g)
		}
	}
}

// keyBook has the fingerprints of the keys that budgets and teams name.
type keyBook struct {
	version      int64
	fingerprints map[string][]string // by id; those of unknown keys are empty
}

// read reads the keys of ids and what changed of those that are known. It reports whether any has changed.
func (b *keyBook) read(ctx context.Context, d Directory, ids map[string]bool) (bool, error) {
	if b.fingerprints == nil {
		_, version, err := d.Keys(ctx, math.MaxInt64) // none, but the version
		if err != nil {
			return false, err
		}
		b.version, b.fingerprints = version, map[string][]string{}
	}
	next, changed := maps.Clone(b.fingerprints), false
	keys, version, err := d.Keys(ctx, b.version)
	if err != nil {
		return false, err
	}
	for i := range keys {
		if was, known := next[keys[i].ID]; known {
			is := keys[i].Fingerprints()
			next[keys[i].ID], changed = is, changed || !slices.Equal(was, is)
		}
	}
	var missing []string
	for id := range ids {
		if _, known := next[id]; !known {
			missing, next[id], changed = append(missing, id), nil, true
		}
	}
	for id := range next {
		if !ids[id] {
			delete(next, id)
		}
	}
	const portion = 1_000
	for len(missing) > 0 {
		n := min(portion, len(missing))
		found, err := d.KeysOf(ctx, missing[:n])
		if err != nil {
			return false, err
		}
		for i := range found {
			next[found[i].ID] = found[i].Fingerprints()
		}
		missing = missing[n:]
	}
	b.version, b.fingerprints = version, next
	return changed, nil
}

// fingerprintsOf returns the fingerprints of keys.
func (b *keyBook) fingerprintsOf(ids []string) (out []string) {
	for _, id := range ids {
		out = append(out, b.fingerprints[id]...)
	}
	return out
}

// fold makes names equal that differ in case only.
func fold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

package budget

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// load reads the teams, budgets and keys that changed, and the spending of the budgets that it is not known of. s.reading
// is held.
func (s *Set) load(ctx context.Context) error {
	at := s.o.Now()
	s.mu.Lock()
	stale := s.stale
	s.mu.Unlock()
	list, version, err := s.o.Directory.Budgets(ctx, s.version)
	if err != nil {
		return fmt.Errorf("read the budgets: %w", err)
	}
	changed := list != nil || s.list == nil
	if changed {
		if s.list = list; list == nil {
			s.list = &store.BudgetList{}
		}
	}
	keysChanged, err := s.keys.read(ctx, s.o.Directory, s.keysOfInterest())
	if err != nil {
		return fmt.Errorf("read the keys of budgets: %w", err)
	}
	if changed || keysChanged {
		s.define()
	}
	s.version = version
	if err := s.loadSpending(ctx); err != nil {
		return err // what is not known is tried again by the next load
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stale == stale { // else something changed meanwhile, which may not have been read
		s.read = at
	}
	return nil
}

// keysOfInterest returns the ids of the keys that budgets and teams name.
func (s *Set) keysOfInterest() map[string]bool {
	ids := map[string]bool{}
	for i := range s.list.Teams {
		for _, id := range s.list.Teams[i].Keys {
			ids[id] = true
		}
	}
	for _, rows := range [][]store.BudgetRow{s.o.Fixed, s.list.Budgets} {
		for i := range rows {
			if rows[i].Scope == store.ScopeKey {
				ids[rows[i].Subject] = true
			}
		}
	}
	return ids
}

// define makes entries, groups and index of what was read. What is used is kept of a budget whose calls and period are the
// same as before.
func (s *Set) define() {
	teams := map[string]*store.Team{}
	byName := map[string]*store.Team{}
	for i := range s.list.Teams {
		t := &s.list.Teams[i]
		teams[t.ID], byName[fold(t.Name)] = t, t
	}
	groups, byID := map[target]*group{}, map[string]*entry{}
	var entries []*entry
	put := func(row store.BudgetRow, fixed bool) {
		if fixed && row.Scope == store.ScopeTeam && teams[row.Subject] == nil && byName[fold(row.Subject)] != nil {
			row.Subject = byName[fold(row.Subject)].ID
		}
		t := target{row.Scope, row.Subject}
		g := groups[t]
		if g == nil {
			g = s.groupOf(t, teams)
			groups[t] = g
		}
		e := &entry{row: row, fixed: fixed, group: g}
		g.entries, entries, byID[row.ID] = append(g.entries, e), append(entries, e), e
	}
	for _, row := range s.o.Fixed {
		put(row, true)
	}
	for _, row := range s.list.Budgets {
		put(row, false)
	}
	x := newIndex(groups)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range entries {
		if was := s.byID[e.row.ID]; was != nil {
			if was.group.same(e.group) && was.kind() == e.kind() {
				e.known, e.spent, e.from = was.known, was.spent, was.from
			}
			e.reserved = was.reserved
			if e.known && was.row == e.row {
				continue
			}
		}
		s.note(e)
	}
	for id := range s.byID {
		if byID[id] == nil {
			s.noteID(id)
		}
	}
	s.entries, s.byID, s.groups, s.index = entries, byID, groups, x
	s.teams, s.teamByID, s.defined = s.list.Teams, teams, true
	s.noteUnknown()
}

// noteUnknown notes whether key checks have to wait. s.mu is held.
func (s *Set) noteUnknown() {
	s.unknown = slices.ContainsFunc(s.entries, func(e *entry) bool { return e.row.Hard && !e.known })
}

// groupOf returns the group of a target, without entries.
func (s *Set) groupOf(t target, teams map[string]*store.Team) *group {
	g := &group{target: t}
	switch t.scope {
	case store.ScopeKey:
		g.ids = []string{t.subject}
		g.members.Keys = s.keys.fingerprintsOf(g.ids)
	case store.ScopeUser:
		g.members.Users = []string{t.subject}
	case store.ScopeTeam:
		if team := teams[t.subject]; team != nil {
			g.ids = team.Keys
			g.members = store.Team{Keys: s.keys.fingerprintsOf(team.Keys), Users: team.Users, Projects: team.Projects}
		}
	case store.ScopeAll, store.ScopeModel, store.ScopeProvider, store.ScopeAccount:
	}
	return g
}

// filter returns what lets the calls of the group through.
func (g *group) filter() (f store.Filter) {
	switch g.scope {
	case store.ScopeAll:
	case store.ScopeModel:
		f.Models = []string{g.subject}
	case store.ScopeProvider:
		f.Providers = []string{g.subject}
	case store.ScopeAccount:
		f.Accounts = []string{g.subject}
	case store.ScopeKey, store.ScopeUser, store.ScopeTeam:
		f.SetAny(store.AnyOf{Keys: g.members.Keys, Users: g.members.Users, Projects: g.members.Projects})
	}
	return f
}

// same reports whether two groups count the same calls.
func (g *group) same(o *group) bool {
	return g.target == o.target && slices.Equal(g.members.Keys, o.members.Keys) && slices.Equal(g.members.Users, o.members.Users) &&
		slices.Equal(g.members.Projects, o.members.Projects)
}

// fromRecords reports whether what the calls of a group spent is in no sums: a call can have several members of it, or it is of an
// account.
func (g *group) fromRecords() bool {
	if g.scope == store.ScopeAccount {
		return true
	}
	kinds := 0
	for _, of := range [][]string{g.members.Keys, g.members.Users, g.members.Projects} {
		if len(of) > 0 {
			kinds++
		}
	}
	return kinds > 1
}

// loadSpending reads what was spent of the budgets that it is not known of. s.reading is held.
func (s *Set) loadSpending(ctx context.Context) error {
	var byKey, bySums []*group
	now := s.now()
	s.mu.Lock()
	for _, e := range s.entries {
		if e.known && s.today.at(now, e.kind()).begin.Before(e.from) { // the clock was set back
			e.known = false
		}
	}
	s.noteUnknown()
	var mixed []*group
	for _, g := range s.groups {
		if !slices.ContainsFunc(g.entries, func(e *entry) bool { return !e.known }) {
			continue
		}
		switch {
		case g.fromRecords():
			mixed = append(mixed, g)
		case g.scope == store.ScopeAll || len(g.members.Keys) > 0:
			byKey = append(byKey, g)
		default:
			bySums = append(bySums, g)
		}
	}
	s.mu.Unlock()
	for _, part := range []struct {
		groups []*group
		read   func(context.Context, *loading) (int64, error)
	}{{byKey, s.spentByKeys}, {bySums, s.spentBySums}} {
		if err := s.loadGroups(ctx, part.groups, part.read); err != nil {
			return err
		}
	}
	for _, g := range mixed {
		if err := s.loadGroups(ctx, []*group{g}, s.spentByMembers); err != nil {
			return err
		}
	}
	return nil
}

// loading is groups whose spending is being read. Only the goroutine that reads uses it.
type loading struct {
	groups []*group
	now    time.Time
	today  today
	kinds  map[kind]bool
	since  time.Time // the beginning of the earliest period; zero: all time
	spent  map[*entry]*spans
	// visit is called instead of counting, with times to the base bucket; nil: count.
	visit func(g *group, start time.Time, tokens int64, cost usage.NanoUSD)
}

// add counts what was spent by the calls of a group.
func (l *loading) add(g *group, start time.Time, tokens int64, cost usage.NanoUSD) {
	if l.visit != nil {
		l.visit(g, start, tokens, cost)
		return
	}
	for _, e := range g.entries {
		if of := l.spent[e]; of != nil {
			of.add(e.kind(), l.today.at(l.now, e.kind()), start, reservation.Amount{Tokens: tokens, Cost: int64(cost)}, 1)
		}
	}
}

func (l *loading) whole(begin, end time.Time) bool {
	if l.visit != nil {
		return end.Before(l.since) // what lies before it is not looked at
	}
	return l.today.whole(begin, end, l.kinds)
}

// loadGroups reads the spending of groups, while further commits are collected.
func (s *Set) loadGroups(ctx context.Context, groups []*group, read func(context.Context, *loading) (int64, error)) error {
	if len(groups) == 0 {
		return nil
	}
	l := &loading{groups: groups, now: s.now(), kinds: map[kind]bool{}, spent: map[*entry]*spans{}}
	s.mu.Lock()
	first := true
	for _, g := range groups {
		for _, e := range g.entries {
			if e.known {
				continue
			}
			e.loading, e.early = true, nil
			l.spent[e], l.kinds[e.kind()] = &spans{}, true
			if w := l.today.at(l.now, e.kind()); first || w.begin.Before(l.since) {
				l.since, first = w.begin, false
			}
		}
	}
	s.mu.Unlock()
	commit, err := read(ctx, l)
	s.mu.Lock()
	defer s.mu.Unlock()
	for e, spent := range l.spent {
		if err == nil && commit >= s.missed { // else it is read again
			e.known, e.spent, e.from = true, *spent, l.today.at(l.now, e.kind()).begin
			for _, c := range e.early {
				if c.commit > commit {
					w := s.today.at(s.now(), e.kind())
					if w.begin.After(e.from) {
						e.from = w.begin
					}
					e.spent.add(e.kind(), w, c.start, c.Amount, c.n)
				}
			}
			s.note(e)
		}
		e.loading, e.early = false, nil
	}
	s.noteUnknown()
	if err != nil {
		return fmt.Errorf("read the spending of budgets: %w", err)
	}
	return nil
}

// spentByKeys reads what was spent with keys, and by all calls: what retention dropped is included.
func (s *Set) spentByKeys(ctx context.Context, l *loading) (int64, error) {
	of, groups := map[string]bool{}, map[string][]*group{}
	for _, g := range l.groups {
		fingerprints := g.members.Keys
		if g.scope == store.ScopeAll {
			fingerprints = []string{""}
		}
		for _, f := range fingerprints {
			of[f] = true
			if !slices.Contains(groups[f], g) {
				groups[f] = append(groups[f], g)
			}
		}
	}
	return s.o.Ledger.Spending(ctx, of, l.whole, func(spent store.Spent) {
		for _, g := range groups[spent.Fingerprint] {
			l.add(g, spent.Start, spent.Tokens, spent.Cost)
		}
	})
}

// spentBySums reads what was spent by users, projects, models and providers from the ledger's sums.
func (s *Set) spentBySums(ctx context.Context, l *loading) (int64, error) {
	q := ledger.SpentQuery{By: map[ledger.GroupBy]map[string]bool{}, Whole: l.whole}
	if !l.since.IsZero() {
		q.From = rollup.BucketStart(rollup.BucketOf(l.since))
	}
	groups := map[ledger.GroupBy]map[string][]*group{}
	put := func(by ledger.GroupBy, g *group, values ...string) {
		if q.By[by] == nil {
			q.By[by], groups[by] = map[string]bool{}, map[string][]*group{}
		}
		for _, v := range values {
			q.By[by][v] = true
			if !slices.Contains(groups[by][v], g) {
				groups[by][v] = append(groups[by][v], g)
			}
		}
	}
	for _, g := range l.groups {
		switch g.scope {
		case store.ScopeModel:
			put(ledger.ByModel, g, g.subject)
		case store.ScopeProvider:
			put(ledger.ByProvider, g, g.subject)
		case store.ScopeAll, store.ScopeKey, store.ScopeUser, store.ScopeTeam, store.ScopeAccount:
			put(ledger.ByUser, g, g.members.Users...)
			put(ledger.ByProject, g, g.members.Projects...)
		}
	}
	return s.o.Ledger.SpentBy(ctx, q, func(spent *ledger.Spent) {
		for _, g := range groups[spent.By][spent.Value] {
			l.add(g, spent.Start, spent.Tokens, spent.Cost)
		}
	})
}

// recentHours is how long before now calls still arrive in numbers.
const recentHours = 2 * time.Hour

// spentByMembers reads what was spent by a team whose members are of several kinds, or with an account, from the records.
func (s *Set) spentByMembers(ctx context.Context, l *loading) (int64, error) {
	g := l.groups[0]
	q := ledger.AnyQuery{
		Keys: g.members.Keys, Users: g.members.Users, Projects: g.members.Projects, Recent: rollup.BucketStart(rollup.BucketOf(l.now.Add(-recentHours))),
	}
	if g.scope == store.ScopeAccount {
		q.Accounts = []string{g.subject}
	}
	if !l.since.IsZero() {
		q.From = l.since
	}
	return s.o.Ledger.SpentByAny(ctx, q, func(start time.Time, tokens int64, cost usage.NanoUSD) {
		l.add(g, start, tokens, cost)
	})
}

package budget

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestUsedEqualsRecords: whatever is committed, superseded, delivered again, edited and restarted, at once and in whichever
// order, what is used of budgets of every scope and period is what the stored records that count add up to.
func TestUsedEqualsRecords(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		p := &play{T: rt, world: newWorld(rt, filepath.Join(dir, fmt.Sprint(n)))}
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"UTC", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"}).Draw(rt, "zone"))
		require.NoError(rt, err)
		p.zone = zone
		p.clock.at = rapid.SampledFrom([]time.Time{ // around changes of the clock and ends of periods
			time.Date(2026, 11, 1, 5, 50, 0, 0, time.UTC), time.Date(2026, 3, 8, 6, 55, 0, 0, time.UTC), time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC),
			time.Date(2026, 2, 28, 18, 40, 0, 0, time.UTC), time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC),
		}).Draw(rt, "now")
		p.options = ledger.Options{MaxValues: rapid.SampledFrom([]int{0, 0, 2}).Draw(rt, "values")}
		p.fixed = []store.BudgetRow{
			{ID: "cfg_1", Name: "fixed", Scope: store.ScopeTeam, Subject: "TEAM one", Limit: 5, Period: store.Monthly, First: 31},
			{ID: "cfg_2", Name: "fixed key", Scope: store.ScopeKey, Subject: "key_9", Limit: 5, Period: store.Ever},
		}
		p.open()
		defer func() { p.close() }()
		p.addKey("key_1", fingerprint(1))
		p.addKey("key_2", fingerprint(2), fingerprint(20))
		p.addTeam(store.Team{ID: "team_1", Name: "team One", Keys: []string{"key_1"}, Users: []string{"u1"}, Projects: []string{"p1"}})
		for range rapid.IntRange(1, 8).Draw(rt, "rounds") {
			var all sync.WaitGroup
			for _, f := range p.together() {
				all.Go(f)
			}
			all.Wait()
			p.between()
			p.requireEqual()
		}
		p.close()
		p.open()
		p.requireEqual()
	})
}

// accounts are upstream accounts, as telemetry's are stored.
var accounts = []string{usage.AccountDisplay("alice@example.com", "1"), usage.AccountDisplay("bob@example.com", "2")}

// play is one run of the property.
type play struct {
	*rapid.T
	*world
	made    []usage.Call
	budgets int
}

func (p *play) newCall() usage.Call {
	c := p.call(rapid.Int64Range(0, 1000).Draw(p.T, "tokens"))
	c.Start = c.Start.Add(rapid.SampledFrom([]time.Duration{
		0, -time.Minute, -16 * time.Minute, -25 * time.Hour, -6 * 24 * time.Hour, -31 * 24 * time.Hour, 30 * time.Minute, 30 * time.Hour,
	}).Draw(p.T, "start"))
	c.KeyFingerprint = rapid.SampledFrom([]string{"", fingerprint(1), fingerprint(2), fingerprint(20), fingerprint(9)}).Draw(p.T, "key")
	c.User = rapid.SampledFrom([]string{"", "u1", "u2", "'; --"}).Draw(p.T, "user")
	c.Project = rapid.SampledFrom([]string{"", "p1", "p2"}).Draw(p.T, "project")
	c.Model = rapid.SampledFrom([]string{"m1", "m2", "m3"}).Draw(p.T, "model")
	c.Provider = rapid.SampledFrom([]string{"openai", "anthropic"}).Draw(p.T, "provider")
	c.Account = rapid.SampledFrom(append(accounts, "")).Draw(p.T, "account")
	c.HasReportedCost = rapid.IntRange(0, 4).Draw(p.T, "priced") > 0
	p.made = append(p.made, c)
	return c
}

// together draws what happens at once.
func (p *play) together() (out []func()) {
	edits := false
	for range rapid.IntRange(1, 5).Draw(p.T, "at once") {
		switch what := rapid.SampledFrom([]string{"call", "call", "again", "child", "budget", "team", "read"}).Draw(p.T, "what"); what {
		case "call":
			c := p.newCall()
			out = append(out, func() { _ = p.ledger.Commit(ctx, usage.Batch{Calls: []usage.Call{c}}) })
		case "again", "child":
			if len(p.made) == 0 {
				continue
			}
			c := rapid.SampledFrom(p.made).Draw(p.T, "which")
			if what == "again" { // more complete, and of another user
				c.Tokens.InputUncached, c.Tokens.Fields, c.User = 11, c.Tokens.Fields|usage.HasInput, "u2"
			} else {
				parent := c
				c = p.newCall()
				c.Trace, c.Parent, c.Start = parent.Trace, parent.Span, parent.Start.Add(time.Millisecond)
				c.ID = usage.SpanRecordID(c.Trace, c.Span)
				p.made[len(p.made)-1] = c
			}
			out = append(out, func() { _ = p.ledger.Commit(ctx, usage.Batch{Calls: []usage.Call{c}}) })
		case "budget":
			if !edits {
				b := p.newBudget()
				out = append(out, func() { p.addBudget(b) })
			}
			edits = true
		case "team":
			if !edits {
				next := p.team("team_1")
				next.Users = rapid.SampledFrom([][]string{nil, {"u1"}, {"u1", "u2", "u1"}}).Draw(p.T, "users")
				next.Keys = rapid.SampledFrom([][]string{nil, {"key_1"}, {"key_2", "key_9"}}).Draw(p.T, "keys")
				next.Projects = rapid.SampledFrom([][]string{nil, {"p1"}}).Draw(p.T, "projects")
				out = append(out, func() {
					_ = p.directory.UpdateTeam(ctx, next, audited)
					p.set.Stale()
				})
			}
			edits = true
		case "read":
			out = append(out, func() { _, _ = p.set.List(ctx) })
		}
	}
	return out
}

func (p *play) newBudget() store.BudgetRow {
	p.budgets++
	b := store.BudgetRow{
		ID: fmt.Sprint("bud_", p.budgets), Limit: 100, Cost: rapid.Bool().Draw(p.T, "cost"), Hard: rapid.Bool().Draw(p.T, "hard"),
		Scope:  rapid.SampledFrom(store.BudgetScopes()).Draw(p.T, "scope"),
		Period: store.Period(rapid.IntRange(0, int(store.Ever)).Draw(p.T, "period")),
	}
	switch b.Period {
	case store.Weekly:
		b.First = rapid.IntRange(0, 6).Draw(p.T, "first")
	case store.Monthly:
		b.First = rapid.IntRange(1, 31).Draw(p.T, "first")
	case store.Daily, store.Ever, store.PeriodCount:
	}
	b.Subject = map[store.BudgetScope]string{
		store.ScopeKey:      rapid.SampledFrom([]string{"key_1", "key_2"}).Draw(p.T, "key"),
		store.ScopeUser:     rapid.SampledFrom([]string{"u1", "u2", "'; --", "nobody"}).Draw(p.T, "user"),
		store.ScopeTeam:     "team_1",
		store.ScopeModel:    rapid.SampledFrom([]string{"m1", "m9"}).Draw(p.T, "model"),
		store.ScopeProvider: rapid.SampledFrom([]string{"openai", "nobody"}).Draw(p.T, "provider"),
		store.ScopeAccount:  rapid.SampledFrom(append(accounts, "nobody")).Draw(p.T, "account"),
	}[b.Scope]
	return b
}

// between draws what happens alone.
func (p *play) between() {
	switch rapid.SampledFrom([]string{"nothing", "minutes", "a day", "a month", "back", "restart", "key"}).Draw(p.T, "between") {
	case "minutes":
		p.clock.turn(17 * time.Minute)
	case "a day":
		p.clock.turn(24 * time.Hour)
	case "a month":
		p.clock.turn(31 * 24 * time.Hour)
	case "back":
		p.clock.turn(-10 * time.Minute)
		p.set.Stale()
	case "restart":
		p.close()
		p.open()
	case "key": // a key that a team and a budget name already
		keys, err := p.directory.KeysOf(ctx, []string{"key_9"})
		require.NoError(p.T, err)
		if len(keys) == 0 {
			p.addKey("key_9", fingerprint(9))
		}
	}
}

// requireEqual compares with the records.
func (p *play) requireEqual() {
	states, err := p.set.List(ctx)
	require.NoError(p.T, err)
	require.Len(p.T, states, p.stored()+len(p.fixed))
	team := p.team("team_1")
	fingerprints := map[string][]string{}
	keys, _, err := p.directory.Keys(ctx, 0)
	require.NoError(p.T, err)
	for i := range keys {
		fingerprints[keys[i].ID] = keys[i].Fingerprints()
	}
	for i := range keys { // as the ledger keeps them
		for j, f := range fingerprints[keys[i].ID] {
			fingerprints[keys[i].ID][j] = p.ledger.KeyedFingerprint(f)
		}
	}
	for i := range states {
		b := &states[i]
		var want reservation.Amount
		require.NoError(p.T, p.engine.Scan(ctx, store.Filter{}, func(r *store.Record) error {
			if matches(b, &r.Call, &team, fingerprints) && !r.Start.Before(b.Begin) && (b.ResetsAt.IsZero() || r.Start.Before(b.ResetsAt)) {
				want.Add(reservation.AmountOf(&r.Call), 1)
			}
			return nil
		}))
		used := want.Tokens
		if b.Cost {
			used = want.Cost
		}
		require.Equal(p.T, used, b.Used, "%+v at %s", b, p.clock.now())
		if !b.ResetsAt.IsZero() {
			now := p.clock.now()
			require.False(p.T, now.Before(b.Begin))
			require.True(p.T, now.Before(b.ResetsAt))
		}
	}
}

func (p *play) stored() int {
	list, _, err := p.directory.Budgets(ctx, 0)
	require.NoError(p.T, err)
	return len(list.Budgets)
}

// matches is the reference: which calls a budget is of.
func matches(b *State, c *usage.Call, team *store.Team, fingerprints map[string][]string) bool {
	hasKey := func(ids []string) bool {
		return slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(fingerprints[id], c.KeyFingerprint) })
	}
	switch b.Scope {
	case store.ScopeKey:
		return hasKey([]string{b.Subject})
	case store.ScopeUser:
		return c.User == b.Subject
	case store.ScopeTeam:
		return hasKey(team.Keys) || slices.Contains(team.Users, c.User) || slices.Contains(team.Projects, c.Project)
	case store.ScopeModel:
		return c.Model == b.Subject
	case store.ScopeProvider:
		return c.Provider == b.Subject
	case store.ScopeAccount:
		return c.Account == b.Subject
	case store.ScopeAll:
	}
	return true
}

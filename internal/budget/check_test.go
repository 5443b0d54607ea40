package budget

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/store"
)

// reserve asks for tokens; it returns the id of the budget that refuses.
func (w *world) reserve(c Check, tokens int64) string {
	require.NoError(w.t, w.set.Fresh(ctx))
	c.Need.Tokens, c.Reserve.Tokens = tokens, tokens
	refusal, err := w.set.Reserve(&c)
	require.NoError(w.t, err)
	if refusal == nil {
		return ""
	}
	return refusal.ID
}

// TestReserveByScope: each scope refuses what it is of, and nothing else; soft budgets refuse nothing.
func TestReserveByScope(t *testing.T) {
	w := open(t)
	w.addKey("key_1", fingerprint(1))
	w.addTeam(store.Team{ID: "team_1", Name: "t", Keys: []string{"key_1"}, Users: []string{"member"}, Projects: []string{"proj"}})
	w.addBudget(store.BudgetRow{ID: "soft", Scope: store.ScopeAll, Limit: 1, Period: store.Daily})
	for _, b := range []store.BudgetRow{
		{ID: "key", Scope: store.ScopeKey, Subject: "key_1", Limit: 1000},
		{ID: "user", Scope: store.ScopeUser, Subject: "alice", Limit: 400},
		{ID: "team", Scope: store.ScopeTeam, Subject: "team_1", Limit: 300},
		{ID: "model", Scope: store.ScopeModel, Subject: "gpt", Limit: 200},
		{ID: "provider", Scope: store.ScopeProvider, Subject: "openai", Limit: 100},
		{ID: "usd", Scope: store.ScopeUser, Subject: "rich", Limit: 10, Cost: true},
	} {
		b.Hard, b.Period = true, store.Daily
		w.addBudget(b)
	}
	for _, tc := range []struct {
		check Check
		most  int64 // that is reserved
		by    string
	}{
		{Check{Key: "key_2"}, 5000, ""},
		{Check{Key: "key_2", User: "bob", Project: "other", Model: "other", Provider: "other"}, 5000, ""},
		{Check{Key: "key_2", User: "alice"}, 400, "user"},
		{Check{Key: "key_2", Model: "gpt"}, 200, "model"},
		{Check{Key: "key_2", Provider: "openai"}, 100, "provider"},
		{Check{Key: "key_2", Project: "proj"}, 300, "team"},
	} {
		require.Empty(t, w.reserve(tc.check, tc.most), tc.check)
		if tc.by != "" {
			require.Equal(t, tc.by, w.reserve(tc.check, 1), tc.check)
		}
	}
	require.Equal(t, "team", w.reserve(Check{Key: "key_1"}, 1), "the project's reservation is the team's")
	require.Equal(t, "team", w.reserve(Check{Key: "key_2", User: "member"}, 1))
	require.Zero(t, w.state("key").Reserved, "what one budget refuses is reserved of none")
	require.Empty(t, w.reserve(Check{Key: "key_2", User: "rich"}, 1<<40), "its budget is of money")
	refusal, err := w.set.Reserve(&Check{Key: "key_2", User: "rich", Need: reservation.Amount{Cost: 11}})
	require.NoError(t, err)
	require.Equal(t, "usd", refusal.ID)
	w.clock.turn(defaultLife + defaultLife/reservation.Steps)
	require.Empty(t, w.reserve(Check{Key: "key_1", User: "member", Project: "proj"}, 300), "expired")
}

// TestRefusalWaits: what is used up waits for the reset, what is only reserved a moment, what is never reset a day.
func TestRefusalWaits(t *testing.T) {
	w := open(t)
	w.addBudget(store.BudgetRow{ID: "day", Scope: store.ScopeUser, Subject: "u", Limit: 10, Hard: true, Period: store.Daily})
	w.addBudget(store.BudgetRow{ID: "ever", Scope: store.ScopeUser, Subject: "u", Limit: 20, Hard: true, Period: store.Ever})
	ask := func() *Refusal {
		r, err := w.set.Reserve(&Check{User: "u", Need: reservation.Amount{Tokens: 5}, Reserve: reservation.Amount{Tokens: 5}})
		require.NoError(t, err)
		return r
	}
	require.NoError(t, w.set.Fresh(ctx))
	require.Nil(t, ask())
	require.Nil(t, ask())
	require.Equal(t, &Refusal{"day", "day", reservedRetry}, ask())
	call := w.call(10)
	call.User = "u"
	w.commit(call)
	require.Equal(t, &Refusal{"day", "day", 12 * time.Hour}, ask())
	call = w.call(10)
	call.User = "u"
	w.commit(call)
	require.Equal(t, &Refusal{"ever", "ever", never}, ask())
	ever := w.state("ever")
	require.Zero(t, ever.Left())
	require.InDelta(t, 2, func() float64 { b := w.state("day"); return b.Share() }(), 0)
}

// TestSettlement: a reservation ends with its call, also where the set hears of the settlement before the call, and comes
// back where the call is superseded.
func TestSettlement(t *testing.T) {
	for _, first := range []bool{true, false} {
		w := open(t)
		w.addBudget(store.BudgetRow{ID: "u", Scope: store.ScopeUser, Subject: "u", Limit: 100, Hard: true, Period: store.Daily})
		c := Check{Key: "k", User: "u"}
		require.Empty(t, w.reserve(c, 40))
		require.Empty(t, w.reserve(c, 60))
		require.Equal(t, "u", w.reserve(c, 1))
		settle := []Settlement{{Check: c, Answered: "m", Start: w.clock.now()}}
		call := w.call(45)
		call.User = "u"
		if first {
			w.set.Settle(1, settle, nil)
			require.EqualValues(t, 100, w.state("u").Reserved, "what was spent is not counted yet")
		}
		w.commit(call)
		if !first {
			w.set.Settle(1, settle, nil)
		}
		b := w.state("u")
		require.EqualValues(t, 45, b.Used)
		require.EqualValues(t, 50, b.Reserved, "of one step of time, equal parts")
		require.EqualValues(t, 5, b.Left())
		w.set.Settle(1, nil, settle)
		require.EqualValues(t, 100, w.state("u").Reserved)
	}
}

// TestAliases: a model's and a provider's budget refuse a check that names another model for which they answered before.
func TestAliases(t *testing.T) {
	w := open(t)
	w.addBudget(store.BudgetRow{ID: "model", Scope: store.ScopeModel, Subject: "gpt-2026", Limit: 10, Hard: true, Period: store.Daily})
	w.addBudget(store.BudgetRow{ID: "provider", Scope: store.ScopeProvider, Subject: "openai", Limit: 30, Hard: true, Period: store.Daily})
	require.Empty(t, w.reserve(Check{Model: "gpt"}, 50), "nothing is known yet")
	c := w.call(5)
	c.RequestModel, c.Model, c.Provider = "gpt", "gpt-2026", "openai"
	w.commit(c)
	require.Equal(t, "model", w.reserve(Check{Model: "gpt"}, 6))
	c = w.call(5)
	c.RequestModel, c.Model, c.Provider = "", "other", "openai"
	w.commit(c)
	require.Equal(t, "provider", w.reserve(Check{Model: "other"}, 21))
	require.Empty(t, w.reserve(Check{Model: "other", Provider: "azure"}, 21), "the check knows better")
	for range 2 * maxAnswered {
		w.commit(c)
	}
	require.Equal(t, []string{"gpt-2026"}, w.set.aliases.models("gpt"))
}

// TestParallelChecks: of many at one time as many succeed as the budget covers.
func TestParallelChecks(t *testing.T) {
	w := open(t)
	w.addBudget(store.BudgetRow{ID: "all", Scope: store.ScopeAll, Limit: 1000, Hard: true, Period: store.Monthly, First: 1})
	require.NoError(t, w.set.Fresh(ctx))
	var good atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			if r, err := w.set.Reserve(&Check{Need: reservation.Amount{Tokens: 100}, Reserve: reservation.Amount{Tokens: 100}}); err == nil && r == nil {
				good.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 10, good.Load())
}

// TestNotKnown: before the budgets were read no check is decided.
func TestNotKnown(t *testing.T) {
	w := open(t)
	_, err := w.set.Reserve(&Check{Key: "k"})
	require.ErrorIs(t, err, errNotKnown)
	require.NoError(t, w.set.Fresh(ctx))
	r, err := w.set.Reserve(&Check{Key: "k"})
	require.NoError(t, err)
	require.Nil(t, r)
}

// TestWatch: a watch tells once of each budget that changed, and of no other.
func TestWatch(t *testing.T) {
	w := open(t)
	w.addBudget(store.BudgetRow{ID: "u", Scope: store.ScopeUser, Subject: "u", Period: store.Daily})
	w.addBudget(store.BudgetRow{ID: "v", Scope: store.ScopeUser, Subject: "v", Period: store.Daily})
	require.NoError(t, w.set.Fresh(ctx))
	watch := w.set.Watch()
	defer watch.Stop()
	require.Empty(t, watch.Take())
	c := w.call(1)
	c.User = "u"
	d := w.call(1)
	d.User = "u"
	w.commit(c, d)
	<-watch.C
	require.Equal(t, []string{"u"}, watch.Take())
	require.Empty(t, watch.Take())
	require.NoError(t, w.directory.DeleteBudget(ctx, "v", w.state("v").Version, audited))
	w.set.Stale()
	require.NoError(t, w.set.Fresh(ctx))
	require.Equal(t, []string{"v"}, watch.Take(), "it is gone")
	w.addBudget(store.BudgetRow{ID: "w", Scope: store.ScopeProvider, Subject: "p", Period: store.Daily})
	require.EqualValues(t, 2, w.state("w").Used)
	require.Equal(t, []string{"w"}, watch.Take())
}

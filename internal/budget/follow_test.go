package budget

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// manyBudgets are ten thousand budgets of the configuration: of users, models and providers, and some of all calls.
func manyBudgets() (rows []store.BudgetRow) {
	for i := range MaxBudgets {
		b := store.BudgetRow{ID: fmt.Sprint("b", i), Limit: 1 << 40, Period: store.Period(i % 4), First: 1, Hard: i%2 == 0}
		switch {
		case i < 10:
			b.Scope = store.ScopeAll
		case i%10 == 0:
			b.Scope, b.Subject = store.ScopeModel, fmt.Sprint("m", i%100)
		default:
			b.Scope, b.Subject = store.ScopeUser, fmt.Sprint("u", i/4)
		}
		rows = append(rows, b)
	}
	return rows
}

// TestFollowReadsNothing: with ten thousand budgets, commits are followed and the budgets listed although the store cannot
// be read any more, and the figures are right.
func TestFollowReadsNothing(t *testing.T) {
	w := newWorld(t, t.TempDir())
	w.fixed = manyBudgets()
	w.open()
	defer w.close()
	states, err := w.set.List(ctx)
	require.NoError(t, err)
	require.Len(t, states, MaxBudgets)
	var changes []ledger.Change
	for i := range 500 {
		c := w.call(1)
		c.User, c.Model = fmt.Sprint("u", i), "m10"
		changes = append(changes, ledger.Change{Call: &c, N: 1})
	}
	w.set.o.Ledger, w.set.o.Directory = nil, nil // whatever asks them fails
	w.set.follow(ledger.Commit{Number: 1, Changes: changes})
	used := int64(0)
	for _, e := range w.set.entries {
		b := w.set.state(e, w.clock.now(), time.Time{})
		switch {
		case b.Scope == store.ScopeAll, b.Scope == store.ScopeModel && b.Subject == "m10":
			require.EqualValues(t, 500, b.Used, b.ID)
		case b.Scope == store.ScopeModel:
			require.Zero(t, b.Used, b.ID)
		default:
			used += b.Used
		}
	}
	users := map[string]int64{}
	for _, e := range w.set.entries {
		if e.row.Scope == store.ScopeUser {
			users[e.row.Subject]++
		}
	}
	want := int64(0)
	for i := range 500 {
		want += users[fmt.Sprint("u", i)]
	}
	require.Equal(t, want, used)
}

// TestMissedCommits: where commits of another process were missed, what is used is read again.
func TestMissedCommits(t *testing.T) {
	w := open(t)
	w.addBudget(store.BudgetRow{ID: "all", Scope: store.ScopeAll, Period: store.Daily, Hard: true})
	require.Zero(t, w.state("all").Used)
	w.set.stop() // it hears of nothing
	w.commit(w.call(7))
	require.Zero(t, w.state("all").Used)
	w.set.follow(ledger.Commit{Number: 1, Missed: true})
	_, err := w.set.Reserve(&Check{})
	require.ErrorIs(t, err, errNotKnown)
	require.EqualValues(t, 7, w.state("all").Used)
}

// BenchmarkFollow follows commits of one call each beside ten thousand budgets.
func BenchmarkFollow(b *testing.B) {
	w := newWorld(b, b.TempDir())
	w.fixed = manyBudgets()
	w.open()
	defer w.close()
	require.NoError(b, w.set.Fresh(ctx))
	c := w.call(1)
	c.User, c.Model = "u77", "m10"
	changes := []ledger.Change{{Call: &c, N: 1}}
	n := int64(0)
	for b.Loop() {
		n++
		w.set.follow(ledger.Commit{Number: n, Changes: changes})
	}
}

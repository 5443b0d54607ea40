package budget

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// interrupted is a directory in which something happens once, after the budgets were read and before they are returned.
type interrupted struct {
	Directory
	by func()
}

func (d *interrupted) Budgets(ctx context.Context, after int64) (*store.BudgetList, int64, error) {
	list, version, err := d.Directory.Budgets(ctx, after)
	if by := d.by; by != nil {
		d.by = nil
		by()
	}
	return list, version, err
}

// TestEditDuringRead: a budget that is made while the budgets are being read is there at the next question, however little
// time has passed.
func TestEditDuringRead(t *testing.T) {
	w := open(t)
	w.addBudget(store.BudgetRow{ID: "first", Scope: store.ScopeAll, Period: store.Daily})
	w.set.o.Directory = &interrupted{w.directory, func() {
		w.addBudget(store.BudgetRow{ID: "second", Scope: store.ScopeAll, Period: store.Daily})
	}}
	states, err := w.set.List(ctx)
	require.NoError(t, err)
	require.Len(t, states, 1, "read before")
	states, err = w.set.List(ctx)
	require.NoError(t, err)
	require.Len(t, states, 2)
}

// TestMissedDuringRead: commits that are missed while the budgets are being read make the spending be read again at the next
// question, also of budgets that had been read already.
func TestMissedDuringRead(t *testing.T) {
	w := open(t)
	w.addBudget(store.BudgetRow{ID: "all", Scope: store.ScopeAll, Period: store.Daily})
	w.addBudget(store.BudgetRow{ID: "user", Scope: store.ScopeUser, Subject: "u", Period: store.Daily}) // is read after it
	w.commit(w.call(7))
	missed := false
	w.set.o.Now = func() time.Time {
		if w.set.mu.TryLock() { // it is not held where the reading of a part begins
			e := w.set.byID["all"]
			read := e != nil && e.known
			w.set.mu.Unlock()
			if read && !missed {
				missed = true
				w.set.follow(ledger.Commit{Number: 1, Missed: true})
			}
		}
		return w.clock.now()
	}
	require.NoError(t, w.set.Fresh(ctx))
	require.True(t, missed)
	require.EqualValues(t, 7, w.state("all").Used)
}

// TestClockSetBack: where the clock is set back before the begin of a period, what is used is that of the period before, also
// of calls that came when it was over.
func TestClockSetBack(t *testing.T) {
	w := open(t)
	w.clock.at = time.Date(2026, 11, 25, 0, 10, 0, 0, time.UTC)
	w.addBudget(store.BudgetRow{ID: "all", Scope: store.ScopeAll, Period: store.Daily})
	before, after := w.call(7), w.call(5)
	before.Start = before.Start.Add(-16 * time.Minute)
	w.commit(before)
	require.Zero(t, w.state("all").Used)
	late := w.call(30)
	late.Start = before.Start
	w.commit(late, after)
	require.EqualValues(t, 5, w.state("all").Used)
	w.clock.turn(-20 * time.Minute)
	require.EqualValues(t, 37, w.state("all").Used)
	w.clock.turn(20 * time.Minute)
	require.EqualValues(t, 5, w.state("all").Used)
}

// TestWaitEndsWithContext: who waits while others read the budgets, or make forecasts, stops waiting with its context.
func TestWaitEndsWithContext(t *testing.T) {
	w := open(t)
	w.addBudget(store.BudgetRow{ID: "all", Scope: store.ScopeAll, Period: store.Daily})
	reading, proceed, first := make(chan struct{}), make(chan struct{}), make(chan error)
	w.set.o.Directory = &interrupted{w.directory, func() { close(reading); <-proceed }}
	go func() { first <- w.set.Fresh(ctx) }()
	<-reading
	ended, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, w.set.Fresh(ended), context.Canceled)
	_, err := w.set.List(ended)
	require.ErrorIs(t, err, context.Canceled)
	later, done := context.WithTimeout(ctx, time.Millisecond)
	defer done()
	_, err = w.set.Team(later, "a team")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	close(proceed)
	require.NoError(t, <-first)

	require.True(t, w.set.fitting.TryAcquire(1))
	_, err = w.set.Project(ended, nil)
	require.ErrorIs(t, err, context.Canceled)
	w.set.fitting.Release(1)
	states, err := w.set.List(ctx)
	require.NoError(t, err)
	require.Len(t, states, 1)
}

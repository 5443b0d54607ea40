package alerting

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
)

// runBed returns a bed whose engine is the test's own.
func runBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{T: t, clock: &handClock{wall: time.Now().UTC()}}
	e, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	b.ledger, err = ledger.Open(ctx, e, ledger.Options{NoTwins: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.ledger.Close()) })
	b.store = e.Directory()
	return b
}

// TestRun: an engine evaluates while it has the lease, and not while another process has it; what it makes wakes who sends;
// after Close the lease is free and nothing runs.
func TestRun(t *testing.T) {
	b := runBed(t)
	b.rule("spend", spend)
	b.channel("c")
	woken := make(chan struct{}, 9)
	engine := New(Options{
		Ledger: b.ledger, Store: b.store, Keys: func(context.Context) (Keys, error) { return names{}, nil }, Interval: time.Millisecond,
		Wake: func() { woken <- struct{}{} },
	})
	other, err := b.ledger.Leases().Acquire(ctx, store.TaskAlerts, "another process", time.Minute)
	require.NoError(t, err)
	engine.Start()
	for range 3 {
		b.commit()
	}
	require.False(t, engine.Leads())
	require.Empty(t, b.history())
	require.NoError(t, b.ledger.Leases().Release(ctx, other))
	const patience = time.Minute
	select {
	case <-woken:
	case <-time.After(patience):
		t.Fatal("nothing was sent")
	}
	require.True(t, engine.Leads())
	require.Equal(t, []string{"spend +"}, b.history())
	engine.Close()
	require.False(t, engine.Leads())
	_, err = b.ledger.Leases().Acquire(ctx, store.TaskAlerts, "another process", time.Minute)
	require.NoError(t, err)
	New(Options{Ledger: b.ledger}).Close() // it was never started
}

// TestCommitsAreLookedAt: a commit that makes a rule true is looked at by itself, while nothing is due by the clock, and while what
// other rules need takes as long as it likes.
func TestCommitsAreLookedAt(t *testing.T) {
	b := runBed(t)
	b.rule("spend", spend)
	b.rule("budget", alert.Rule{Kind: alert.BudgetUsed, Limit: 100})
	b.channel("c")
	asked := make(chan struct{}, 9)
	engine := New(Options{
		Ledger: b.ledger, Store: b.store, Keys: func(context.Context) (Keys, error) { return names{}, nil }, Interval: 24 * time.Hour, Coalesce: time.Millisecond,
		Budgets: func(ctx context.Context) ([]Budget, error) { // as of a database that is slow
			asked <- struct{}{}
			<-ctx.Done()
			return nil, ctx.Err()
		},
	})
	engine.Start()
	t.Cleanup(engine.Close)
	<-asked // the first look is under way, or over
	for range 2 {
		b.commit()
	}
	b.commit()
	const patience = time.Minute
	require.Eventually(t, func() bool {
		_, total, err := b.store.Deliveries(ctx, store.DeliveryQuery{})
		return err == nil && total == 1
	}, patience, time.Millisecond)
	require.Equal(t, []string{"spend +"}, b.history())
}

// TestRest: looks that commits cause are as far apart as they have to be, and no commit waits for the clock.
func TestRest(t *testing.T) {
	e := New(Options{Interval: 24 * time.Hour, Coalesce: time.Hour})
	e.look()
	e.look() // is one
	began := time.Now().Add(-time.Hour - time.Second)
	require.NoError(t, e.rest(ctx, began), "the last look is long ago")
	ending, cancel := context.WithCancel(ctx)
	e.look()
	rested := make(chan error, 1)
	go func() { rested <- e.rest(ending, time.Now()) }()
	require.Eventually(t, func() bool { return len(e.due) == 0 }, time.Minute, time.Millisecond, "it is seen")
	require.Empty(t, rested, "and waits for the others of the hour")
	cancel()
	require.ErrorIs(t, <-rested, context.Canceled)
}

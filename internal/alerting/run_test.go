package alerting

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
)

// TestRun: an engine evaluates while it has the lease, and not while another process has it; what it makes wakes who sends;
// after Close the lease is free and nothing runs.
func TestRun(t *testing.T) {
	b := &bed{T: t, clock: &handClock{wall: time.Now().UTC()}}
	e, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	b.ledger, err = ledger.Open(ctx, e, ledger.Options{NoTwins: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.ledger.Close()) })
	b.store = e.Directory()
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

package lease_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/lease"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

var server pgtest.Server

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &server)) }

// TestKept: a lease is kept for longer than its time to live, also while the database is away for a while; it is waited
// for; and who loses it learns so once.
func TestKept(t *testing.T) {
	ctx := context.Background()
	var o postgres.Options
	o.DSN = server.Schema(t)
	e, err := postgres.Open(ctx, o)
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	lost := make(chan error, 9)
	kept, err := lease.Acquire(ctx, e, lease.Options{Task: "t", Holder: "a", TTL: 2 * time.Second}, func(err error) { lost <- err })
	require.NoError(t, err)
	other := lease.Options{Task: "t", Holder: "b", TTL: time.Minute}
	_, err = lease.Acquire(ctx, e, other, nil)
	require.ErrorIs(t, err, store.ErrHeld)
	server.Stop()
	server.Start(t)
	other.Wait = 5 * time.Second
	_, err = lease.Acquire(ctx, e, other, nil)
	require.Error(t, err, "it is renewed")
	require.Empty(t, lost)
	kept.Stop()
	other.Wait = time.Minute
	next, err := lease.Acquire(ctx, e, other, nil)
	require.NoError(t, err, "it ends by itself")
	require.Greater(t, next.Lease().Epoch, kept.Lease().Epoch)
	next.Stop()
	require.NoError(t, e.Release(ctx, next.Lease()))

	kept, err = lease.Acquire(ctx, e, lease.Options{Task: "t", Holder: "a", TTL: 300 * time.Millisecond}, func(err error) { lost <- err })
	require.NoError(t, err)
	require.NoError(t, e.Release(ctx, kept.Lease()))
	require.ErrorIs(t, <-lost, store.ErrFenced)
	kept.Stop()
	require.Empty(t, lost, "once")
}

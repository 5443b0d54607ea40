package ledger

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// settled waits until retention has nothing more to do.
func settled(t *testing.T, l *Ledger, done func() bool) {
	t.Helper()
	require.Eventually(t, done, 2*time.Minute, 5*time.Millisecond)
	requireConsistent(t, l)
}

func records(t *testing.T, l *Ledger) int64 {
	t.Helper()
	status, err := l.Status(context.Background())
	require.NoError(t, err)
	return status.Info.Records
}

func TestRetentionByAge(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Options{})
	require.NoError(t, l.Commit(context.Background(), variedCalls(200)))
	require.NoError(t, l.Close())
	o := Options{MaxAge: 24 * time.Hour, RetentionInterval: 10 * time.Millisecond}
	l, _ = open(t, dir, o)
	settled(t, l, func() bool { return records(t, l) < 70 })
	kept := stored(t, l)
	require.NotEmpty(t, kept)
	for _, r := range kept {
		require.False(t, r.Start.Before(now().Add(-24*time.Hour-Bucket)), "a dropped record is still there")
	}
	n := len(kept)
	// What was dropped is not taken again, after a restart neither.
	require.NoError(t, l.Commit(context.Background(), variedCalls(200)))
	require.Len(t, stored(t, l), n)
	require.NoError(t, l.Close())
	l, _ = open(t, dir, Options{}) // even without a limit
	require.NoError(t, l.Commit(context.Background(), variedCalls(200)))
	require.Len(t, stored(t, l), n)
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}

func TestRetentionByNumber(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{MaxRecords: 50, RetentionInterval: 10 * time.Millisecond})
	require.NoError(t, l.Commit(context.Background(), variedCalls(200)))
	settled(t, l, func() bool { return records(t, l) == 50 })
	require.EqualValues(t, 50, total(t, l).Calls)
	newest := variedCalls(50)
	for _, r := range stored(t, l) {
		require.False(t, r.Start.Before(newest.Calls[49].Start), "an older record was kept instead of a newer one")
	}
	require.NoError(t, l.Close())
}

func TestRetentionBySize(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{MaxBytes: 1, RetentionInterval: 10 * time.Millisecond})
	require.NoError(t, l.Commit(context.Background(), variedCalls(200)))
	settled(t, l, func() bool { return records(t, l) <= 1 })
	require.NoError(t, l.Close())
}

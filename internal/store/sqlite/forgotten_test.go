package sqlite

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// TestForgottenSaturates: what dropped records spent stays at the end of 64 bits, where SQLite would go on
// with floating-point numbers, or report an error.
func TestForgottenSaturates(t *testing.T) {
	e, err := Open(ctx, Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	do := func(f func() error) {
		t.Helper()
		e.writing.Lock()
		defer e.writing.Unlock()
		require.NoError(t, e.transaction(ctx, f))
	}
	sums := func() (calls, tokens, cost []int64) {
		t.Helper()
		require.NoError(t, e.Forgotten(ctx, time.Time{}, func(s store.Spent) {
			calls, tokens, cost = append(calls, s.Calls), append(tokens, s.Tokens), append(cost, int64(s.Cost))
		}))
		return calls, tokens, cost
	}
	for range 3 {
		do(func() error {
			return e.remember(ctx, spending{{"", 100}: {1, math.MaxInt64 / 2, 7}, {"", 101}: {1, math.MaxInt64 - 1, math.MaxInt64}})
		})
	}
	calls, tokens, cost := sums()
	require.Equal(t, []int64{3, 3}, calls)
	require.Equal(t, []int64{math.MaxInt64, math.MaxInt64}, tokens)
	require.Equal(t, []int64{21, math.MaxInt64}, cost)
	do(func() error { return e.forgetSlots(ctx, start.AddDate(1, 0, 0)) })
	calls, tokens, cost = sums()
	require.Equal(t, []int64{6}, calls)
	require.Equal(t, []int64{math.MaxInt64}, tokens)
	require.Equal(t, []int64{math.MaxInt64}, cost)
}

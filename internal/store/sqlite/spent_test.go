package sqlite

import (
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// TestSpentSaturates: what removed records spent stays at the end of 64 bits, where SQLite would go on
// with floating-point numbers, or report an error.
func TestSpentSaturates(t *testing.T) {
	e := open(t, filepath.Join(t.TempDir(), "t.db"))
	sums := func() (calls, tokens, cost []int64) {
		t.Helper()
		require.NoError(t, e.Retired(ctx, time.Time{}, func(s store.Spent) error {
			calls, tokens, cost = append(calls, s.Calls), append(tokens, s.Tokens), append(cost, int64(s.Cost))
			return nil
		}, nil))
		return calls, tokens, cost
	}
	for range 3 {
		require.NoError(t, e.Retire(ctx, store.Retirement{ID: store.NewWriteID(), Spent: []store.Spent{
			{Start: start, Calls: 1, Tokens: math.MaxInt64 / 2, Cost: 7}, {Start: start.Add(time.Hour), Calls: 1, Tokens: math.MaxInt64 - 1, Cost: math.MaxInt64},
		}}))
	}
	calls, tokens, cost := sums()
	require.Equal(t, []int64{3, 3}, calls)
	require.Equal(t, []int64{math.MaxInt64, math.MaxInt64}, tokens)
	require.Equal(t, []int64{21, math.MaxInt64}, cost)
	require.NoError(t, e.Retire(ctx, store.Retirement{ID: store.NewWriteID(), JoinBefore: start.AddDate(1, 0, 0)}))
	calls, tokens, cost = sums()
	require.Equal(t, []int64{6}, calls)
	require.Equal(t, []int64{math.MaxInt64}, tokens)
	require.Equal(t, []int64{math.MaxInt64}, cost)
}

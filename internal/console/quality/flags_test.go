package quality_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/quality"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestFlags: each flag has the sums of the calls that have it, what is missing of them, and what brings it; what lacks
// figures makes totals lower bounds.
func TestFlags(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	require.Equal(t, []quality.FlagSum{}, consoletest.Data[quality.Flags](b, "GET", "/quality/flags", "", 200).Flags)
	tokens := usage.Tokens{InputUncached: 100, OutputText: 10, Fields: usage.HasInput | usage.HasOutput}
	var calls []usage.Call
	for i, c := range []usage.Call{
		{Model: "a", Tokens: tokens, Quality: usage.CacheMissing}, {Model: "b", Tokens: tokens, Quality: usage.CacheMissing | usage.Estimated}, {Model: "c", Failed: true},
	} {
		c.ID, c.Signal, c.Role, c.Start = usage.ID{9, byte(i)}, usage.SignalLog, usage.RoleCall, consoletest.TestNow.Add(-time.Hour)
		c.Quality |= usage.ReportedCost
		c.HasReportedCost, c.ReportedCost = c.Tokens.Reported(), 5
		calls = append(calls, c)
	}
	require.NoError(t, b.Ledger.Commit(context.Background(), usage.Batch{Calls: calls}))
	got := consoletest.Data[quality.Flags](b, "GET", "/quality/flags", "", 200)
	require.EqualValues(t, 3, got.Calls)
	require.True(t, got.AtLeast)
	sums := map[string]quality.FlagSum{}
	for _, f := range got.Flags {
		require.NotEmpty(t, f.Missing, f.Flag)
		require.NotEmpty(t, f.Remedy, f.Flag)
		sums[f.Flag] = f
	}
	require.Equal(t, []int64{2, 0, 200, 20}, []int64{sums["cache_missing"].Calls, sums["cache_missing"].Failed, sums["cache_missing"].Input, sums["cache_missing"].Output})
	require.True(t, sums["cache_missing"].AtLeast)
	require.EqualValues(t, 1, sums["estimated"].Calls)
	require.False(t, sums["estimated"].AtLeast, "an estimate can be too high")
	require.Equal(t, []int64{1, 1}, []int64{sums["no_usage"].Calls, sums["no_usage"].Failed})
	require.False(t, sums["no_usage"].AtLeast, "it failed: there is nothing that could be missing")
	require.False(t, consoletest.Data[quality.Flags](b, "GET", "/quality/flags?model=c", "", 200).AtLeast)
	require.Equal(t, 400, b.Do("GET", "/api/console/quality/flags?top=3", "", nil).Code)
}

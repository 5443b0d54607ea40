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

func TestQuality(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	b.Calls(consoletest.TestNow.Add(-time.Hour), consoletest.TestNow.Add(-2*time.Hour))
	b.Calls(consoletest.TestNow.Add(-time.Hour), consoletest.TestNow.Add(-2*time.Hour)) // again
	bad := usage.Call{ID: usage.ID{9}, Signal: usage.SignalLog, Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Minute), Model: "x", Quality: usage.Inconsistent}
	old := usage.Call{ID: usage.ID{8}, Signal: usage.SignalLog, Role: usage.RoleCall, Start: consoletest.TestNow.Add(48 * time.Hour)}
	require.NoError(t, b.Ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{bad, old}}))
	q := consoletest.Data[quality.Quality](b, "GET", "/quality", "", 200)
	require.EqualValues(t, 3, q.Calls)
	require.EqualValues(t, 1, q.NoUsage)
	require.Equal(t, []quality.ModelCount{{Model: "x", Calls: 1}}, q.NoUsageModels)
	require.EqualValues(t, 2, q.Unpriced)
	require.Equal(t, []quality.ModelCount{{Model: "m", Provider: "openai", Calls: 2}}, q.Models)
	require.EqualValues(t, 1, q.Inconsistent)
	require.EqualValues(t, 2, q.SinceStart.Duplicates)
	require.EqualValues(t, 1, q.SinceStart.RefusedFuture)
	require.EqualValues(t, 3, q.Records)
	require.Contains(t, q.Values, quality.CardinalityUse{Dimension: "model", Count: 2, Max: 20_000})
	require.Len(t, q.Values, 5)
	require.Contains(t, q.Texts, quality.DictionaryUse{Kind: "user", Count: 1, Max: 8_192})
	require.Len(t, q.Texts, 11)
	require.Zero(t, consoletest.Data[quality.Quality](b, "GET", "/quality?model=x", "", 200).Unpriced)
}

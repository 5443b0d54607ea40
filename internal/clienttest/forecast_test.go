package clienttest

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/client"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestForecastAndChanges: the client reads all that the server answers, amounts exactly.
func TestForecastAndChanges(t *testing.T) {
	b := newBoard(t, nil)
	ctx := context.Background()
	short, err := b.api.Forecast(ctx, client.ForecastQuery{})
	require.NoError(t, err)
	require.Equal(t, client.ForecastHistory{Needed: 3}, short.History)
	require.Nil(t, short.Cost)

	var batch usage.Batch
	for at := now.AddDate(0, 0, -30).Truncate(time.Hour); at.Before(now); at = at.Add(time.Hour) {
		c := usage.Call{
			Role: usage.RoleCall, Start: at, Model: "m", Provider: "p", User: "alice", HasReportedCost: true, ReportedCost: 1_000_000_001,
			Tokens: usage.Tokens{InputUncached: 10, OutputText: 1, Fields: usage.HasInput | usage.HasOutput},
		}
		binary.BigEndian.PutUint64(c.Trace[:], uint64(at.Unix()))
		binary.BigEndian.PutUint64(c.Span[:], uint64(at.Unix()))
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(t, b.Commit(ctx, batch))
	f, err := b.api.Forecast(ctx, client.ForecastQuery{
		Filter: client.Filter{Users: []string{"alice"}}, Period: "month", MonthBegins: 1, Timezone: "UTC", BudgetUSD: "100.5", BudgetTokens: 5,
	})
	require.NoError(t, err)
	require.Equal(t, "month", f.Period)
	require.True(t, f.From.Equal(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)))
	require.True(t, f.To.Equal(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))
	require.True(t, f.EstimatedFrom.Equal(now))
	require.Equal(t, 29, f.History.Days)
	require.EqualValues(t, "67.000000067", f.Cost.Actual, "19 hours of today and 48 before")
	require.EqualValues(t, 67*11, f.Tokens.Actual)
	require.Greater(t, f.Tokens.High, f.Tokens.Expected)
	require.Greater(t, f.Tokens.Expected, f.Tokens.Low)
	require.Greater(t, f.Tokens.Low, f.Tokens.Actual)
	require.Len(t, f.Budgets, 2)
	require.EqualValues(t, "100.5", f.Budgets[0].USD.Limit)
	require.Equal(t, f.Cost.Actual, f.Budgets[0].USD.Used)
	require.WithinDuration(t, now.Add(33*time.Hour), *f.Budgets[0].Expected, 3*time.Hour)
	require.True(t, f.Budgets[1].Exhausted)
	require.EqualValues(t, 5, f.Budgets[1].Tokens.Limit)

	x, err := b.api.Changes(ctx, client.ChangesQuery{
		Filter: client.Filter{From: now.Add(-2 * time.Hour), To: now}, By: "user", Against: now.Add(-3 * time.Hour), AgainstTo: now.Add(-2 * time.Hour), Top: 5,
	})
	require.NoError(t, err)
	require.Equal(t, "user", x.By)
	require.True(t, x.AgainstTo.Equal(x.From))
	require.Len(t, x.Rows, 1)
	require.Nil(t, x.Other)
	require.Equal(t, client.Effects{Difference: "1.000000001", Volume: "1.000000001", Mix: "0", Cache: "0", Price: "0"}, x.Rows[0].Effects)
	require.Equal(t, client.ChangedSums{Calls: 2, Input: 20, Output: 2, Total: 22, Cost: "2.000000002"}, x.Rows[0].After)
	require.Equal(t, "alice", x.Rows[0].Label)
	_, err = b.api.Changes(ctx, client.ChangesQuery{})
	require.True(t, client.IsStatus(err, 400))
}

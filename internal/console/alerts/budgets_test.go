package alerts_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/alerts"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/store"
)

// TestBudgets: the evaluation sees what is used of budgets, and that there is no projection without history.
func TestBudgets(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	o.Calls(consoletest.TestNow)
	ctx := context.Background()
	row := store.BudgetRow{ID: "b", Name: "all", Scope: store.ScopeAll, Limit: 1000, Period: store.Ever, CreatedAt: consoletest.TestNow}
	require.NoError(t, o.Directory.AddBudget(ctx, 9, row, store.AuditEntry{Action: "test.change", Time: consoletest.TestNow}))
	o.Console.Budgets.Stale()
	got, err := alerts.Budgets(o.Console.Budgets)(ctx)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "all", got[0].Name)
	require.Positive(t, got[0].Used)
	require.EqualValues(t, -1, got[0].Projected)
}

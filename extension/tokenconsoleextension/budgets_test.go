package tokenconsoleextension

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// TestBudgets: budgets of the configuration have the defaults filled in, and the quota is one of them.
func TestBudgets(t *testing.T) {
	c := createDefaultConfig().(*Config)
	c.Quota = Quota{Tokens: 5, USD: 2.5, Period: "week"}
	c.Budgets = []Budget{
		{Name: "Research", Scope: "team", Subject: "research", Period: "month", USD: 500, Hard: true},
		{Name: "w", Scope: "all", Period: "week", WeekBegins: "Sunday", Tokens: 7},
		{Name: "m", Scope: "model", Subject: "gpt", Period: "month", MonthBegins: 31, Tokens: 7},
	}
	rows, err := c.readBudgets()
	require.NoError(t, err)
	require.Len(t, rows, 5)
	require.Equal(t, "cfg_", rows[0].ID[:4])
	rows[0].ID = ""
	require.Equal(t, store.BudgetRow{Name: "Research", Scope: store.ScopeTeam, Subject: "research", Cost: true, Limit: 500e9, Period: store.Monthly, First: 1, Hard: true}, rows[0])
	require.Equal(t, []int{0, 31, 1, 1}, []int{rows[1].First, rows[2].First, rows[3].First, rows[4].First})
	require.Equal(t, store.BudgetRow{ID: "cfg_quota_usd", Name: "quota (USD)", Scope: store.ScopeAll, Cost: true, Limit: 2.5e9, Period: store.Weekly, First: 1}, rows[4])
	good := c.Budgets[0]
	for want, change := range map[string]func(*Budget){
		"name must":    func(b *Budget) { b.Name = "" },
		"scope must":   func(b *Budget) { b.Scope = "owner" },
		"subject must": func(b *Budget) { b.Subject = "" },
		"either":       func(b *Budget) { b.Tokens = 1 },
		"more than 0":  func(b *Budget) { b.USD, b.Tokens = 0, -1 },
		"period":       func(b *Budget) { b.Period = "year" },
		"week_begins":  func(b *Budget) { b.WeekBegins = "monday" },
		"month_begins": func(b *Budget) { b.MonthBegins = 32 },
	} {
		b := good
		change(&b)
		c.Budgets = []Budget{b}
		_, err := c.readBudgets()
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, c.Validate(), want)
	}
	c.Budgets = []Budget{good, good}
	_, err = c.readBudgets()
	require.ErrorContains(t, err, "another one has this name")
}

package tokenconsoleextension

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Budget is a budget that the console shows and does not change.
type Budget struct {
	Name string `mapstructure:"name"`
	// Scope is all, key, user, team, model or provider.
	Scope string `mapstructure:"scope"`
	// Subject is the id of a key, the name or id of a team, or the name of a user, model or provider.
	Subject string `mapstructure:"subject"`
	// Period is day, week, month or total.
	Period string `mapstructure:"period"`
	// WeekBegins is the first day of a week, monday where empty.
	WeekBegins string `mapstructure:"week_begins"`
	// MonthBegins is the first day of a month, 1 where 0; in a shorter month it is its last day.
	MonthBegins int `mapstructure:"month_begins"`
	// Tokens or USD is the limit.
	Tokens int64   `mapstructure:"tokens"`
	USD    float64 `mapstructure:"usd"`
	// Hard makes key checks refuse calls when it is used up.
	Hard bool `mapstructure:"hard"`
	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	maxConfigured = 1_000 // budgets
	maxBudgetText = 1_000 // bytes of a name or a subject
)

// readBudgets returns the budgets of the configuration, the quota among them.
func (c *Config) readBudgets() ([]store.BudgetRow, error) {
	if len(c.Budgets) > maxConfigured {
		return nil, fmt.Errorf("budgets: there must be at most %d", maxConfigured)
	}
	var rows []store.BudgetRow
	var errs []error
	names := map[string]bool{}
	for i := range c.Budgets {
		b := &c.Budgets[i]
		row, err := b.read()
		if err == nil && names[row.ID] {
			err = errors.New("another one has this name")
		}
		names[row.ID] = true
		if err != nil {
			errs = append(errs, fmt.Errorf("budgets[%d] %q: %w", i, b.Name, err))
		}
		rows = append(rows, row)
	}
	quota, err := c.Quota.read()
	if err != nil {
		return nil, errors.Join(append(errs, err)...)
	}
	for _, of := range []struct {
		id, name string
		cost     bool
		limit    int64
	}{{budget.QuotaIDs + "tokens", "quota (tokens)", false, quota.Tokens}, {budget.QuotaIDs + "usd", "quota (USD)", true, int64(quota.Cost)}} {
		if of.limit > 0 {
			rows = append(rows, store.BudgetRow{ID: of.id, Name: of.name, Scope: store.ScopeAll, Cost: of.cost, Limit: of.limit, Period: quota.Period, First: firstOf(quota.Period)})
		}
	}
	return rows, errors.Join(errs...)
}

// firstOf is the first day of a period where none is configured.
func firstOf(p store.Period) int {
	if p == store.Weekly || p == store.Monthly {
		return 1
	}
	return 0
}

func (b *Budget) read() (row store.BudgetRow, err error) {
	sum := sha256.Sum256([]byte(strings.ToLower(b.Name)))
	row = store.BudgetRow{
		ID: "cfg_" + hex.EncodeToString(sum[:8]), Name: b.Name, Scope: store.BudgetScope(b.Scope), Subject: b.Subject, Hard: b.Hard, Limit: b.Tokens,
	}
	if row.Period, err = stats.ParsePeriod(b.Period); err != nil {
		return row, fmt.Errorf("period %w", err)
	}
	row.First = firstOf(row.Period)
	cost, err := usage.USD(b.USD)
	if err != nil {
		return row, fmt.Errorf("usd: %w", err)
	}
	if b.USD != 0 {
		row.Cost, row.Limit = true, int64(cost)
	}
	day := slices.IndexFunc([]time.Weekday{0, 1, 2, 3, 4, 5, 6}, func(d time.Weekday) bool { return strings.EqualFold(d.String(), b.WeekBegins) })
	switch {
	case b.Name == "" || len(b.Name) > maxBudgetText || len(b.Subject) > maxBudgetText:
		return row, errors.New("name must be there, and neither it nor subject be longer than 1000 bytes")
	case !slices.Contains(store.BudgetScopes(), row.Scope):
		return row, errors.New("scope must be all, key, user, team, model, provider or account")
	case row.Hard && row.Scope == store.ScopeAccount:
		return row, errors.New("hard must be false for an account, which a key check does not know")
	case (row.Scope == store.ScopeAll) != (b.Subject == ""):
		return row, errors.New("subject must say what the budget is for, and be empty where scope is all")
	case (b.Tokens != 0) == (b.USD != 0):
		return row, errors.New("there must be either tokens or usd")
	case row.Limit < 1 || !row.Cost && row.Limit > usage.MaxExact:
		return row, errors.New("the limit must be more than 0")
	case b.WeekBegins != "" && (day < 0 || row.Period != store.Weekly):
		return row, errors.New("week_begins must be a day such as monday, and the period a week")
	case b.MonthBegins != 0 && (b.MonthBegins < 1 || b.MonthBegins > 31 || row.Period != store.Monthly):
		return row, errors.New("month_begins must be between 1 and 31, and the period a month")
	}
	if b.WeekBegins != "" {
		row.First = day
	}
	if b.MonthBegins != 0 {
		row.First = b.MonthBegins
	}
	return row, nil
}

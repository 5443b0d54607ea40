package metrics_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keycheck"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestMetricsOfBudgets: budgets of their own have the figures that the API has of them, in a scrape and in PromQL; those of the
// configuration too, but for the quota, which has metrics of its own.
func TestMetricsOfBudgets(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) {
		o.Budgets = []store.BudgetRow{
			{ID: "cfg_1", Name: "of the file", Scope: store.ScopeProvider, Subject: "p", Period: store.Weekly, First: 0, Cost: true, Limit: 2_500_000_000},
			{ID: "cfg_quota_tokens", Name: "quota", Scope: store.ScopeAll, Period: store.Daily, Limit: 7},
		}
	})
	key := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"build farm"}`, 201)
	for _, body := range []string{
		`{"name":"of a key","scope":"key","subject":"` + key.ID + `","period":"total","tokens":1000,"hard":true}`,
		`{"name":"of a user","scope":"user","subject":"u","period":"day","tokens":100}`,
		`{"name":"of all","scope":"all","period":"month","month_begins":2,"tokens":500}`,
	} {
		consoletest.Data[budgets.Budget](b, "POST", "/budgets", body, 201)
	}
	for i := range 3 {
		c := metricCall(i, usage.Fingerprint(key.Secret))
		c.User, c.Provider, c.Start = "u", "p", consoletest.TestNow.Add(-time.Hour)
		b.Commit(usage.Batch{Calls: []usage.Call{c}})
	}
	consoletest.Data[keycheck.Verified](b, "POST", "/keys/verify", fmt.Sprintf(`{"key":%q,"estimate":100}`, key.Secret), 200)
	s := b.Scrape()
	require.Empty(t, s.Labelled("budget_limit_tokens", "budget", "quota"))
	listed := consoletest.Data[[]budgets.Budget](b, "GET", "/budgets", "", 200)
	require.Len(t, listed, 5)
	for _, one := range listed {
		if one.ID == "cfg_quota_tokens" {
			continue
		}
		labels := []string{"scope", one.Scope, "period", one.Period, "budget", one.Name, "key", ""}
		if one.Scope == "key" {
			labels[7] = "build farm"
		}
		unit, want := "tokens", map[string]float64{}
		if one.Tokens != nil {
			want["limit"], want["used"], want["remaining"] = float64(one.Tokens.Limit), float64(one.Tokens.Used), float64(one.Tokens.Left)
			require.Positive(t, one.Tokens.Used)
		} else {
			unit = "usd"
			want["limit"], want["used"], want["remaining"] = float64(one.USD.Limit)/1e9, float64(one.USD.Used)/1e9, float64(one.USD.Left)/1e9
		}
		for what, v := range want {
			name := "budget_" + what + "_" + unit
			got := s.Labelled(name, labels...)
			require.Len(t, got, 1, "%s %v", name, labels)
			require.InDelta(t, v, got[0].GetGauge().GetValue(), 1e-12, "%s %v", name, labels)
			require.Equal(t, fmt.Sprint(v), value(b, fmt.Sprintf("tokenboard_%s{budget=%q}", name, one.Name), nil), "%s %v", name, labels)
		}
		resets := s.Labelled("budget_reset_timestamp_seconds", labels...)
		if one.ResetsAt == nil {
			require.Empty(t, resets)
			continue
		}
		require.EqualValues(t, one.ResetsAt.Unix(), resets[0].GetGauge().GetValue())
	}
	before := fmt.Sprint(consoletest.TestNow.Add(-30 * time.Minute).Unix())
	require.Empty(t, prom(b, "/query", nil, "query", `tokenboard_budget_used_tokens{budget="of all"} @ `+before).series(t), "it was made since")
}

// TestMetricsOfBudgetsInThePast: of budgets of all calls and of keys PromQL knows what they had used; of others only what they have
// used now.
func TestMetricsOfBudgetsInThePast(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) {
		o.Budgets = []store.BudgetRow{
			{ID: "cfg_1", Name: "of all", Scope: store.ScopeAll, Period: store.Monthly, First: 2, Limit: 5000},
			{ID: "cfg_2", Name: "of a user", Scope: store.ScopeUser, Subject: "u", Period: store.Monthly, First: 1, Limit: 5000},
		}
	})
	now := consoletest.TestNow
	for i, at := range []time.Time{now.Add(-time.Hour), now.Add(-12 * time.Hour), time.Date(now.Year(), now.Month(), 1, 12, 0, 0, 0, time.UTC)} {
		c := metricCall(i, "")
		c.User, c.Start = "u", at
		b.Commit(usage.Batch{Calls: []usage.Call{c}})
	}
	used := func(name string, at time.Time) []any {
		var out []any
		for _, s := range prom(b, "/query", nil, "query", fmt.Sprintf(`tokenboard_budget_used_tokens{budget=%q} @ %d`, name, at.Unix())).series(t) {
			out = append(out, s)
		}
		return out
	}
	require.Equal(t, "70", value(b, `tokenboard_budget_used_tokens{budget="of all"}`, nil))
	require.Equal(t, "35", value(b, fmt.Sprintf(`tokenboard_budget_used_tokens{budget="of all"} @ %d`, now.Add(-6*time.Hour).Unix()), nil), "of the period from the second day")
	require.Equal(t, "4965", value(b, fmt.Sprintf(`tokenboard_budget_remaining_tokens{budget="of all"} @ %d`, now.Add(-6*time.Hour).Unix()), nil))
	require.Equal(t, "105", value(b, `tokenboard_budget_used_tokens{budget="of a user"}`, nil))
	require.Empty(t, used("of a user", now.Add(-6*time.Hour)))
}

// TestMetricsOfManyBudgets: their number is bounded, those that have used most are there, and how many are not is told.
func TestMetricsOfManyBudgets(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) {
		for i := range 620 {
			o.Budgets = append(o.Budgets, store.BudgetRow{ID: fmt.Sprintf("cfg_%03d", i), Name: fmt.Sprint("b", i), Scope: store.ScopeAll, Period: store.Ever, Limit: int64(10_000 - i)})
		}
		o.Budgets = append(o.Budgets, store.BudgetRow{ID: "cfg_x", Name: "B\xff", Scope: store.ScopeAll, Period: store.Ever, Limit: 5}, store.BudgetRow{ID: "cfg_y", Name: "B\xfe", Scope: store.ScopeAll, Period: store.Ever, Limit: 6})
	})
	b.Commit(usage.Batch{Calls: []usage.Call{metricCall(1, "")}})
	s := b.Scrape()
	require.Len(t, s.Labelled("budget_limit_tokens"), 499, "two names are one label")
	require.Len(t, s.Labelled("budget_limit_tokens", "budget", "b619"), 1)
	require.Empty(t, s.Labelled("budget_limit_tokens", "budget", "b0"))
	require.EqualValues(t, 122, s.Sum("budgets_not_shown"))
}

// TestMetricsOfAMembersBudgets: PromQL shows a member the budgets that the API shows it.
func TestMetricsOfAMembersBudgets(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root, alice := o.NewPerson("root", access.Admin), o.NewPerson("alice", access.Member)
	for _, body := range []string{`{"name":"hers","scope":"user","subject":"alice","period":"day","tokens":100}`, `{"name":"his","scope":"user","subject":"bob","period":"day","tokens":200}`, `{"name":"all","scope":"all","period":"day","tokens":400}`} {
		require.Equal(t, 201, root.Do("POST", "/budgets", body).Code)
	}
	require.Equal(t, "100", value(o.Bench, "sum(tokenboard_budget_limit_tokens)", alice.Header))
	require.Equal(t, "700", value(o.Bench, "sum(tokenboard_budget_limit_tokens)", root.Header))
}

// TestScrapeWithoutBudgets: a scrape does not fail, nor wait for long, where budgets cannot be read.
func TestScrapeWithoutBudgets(t *testing.T) {
	failing := false
	now := consoletest.TestNow
	b := consoletest.NewBench(t, func(o *console.Options) {
		o.Directory, o.Now = &noBudgets{o.Directory, &failing}, func() time.Time { return now }
	})
	consoletest.Data[budgets.Budget](b, "POST", "/budgets", `{"name":"x","scope":"all","period":"day","tokens":1}`, 201)
	require.Len(t, b.Scrape().Labelled("budget_limit_tokens"), 1)
	failing, now = true, now.Add(time.Minute)
	s := b.Scrape()
	require.Empty(t, s.Labelled("budget_limit_tokens"))
	require.Len(t, s.Labelled("keys"), 4)
}

type noBudgets struct {
	store.Directory
	failing *bool
}

func (d *noBudgets) Budgets(ctx context.Context, after int64) (*store.BudgetList, int64, error) {
	if *d.failing {
		<-ctx.Done()
		return nil, 0, ctx.Err()
	}
	return d.Directory.Budgets(ctx, after)
}

package metrics_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
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

// TestMetricsOfBudgetsInThePast: PromQL has what budgets of every scope, period and unit had used and left at any time since
// they were made, as the calls say.
func TestMetricsOfBudgetsInThePast(t *testing.T) {
	made := consoletest.TestNow.AddDate(0, 0, -40).Add(-7 * time.Minute)
	now := made
	b := consoletest.NewBench(t, func(o *console.Options) { o.Now = func() time.Time { return now } })
	key := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"build farm"}`, 201)
	account := usage.AccountDisplay("someone@example.com", "7")
	team := func(members string) string {
		return consoletest.Data[budgets.Team](b, "POST", "/teams", members, 201).ID
	}
	type scope struct {
		kind, subject string
		has           func(c *usage.Call) bool
	}
	ofKey := func(c *usage.Call) bool { return c.KeyFingerprint != "" }
	scopes := []scope{
		{"all", "", func(*usage.Call) bool { return true }},
		{"key", key.ID, ofKey},
		{"user", "u1", func(c *usage.Call) bool { return c.User == "u1" }},
		{"user", "u2", func(c *usage.Call) bool { return c.User == "u2" }},
		{"model", "m1", func(c *usage.Call) bool { return c.Model == "m1" }},
		{"provider", "p2", func(c *usage.Call) bool { return c.Provider == "p2" }},
		{"account", account, func(c *usage.Call) bool { return c.Account != "" }},
		{"team", team(`{"name":"of users","users":["u1","u3"]}`), func(c *usage.Call) bool { return c.User == "u1" || c.User == "u3" }},
		{"team", team(`{"name":"of projects","projects":["r1"]}`), func(c *usage.Call) bool { return c.Project == "r1" }},
		{"team", team(`{"name":"of keys","keys":["` + key.ID + `"]}`), ofKey},
		{"team", team(`{"name":"of several","keys":["` + key.ID + `"],"users":["u2"],"projects":["r2"]}`), func(c *usage.Call) bool {
			return ofKey(c) || c.User == "u2" || c.Project == "r2"
		}},
		{"team", team(`{"name":"of none"}`), func(*usage.Call) bool { return false }},
	}
	periods := map[string]string{"day": "", "week": "", "month": `"month_begins":2,`, "total": ""}
	limits := map[string]string{"tokens": "3000", "usd": "0.02"}
	for i, s := range scopes {
		for period, begins := range periods {
			for unit, limit := range limits {
				consoletest.Data[budgets.Budget](b, "POST", "/budgets",
					fmt.Sprintf(`{"name":"%d %s %s","scope":%q,"subject":%q,"period":%q,%s%q:%s}`, i, period, unit, s.kind, s.subject, period, begins, unit, limit), 201)
			}
		}
	}
	r := rand.New(rand.NewPCG(3, 4))
	var batch usage.Batch
	for i := range 400 {
		c := metricCall(i, "")
		c.Start = made.Add(time.Duration(r.Int64N(int64(40 * 24 * time.Hour)))).Truncate(time.Millisecond)
		c.User, c.Model, c.Provider, c.Project = fmt.Sprint("u", r.IntN(4)), fmt.Sprint("m", r.IntN(3)), fmt.Sprint("p", r.IntN(3)), fmt.Sprint("r", r.IntN(3))
		c.ReportedCost, c.HasReportedCost = usage.NanoUSD(r.IntN(1_000_000)), true
		if r.IntN(3) == 0 {
			c.KeyFingerprint = usage.Fingerprint(key.Secret)
		}
		if r.IntN(3) == 0 {
			c.Account = account
		}
		batch.Calls = append(batch.Calls, c)
	}
	b.Commit(batch)
	now = consoletest.TestNow
	begin := map[string]func(time.Time) time.Time{
		"day": func(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) },
		"week": func(t time.Time) time.Time {
			return time.Date(t.Year(), t.Month(), t.Day()-(int(t.Weekday())+6)%7, 0, 0, 0, 0, time.UTC)
		},
		"month": func(t time.Time) time.Time {
			first := time.Date(t.Year(), t.Month(), 2, 0, 0, 0, 0, time.UTC)
			if first.After(t) {
				first = first.AddDate(0, -1, 0)
			}
			return first
		},
		"total": func(time.Time) time.Time { return time.Time{} },
	}
	amount := func(has func(*usage.Call) bool, unit string, from, to time.Time) (sum float64) {
		for i := range batch.Calls {
			c := &batch.Calls[i]
			switch {
			case !has(c) || c.Start.Before(from) || !c.Start.Before(to):
			case unit == "usd":
				sum += float64(c.ReportedCost) / 1e9
			default:
				sum += 35
			}
		}
		return sum
	}
	ask := func(what, unit string, at time.Time) map[string]float64 {
		out := map[string]float64{}
		for _, s := range prom(b, "/query", nil, "query", "tokenboard_budget_"+what+"_"+unit, "time", at.Format(time.RFC3339Nano)).series(t) {
			v, err := strconv.ParseFloat(s.Value[1].(string), 64)
			require.NoError(t, err)
			out[s.Metric["budget"]] = v
		}
		return out
	}
	require.Empty(t, ask("used", "tokens", made.Add(-time.Hour)), "they were made since")
	for range 12 {
		at := made.Add(time.Hour + time.Duration(r.Int64N(int64(39*24*time.Hour)))).Truncate(time.Second)
		for unit := range limits {
			used, left := ask("used", unit, at), ask("remaining", unit, at)
			for i, s := range scopes {
				for period := range periods {
					name := fmt.Sprintf("%d %s %s", i, period, unit)
					want := amount(s.has, unit, begin[period](at), at)
					require.Contains(t, used, name)
					require.InDelta(t, want, used[name], 1e-9, "%s %s at %s", name, s.subject, at)
					limit, err := strconv.ParseFloat(limits[unit], 64)
					require.NoError(t, err)
					require.InDelta(t, max(limit-want, 0), left[name], 1e-9, "%s at %s", name, at)
				}
			}
		}
	}
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

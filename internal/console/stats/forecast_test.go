package stats_test

import (
	"context"
	"encoding/binary"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// spendHourly commits a call of a key in each hour of working days since a time, from 9 to 17 o'clock, of 1,000 tokens and a cost.
func spendHourly(b *consoletest.Bench, salt byte, since time.Time, fingerprint, model string, cost usage.NanoUSD) {
	b.T.Helper()
	var batch usage.Batch
	for at := since.Truncate(time.Hour).Add(time.Minute); at.Before(consoletest.TestNow); at = at.Add(time.Hour) {
		if d := at.Weekday(); at.Hour() < 9 || at.Hour() >= 17 || d == time.Saturday || d == time.Sunday {
			continue
		}
		c := usage.Call{
			Role: usage.RoleCall, Start: at, Model: model, Provider: "p", KeyFingerprint: fingerprint, KeyDisplay: "tb-…", User: "u", Service: "svc",
			Tokens: usage.Tokens{InputUncached: 900, OutputText: 100, Fields: usage.HasInput | usage.HasOutput}, ReportedCost: cost, HasReportedCost: cost > 0,
		}
		c.Trace[0], c.Span[0] = 5, salt
		binary.BigEndian.PutUint64(c.Trace[8:], uint64(at.Unix()))
		binary.BigEndian.PutUint32(c.Span[4:], uint32(at.Unix()))
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(b.T, b.Ledger.Commit(context.Background(), batch))
}

// TestForecast: what is actual is what the statistics have, the rest is what the package makes of the same hours, and a
// member's forecast is that of its own calls.
func TestForecast(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) {
		o.Quota = stats.Quota{Cost: 300_000_000_000, Period: store.Monthly}
	})
	mias := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"mia","owner":"mia","limits":{"tokens":{"month":60000},"usd":{"total":1000}}}`, 201)
	others := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"others","owner":"bob"}`, 201)
	since := consoletest.TestNow.AddDate(0, 0, -60)
	spendHourly(b, 1, since, usage.Fingerprint(mias.Secret), "m1", 1_500_000_001)
	spendHourly(b, 2, since, usage.Fingerprint(others.Secret), "m2", 750_000_000)
	spendHourly(b, 3, since, "", "m3", 0) // unpriced

	for query, filter := range map[string]string{"": "", "?timezone=Asia/Kolkata&period=week&week_begins=sunday": "", "?period=day": "", "?key=mia": "key=mia&", "?model=m2&month_begins=20": "model=m2&"} {
		f := consoletest.Data[stats.Forecast](b, "GET", "/forecast"+query, "", 200)
		require.True(t, f.History.Enough, query)
		require.Equal(t, 56, f.History.Days, query+": since the day after that of the first call, a Monday")
		require.True(t, f.From.Before(consoletest.TestNow) && f.To.After(consoletest.TestNow), query)
		s := consoletest.Data[stats.Stats](b, "GET", "/stats?"+filter+"from="+url.QueryEscape(f.From.Format(time.RFC3339)), "", 200)
		require.Positive(t, s.Used)
		require.Equal(t, s.Used, f.Tokens.Actual, query)
		require.Equal(t, s.Cost, f.Cost.Actual, query)
		require.Equal(t, s.Unpriced, f.Unpriced, query)
		require.LessOrEqual(t, f.Cost.Actual, f.Cost.Low)
		require.LessOrEqual(t, f.Cost.Low, f.Cost.Expected)
		require.LessOrEqual(t, f.Cost.Expected, f.Cost.High)
	}

	var hours []forecast.Hour
	for at := since.Truncate(time.Hour); at.Before(consoletest.TestNow); at = at.Add(time.Hour) {
		if d := at.Weekday(); at.Hour() >= 9 && at.Hour() < 17 && d != time.Saturday && d != time.Sunday {
			hours = append(hours, forecast.Hour{Start: at, Cost: 1_500_000_001, Tokens: 1000})
		}
	}
	caster, err := forecast.New(forecast.Input{Hours: hours, Now: consoletest.TestNow})
	require.NoError(t, err)
	month := forecast.Month(consoletest.TestNow, 1)
	want := caster.Period(forecast.Cost, month)
	mia := b.As(access.Principal{Name: "mia", Role: access.Member})
	mine := consoletest.Data[stats.Forecast](mia, "GET", "/forecast", "", 200)
	require.Equal(t, stats.ForecastCost{Actual: api.Money(want.Actual), Expected: api.Money(want.Expected), Low: api.Money(want.Low), High: api.Money(want.High)}, *mine.Cost)
	require.InEpsilon(t, 21*8*1_500_000_001, float64(want.Expected), 0.01, "21 working days of 8 hours")
	require.Zero(t, mine.Unpriced)
	require.Empty(t, mine.Budgets, "the quota is of all calls")
	none := consoletest.Data[stats.Forecast](mia, "GET", "/forecast?key=others", "", 200)
	require.Nil(t, none.Cost)
	require.Equal(t, stats.ForecastHistory{Needed: 3}, none.History)
	require.Empty(t, none.Budgets)

	quota := consoletest.Data[stats.Forecast](b, "GET", "/forecast", "", 200).Budgets
	require.Len(t, quota, 1)
	require.Equal(t, "month", quota[0].Period)
	require.EqualValues(t, 300_000_000_000, quota[0].USD.Limit)
	require.False(t, quota[0].Exhausted)
	require.NotNil(t, quota[0].Expected, "18 USD a day are used")
	require.True(t, quota[0].Expected.Before(*quota[0].ResetsAt))
	budgets := consoletest.Data[stats.Forecast](mia, "GET", "/forecast?key=mia&budget_usd=1&budget_tokens=99999999", "", 200).Budgets
	require.Len(t, budgets, 4)
	require.Equal(t, &stats.BudgetedTokens{Limit: 60_000, Used: 16_000}, budgets[0].Tokens)
	require.WithinDuration(t, time.Date(2026, 11, 11, 0, 0, 0, 0, time.UTC), *budgets[0].Expected, 36*time.Hour, "the 44,000 tokens left last for five and a half working days of 8,000")
	require.Equal(t, "total", budgets[1].Period)
	require.Nil(t, budgets[1].ResetsAt)
	require.True(t, budgets[2].Exhausted, "1 USD is used up")
	require.Nil(t, budgets[3].Expected)
}

// TestForecastNeedsHistory: without three complete days the answer says so, and when there will be enough.
func TestForecastNeedsHistory(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	f := consoletest.Data[stats.Forecast](b, "GET", "/forecast", "", 200)
	require.Equal(t, stats.ForecastHistory{Needed: 3}, f.History)
	require.Nil(t, f.Cost)
	require.Nil(t, f.Tokens)
	b.Calls(consoletest.TestNow.AddDate(0, 0, -3))
	f = consoletest.Data[stats.Forecast](b, "GET", "/forecast?budget_usd=5", "", 200)
	require.Equal(t, 2, f.History.Days)
	require.False(t, f.History.Enough)
	require.True(t, f.History.EnoughAt.Equal(time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC)))
	require.Empty(t, f.Budgets)
}

func TestForecastRefuses(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for query, says := range map[string]string{
		"period=year": "period", "month_begins=0": "month_begins", "month_begins=32": "month_begins", "week_begins=someday": "week_begins",
		"timezone=Mars": "timezone", "budget_usd=-1": "budget_usd", "budget_usd=1e300": "budget_usd", "budget_tokens=-1": "budget_tokens",
		"from=2026-11-01T00:00:00Z": "from", "status=ok": "status", "service_tier=none": "service_tier",
	} {
		p := consoletest.RequireProblem(t, b.Do("GET", api.Base+"/forecast?"+query, "", nil), 400)
		require.Contains(t, p.Message, says, query)
	}
}

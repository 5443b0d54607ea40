package console_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/quality"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestHugeCalls: calls with more tokens and money than there can be do not fill an exhausted budget up
// again, nor make a sum negative.
func TestHugeCalls(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	k := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"a","limits":{"tokens":{"day":100},"usd":{"day":1}}}`, 201)
	print := usage.Fingerprint(k.Secret)
	refused := func() {
		t.Helper()
		consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys/verify", "", map[string]string{"X-Api-Key": k.Secret}), 429)
	}
	never := func() stats.Stats {
		t.Helper()
		refused()
		s := consoletest.Data[stats.Stats](b, "GET", "/stats", "", 200)
		require.GreaterOrEqual(t, min(s.Used, s.Input, s.Output, int64(s.Cost)), int64(0))
		for _, m := range []string{"tokens_total", "cost_usd_total"} {
			require.GreaterOrEqual(t, b.Scrape().Sum(m), 0.0, m)
		}
		return s
	}
	both := func(n int64) usage.Tokens {
		return usage.Tokens{InputUncached: n, OutputText: n, Fields: usage.HasInput | usage.HasOutput}
	}
	b.Huge(0, 1, print, both(50), 2e9)
	refused()
	b.Huge(1_000, 513, print, both(1<<53), 0)
	require.EqualValues(t, 100, never().Used, "no call has so many")
	b.Huge(2_000, 1_100, "", both(1<<53), 0)
	b.Huge(4_000, 3, "", usage.Tokens{}, math.MaxInt64)
	s := never()
	require.EqualValues(t, 100, s.Used)
	require.EqualValues(t, 2e9, s.Cost)
	require.EqualValues(t, 1+513+1_100+3, s.Calls, "they are calls all the same")
	require.EqualValues(t, 513+1_100+3, consoletest.Data[quality.Quality](b, "GET", "/quality", "", 200).Inconsistent)

	// what is believed of one call, until the sum of money is at its end
	b.Huge(10_000, 9_300, print, both(usage.MaxTokens/2), usage.MaxCost)
	s = never()
	require.EqualValues(t, 100+9_300*usage.MaxTokens, s.Used)
	require.EqualValues(t, math.MaxInt64, s.Cost)
	rows := consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=key,operation", "", 200)
	require.EqualValues(t, math.MaxInt64, rows.Total.Cost, "summed by the store too")
	trend := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?days=2&interval=hour&group_by=key", "", 200)
	for _, p := range trend.Points {
		require.GreaterOrEqual(t, min(int64(p.Cost), p.Total), int64(0))
	}
}

package console

import (
	"context"
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// huge commits n calls with a key, each with the same figures.
func (b *bench) huge(first, n int, key string, t usage.Tokens, cost usage.NanoUSD) {
	b.t.Helper()
	var batch usage.Batch
	for i := range n {
		c := usage.Call{
			Role: usage.RoleCall, Start: testNow.Add(-time.Hour), Model: "of no known price", KeyFingerprint: key, Tokens: t,
			ReportedCost: cost, HasReportedCost: true,
		}
		c.Trace[0] = 9
		binary.BigEndian.PutUint32(c.Trace[1:], uint32(i/100))
		binary.BigEndian.PutUint32(c.Span[:], uint32(first+i))
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(b.t, b.ledger.Commit(context.Background(), batch))
}

// TestHugeCalls: calls with more tokens and money than there can be do not fill an exhausted budget up
// again, nor make a sum negative.
func TestHugeCalls(t *testing.T) {
	b := newBench(t, nil)
	k := data[NewKey](b, "POST", "/keys", `{"name":"a","limits":{"tokens":{"day":100},"usd":{"day":1}}}`, 201)
	print := usage.Fingerprint(k.Secret)
	refused := func() {
		t.Helper()
		requireProblem(t, b.do("POST", base+"/keys/verify", "", map[string]string{"X-Api-Key": k.Secret}), 429)
	}
	never := func() Stats {
		t.Helper()
		refused()
		s := data[Stats](b, "GET", "/stats", "", 200)
		require.GreaterOrEqual(t, min(s.Used, s.Input, s.Output, int64(s.Cost)), int64(0))
		for _, m := range []string{"tokens_total", "cost_usd_total"} {
			require.GreaterOrEqual(t, b.scrape().sum(m), 0.0, m)
		}
		return s
	}
	both := func(n int64) usage.Tokens {
		return usage.Tokens{InputUncached: n, OutputText: n, Fields: usage.HasInput | usage.HasOutput}
	}
	b.huge(0, 1, print, both(50), 2e9)
	refused()
	b.huge(1_000, 513, print, both(1<<53), 0)
	require.EqualValues(t, 100, never().Used, "no call has so many")
	b.huge(2_000, 1_100, "", both(1<<53), 0)
	b.huge(4_000, 3, "", usage.Tokens{}, math.MaxInt64)
	s := never()
	require.EqualValues(t, 100, s.Used)
	require.EqualValues(t, 2e9, s.Cost)
	require.EqualValues(t, 1+513+1_100+3, s.Calls, "they are calls all the same")
	require.EqualValues(t, 513+1_100+3, data[Quality](b, "GET", "/quality", "", 200).Inconsistent)

	// what is believed of one call, until the sum of money is at its end
	b.huge(10_000, 9_300, print, both(usage.MaxTokens/2), usage.MaxCost)
	s = never()
	require.EqualValues(t, 100+9_300*usage.MaxTokens, s.Used)
	require.EqualValues(t, math.MaxInt64, s.Cost)
	rows := data[Breakdown](b, "GET", "/breakdown?by=key,operation", "", 200)
	require.EqualValues(t, math.MaxInt64, rows.Total.Cost, "summed by the store too")
	trend := data[Trend](b, "GET", "/usage-trend?days=2&interval=hour&group_by=key", "", 200)
	for _, p := range trend.Points {
		require.GreaterOrEqual(t, min(int64(p.Cost), p.Total), int64(0))
	}
}

// TestImportTotalsSaturate: the totals of an import stay at the largest number where they would wrap round.
func TestImportTotalsSaturate(t *testing.T) {
	b := newBench(t, nil)
	r := &importRun{ledger: b.ledger, ctx: context.Background(), out: Import{InputTokens: math.MaxInt64 - 1, OutputTokens: math.MaxInt64 - 1}}
	c := usage.Call{Role: usage.RoleCall, Start: testNow.Add(-time.Hour), Model: "m", Tokens: usage.Tokens{InputUncached: 5, OutputText: 5}}
	c.ID[0] = 1
	r.batch.Calls = append(r.batch.Calls, c)
	require.NoError(t, r.commit())
	require.EqualValues(t, math.MaxInt64, r.out.InputTokens)
	require.EqualValues(t, math.MaxInt64, r.out.OutputTokens)
}

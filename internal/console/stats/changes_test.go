package stats_test

import (
	"context"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func requireAddsUp(t *testing.T, before, after stats.ChangedSums, e stats.Effects) {
	t.Helper()
	require.Equal(t, after.Cost-before.Cost, e.Difference)
	require.Equal(t, e.Difference, e.Volume+e.Mix+e.Cache+e.Price)
}

// TestChanges: the sums of both ranges are those of the statistics, whatever they are grouped by, and all effects add up
// to the differences.
func TestChanges(t *testing.T) {
	b := consoletest.BookBench(t, ledger.Options{})
	b.History()
	at := func(hours int) string {
		return url.QueryEscape(consoletest.TestNow.Add(time.Duration(hours) * time.Hour).Format(time.RFC3339))
	}
	for _, ranges := range []struct{ query, before, after string }{
		{"from=" + at(-24), "from=" + at(-48) + "&to=" + at(-24), "from=" + at(-24) + "&to=" + at(0)},
		{"from=" + at(-20) + "&to=" + at(-10) + "&against=" + at(-60), "from=" + at(-60) + "&to=" + at(-50), "from=" + at(-20) + "&to=" + at(-10)},
		{"from=" + at(-48) + "&against=" + at(-60) + "&against_to=" + at(-59), "from=" + at(-60) + "&to=" + at(-59), "from=" + at(-48) + "&to=" + at(0)},
		{"from=" + at(-24) + "&provider=openai", "from=" + at(-48) + "&to=" + at(-24) + "&provider=openai", "from=" + at(-24) + "&to=" + at(0) + "&provider=openai"},
	} {
		before := consoletest.Data[stats.Stats](b, "GET", "/stats?"+ranges.before, "", 200)
		after := consoletest.Data[stats.Stats](b, "GET", "/stats?"+ranges.after, "", 200)
		for _, by := range []string{"model", "provider", "key", "user", "service", "project"} {
			for _, top := range []string{"&top=1", "&top=100"} {
				x := consoletest.Data[stats.Changes](b, "GET", "/changes?by="+by+"&"+ranges.query+top, "", 200)
				requireAddsUp(t, x.All.Before, x.All.After, x.All.Effects)
				require.Equal(t, before.Cost, x.All.Before.Cost, ranges.query)
				require.Equal(t, before.Calls, x.All.Before.Calls, ranges.query)
				require.Equal(t, before.Unpriced, x.All.Before.Unpriced, ranges.query)
				require.Equal(t, after.Cost, x.All.After.Cost, ranges.query)
				require.Equal(t, after.Used, x.All.After.Total, ranges.query)
				var difference api.Money
				for _, r := range x.Rows {
					requireAddsUp(t, r.Before, r.After, r.Effects)
					difference += r.Difference
				}
				if x.Other != nil {
					requireAddsUp(t, x.Other.Before, x.Other.After, x.Other.Effects)
					difference += x.Other.Difference
				}
				require.Equal(t, x.All.Difference, difference, by)
				if top == "&top=1" {
					require.Len(t, x.Rows, 1)
				}
			}
		}
	}
}

// TestChangesOfTheCache: of a model with list prices, input that now comes from the cache is found as that.
func TestChangesOfTheCache(t *testing.T) {
	b := consoletest.BookBench(t, ledger.Options{})
	for i, tokens := range []usage.Tokens{{InputUncached: 10_000, OutputText: 100}, {InputUncached: 1_000, CacheRead: 9_000, OutputText: 100}} {
		tokens.Fields = usage.HasInput | usage.HasOutput | usage.HasCacheRead
		b.Commit(consoletest.CallOf(i, func(c *usage.Call) {
			c.Provider, c.Model, c.Tokens = "anthropic", "claude-sonnet-4-5", tokens
			c.Start = consoletest.TestNow.Add(time.Duration(2*i-3) * time.Hour)
		}))
	}
	for _, by := range []string{"model", "user"} {
		x := consoletest.Data[stats.Changes](b, "GET", "/changes?by="+by+"&from="+url.QueryEscape(consoletest.TestNow.Add(-2*time.Hour).Format(time.RFC3339)), "", 200)
		// 9,000 tokens at 0.30 USD instead of 3 USD per million
		require.Equal(t, stats.Effects{Difference: -24_300_000, Cache: -24_300_000}, x.All.Effects, by)
	}
}

// TestChangesOfMembers: a member sees what its own keys cost, and nothing of others.
func TestChangesOfMembers(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	mias := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"mias key","owner":"mia"}`, 201)
	bobs := consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"bobs key","owner":"bob"}`, 201)
	for i, secret := range []string{mias.Secret, bobs.Secret} {
		c := usage.Call{
			ID: usage.ID{1, byte(i)}, Signal: usage.SignalLog, Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Minute), Model: "m", User: "u",
			KeyFingerprint: usage.Fingerprint(secret), KeyDisplay: "tb-…", HasReportedCost: true, ReportedCost: usage.NanoUSD(1000 + i),
			Tokens: usage.Tokens{InputUncached: 5, Fields: usage.HasInput},
		}
		require.NoError(t, b.Ledger.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
	}
	from := "from=" + url.QueryEscape(consoletest.TestNow.Add(-time.Hour).Format(time.RFC3339))
	all := consoletest.Data[stats.Changes](b, "GET", "/changes?by=key&"+from, "", 200)
	require.EqualValues(t, 2001, all.All.Difference)
	require.Len(t, all.Rows, 2)
	require.Equal(t, bobs.ID, all.Rows[0].Group)
	require.Equal(t, "bobs key", all.Rows[0].Label)
	require.True(t, all.Rows[0].Appeared)
	mia := b.As(access.Principal{Name: "mia", Role: access.Member})
	for _, by := range []string{"key", "model", "user"} {
		mine := consoletest.Data[stats.Changes](mia, "GET", "/changes?by="+by+"&"+from, "", 200)
		require.EqualValues(t, 1000, mine.All.Difference)
		require.Len(t, mine.Rows, 1)
		require.True(t, mine.AsOf.Equal(consoletest.TestNow))
	}
	theirs := consoletest.Data[stats.Changes](mia, "GET", "/changes?by=key&key="+bobs.ID+"&"+from, "", 200)
	require.Empty(t, theirs.Rows)
	require.Zero(t, theirs.All)
}

// TestHugeChanges: a range whose cost is more than 64 bits hold is explained with what can be shown, marked.
func TestHugeChanges(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	half := usage.Tokens{InputUncached: 1000, OutputText: 10, Fields: usage.HasInput | usage.HasOutput}
	const perKey = 4_700 // of a million dollars: two keys have more than 64 bits hold, one has not
	from := "from=" + url.QueryEscape(consoletest.TestNow.Add(-24*time.Hour).Format(time.RFC3339))
	b.Huge(0, perKey, usage.Fingerprint("one"), half, usage.MaxCost)
	one := consoletest.Data[stats.Changes](b, "GET", "/changes?by=key&"+from, "", 200)
	require.EqualValues(t, perKey*usage.MaxCost, one.All.Difference, "a sum above the quarter of the range is exact")
	requireAddsUp(t, one.All.Before, one.All.After, one.All.Effects)
	require.False(t, one.All.Saturated)
	b.Huge(10_000, perKey, usage.Fingerprint("other"), half, usage.MaxCost)
	x := consoletest.Data[stats.Changes](b, "GET", "/changes?by=key&"+from, "", 200)
	require.EqualValues(t, math.MaxInt64, x.All.After.Cost)
	require.EqualValues(t, math.MaxInt64, x.All.Difference)
	require.True(t, x.All.Saturated)
	requireAddsUp(t, x.All.Before, x.All.After, x.All.Effects)
	require.Len(t, x.Rows, 2)
	for _, r := range x.Rows {
		require.EqualValues(t, perKey*usage.MaxCost, r.Difference)
		require.False(t, r.Saturated)
	}
	gone := consoletest.Data[stats.Changes](b, "GET", "/changes?top=1&from="+url.QueryEscape(consoletest.TestNow.Format(time.RFC3339))+"&to="+
		url.QueryEscape(consoletest.TestNow.Add(24*time.Hour).Format(time.RFC3339)), "", 200)
	require.EqualValues(t, -math.MaxInt64, gone.All.Difference)
	require.EqualValues(t, -math.MaxInt64, gone.All.Volume)
	require.True(t, gone.All.Saturated)
}

func TestChangesRefuses(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	const from = "from=2026-11-01T00:00:00Z"
	for query, says := range map[string]string{
		"": "from", "from=yesterday": "from", from + "&to=2026-10-01T00:00:00Z": "to", "from=2027-01-01T00:00:00Z": "from", from + "&by=mood": "by",
		from + "&top=0": "top", from + "&against=x": "against", from + "&against_to=x": "against_to",
		from + "&against=2026-10-02T00:00:00Z&against_to=2026-10-01T00:00:00Z": "against_to",
	} {
		p := consoletest.RequireProblem(t, b.Do("GET", api.Base+"/changes?"+query, "", nil), 400)
		require.Contains(t, p.Message, says, query)
	}
}

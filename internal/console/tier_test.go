package console_test

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestServiceTier: a call of a tier costs what the tier costs, says so, and is found by its tier.
func TestServiceTier(t *testing.T) {
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	book, err := pricing.Default()
	require.NoError(t, err)
	clock := func() time.Time { return consoletest.TestNow }
	l, err := ledger.Open(ctx, engine, ledger.Options{Now: clock, Prices: book})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	b := &consoletest.Bench{T: t, Ledger: l, Handler: console.New(console.Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: clock}).Handler()}
	for i, tier := range []usage.Tier{usage.TierUnknown, usage.TierBatch, usage.TierScale, usage.TierBatch} {
		b.Commit(consoletest.CallOf(i+1, func(c *usage.Call) {
			c.Provider, c.Model, c.RequestModel, c.Tier = "openai", "gpt-5", "gpt-5", tier
			c.Tokens = usage.Tokens{InputUncached: 1000, OutputText: 100, Fields: usage.HasInput | usage.HasOutput}
		}))
	}
	find := func(query string) []calls.LogItem {
		return consoletest.Data[calls.LogPage](b, "GET", "/logs?"+query, "", 200).Items
	}
	require.Len(t, find(""), 4)
	require.Len(t, find("q=tier:batch"), 2)
	require.Len(t, find("q=-tier:Batch"), 2)
	require.Len(t, find("service_tier=batch&service_tier=scale"), 3)
	require.Equal(t, 400, b.Do("GET", api.Base+"/logs?service_tier=turbo", "", nil).Code)
	require.Equal(t, 400, b.Do("GET", api.Base+"/logs?q="+url.QueryEscape("tier:turbo"), "", nil).Code)

	item := find("service_tier=batch")[0]
	require.Equal(t, "batch", item.Tier)
	require.Equal(t, "0.001125", usage.NanoUSD(*item.Cost).String(), "half of 0.00225")
	detail := consoletest.Data[calls.LogDetail](b, "GET", "/logs/"+item.ID, "", 200)
	require.Equal(t, api.Rate("0.625"), detail.CostParts.Parts[0].Rate)
	require.Equal(t, api.Rate("1.25"), *detail.CostParts.Parts[0].Standard)
	require.Equal(t, api.Rate("0.5"), *detail.CostParts.Parts[0].Factor)
	plain := find("q=" + url.QueryEscape("-tier:batch -tier:scale"))[0]
	require.Nil(t, consoletest.Data[calls.LogDetail](b, "GET", "/logs/"+plain.ID, "", 200).CostParts.Parts[0].Factor)

	scale := find("service_tier=scale")[0]
	require.Equal(t, *plain.Cost, *scale.Cost, "no price of the tier is known")
	require.Contains(t, scale.Quality, "tier_unpriced")
	require.Equal(t, scale.ID, find("q=quality:tier_unpriced")[0].ID)

	rows := map[string]api.Money{}
	for _, r := range consoletest.Data[stats.Breakdown](b, "GET", "/breakdown?by=service_tier", "", 200).Rows {
		rows[*r.Tier] = r.Cost
	}
	require.Equal(t, map[string]api.Money{"": 2_250_000, "batch": 2_250_000, "scale": 2_250_000}, rows)
	require.Equal(t, "batch", consoletest.Data[stats.DimensionValues](b, "GET", "/dimensions/service_tier", "", 200).Values[0].Value)
	require.EqualValues(t, 2, consoletest.Data[stats.Stats](b, "GET", "/stats?service_tier=batch", "", 200).Calls)
	days := consoletest.Data[stats.Trend](b, "GET", "/usage-trend?service_tier=batch&group_by=model", "", 200)
	require.Len(t, days.Series, 1)
	calls := int64(0)
	for _, p := range days.Series[0].Points {
		calls += p.Calls
	}
	require.EqualValues(t, 2, calls)

	csv := strings.Split(strings.TrimSpace(b.Do("GET", api.Base+"/export?format=csv&service_tier=scale", "", nil).Body.String()), "\n")
	require.Len(t, csv, 2)
	require.True(t, strings.HasSuffix(strings.TrimSpace(csv[0]), ",service_tier,account,error_message"))
	require.True(t, strings.HasSuffix(strings.TrimSpace(csv[1]), ",scale,,"))
}

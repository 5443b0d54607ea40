package pricing

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestTierPrices checks amounts against the pages that publishedTiers names: a million tokens of input, a tenth of it
// from the cache, and a million of output.
func TestTierPrices(t *testing.T) {
	tokens := usage.Tokens{InputUncached: 900_000, CacheRead: 100_000, OutputText: 1_000_000, Fields: usage.HasInput | usage.HasOutput}
	b := book(t)
	for _, tc := range []struct {
		provider, model string
		tier            usage.Tier
		want            string
		known           bool
	}{
		{"openai", "gpt-5", usage.TierUnknown, "11.1375", true}, // 1.25, 0.125, 10
		{"openai", "gpt-5", usage.TierStandard, "11.1375", true},
		{"openai", "gpt-5", usage.TierBatch, "5.56875", true}, // 0.625, 0.0625, 5
		{"openai", "gpt-5", usage.TierFlex, "5.56875", true},
		{"openai", "gpt-5-2025-08-07", usage.TierPriority, "22.275", true}, // 2.5, 0.25, 20
		{"openai", "gpt-5-mini", usage.TierPriority, "4.0095", true},       // 0.45, 0.045, 3.6
		{"openai", "gpt-4o-mini", usage.TierPriority, "1.2375", true},      // 0.25, 0.125, 1
		{"openai", "o4-mini", usage.TierPriority, "9.85", true},            // 2, 0.5, 8
		{"openai", "gpt-5", usage.TierScale, "11.1375", false},
		{"openai", "gpt-5", usage.TierOther, "11.1375", false},
		{"openai", "gpt-5-nano", usage.TierPriority, "0.4455", false},          // not offered
		{"anthropic", "claude-sonnet-4-5", usage.TierBatch, "13.98", true},     // half of 6, 0.6, 22.5: those above 200,000 tokens
		{"anthropic", "claude-sonnet-4-5", usage.TierPriority, "27.96", false}, // committed capacity
		{"gcp.gemini", "gemini-2.5-flash", usage.TierBatch, "1.388", true},     // 0.15, 0.03, 1.25: the cache costs the same
		{"gcp.gemini", "gemini-2.5-flash", usage.TierPriority, "4.9914", true}, // 0.54, 0.054, 4.5
		{"groq", "llama-3.3-70b-versatile", usage.TierFlex, "1.38", true},      // 0.59, 0.79: as on demand
		{"x_ai", "grok-4", usage.TierBatch, "17.775", false},
		{"openai", "not-a-model", usage.TierBatch, "unpriced", true},
	} {
		t.Run(tc.model+" "+tc.tier.String(), func(t *testing.T) {
			c := call(tc.provider, tc.model, tokens)
			c.Tier = tc.tier
			require.Equal(t, tc.want, priceOf(t, b, c))
			require.Equal(t, tc.known, b.PricesTier(c))
			_, parts, ok := b.Explain(c)
			var sum usage.NanoUSD
			for _, p := range parts {
				sum += p.USD
			}
			require.Equal(t, ok, tc.want != "unpriced")
			if ok {
				require.Equal(t, tc.want, sum.String())
			}
		})
	}
	c := call("openai", "gpt-4o-mini", tokens)
	c.Tier = usage.TierPriority
	_, parts, ok := b.Explain(c)
	require.True(t, ok)
	require.Equal(t, Part{Kind: "output", Tokens: 1_000_000, Rate: ratesPerUSD, USD: 1_000_000_000, Standard: 6 * ratesPerUSD / 10, Factor: "1.6667"}, parts[2])
}

// TestOwnTierPrices: an own price's service tiers go before the published factors.
func TestOwnTierPrices(t *testing.T) {
	own := func(s map[string]OverrideServiceTier) []Override {
		return []Override{{Model: "gpt-5", Rates: Amounts{Input: usd(2), Output: usd(4)}, Tiers: []OverrideTier{{Above: 10, Rates: Amounts{Input: usd(8)}}}, ServiceTiers: s}}
	}
	b, err := book(t).With(own(map[string]OverrideServiceTier{"flex": {Factor: usd(.4)}, "scale": {Rates: Amounts{Input: usd(1)}}}))
	require.NoError(t, err)
	for _, tc := range []struct {
		tier  usage.Tier
		input int64
		want  string
		known bool
	}{
		{usage.TierUnknown, 10, "0.00006", true},
		{usage.TierFlex, 10, "0.000024", true},
		{usage.TierFlex, 20, "0.00008", true}, // of the rate above 10 tokens
		{usage.TierScale, 20, "0.00006", true},
		{usage.TierBatch, 10, "0.00003", true}, // published
		{usage.TierOther, 10, "0.00006", false},
	} {
		c := call("openai", "gpt-5", usage.Tokens{InputUncached: tc.input, OutputText: 10})
		c.Tier = tc.tier
		require.Equal(t, tc.want, priceOf(t, b, c), tc.tier)
		require.Equal(t, tc.known, b.PricesTier(c), tc.tier)
	}
	other, err := book(t).With(own(map[string]OverrideServiceTier{"flex": {Factor: usd(.3)}, "scale": {Rates: Amounts{Input: usd(1)}}}))
	require.NoError(t, err)
	require.NotEqual(t, b.Version(), other.Version())
	for name, s := range map[string]map[string]OverrideServiceTier{
		"name batch, flex": {"turbo": {Factor: usd(1)}}, "name batch": {"standard": {Factor: usd(1)}},
		"set either": {"flex": {}}, "either factor or prices": {"flex": {Factor: usd(1), Rates: Amounts{Input: usd(1)}}},
		"from 0 to 100": {"flex": {Factor: usd(-1)}}, "a number from 0": {"flex": {Factor: usd(101)}},
		"a price must be": {"flex": {Rates: Amounts{Input: usd(-1)}}},
	} {
		_, err := book(t).With(own(s))
		require.ErrorContains(t, err, name)
	}
}

// TestFactorBounds: no factor makes a rate larger than a price can be.
func TestFactorBounds(t *testing.T) {
	const most = Rate(maxUSD) * ratesPerUSD
	require.Equal(t, most, factor{maxFactor, 1}.of(most))
	require.Equal(t, most/2, factor{1, 2}.of(most))
	require.Equal(t, Rate(0), factor{0, 1}.of(most))
	require.Equal(t, Rate(2), factor{1, 2}.of(3), "rounded half up")
}

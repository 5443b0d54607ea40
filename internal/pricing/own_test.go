package pricing

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func usd(v float64) *float64 { return &v }

func priceOf(t *testing.T, b *Book, c *usage.Call) string {
	t.Helper()
	got, ok := b.Price(c)
	if !ok {
		return "unpriced"
	}
	return got.String()
}

func TestOwnPrices(t *testing.T) {
	october := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	b, err := book(t).With([]Override{
		{Model: "local-*", Rates: Amounts{Input: usd(1), Output: usd(2), CacheRead: usd(.5), CacheWrite: usd(3), CacheWrite1h: usd(5), Reasoning: usd(7)}},
		{Provider: "openai", Model: "gpt-4o", Rates: Amounts{Input: usd(100), Output: usd(100)}},
		{Provider: "openai", Model: "gpt-4o", Rates: Amounts{Input: usd(200), Output: usd(200)}, From: october},
		{Provider: "gcp.gemini", Model: "gemini-*", Rates: Amounts{Input: usd(1), Output: usd(2)}, Tiers: []OverrideTier{
			{Above: 1000, Rates: Amounts{Input: usd(10)}}, {Above: 2000, Rates: Amounts{Output: usd(20)}},
		}},
		{Model: "mine[fast=true]", Rates: Amounts{Input: usd(4), Output: usd(4)}},
		{Model: "meta-llama/*-free", Rates: Amounts{Input: usd(0), Output: usd(0)}},
		{Model: "embed", Rates: Amounts{Input: usd(.1)}},
		{Model: "search", Rates: Amounts{Input: usd(1), Output: usd(1)}, Request: usd(.005)},
		{Model: "voice", Rates: Amounts{Input: usd(1), Output: usd(2), AudioInput: usd(10), AudioOutput: usd(20)}},
	})
	require.NoError(t, err)
	for _, tc := range []struct {
		name, provider, model string
		tokens                usage.Tokens
		at                    time.Time
		want                  string
	}{
		{"every kind", "ollama", "Local-7B", usage.Tokens{InputUncached: 1, CacheRead: 2, CacheWrite: 5, CacheWrite1h: 1, OutputText: 1, Reasoning: 1}, october, "0.000028"},
		{"the one that begins last", "openai", "gpt-4o", usage.Tokens{InputUncached: 1}, october, "0.0002"},
		{"before it began", "openai", "gpt-4o", usage.Tokens{InputUncached: 1}, october.Add(-1), "0.0001"},
		{"another provider", "azure.ai.openai", "gpt-4o", usage.Tokens{InputUncached: 1000}, october, "0.0025"},
		{"the provider by another of its names", "gcp.vertex_ai", "gemini-9", usage.Tokens{InputUncached: 1000, OutputText: 1}, october, "0.001002"},
		{"a tier", "gcp.gemini", "gemini-9", usage.Tokens{InputUncached: 1001, OutputText: 1}, october, "0.010012"},
		{"a kind keeps the price of the tier before", "gcp.gemini", "gemini-9", usage.Tokens{InputUncached: 2001, OutputText: 1}, october, "0.02003"},
		{"only * is a pattern", "", "mine[fast=true]", usage.Tokens{InputUncached: 1}, october, "0.000004"},
		{"* stands for a slash too, and 0 is a price", "openrouter", "meta-llama/llama/x-free", usage.Tokens{InputUncached: 1}, october, "0"},
		{"no price of output", "", "embed", usage.Tokens{InputUncached: 1, OutputText: 1}, october, "unpriced"},
		{"no output", "", "embed", usage.Tokens{InputUncached: 10}, october, "0.000001"},
		{"a request", "", "search", usage.Tokens{InputUncached: 10}, october, "0.00501"},
		{"the book's own", "openai", "gpt-4o-mini", usage.Tokens{InputUncached: 1000}, october, "0.00015"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := call(tc.provider, tc.model, tc.tokens)
			c.Start = tc.at
			require.Equal(t, tc.want, priceOf(t, b, c))
		})
	}
	requested := call("", "what-answered", usage.Tokens{InputUncached: 1})
	requested.RequestModel = "local-1"
	require.Equal(t, "0.000001", priceOf(t, b, requested), "the requested model's name is one too")
	voice := call("", "voice", usage.Tokens{InputUncached: 10, OutputText: 10})
	voice.Modalities = usage.Modalities{AudioInput: 4, AudioOutput: 5}
	require.Equal(t, "0.000156", priceOf(t, b, voice))
}

// TestOwnVersion: the version changes with every price.
func TestOwnVersion(t *testing.T) {
	published := book(t)
	with := func(o ...Override) string {
		b, err := published.With(o)
		require.NoError(t, err)
		return b.Version()
	}
	base := Override{Model: "x", Rates: Amounts{Input: usd(1), Output: usd(2)}}
	dated, dearer, cached := base, base, base
	dated.From = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	dearer.Rates.Output = usd(3)
	cached.Tiers = []OverrideTier{{Above: 5, Rates: Amounts{Input: usd(4)}}}
	seen := map[string]bool{with(): true}
	require.Equal(t, published.Version(), with())
	for _, o := range []Override{base, dated, dearer, cached} {
		v := with(o)
		require.Regexp(t, `^genai-prices [0-9.]+ \+ own [0-9a-f]{8}$`, v)
		require.False(t, seen[v])
		seen[v] = true
		require.Equal(t, v, with(o))
	}
}

func TestWrongOwnPrices(t *testing.T) {
	in := Amounts{Input: usd(1), Output: usd(1)}
	for want, bad := range map[string]Override{
		"own price 1 (no model): model is missing":                     {Rates: in},
		"own price 1 (x): input: set input and output":                 {Model: "x"},
		"input: a price must be a number of USD from 0 to 1,000,000":   {Model: "x", Rates: Amounts{Input: usd(-1)}},
		"output: a price must be":                                      {Model: "x", Rates: Amounts{Input: usd(1), Output: usd(math.NaN())}},
		"cache_read: a price must be":                                  {Model: "x", Rates: Amounts{Input: usd(1), CacheRead: usd(1e9)}},
		"reasoning: needs a price of output beside it":                 {Model: "x", Rates: Amounts{Input: usd(1), Reasoning: usd(1)}},
		"cache_read: needs a price of input beside it":                 {Model: "x", Rates: Amounts{Output: usd(1), CacheRead: usd(1)}},
		"audio_cache_read: is needed where audio_input and cache_read": {Model: "x", Rates: Amounts{Input: usd(1), CacheRead: usd(1), AudioInput: usd(1)}},
		"tiers[0]: above must be":                                      {Model: "x", Rates: in, Tiers: []OverrideTier{{Rates: in}}},
		"tiers[1]: above must be":                                      {Model: "x", Rates: in, Tiers: []OverrideTier{{Above: 2, Rates: in}, {Above: 2, Rates: in}}},
		"tiers[0]: it has no price":                                    {Model: "x", Rates: in, Tiers: []OverrideTier{{Above: 2}}},
		"tiers[0]: cache_read has no price below the tier":             {Model: "x", Rates: in, Tiers: []OverrideTier{{Above: 2, Rates: Amounts{CacheRead: usd(1)}}}},
		"request: must be at most 1 USD":                               {Model: "x", Rates: in, Request: usd(2)},
	} {
		_, err := Empty().With([]Override{bad})
		require.ErrorContains(t, err, want)
	}
}

func TestLike(t *testing.T) {
	for _, tc := range []struct {
		pattern, text string
		want          bool
	}{
		{"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"*", "a/b", true}, {"a*", "abc", true}, {"*c", "abc", true}, {"a*c", "abc", true},
		{"a*c", "ac", true}, {"a*a", "a", false}, {"a*b*c", "a-b-b-c", true}, {"a*b*c", "a-c", false}, {"**", "x", true}, {"a**", "b", false},
		{"*ab", "aab", true}, {"*-free", "x-free-y", false},
	} {
		require.Equal(t, tc.want, like(tc.pattern, tc.text), "%s %s", tc.pattern, tc.text)
	}
}

// TestExplain: the parts of a cost add up to it, for all prices of the book.
func TestExplain(t *testing.T) {
	b := book(t)
	for i := range b.providers {
		for _, m := range b.providers[i].Models {
			for _, s := range shapes() {
				c := &usage.Call{Provider: b.providers[i].ID, Model: m.ID, Tokens: s.tokens, Modalities: s.modalities, Start: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
				want, priced := b.Price(c)
				q, parts, ok := b.Explain(c)
				require.Equal(t, priced, ok)
				if !ok {
					continue
				}
				var sum usage.NanoUSD
				var tokens int64
				for _, p := range parts {
					sum += p.USD
					if p.Kind != "request" {
						tokens += p.Tokens
					}
				}
				require.Equal(t, want, sum)
				require.Equal(t, s.tokens.Total(), tokens)
				require.NotEmpty(t, q.Model)
			}
		}
	}
	q, parts, ok := b.Explain(call("anthropic", "claude-sonnet-4-5-20250929", usage.Tokens{InputUncached: 10, CacheWrite: 7, CacheWrite1h: 3, OutputText: 5}))
	require.True(t, ok)
	require.Equal(t, []Part{
		{Kind: "cache_write_1h", Tokens: 3, Rate: 6 * ratesPerUSD, USD: 18_000, Standard: 6 * ratesPerUSD},
		{Kind: "cache_write", Tokens: 4, Rate: 375 * ratesPerUSD / 100, USD: 15_000, Standard: 375 * ratesPerUSD / 100},
		{Kind: "input", Tokens: 10, Rate: 3 * ratesPerUSD, USD: 30_000, Standard: 3 * ratesPerUSD},
		{Kind: "output", Tokens: 5, Rate: 15 * ratesPerUSD, USD: 75_000, Standard: 15 * ratesPerUSD},
	}, parts)
	require.Equal(t, "anthropic", q.Provider)
	require.Equal(t, "3.75", parts[1].Rate.String())
}

func TestQuote(t *testing.T) {
	b, err := book(t).With([]Override{{Model: "mine", From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Rates: Amounts{Input: usd(1)}, Request: usd(.01)}})
	require.NoError(t, err)
	at := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	q, ok := b.Quote("x", "mine", at)
	require.True(t, ok)
	require.Equal(t, Quote{Model: "mine", Own: true, From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Rates: []KindRate{{"input", ratesPerUSD, nil}}, Request: 10_000_000}, q)
	require.Equal(t, []Quote{q}, b.Own())
	_, ok = b.Quote("x", "mine", time.Date(2025, 11, 1, 0, 0, 0, 0, time.UTC))
	require.False(t, ok)
	q, ok = b.Quote("openai", "o3", at)
	require.True(t, ok)
	require.Equal(t, "o3", q.Model)
	require.Equal(t, time.Date(2025, 6, 10, 0, 0, 0, 0, time.UTC), q.From, "the day of a new price")
}

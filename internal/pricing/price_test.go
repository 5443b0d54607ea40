package pricing

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

const all = usage.HasInput | usage.HasOutput

func call(provider, model string, t usage.Tokens) *usage.Call {
	t.Fields = all
	return &usage.Call{Provider: provider, Model: model, Tokens: t, Start: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
}

func book(t testing.TB) *Book {
	t.Helper()
	b, err := Default()
	require.NoError(t, err)
	return b
}

// TestPublishedPrices checks amounts worked out by hand from the providers' published prices.
func TestPublishedPrices(t *testing.T) {
	b := book(t)
	require.Regexp(t, `^genai-prices \d+\.\d+\.\d+$`, b.Version())
	for _, tc := range []struct {
		name, provider, model string
		tokens                usage.Tokens
		usd                   string // "" is no price
	}{
		{"input and output", "openai", "gpt-4o-2024-08-06", usage.Tokens{InputUncached: 1200, OutputText: 300}, "0.006"},
		{"a cache read", "openai", "gpt-4o", usage.Tokens{InputUncached: 200, CacheRead: 1000, OutputText: 300}, "0.00475"},
		{"cache write and read", "anthropic", "claude-3-5-haiku-20241022", usage.Tokens{InputUncached: 100, CacheRead: 1000, CacheWrite: 200, OutputText: 50}, "0.00056"},
		{"reasoning costs what output costs", "openai", "gpt-4o", usage.Tokens{OutputText: 100, Reasoning: 200}, "0.003"},
		{"the provider is not reported", "", "claude-3-5-haiku-20241022", usage.Tokens{InputUncached: 1000}, "0.0008"},
		{"a prefix", "gcp.gemini", "models/gemini-2.5-flash", usage.Tokens{InputUncached: 1000}, "0.0003"},
		{"capitals", "OpenAI", "GPT-4o", usage.Tokens{InputUncached: 1000}, "0.0025"},
		{"an unknown model", "openai", "gpt-of-tomorrow", usage.Tokens{InputUncached: 1000}, ""},
		{"an unknown provider", "mockcompat", "gpt-4o", usage.Tokens{InputUncached: 1000}, ""},
		{"a cache write for an hour", "anthropic", "claude-sonnet-4-5", usage.Tokens{InputUncached: 100, CacheWrite: 3000, CacheWrite1h: 1000}, "0.0138"},
		{"a date written another way", "openai", "gpt-4o-20240806", usage.Tokens{InputUncached: 1000}, "0.0025"},
		{"a name that the book has in capitals", "minimax", "MiniMax-M2.1", usage.Tokens{InputUncached: 1000}, "0.0003"},
		{"another provider passes it on", "azure.ai.openai", "gpt-4o", usage.Tokens{InputUncached: 1000}, "0.0025"},
		{"LiteLLM", "litellm", "anthropic/claude-3-5-haiku-20241022", usage.Tokens{InputUncached: 1000}, "0.0008"},
		{"no tokens at all", "openai", "gpt-4o", usage.Tokens{}, "0"},
		{"one token", "openai", "gpt-4o-mini", usage.Tokens{InputUncached: 1}, "0.00000015"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := b.Price(call(tc.provider, tc.model, tc.tokens))
			require.Equal(t, tc.usd != "", ok)
			if ok {
				require.Equal(t, tc.usd, got.String())
			}
		})
	}
	audio := call("openai", "gpt-audio", usage.Tokens{InputUncached: 1000, OutputText: 100})
	audio.Modalities = usage.Modalities{AudioInput: 600, AudioOutput: 80}
	got, ok := b.Price(audio)
	require.True(t, ok)
	require.Equal(t, "0.02552", got.String(), "400 text and 600 audio in, 20 text and 80 audio out")
	audio.Modalities.AudioInput = 2000
	got, ok = b.Price(audio)
	require.True(t, ok)
	require.Equal(t, "0.0035", got.String(), "figures that contradict the others are left out")
	none := call("openai", "gpt-4o", usage.Tokens{})
	none.Tokens.Fields = 0
	_, ok = b.Price(none)
	require.False(t, ok, "a call without usage has no cost")
}

// TestRules checks tiers, dates and times of day on a book made for it.
func TestRules(t *testing.T) {
	b, err := parse([]byte(`{"version":"0","providers":[{"id":"p","models":[
{"id":"tiers","match":{"equals":"tiers"},"prices":[{"prices":{"input_mtok":{"base":1,"tiers":[{"start":200000,"price":2}]},"output_mtok":{"base":10,"tiers":[{"start":200000,"price":15}]}}}]},
{"id":"dated","match":{"and":[{"starts_with":"da"},{"ends_with":"ed"}]},"prices":[{"prices":{"input_mtok":10}},{"constraint":{"type":"start_date","start_date":"2026-06-01"},"prices":{"input_mtok":5}}]},
{"id":"night","match":{"regex":"^night-\\d+$"},"prices":[{"prices":{"input_mtok":4}},{"constraint":{"type":"time_of_date","start_time":"16:30:00Z","end_time":"00:30:00Z"},"prices":{"input_mtok":2}}]},
{"id":"tiny","match":{"equals":"tiny"},"prices":[{"prices":{"input_mtok":0.0375,"requests_kcount":5}}]},
{"id":"embed","match":{"equals":"embed"},"prices":[{"prices":{"input_mtok":0.02}}]}]}]}`))
	require.NoError(t, err)
	price := func(model string, at string, tokens usage.Tokens) string {
		c := call("p", model, tokens)
		c.Start, err = time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		got, ok := b.Price(c)
		if !ok {
			return "unpriced"
		}
		return got.String()
	}
	const day = "2026-11-01T12:00:00Z"
	require.Equal(t, "0.2", price("tiers", day, usage.Tokens{InputUncached: 100_000, CacheRead: 100_000}))
	require.Equal(t, "0.400017", price("tiers", day, usage.Tokens{InputUncached: 100_001, CacheRead: 100_000, OutputText: 1}), "all of the call at the higher rates")
	require.Equal(t, "0.00001", price("dated", "2026-05-31T23:59:59Z", usage.Tokens{InputUncached: 1}))
	require.Equal(t, "0.000005", price("dated", "2026-06-01T00:00:00Z", usage.Tokens{InputUncached: 1}))
	for at, want := range map[string]string{"16:29:59": "0.000004", "16:30:00": "0.000002", "00:29:59": "0.000002", "00:30:00": "0.000004"} {
		require.Equal(t, want, price("night-7", "2026-11-01T"+at+"Z", usage.Tokens{InputUncached: 1}), at)
	}
	require.Equal(t, "0.005000038", price("tiny", day, usage.Tokens{InputUncached: 1}), "rounded once, half up")
	require.Equal(t, "0.000002", price("embed", day, usage.Tokens{InputUncached: 100}))
	require.Equal(t, "unpriced", price("embed", day, usage.Tokens{InputUncached: 100, OutputText: 1}), "no rate is not a rate of 0")
	require.Equal(t, "unpriced", price("tiers", day, usage.Tokens{OutputText: math.MaxInt64 / 2}), "more than money can be")
}

// TestBook: every model of the book can be found and its prices read.
func TestBook(t *testing.T) {
	b := book(t)
	n := 0
	for i := range b.providers {
		for j := range b.providers[i].Models {
			m := &b.providers[i].Models[j]
			require.NotNil(t, m.Match, m.ID)
			require.NotEmpty(t, m.Prices, m.ID)
			n++
		}
	}
	require.Greater(t, n, 1000)
	var doc struct{ Source string }
	require.NoError(t, json.Unmarshal(embedded, &doc))
	require.Contains(t, doc.Source, "MIT")
}

// BenchmarkPrice is to stay under 200 ns and allocate nothing.
func BenchmarkPrice(b *testing.B) {
	prices := book(b)
	for name, c := range map[string]*usage.Call{
		"cache":    call("anthropic", "claude-sonnet-4-5-20250929", usage.Tokens{InputUncached: 1000, CacheRead: 10_000, CacheWrite: 500, CacheWrite1h: 100, OutputText: 500}),
		"plain":    call("openai", "gpt-4o", usage.Tokens{InputUncached: 1000, OutputText: 500}),
		"unpriced": call("openai", "gpt-of-tomorrow", usage.Tokens{InputUncached: 1000, OutputText: 500}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				prices.Price(c)
			}
		})
	}
}

// TestPriceAllocatesNothing: a name that was seen before costs no memory.
func TestPriceAllocatesNothing(t *testing.T) {
	b := book(t)
	c := call("anthropic", "claude-sonnet-4-5-20250929", usage.Tokens{InputUncached: 1000, CacheRead: 10_000, OutputText: 500})
	b.Price(c)
	require.Zero(t, testing.AllocsPerRun(100, func() { b.Price(c) }))
}

// TestConfiguredProvider: where a provider is only a name from a gateway's configuration, the model's name decides; own
// prices come first, and a provider that the book knows keeps its prices.
func TestConfiguredProvider(t *testing.T) {
	b, err := Default()
	require.NoError(t, err)
	call := usage.Call{Start: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), Provider: "fakeup", Model: "gpt-4o", Tokens: usage.Tokens{
		InputUncached: 1000, OutputText: 100, Fields: usage.HasInput | usage.HasOutput,
	}}
	_, priced := b.Price(&call)
	require.False(t, priced, "a server of one's own")
	call.Quality = usage.ConfiguredProvider
	got, priced := b.Price(&call)
	require.True(t, priced)
	direct := call
	direct.Provider, direct.Quality = "openai", 0
	want, _ := b.Price(&direct)
	require.Equal(t, want, got)
	known := call
	known.Provider, known.Model = "anthropic", "gpt-4o"
	_, priced = b.Price(&known)
	require.False(t, priced, "a provider that the book knows has its own models only")
	unknown := call
	unknown.Model = "fake-up-1"
	_, priced = b.Price(&unknown)
	require.False(t, priced)
}

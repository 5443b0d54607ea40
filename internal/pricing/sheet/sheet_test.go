package sheet

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func usd(v float64) *float64 { return &v }

// TestLiteLLM: prices per token become prices per million tokens without an error of floating point; tiers, service tiers
// and providers are told apart, and what has no price by the token is left out.
func TestLiteLLM(t *testing.T) {
	got, err := Read(LiteLLM, []byte(`{
		"sample_spec": {"input_cost_per_token": "the price"},
		"azure/gpt-x": {"litellm_provider": "azure", "input_cost_per_token": 1.1e-07, "output_cost_per_token": 0.0000003, "cache_read_input_token_cost": 1e-8,
			"input_cost_per_token_above_200k_tokens": 2e-07, "input_cost_per_token_batches": 5e-08, "output_cost_per_token_priority": 6e-7, "mode": "chat", "max_tokens": 5},
		"whisper": {"litellm_provider": "openai", "input_cost_per_second": 0.1},
		"listens": {"litellm_provider": "openai", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "input_cost_per_audio_token": 4e-6, "cache_read_input_token_cost": 5e-7,
			"cache_read_input_token_cost_above_128k_tokens": 6e-7}
	}`))
	require.NoError(t, err)
	require.Equal(t, []Entry{
		{
			Provider: "azure.ai.openai", Model: "gpt-x", Amounts: Amounts{Input: usd(.11), Output: usd(.3), CacheRead: usd(.01)},
			Tiers:        []Tier{{Above: 200_000, Amounts: Amounts{Input: usd(.2)}}},
			ServiceTiers: map[string]ServiceTier{"batch": {Amounts: Amounts{Input: usd(.05)}}, "priority": {Amounts: Amounts{Output: usd(.6)}}},
		},
		{
			Provider: "openai", Model: "listens", Amounts: Amounts{Input: usd(1), Output: usd(2), AudioInput: usd(4), CacheRead: usd(.5), AudioCacheRead: usd(4)},
			Tiers: []Tier{{Above: 128_000, Amounts: Amounts{CacheRead: usd(.6)}}},
		},
	}, got)
	text, left, err := Write(LiteLLM, got[:1])
	require.NoError(t, err)
	require.Zero(t, left)
	again, err := Read(LiteLLM, text)
	require.NoError(t, err)
	require.Equal(t, got[:1], again)
}

// TestRefusedSheets: each mistake is named, with where it is.
func TestRefusedSheets(t *testing.T) {
	for _, tc := range []struct {
		format Format
		text   string
		names  string
	}{
		{YAML, "overrides:\n- {model: a, input: 1}\n- {model: A, input: 2}\n", "price 2 (A): price 1 is for the same"},
		{YAML, "overrides:\n- {model: a, inputs: 1}\n", "inputs"},
		{YAML, "overrides:\n- &a {model: a, input: 1}\n- *a\n", "anchors"},
		{YAML, "overrides: []\n", "no price"},
		{YAML, "", "no price"},
		{YAML, "a: 1\n---\nb: 2\n", "a"},
		{YAML, "overrides:\n- {model: a, input: .nan}\n", "price 1 (a)"},
		{YAML, strings.Repeat("[", 100_000), "read the YAML"},
		{CSV, "model,input,input\n", "twice"},
		{CSV, "input\n1\n", "model is missing"},
		{CSV, "model,input\na,1\nb,1e400\n", "line 3: input"},
		{CSV, "model,input\na,NaN\n", "line 2"},
		{CSV, "model,input\na,0x1p-2\n", "line 2"},
		{CSV, "model,input,tiers\na,1,\"[{\"\"above\"\":5,\"\"colour\"\":1}]\"\n", "colour"},
		{CSV, "model,input\n" + strings.Repeat("a,1\n", 2), "line 3 (a): line 2 is for the same"},
		{LiteLLM, `{"a":{"input_cost_per_token":"free"}}`, "input_cost_per_token is no number"},
		{LiteLLM, `{"a":{"input_cost_per_token":-1}}`, "no price"},
		{LiteLLM, `{"a":{"input_cost_per_token":1e999999999}}`, "no price"},
		{LiteLLM, `{} {}`, "more than one document"},
		{LiteLLM, `[]`, "read the JSON"},
		{"pdf", "x", "no format"},
	} {
		_, err := Read(tc.format, []byte(tc.text))
		require.ErrorContains(t, err, tc.names, "%s %.60q", tc.format, tc.text)
	}
	var many strings.Builder
	many.WriteString("model,input\n")
	for i := range MaxEntries + 1 {
		many.WriteString(strings.Repeat("m", i%200+1) + strings.Repeat("n", i/200) + ",1\n")
	}
	_, err := Read(CSV, []byte(many.String()))
	require.ErrorContains(t, err, "at most 5000")
}

// FuzzRead: whatever is read can be written and read again, and is the same.
func FuzzRead(f *testing.F) {
	f.Add(0, "overrides:\n- {model: a, input: 1, tiers: [{above: 5, input: 2}]}\n")
	f.Add(1, "provider,model,from,input,note\np,'=m,2026-01-31,1,'x\n")
	f.Add(2, `{"azure/a":{"litellm_provider":"azure","input_cost_per_token":1e-7}}`)
	f.Fuzz(func(t *testing.T, n int, text string) {
		formats := []Format{YAML, CSV, LiteLLM}
		entries, err := Read(formats[uint(n)%3], []byte(text))
		if err != nil {
			return
		}
		for _, form := range formats[:2] {
			b, _, err := Write(form, entries)
			require.NoError(t, err)
			again, err := Read(form, b)
			require.NoError(t, err, "%s", b)
			require.Len(t, again, len(entries))
			for i := range again {
				require.Equal(t, entries[i].ID(), again[i].ID())
				require.Equal(t, entries[i].Amounts, again[i].Amounts)
			}
		}
	})
}

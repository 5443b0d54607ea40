package figures

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

const all = usage.HasInput | usage.HasOutput | usage.HasCacheRead | usage.HasReasoning

// TestDecide: the rules decide, else the total, else a part is within its whole.
func TestDecide(t *testing.T) {
	for name, tc := range map[string]struct {
		total                         int64 // of 100 input, 50 output, 30 cache and 20 reasoning
		cache, reasoning              Rule
		cacheBeside, reasoningBeside  bool
		withoutCache, withoutThoughts bool
	}{
		"no total":                               {total: -1},
		"both within":                            {total: 150},
		"the cache beside":                       {total: 180, cacheBeside: true},
		"the reasoning beside":                   {total: 170, reasoningBeside: true},
		"both beside":                            {total: 200, cacheBeside: true, reasoningBeside: true},
		"a total that fits nothing":              {total: 151},
		"included, whatever the total":           {total: 200, cache: Included, reasoning: Included},
		"excluded, whatever the total":           {total: 150, cache: Excluded, cacheBeside: true},
		"excluded reasoning that does not fit":   {total: 150, reasoning: Excluded},
		"excluded reasoning, a strange total":    {total: 151, reasoning: Excluded, reasoningBeside: true},
		"excluded cache, and reasoning beside":   {total: 200, cache: Excluded, cacheBeside: true, reasoningBeside: true},
		"by the total":                           {total: 180, cache: ByTotal, cacheBeside: true},
		"no reasoning that could stand beside":   {total: 150, withoutThoughts: true},
		"no cache that could stand beside":       {total: 170, withoutCache: true, reasoningBeside: true},
		"neither, and a total that fits nothing": {total: 151, withoutCache: true, withoutThoughts: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := Whole{Input: 100, Output: 50, Cache: 30, Reasoning: 20, Total: tc.total, HasTotal: tc.total >= 0}
			if tc.withoutCache {
				w.Cache = 0
			}
			if tc.withoutThoughts {
				w.Reasoning = 0
			}
			cacheBeside, reasoningBeside := w.Decide(tc.cache, tc.reasoning)
			require.Equal(t, tc.cacheBeside, cacheBeside, "cache")
			require.Equal(t, tc.reasoningBeside, reasoningBeside, "reasoning")
		})
	}
}

func TestTokens(t *testing.T) {
	for name, tc := range map[string]struct {
		f                Figures
		cache, reasoning Rule
		want             usage.Tokens
		bad              bool
	}{
		"nothing but 0 is nothing": {f: Figures{Has: all}},
		"within": {
			f:    Figures{Input: 100, Output: 50, CacheRead: 30, Reasoning: 20, Has: all},
			want: usage.Tokens{InputUncached: 70, CacheRead: 30, OutputText: 30, Reasoning: 20, Fields: all},
		},
		"beside": {
			f: Figures{Input: 100, Output: 50, CacheRead: 30, Reasoning: 20, Has: all}, cache: Excluded, reasoning: Excluded,
			want: usage.Tokens{InputUncached: 100, CacheRead: 30, OutputText: 50, Reasoning: 20, Fields: all},
		},
		"a part is never larger than the whole": {
			f:    Figures{Input: 10, Output: 5, CacheRead: 30, Reasoning: 20, Has: all},
			want: usage.Tokens{InputUncached: 10, CacheRead: 30, OutputText: 5, Reasoning: 20, Fields: all},
		},
		"a larger part that is said to be included is left out": {
			f: Figures{Input: 10, Output: 50, CacheRead: 30, Has: all}, cache: Included, bad: true,
			want: usage.Tokens{InputUncached: 10, OutputText: 50, Fields: all &^ usage.HasCacheRead},
		},
		"a cache that is counted twice is as large as the input": {
			f: Figures{Input: 10, Output: 50, CacheRead: 30, Total: 60, HasTotal: true, Has: all}, cache: ByTotal, bad: true,
			want: usage.Tokens{CacheRead: 10, OutputText: 50, Fields: all},
		},
		"thoughts are what the total has beyond": {
			f: Figures{Input: 100, Output: 50, Total: 170, HasTotal: true, Has: usage.HasInput | usage.HasOutput, SeparateThoughts: true},
			want: usage.Tokens{
				InputUncached: 100, OutputText: 50, Reasoning: 20, Fields: usage.HasInput | usage.HasOutput | usage.HasReasoning,
			},
		},
		"the parts of cache writes without their sum": {
			f: Figures{Input: 100, Output: 50, CacheWrite5m: 10, CacheWrite1h: 20, Has: usage.HasInput | usage.HasOutput},
			want: usage.Tokens{
				InputUncached: 70, CacheWrite: 30, CacheWrite1h: 20, OutputText: 50, Fields: usage.HasInput | usage.HasOutput | usage.HasCacheWrite,
			},
		},
		"more than can be": {
			f: Figures{Input: usage.MaxTokens, Output: usage.MaxTokens, CacheRead: usage.MaxTokens, Has: all}, cache: Excluded, bad: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := tc.f.Tokens(tc.cache, tc.reasoning)
			require.Equal(t, tc.want, got)
			require.Equal(t, !tc.bad, ok)
		})
	}
}

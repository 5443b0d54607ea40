package usage

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCounts: what counts as what, one by one, and that to subtract a call is the reverse of adding it.
func TestCounts(t *testing.T) {
	tokens := Tokens{InputUncached: 10, CacheRead: 3, CacheWrite: 2, CacheWrite1h: 1, OutputText: 5, Reasoning: 4, Fields: HasInput | HasOutput}
	sum := tokens
	sum.Fields = 0
	for name, tc := range map[string]struct {
		call Call
		want Counts
	}{
		"plain":        {Call{Tokens: tokens, Cost: 7}, Counts{Calls: 1, Tokens: sum, Cost: 7}},
		"failed":       {Call{Failed: true}, Counts{Calls: 1, Errors: 1, NoUsage: 1}},
		"without cost": {Call{Tokens: tokens, Cost: 7, Quality: Unpriced}, Counts{Calls: 1, Unpriced: 1, Tokens: sum}},
		"inconsistent": {Call{Tokens: tokens, Quality: Inconsistent}, Counts{Calls: 1, Inconsistent: 1, Tokens: sum}},
		"estimated":    {Call{Tokens: tokens, Quality: Estimated}, Counts{Calls: 1, Estimated: 1, Tokens: sum}},
		"other flags":  {Call{Tokens: tokens, Quality: ReportedCost | RunningSum | CacheMissing}, Counts{Calls: 1, Tokens: sum}},
	} {
		t.Run(name, func(t *testing.T) {
			var s, columns Counts
			s.Add(&tc.call, 1)
			require.Equal(t, tc.want, s)
			columns.AddCountable(&Countable{tc.call.Tokens, tc.call.Cost, tc.call.Quality, tc.call.Failed})
			require.Equal(t, tc.want, columns)
			s.Merge(&columns)
			s.Add(&tc.call, -1)
			require.Equal(t, tc.want, s)
			s.Add(&tc.call, -1)
			require.Zero(t, s)
		})
	}
}

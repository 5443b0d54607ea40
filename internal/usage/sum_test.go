package usage

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// edges are figures near which arithmetic goes wrong.
var edges = rapid.OneOf(
	rapid.SampledFrom([]int64{0, 1, -1, MaxTokens, int64(MaxCost), 1<<53 + 1, 1<<62 - 1, 1 << 62, math.MaxInt64 - 1, math.MaxInt64, math.MinInt64, math.MinInt64 + 1, -1 << 62, -1<<62 - 1}),
	rapid.Int64(), rapid.Int64Range(0, MaxTokens),
)

func clamped(v *big.Int) int64 {
	switch {
	case v.IsInt64():
		return v.Int64()
	case v.Sign() > 0:
		return math.MaxInt64
	}
	return math.MinInt64
}

// TestSaturation: a sum is exact, or the end of the range where it lies beyond it.
func TestSaturation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := edges.Draw(t, "a"), edges.Draw(t, "b")
		x, y := big.NewInt(a), big.NewInt(b)
		far := func(v int64) bool { return v == math.MaxInt64 }
		if !far(a) && !far(b) {
			require.Equal(t, clamped(new(big.Int).Add(x, y)), AddSat(a, b))
			require.Equal(t, clamped(new(big.Int).Sub(x, y)), SubSat(a, b))
		}
		require.Equal(t, AddSat(a, b), AddSat(b, a))
		if !far(a) && !far(b) || a == 0 || b == 0 {
			require.Equal(t, clamped(new(big.Int).Mul(x, y)), TimesSat(a, b))
		}
		require.EqualValues(t, math.MaxInt64, AddSat(math.MaxInt64, a), "what it lacks is not known")
		require.EqualValues(t, math.MaxInt64, SubSat(math.MaxInt64, a))
	})
}

// TestSaturatedOrder: sums of figures that are not negative are the same in every order and grouping, and never
// less than one of them.
func TestSaturatedOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		figures := rapid.SliceOfN(rapid.OneOf(rapid.Int64Range(0, MaxTokens), rapid.Int64Range(math.MaxInt64-5, math.MaxInt64), rapid.Int64Range(1<<61, 1<<62)), 1, 20).Draw(t, "figures")
		want := new(big.Int)
		var one, left, right int64
		for i, f := range figures {
			want.Add(want, big.NewInt(f))
			one = AddSat(one, f)
			if i%2 == 0 {
				left = AddSat(left, f)
			} else {
				right = AddSat(right, f)
			}
		}
		require.Equal(t, clamped(want), one)
		require.Equal(t, one, AddSat(left, right))
		back := one
		for _, f := range figures {
			back = SubSat(back, f)
			require.GreaterOrEqual(t, back, int64(0))
		}
	})
}

// TestFit: whatever a call reports, what is kept of it is within the bounds, and it says that something was left out.
func TestFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Call{
			Tokens: Tokens{
				InputUncached: edges.Draw(t, "input"), CacheRead: edges.Draw(t, "read"), CacheWrite: edges.Draw(t, "write"), CacheWrite1h: edges.Draw(t, "1h"),
				OutputText: edges.Draw(t, "output"), Reasoning: edges.Draw(t, "reasoning"), Fields: HasInput | HasOutput,
			},
			ReportedCost: NanoUSD(edges.Draw(t, "cost")), HasReportedCost: true,
		}
		was := c
		c.RejectImpossible()
		require.True(t, c.Tokens.Possible())
		require.True(t, c.ReportedCost.Possible())
		for _, n := range []int64{c.Tokens.Input(), c.Tokens.Output(), c.Tokens.Total(), c.Tokens.CacheWrite1h} {
			require.LessOrEqual(t, n, MaxTokens)
			require.GreaterOrEqual(t, n, int64(0))
		}
		require.Equal(t, was.Tokens != c.Tokens || !c.HasReportedCost, c.Quality&Inconsistent != 0)
		if was.Tokens != c.Tokens {
			require.Equal(t, Tokens{}, c.Tokens)
		}
		again := c
		again.RejectImpossible()
		require.Equal(t, c, again)
	})
	c := Call{Tokens: Tokens{InputUncached: MaxTokens, Fields: HasInput}, ReportedCost: MaxCost, HasReportedCost: true}
	was := c
	c.RejectImpossible()
	require.Equal(t, was, c, "the bounds themselves are possible")
}

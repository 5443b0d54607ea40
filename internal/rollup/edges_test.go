package rollup

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestSumsAtTheEdges: figures whose sums leave 64 bits make sums that stay at the end of the range, in whatever
// parts they were added; nothing that is taken back makes them less than they are, or negative.
func TestSumsAtTheEdges(t *testing.T) {
	figure := rapid.OneOf(rapid.SampledFrom([]int64{0, 1, usage.MaxTokens, 1 << 53, 1 << 61, 1 << 62, math.MaxInt64 - 1, math.MaxInt64}), rapid.Int64Range(0, math.MaxInt64))
	rapid.Check(t, func(t *rapid.T) {
		r, s := New(Options{}), series.New(series.Options{Labels: []series.Label{series.LabelModel}, Max: 10})
		input, cost := new(big.Int), new(big.Int)
		var calls []usage.Call
		left := true // no sum was ever beyond the range
		clamp := func(v *big.Int) int64 {
			if !v.IsInt64() || v.Int64() == math.MaxInt64 {
				left = false
				return math.MaxInt64
			}
			return v.Int64()
		}
		add := func(c *usage.Call, n int64) {
			r.Add(c, n)
			s.Journal([]usage.Change{{Call: c, N: n}})
			s.Commit()
			input.Add(input, new(big.Int).Mul(big.NewInt(n), big.NewInt(c.Tokens.InputUncached)))
			cost.Add(cost, new(big.Int).Mul(big.NewInt(n), big.NewInt(int64(c.Cost))))
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			c := usage.Call{
				Start: testStart.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "at")) * time.Hour), Model: "m",
				Tokens: usage.Tokens{InputUncached: figure.Draw(t, "input"), Fields: usage.HasInput}, Cost: usage.NanoUSD(figure.Draw(t, "cost")),
			}
			if i := rapid.IntRange(0, 20).Draw(t, "takes back"); i < len(calls) {
				add(&calls[i], -1)
				calls = append(calls[:i], calls[i+1:]...)
			} else {
				add(&c, 1)
				calls = append(calls, c)
			}
			if rapid.Bool().Draw(t, "folds") {
				for _, p := range r.Dirty() {
					require.NoError(t, r.MergeChanges(ctx, p))
				}
			}
			all, points := collector(1)
			require.NoError(t, r.Sum(ctx, Query{Dimension: Models, Edges: Open, Points: points}))
			var sums Sums
			for _, p := range all {
				sums.Merge(&p[0])
			}
			wantInput, wantCost := clamp(input), clamp(cost)
			for _, got := range []Sums{sums, s.Total()} {
				if left {
					require.Equal(t, wantInput, got.Tokens.Input())
					require.Equal(t, wantCost, int64(got.Cost))
				}
				require.GreaterOrEqual(t, got.Tokens.Input(), wantInput)
				require.GreaterOrEqual(t, int64(got.Cost), wantCost)
				require.EqualValues(t, len(calls), got.Calls)
			}
		}
	})
}

package cell

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestColumns(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 20 {
		rows := make([]Figures, n)
		for i := range rows {
			for f := range rows[i] {
				rows[i][f] = []int64{0, 1, -1, math.MaxInt64, math.MinInt64, rng.Int64N(1 << 40), int64(f)}[rng.IntN(7)]
				if f%3 == n%3 {
					rows[i][f] = int64(f % 2)
				}
			}
		}
		c := MakeColumns(rows)
		r := NewReader(c.Encode(nil, n))
		again := r.Columns(n)
		require.False(t, r.Bad)
		require.Empty(t, r.B)
		for i := range rows {
			require.Equal(t, rows[i], c.Row(i))
			require.Equal(t, rows[i], again.Row(i))
		}
	}
}

func TestPackedCells(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f Figures
		for i := range f {
			f[i] = rapid.SampledFrom([]int64{0, 0, 1, 2, -1, 300, math.MaxInt64, math.MinInt64}).Draw(t, "figure")
		}
		var dur, ttft Histogram
		for _, h := range []*Histogram{&dur, &ttft} {
			for range rapid.IntRange(0, 30).Draw(t, "values") {
				h.AddBucket(rapid.Int16().Draw(t, "bucket"), rapid.SampledFrom([]int64{1, 1, 2, 20, -1, math.MaxInt32}).Draw(t, "count"))
			}
			for range rapid.IntRange(0, 5).Draw(t, "near") {
				h.AddBucket(rapid.Int16Range(150, 190).Draw(t, "bucket"), 1)
			}
		}
		b := AppendPacked([]byte("x"), &f, &dur, &ttft)
		r := NewReader(b[1:])
		var got Figures
		var gotDur, gotTTFT Histogram
		require.NoError(t, ReadHistograms(r.Packed(&got), &gotDur, &gotTTFT))
		require.False(t, r.Bad)
		require.Empty(t, r.B)
		require.Equal(t, f, got)
		for _, h := range [][2]*Histogram{{&dur, &gotDur}, {&ttft, &gotTTFT}} {
			require.Equal(t, append([]int16{}, h[0].index...), append([]int16{}, h[1].index...))
			require.Equal(t, append([]int64{}, h[0].count...), append([]int64{}, h[1].count...))
		}
	})
}

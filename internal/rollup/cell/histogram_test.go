package cell

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHistogramQuantile(t *testing.T) {
	var h Histogram
	_, ok := h.Quantile(0.5)
	require.False(t, ok, "an empty histogram has no quantile")
	for i := 1; i <= 1000; i++ {
		h.Add(time.Duration(i)*time.Millisecond, 1)
	}
	for q, want := range map[float64]time.Duration{
		0: time.Millisecond, 0.5: 500 * time.Millisecond, 0.95: 950 * time.Millisecond,
		0.99: 990 * time.Millisecond, 1: time.Second,
	} {
		got, ok := h.Quantile(q)
		require.True(t, ok)
		require.InEpsilon(t, want.Seconds(), got.Seconds(), 0.05, "quantile %v", q)
	}
}

// TestHistogramIsExact: whatever was added and taken back, in any order, leaves no trace.
func TestHistogramIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		durations := rapid.SliceOf(rapid.Int64Range(0, int64(240*time.Hour))).Draw(t, "durations")
		var kept, all Histogram
		for i, d := range durations {
			all.Add(time.Duration(d), 1)
			if i%2 == 0 {
				kept.Add(time.Duration(d), 1)
			}
		}
		for i, d := range durations {
			if i%2 == 1 {
				all.Add(time.Duration(d), -1)
			}
		}
		require.Equal(t, kept.Count(), all.Count())
		require.ElementsMatch(t, kept.index, all.index)
		for q := 0.0; q <= 1; q += 0.25 {
			a, okA := kept.Quantile(q)
			b, okB := all.Quantile(q)
			require.Equal(t, okA, okB)
			require.Equal(t, a, b)
		}
	})
}

package metrics

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestNativeHistogram compares with what the Prometheus library makes of the same values.
func TestNativeHistogram(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var theirBounds []float64
	for e := durationBounds.From; e <= durationBounds.To; e++ {
		theirBounds = append(theirBounds, math.Ldexp(1, e))
	}
	for _, n := range []int{1, 2, 10, 1_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			theirs := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "h", Buckets: theirBounds, NativeHistogramBucketFactor: 1.1})
			set := series.New(series.Options{Max: 10})
			for i := range n {
				c := usage.Call{Model: "m", Duration: time.Duration(math.Exp(random.NormFloat64()*3) * float64(time.Second))}
				if i%3 == 1 { // on a bound
					c.Duration = time.Duration(math.Ldexp(1, random.IntN(16)-6) * float64(time.Second))
				}
				require.NoError(t, set.Apply(set.Journal([]usage.Change{{Call: &c, N: 1}})))
				theirs.Observe(c.Duration.Seconds())
			}
			_, timings := set.Expose()
			native := timings[series.Model{Model: "m"}].Duration
			var want, got dto.Metric
			require.NoError(t, theirs.Write(&want))
			ours := prometheus.MustNewConstMetric(prometheus.NewDesc("h", "", nil, nil), prometheus.UntypedValue, 0)
			require.NoError(t, histogram{ours, &native, durationBounds}.Write(&got))
			want.Histogram.CreatedTimestamp = nil
			want.Histogram.SampleSum, got.Histogram.SampleSum = nil, nil // added up in another order
			require.Equal(t, want.Histogram.String(), got.Histogram.String())
		})
	}
}

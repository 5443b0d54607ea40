package metrics

import (
	"maps"
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/tokenboard/tokenboard/internal/rollup/series"
)

// bounds are the buckets of a classic histogram: powers of two, both ends included.
type bounds struct{ From, To int }

var (
	durationBounds = bounds{-4, 10} // 62.5 ms to 17 minutes
	ttftBounds     = bounds{-5, 7}  // 31 ms to 2 minutes
	speedBounds    = bounds{0, 11}  // 1 to 2,048 tokens a second
)

const (
	nativeSchema        = 3 // see series.Native
	nativeZeroThreshold = prometheus.DefNativeHistogramZeroThreshold
	// nativeGap is how many empty buckets are cheaper written out than as a new span.
	nativeGap = 2
)

// histogram is a metric that has both the classic and the native form: Prometheus takes the one that
// it is set up for.
type histogram struct {
	prometheus.Metric // for its description and labels
	native            *series.Native
	bounds            bounds
}

func (s *scrape) histogram(d *Def, b bounds, n *series.Native, of series.Model) {
	if n.Count == 0 {
		return
	}
	s.ch <- histogram{prometheus.MustNewConstMetric(s.m.descs[d], prometheus.UntypedValue, 0, of.Provider, of.Model), n, b}
}

// cleanMembers makes names ones that labels can have, and adds up what has the same names then.
func cleanMembers(timings map[series.Model]series.Timings) map[series.Model]*series.Timings {
	out := make(map[series.Model]*series.Timings, len(timings))
	for m, t := range timings {
		m = series.Model{Model: cleanLabel(m.Model), Provider: cleanLabel(m.Provider)}
		sum := out[m]
		if sum == nil {
			out[m] = &t
			continue
		}
		sum.Duration.Merge(&t.Duration)
		sum.TTFT.Merge(&t.TTFT)
		sum.Speed.Merge(&t.Speed)
	}
	return out
}

// Write fills in both forms.
func (h histogram) Write(out *dto.Metric) error {
	if err := h.Metric.Write(out); err != nil {
		return err
	}
	out.Untyped = nil
	n := h.native
	hist := &dto.Histogram{
		SampleCount: new(uint64(n.Count)), SampleSum: new(n.Sum),
		Schema: new(int32(nativeSchema)), ZeroThreshold: new(float64(nativeZeroThreshold)), ZeroCount: new(uint64(0)),
	}
	for e := h.bounds.From; e <= h.bounds.To; e++ {
		hist.Bucket = append(hist.Bucket, &dto.Bucket{CumulativeCount: new(uint64(n.AtMost(e))), UpperBound: new(math.Ldexp(1, e))})
	}
	hist.PositiveSpan, hist.PositiveDelta = nativeBuckets(n.Buckets)
	out.Histogram = hist
	return nil
}

// nativeBuckets returns buckets as the exposition format has them: runs of neighbours, and of each
// bucket the difference from the one before.
func nativeBuckets(buckets map[int16]int64) (spans []*dto.BucketSpan, deltas []int64) {
	next, last := 0, int64(0)
	add := func(count int64) {
		*spans[len(spans)-1].Length++
		deltas = append(deltas, count-last)
		last = count
		next++
	}
	for i, key := range slices.Sorted(maps.Keys(buckets)) {
		gap := int(key) - next
		if i == 0 || gap > nativeGap {
			spans = append(spans, &dto.BucketSpan{Offset: new(int32(gap)), Length: new(uint32(0))})
			next = int(key)
		}
		for next < int(key) {
			add(0)
		}
		add(buckets[key])
	}
	return spans, deltas
}

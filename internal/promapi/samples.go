package promapi

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// millis is a time in milliseconds since 1970.
type millis = int64

// track is one series while it is added up: what is added from which sample on.
type track struct {
	labels labels.Labels
	scale  float64
	start  float64 // what is in all samples
	exists bool    // also before the first sample
	first  int     // index of the first sample of the series, where it does not exist before
	deltas []delta
	left   float64 // while calls are taken from what was counted: how many, or how much, there was before
	room   *int    // of deltas that the query may still make
}

// delta is added to a sample and all later ones.
type delta struct {
	at int
	v  float64
}

const never = math.MaxInt

func newTrack(l labels.Labels, scale float64, room *int) *track {
	return &track{labels: l, scale: scale, first: never, room: room}
}

// seen notes that the series exists in a sample: the one before is zero, so that an increase has what it began with.
func (t *track) seen(at int) {
	if at == 0 {
		t.exists = true
	}
	t.first = min(t.first, max(at-1, 0))
}

func (t *track) add(at int, v float64) {
	if n := len(t.deltas); n > 0 && t.deltas[n-1].at == at {
		t.deltas[n-1].v += v
		return
	}
	t.deltas = append(t.deltas, delta{at, v})
	*t.room--
}

// begin is the index of the first sample.
func (t *track) begin() int {
	if t.exists {
		return 0
	}
	return t.first
}

func byAt(a, b delta) int { return cmp.Compare(a.at, b.at) }

// floatSeries is a series of numbers.
type floatSeries struct {
	*track
	times []int64
}

// newFloatSeries ends the adding up.
func newFloatSeries(t *track, times []int64) *floatSeries {
	if !slices.IsSortedFunc(t.deltas, byAt) {
		slices.SortStableFunc(t.deltas, byAt)
	}
	return &floatSeries{t, times}
}

func (s *floatSeries) Labels() labels.Labels { return s.labels }

func (s *floatSeries) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return &floatIterator{series: s, at: s.begin() - 1, sum: s.start}
}

// noHistogram is the part of an iterator of numbers that is never asked for.
type noHistogram struct{}

func (noHistogram) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) { return 0, nil }
func (noHistogram) AtFloatHistogram(*histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	return 0, nil
}
func (noHistogram) AtST() int64 { return 0 }
func (noHistogram) Err() error  { return nil }

type floatIterator struct {
	noHistogram
	series *floatSeries
	at     int
	next   int // delta
	sum    float64
}

func (i *floatIterator) Next() chunkenc.ValueType { return i.to(i.at + 1) }

func (i *floatIterator) to(at int) chunkenc.ValueType {
	i.at = min(at, len(i.series.times))
	if i.at == len(i.series.times) {
		return chunkenc.ValNone
	}
	for d := i.series.deltas; i.next < len(d) && d[i.next].at <= i.at; i.next++ {
		i.sum += d[i.next].v
	}
	return chunkenc.ValFloat
}

func (i *floatIterator) Seek(t millis) chunkenc.ValueType {
	return i.to(seek(i.series.times, max(i.at, i.series.begin()), t))
}

// seek returns the index of the first time from one on that is not before t.
func seek(times []int64, from int, t int64) int {
	if from >= len(times) {
		return len(times)
	}
	k, _ := slices.BinarySearch(times[from:], t)
	return from + k
}

func (i *floatIterator) At() (int64, float64) { return i.AtT(), i.sum / i.series.scale }
func (i *floatIterator) AtT() int64           { return i.series.times[i.at] }

// pointSeries is a series whose samples are worked out: gauges.
type pointSeries struct {
	labels labels.Labels
	times  []int64
	values []float64
}

func (s *pointSeries) Labels() labels.Labels { return s.labels }

func (s *pointSeries) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return &pointIterator{series: s, at: -1}
}

type pointIterator struct {
	noHistogram
	series *pointSeries
	at     int
}

func (i *pointIterator) to(at int) chunkenc.ValueType {
	if i.at = min(at, len(i.series.times)); i.at == len(i.series.times) {
		return chunkenc.ValNone
	}
	return chunkenc.ValFloat
}

func (i *pointIterator) Next() chunkenc.ValueType { return i.to(i.at + 1) }
func (i *pointIterator) Seek(t millis) chunkenc.ValueType {
	return i.to(seek(i.series.times, max(i.at, 0), t))
}
func (i *pointIterator) At() (int64, float64) { return i.AtT(), i.series.values[i.at] }
func (i *pointIterator) AtT() int64           { return i.series.times[i.at] }

// nativeTrack is one native histogram while it is added up.
type nativeTrack struct {
	track   // the sums of its values
	buckets []bucketDelta
}

type bucketDelta struct {
	at     int
	bucket int16
	n      int64
}

func (t *nativeTrack) observe(at int, bucket int16, n int64, sum float64) {
	t.seen(at)
	t.buckets = append(t.buckets, bucketDelta{at, bucket, n})
	*t.room--
	t.add(at, sum)
}

// nativeSeries is a series of native histograms.
type nativeSeries struct {
	*nativeTrack
	times []int64
}

func newNativeSeries(t *nativeTrack, times []int64) *nativeSeries {
	slices.SortStableFunc(t.deltas, byAt)
	slices.SortStableFunc(t.buckets, func(a, b bucketDelta) int { return cmp.Compare(a.at, b.at) })
	return &nativeSeries{t, times}
}

func (s *nativeSeries) Labels() labels.Labels { return s.labels }

func (s *nativeSeries) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return &nativeIterator{series: s, at: s.begin() - 1, counts: map[int16]int64{}}
}

type nativeIterator struct {
	series      *nativeSeries
	at          int
	next, delta int
	counts      map[int16]int64
	count       int64
	sum         float64
}

func (i *nativeIterator) to(at int) chunkenc.ValueType {
	i.at = min(at, len(i.series.times))
	if i.at == len(i.series.times) {
		return chunkenc.ValNone
	}
	for b := i.series.buckets; i.next < len(b) && b[i.next].at <= i.at; i.next++ {
		i.counts[b[i.next].bucket] += b[i.next].n
		i.count += b[i.next].n
	}
	for d := i.series.deltas; i.delta < len(d) && d[i.delta].at <= i.at; i.delta++ {
		i.sum += d[i.delta].v
	}
	return chunkenc.ValFloatHistogram
}

func (i *nativeIterator) Next() chunkenc.ValueType { return i.to(i.at + 1) }
func (i *nativeIterator) Seek(t millis) chunkenc.ValueType {
	return i.to(seek(i.series.times, max(i.at, i.series.begin()), t))
}
func (i *nativeIterator) At() (int64, float64) { return i.AtT(), 0 }
func (i *nativeIterator) AtT() int64           { return i.series.times[i.at] }
func (i *nativeIterator) AtST() int64          { return 0 }
func (i *nativeIterator) Err() error           { return nil }
func (i *nativeIterator) AtHistogram(*histogram.Histogram) (int64, *histogram.Histogram) {
	return i.AtT(), nil
}

// nativeSchema has bounds that grow by 2^(1/8); the zero bucket is that of the client library.
const (
	nativeSchema        = 3
	nativeZeroThreshold = 2.938735877055719e-39
)

// AtFloatHistogram returns a histogram of its own, whatever it is given.
func (i *nativeIterator) AtFloatHistogram(*histogram.FloatHistogram) (int64, *histogram.FloatHistogram) {
	h := &histogram.FloatHistogram{
		Schema: nativeSchema, ZeroThreshold: nativeZeroThreshold, Count: float64(i.count), Sum: i.sum,
		PositiveBuckets: make([]float64, 0, len(i.counts)),
	}
	next := int32(0)
	for n, bucket := range slices.Sorted(maps.Keys(i.counts)) {
		if gap := int32(bucket) - next; n == 0 || gap > 0 {
			h.PositiveSpans = append(h.PositiveSpans, histogram.Span{Offset: gap})
		}
		h.PositiveSpans[len(h.PositiveSpans)-1].Length++
		h.PositiveBuckets = append(h.PositiveBuckets, float64(i.counts[bucket]))
		next = int32(bucket) + 1
	}
	return i.AtT(), h
}

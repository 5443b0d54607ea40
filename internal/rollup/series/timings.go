package series

import (
	"math"
	"strings"
	"time"
)

// Model is a model of a provider.
type Model struct{ Model, Provider string }

// Timings are the durations of the calls of one model of one provider. They have the buckets of a Prometheus native
// histogram of schema 3: bucket i holds values v (seconds, or tokens per second) with 2^((i-1)/8) < v <= 2^(i/8).
type Timings struct {
	Duration, TTFT, Speed Native
}

// Native is a histogram with the buckets of schema 3.
type Native struct {
	Buckets map[int16]int64
	Count   int64
	Sum     float64
}

// nativePerDoubling is 2^3: schema 3 has buckets that grow by 2^(2^-3).
const nativePerDoubling = 8

func (n *Native) observe(v float64) {
	if v <= 0 || math.IsInf(v, 0) || math.IsNaN(v) {
		return
	}
	i := math.Ceil(math.Log2(v) * nativePerDoubling)
	if i < -1<<14 || i > 1<<14 {
		return
	}
	if n.Buckets == nil {
		n.Buckets = map[int16]int64{}
	}
	n.Buckets[int16(i)]++
	n.Count++
	n.Sum += v
}

// AtMost returns how many values are at most 2^e.
func (n *Native) AtMost(e int) int64 {
	var sum int64
	for i, c := range n.Buckets {
		if int(i) <= e*nativePerDoubling {
			sum += c
		}
	}
	return sum
}

// Merge adds the values of o.
func (n *Native) Merge(o *Native) {
	if n.Buckets == nil && len(o.Buckets) > 0 {
		n.Buckets = make(map[int16]int64, len(o.Buckets))
	}
	for i, c := range o.Buckets {
		n.Buckets[i] += c
	}
	n.Count += o.Count
	n.Sum += o.Sum
}

// maxTimings bounds the models whose timings are kept apart: each has three histograms, which are some
// ten thousand bytes of a scrape.
const maxTimings = 400

type timed struct {
	duration, ttft time.Duration
	output         int64
}

func (s *Set) timingsOf(m Model) *Timings {
	t := s.timings[m]
	if t != nil {
		return t
	}
	other := Model{Model: "other", Provider: "other"}
	named := len(s.timings)
	if s.timings[other] != nil { // it is beside the limit, in whatever order a snapshot has them
		named--
	}
	if named >= min(s.max, maxTimings) {
		m = other
		if t = s.timings[m]; t != nil {
			return t
		}
	}
	m = Model{strings.Clone(m.Model), strings.Clone(m.Provider)} // they may be parts of a large text
	t = &Timings{}
	s.timings[m] = t
	return t
}

func (t *Timings) observe(c timed) {
	t.Duration.observe(c.duration.Seconds())
	t.TTFT.observe(c.ttft.Seconds())
	if generating := c.duration - c.ttft; generating > 0 && c.output > 0 {
		t.Speed.observe(float64(c.output) / generating.Seconds())
	}
}

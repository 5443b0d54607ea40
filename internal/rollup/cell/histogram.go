package cell

import (
	"math"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Histogram counts durations in buckets whose bounds grow by the eighth root of two, so
// that a quantile is right within 5 percent. It is exact under addition and subtraction,
// in any order, which is what a ledger that corrects itself needs. The zero value is empty.
type Histogram struct {
	index []int16 // ascending
	count []int64 // never zero
}

// bucketsPerDoubling fixes the resolution: bounds grow by 2^(1/8), 9 percent.
const bucketsPerDoubling = 8

func bucketOf(d time.Duration) int16 {
	if d < time.Microsecond {
		d = time.Microsecond
	}
	return int16(math.Floor(math.Log2(float64(d)/float64(time.Microsecond)) * bucketsPerDoubling))
}

// middleOf is the geometric middle of a bucket.
func middleOf(i int16) time.Duration {
	return time.Duration(math.Exp2((float64(i)+0.5)/bucketsPerDoubling) * float64(time.Microsecond))
}

// Add counts a duration n times; a negative n takes it back.
func (h *Histogram) Add(d time.Duration, n int64) { h.AddBucket(bucketOf(d), n) }

// search returns the place of the first bucket that is not before one.
func (h *Histogram) search(bucket int16) int {
	from, n := 0, len(h.index)
	for n > 1 { // without a branch that has to be guessed
		half := n / 2
		if h.index[from+half-1] < bucket {
			from += half
		}
		n -= half
	}
	if n == 1 && h.index[from] < bucket {
		from++
	}
	return from
}

// HistogramBuckets returns the buckets of a call's times, where they are known.
func HistogramBuckets(c *usage.Call) (duration, ttft int16) {
	if c.Duration > 0 {
		duration = bucketOf(c.Duration)
	}
	if c.TTFT > 0 {
		ttft = bucketOf(c.TTFT)
	}
	return duration, ttft
}

// AddBucket counts a duration of a bucket n times; a negative n takes it back.
func (h *Histogram) AddBucket(bucket int16, n int64) {
	i := h.search(bucket)
	if i < len(h.index) && h.index[i] == bucket {
		if h.count[i] += n; h.count[i] == 0 {
			h.index = append(h.index[:i], h.index[i+1:]...)
			h.count = append(h.count[:i], h.count[i+1:]...)
		}
		return
	}
	if n == 0 {
		return
	}
	h.index = append(h.index, 0)
	h.count = append(h.count, 0)
	copy(h.index[i+1:], h.index[i:])
	copy(h.count[i+1:], h.count[i:])
	h.index[i], h.count[i] = bucket, n
}

// Merge adds all that o holds.
func (h *Histogram) Merge(o *Histogram) {
	if len(h.index) == 0 {
		h.index, h.count = append(h.index, o.index...), append(h.count, o.count...)
		return
	}
	i := 0
	for j, b := range o.index {
		for i < len(h.index) && h.index[i] < b {
			i++
		}
		if i == len(h.index) || h.index[i] != b || h.count[i]+o.count[j] == 0 {
			h.AddBucket(b, o.count[j])
			continue
		}
		h.count[i] += o.count[j]
	}
}

// Clear empties it; its memory is reused.
func (h *Histogram) Clear() { h.index, h.count = h.index[:0], h.count[:0] }

// Subtract takes all that o holds away.
func (h *Histogram) Subtract(o *Histogram) {
	for j, b := range o.index {
		h.AddBucket(b, -o.count[j])
	}
}

// IsEmpty reports whether nothing was added, or all of it was subtracted.
func (h *Histogram) IsEmpty() bool { return len(h.index) == 0 }

// Count is how many durations were added.
func (h *Histogram) Count() int64 {
	var n int64
	for _, c := range h.count {
		n += c
	}
	return n
}

// Total returns the sum of the durations, right within 5 percent.
func (h *Histogram) Total() time.Duration {
	total := 0.0
	for i, c := range h.count {
		total += float64(c) * float64(middleOf(h.index[i]))
	}
	return time.Duration(min(total, math.MaxInt64/2))
}

// Quantile returns the duration below which the share q (0 to 1) of the durations lies, and
// false where there are none.
func (h *Histogram) Quantile(q float64) (time.Duration, bool) {
	total := h.Count()
	if total <= 0 {
		return 0, false
	}
	rank := int64(math.Ceil(q * float64(total)))
	if rank < 1 {
		rank = 1
	}
	var seen int64
	for i, c := range h.count {
		if seen += c; seen >= rank {
			return middleOf(h.index[i]), true
		}
	}
	return middleOf(h.index[len(h.index)-1]), true
}

package promapi

import (
	"slices"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
)

// maxBorders bounds the samples of one series in one selector.
const maxBorders = 1 << 20

// borders returns the times at which samples are needed, in milliseconds, ascending and each once, none of them
// after now.
func borders(h *storage.SelectHints, s selector, now int64) ([]int64, error) {
	step, width := h.Step, h.Range
	first, end := h.Start-1, h.End // of the evaluations; Start is left-open
	switch {
	case s.anchored:
		first += width + lookback.Milliseconds()
	case width > 0:
		first += width
	default:
		first += lookback.Milliseconds()
	}
	if s.pinned || step <= 0 {
		step, first = max(step, 1), end
	} else if s.inSubquery {
		shift := s.offset.Milliseconds()
		first = (floorDiv(first+shift-1, step)+1)*step - shift // it is evaluated at multiples of its step
	}
	if width > 0 && !s.anchored {
		return grid(first-width, end, width, now)
	}
	if (end-first)/step > maxBorders {
		return nil, errTooMany
	}
	var out []int64
	for t := first; t <= end; t += step {
		if s.anchored {
			out = append(out, t-width)
		}
		out = append(out, t)
	}
	return tidy(out, now), nil
}

var errTooMany = promql.ErrTooManySamples("query execution")

// Samples for functions that look at each sample of a window lie at multiples of one of these.
const (
	coarse = 15 * time.Minute
	fine   = time.Minute
)

// grid returns the multiples of a quarter of an hour, for windows shorter than an hour of a minute, after one time
// up to another.
func grid(after, end, width, now int64) ([]int64, error) {
	d := coarse.Milliseconds()
	if width < time.Hour.Milliseconds() {
		d = fine.Milliseconds()
	}
	if (end-after)/d > maxBorders {
		return nil, errTooMany
	}
	var out []int64
	for t := (floorDiv(after, d) + 1) * d; t <= end; t += d {
		out = append(out, t)
	}
	return tidy(out, now), nil
}

// tidy sorts times, and puts now in the place of those after it.
func tidy(times []int64, now int64) []int64 {
	for i, t := range times {
		times[i] = min(t, now)
	}
	slices.Sort(times)
	return slices.Compact(times)
}

// slotMillis is a quarter of an hour.
const slotMillis = int64(slotLength / time.Millisecond)

// maxCut bounds the quarters of an hour of which one selector reads the records, because samples lie within them.
const maxCut = 3 * 24 * slotsPerHour

// cutSlots returns the starts of the quarters of an hour that have a sample within, newest first.
func cutSlots(times []int64) []int64 {
	var cut []int64
	for _, t := range slices.Backward(times) {
		start := floorDiv(t, slotMillis) * slotMillis
		if t != start && (len(cut) == 0 || cut[len(cut)-1] != start) {
			cut = append(cut, start)
		}
	}
	return cut
}

// moved puts samples that lie within quarters of an hour whose records are not read at their beginnings, and
// reports whether there are any.
func moved(times []int64, read map[int64]bool) (out []int64, any bool) {
	for i, t := range times {
		if start := floorDiv(t, slotMillis) * slotMillis; start != t && !read[start] {
			if !any {
				times, any = slices.Clone(times), true
			}
			times[i] = start
		}
	}
	return slices.Compact(times), any
}

// after returns the index of the first time that is later than one in nanoseconds.
func after(times []int64, ns int64) int {
	ms := floorDiv(ns, int64(time.Millisecond))
	i, found := slices.BinarySearch(times, ms)
	if found {
		i++
	}
	return i
}

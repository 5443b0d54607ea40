package promapi

import (
	"slices"
	"time"

	"github.com/prometheus/prometheus/storage"

	"github.com/tokenboard/tokenboard/internal/promapi/cube"
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
		first = (cube.FloorDiv(first+shift-1, step)+1)*step - shift // it is evaluated at multiples of its step
	}
	if width > 0 && !s.anchored {
		return grid(first-width, end, width, now)
	}
	if (end-first)/step > maxBorders {
		return nil, cube.ErrTooMany
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
		return nil, cube.ErrTooMany
	}
	var out []int64
	for t := (cube.FloorDiv(after, d) + 1) * d; t <= end; t += d {
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

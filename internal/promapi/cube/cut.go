package cube

import (
	"slices"
	"time"
)

// SlotMillis is a quarter of an hour.
const SlotMillis = int64(SlotLength / time.Millisecond)

// MaxCut bounds the quarters of an hour of which one selector reads the records, because samples lie within them.
const MaxCut = 3 * 24 * SlotsPerHour

// cutSlots returns the starts of the quarters of an hour that have a sample within, newest first.
func cutSlots(times []int64) []int64 {
	var cut []int64
	for _, t := range slices.Backward(times) {
		start := FloorDiv(t, SlotMillis) * SlotMillis
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
		if start := FloorDiv(t, SlotMillis) * SlotMillis; start != t && !read[start] {
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
	ms := FloorDiv(ns, int64(time.Millisecond))
	i, found := slices.BinarySearch(times, ms)
	if found {
		i++
	}
	return i
}

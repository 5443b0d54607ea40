package series

import (
	"github.com/tokenboard/tokenboard/internal/rollup/cell"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// LabelsOf returns all labels of a call, also those that no series has: the values that a series would have whose
// labels are all used.
func LabelsOf(c *usage.Call) Labels {
	return allLabels(c)
}

// Counters returns what each series counts, without the values that it keeps exposing until it counts as much again,
// and the models that have timings of their own. Unlike Expose it leaves the last exposed values as they are.
func (s *Set) Counters() (sums map[Labels]cell.Sums, models map[Model]bool) {
	sums, models = make(map[Labels]cell.Sums, len(s.sums)), make(map[Model]bool, len(s.timings))
	for l, one := range s.sums {
		sums[l] = *one
	}
	for m := range s.timings {
		models[m] = true
	}
	return sums, models
}

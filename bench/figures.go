package main

import (
	"cmp"
	"fmt"
	"slices"
)

// series are the figures of several rounds.
type series []float64

func (s *series) add(v float64) { *s = append(*s, v) }

func (s series) sorted() series {
	out := slices.Clone(s)
	slices.Sort(out)
	return out
}

// median is the middle figure; of an even number the mean of the two in the middle.
func (s series) median() float64 {
	if len(s) == 0 {
		return 0
	}
	o := s.sorted()
	return (o[(len(o)-1)/2] + o[len(o)/2]) / 2
}

func (s series) least() float64 { return slices.MinFunc(s, cmp.Compare[float64]) }
func (s series) most() float64  { return slices.MaxFunc(s, cmp.Compare[float64]) }

// p99 is the least figure that 99 of a hundred do not exceed.
func (s series) p99() float64 {
	if len(s) == 0 {
		return 0
	}
	o := s.sorted()
	return o[(len(o)*99+99)/100-1]
}

// ratio divides round by round: what disturbs the machine for a while disturbs neighbours alike.
func (s series) ratio(to series) series {
	var out series
	for i := range min(len(s), len(to)) {
		out.add(s[i] / to[i])
	}
	return out
}

// spread shows the least and the most.
func (s series) spread(format string) string {
	if len(s) == 0 {
		return ""
	}
	return fmt.Sprintf(format+".."+format, s.least(), s.most())
}

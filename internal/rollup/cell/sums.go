package cell

import "github.com/tokenboard/tokenboard/internal/usage"

// Sums are exact sums over calls that count. To add and to subtract is exact in any order, up to the end of 64 bits,
// where a figure stays: see usage.AddSat.
type Sums struct {
	usage.Counts
	Duration Histogram // of calls whose duration is known
	TTFT     Histogram // of calls whose time to first token is known
}

// Add counts a call n times (1 or -1).
func (s *Sums) Add(c *usage.Call, n int64) {
	s.AddCounts(c, n)
	s.AddTimes(c, n)
}

// AddTimes is the histograms' part of Add.
func (s *Sums) AddTimes(c *usage.Call, n int64) {
	if c.Duration > 0 {
		s.Duration.Add(c.Duration, n)
	}
	if c.TTFT > 0 {
		s.TTFT.Add(c.TTFT, n)
	}
}

// AddCounts is Add without the histograms.
func (s *Sums) AddCounts(c *usage.Call, n int64) { s.Counts.Add(c, n) }

// Merge adds the sums of o.
func (s *Sums) Merge(o *Sums) {
	s.MergeCounts(o)
	s.Duration.Merge(&o.Duration)
	s.TTFT.Merge(&o.TTFT)
}

// MergeCounts adds the sums of o without its histograms.
func (s *Sums) MergeCounts(o *Sums) { s.Counts.Merge(&o.Counts) }

// SubtractCounts takes the sums of o away, without its histograms.
func (s *Sums) SubtractCounts(o *Sums) {
	f := FiguresOf(o)
	for i, n := range s.Fields() {
		*n = usage.SubSat(*n, f[i])
	}
}

// SameCounts reports whether all figures but the histograms are those of o.
func (s *Sums) SameCounts(o *Sums) bool { return FiguresOf(s) == FiguresOf(o) }

// Fields returns the figures of sums in the order in which they are written.
func (s *Sums) Fields() [countFields]*int64 {
	t := &s.Tokens
	return [countFields]*int64{
		&s.Calls, &s.Errors, &s.NoUsage, &s.Unpriced, &s.Inconsistent, &s.Estimated,
		&t.InputUncached, &t.CacheRead, &t.CacheWrite, &t.CacheWrite1h, &t.OutputText, &t.Reasoning, (*int64)(&s.Cost),
	}
}

// IsZero reports whether nothing is left in the sums.
func (s *Sums) IsZero() bool {
	for _, n := range s.Fields() {
		if *n != 0 {
			return false
		}
	}
	return len(s.Duration.index) == 0 && len(s.TTFT.index) == 0
}

package rollup

import "github.com/tokenboard/tokenboard/internal/usage"

// Sums are exact sums over calls that count. Adding and taking back is exact in any order, up to the end of
// 64 bits, where a figure stays: see usage.AddSat.
type Sums struct {
	Calls    int64
	Errors   int64
	NoUsage  int64 // calls without any token figure, failed ones included
	Unpriced int64 // calls with tokens for which no cost is known
	// Inconsistent and Estimated are calls with that quality flag.
	Inconsistent, Estimated int64
	Tokens                  usage.Tokens // its Fields are not kept
	Cost                    usage.NanoUSD
	Duration                Histogram // of calls whose duration is known
	TTFT                    Histogram // of calls whose time to first token is known
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
func (s *Sums) AddCounts(c *usage.Call, n int64) {
	s.Calls = usage.AddSat(s.Calls, n)
	for _, is := range [...]struct {
		sum *int64
		is  bool
	}{
		{&s.Errors, c.Failed}, {&s.NoUsage, !c.Tokens.Reported()}, {&s.Inconsistent, c.Quality&usage.Inconsistent != 0},
		{&s.Estimated, c.Quality&usage.Estimated != 0}, {&s.Unpriced, c.Quality&usage.Unpriced != 0},
	} {
		if is.is {
			*is.sum = usage.AddSat(*is.sum, n)
		}
	}
	if c.Quality&usage.Unpriced == 0 {
		s.Cost = s.Cost.Add(usage.NanoUSD(usage.TimesSat(n, int64(c.Cost))))
	}
	s.Tokens.Add(&c.Tokens, n)
}

// Merge adds the sums of o.
func (s *Sums) Merge(o *Sums) {
	s.MergeCounts(o)
	s.Duration.Merge(&o.Duration)
	s.TTFT.Merge(&o.TTFT)
}

// MergeCounts adds the sums of o without its histograms.
func (s *Sums) MergeCounts(o *Sums) {
	s.Calls = usage.AddSat(s.Calls, o.Calls)
	s.Errors = usage.AddSat(s.Errors, o.Errors)
	s.NoUsage = usage.AddSat(s.NoUsage, o.NoUsage)
	s.Unpriced = usage.AddSat(s.Unpriced, o.Unpriced)
	s.Inconsistent = usage.AddSat(s.Inconsistent, o.Inconsistent)
	s.Estimated = usage.AddSat(s.Estimated, o.Estimated)
	s.Cost = s.Cost.Add(o.Cost)
	s.Tokens.Add(&o.Tokens, 1)
}

// SubtractCounts takes the sums of o away, without its histograms.
func (s *Sums) SubtractCounts(o *Sums) {
	f := figuresOf(o)
	for i, n := range s.counts() {
		*n = usage.SubSat(*n, f[i])
	}
}

// SameCounts tells whether all figures but the histograms are those of o.
func (s *Sums) SameCounts(o *Sums) bool { return figuresOf(s) == figuresOf(o) }

// counts gives the figures of sums in the order in which they are written.
func (s *Sums) counts() [countFields]*int64 {
	t := &s.Tokens
	return [countFields]*int64{
		&s.Calls, &s.Errors, &s.NoUsage, &s.Unpriced, &s.Inconsistent, &s.Estimated,
		&t.InputUncached, &t.CacheRead, &t.CacheWrite, &t.CacheWrite1h, &t.OutputText, &t.Reasoning, (*int64)(&s.Cost),
	}
}

// isZero tells whether nothing is left of what was added.
func (s *Sums) isZero() bool {
	for _, n := range s.counts() {
		if *n != 0 {
			return false
		}
	}
	return len(s.Duration.index) == 0 && len(s.TTFT.index) == 0
}

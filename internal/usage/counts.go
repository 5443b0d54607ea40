package usage

// Counts are the sums of calls without their times. How calls are counted is defined only here: every sum, in memory,
// on disk or over the columns of stored records, is made by Add or by AddCountable.
type Counts struct {
	Calls    int64
	Errors   int64
	NoUsage  int64 // calls without any token figure, failed ones included
	Unpriced int64 // calls with tokens for which no cost is known
	// Inconsistent and Estimated are calls with that quality flag.
	Inconsistent, Estimated int64
	Tokens                  Tokens // Fields is not set
	Cost                    NanoUSD
}

// Countable has the fields of a call that Counts need.
type Countable struct {
	Tokens  Tokens
	Cost    NanoUSD
	Quality Quality
	Failed  bool
}

// Add adds a call n times (1 or -1).
func (s *Counts) Add(c *Call, n int64) {
	s.add(&c.Tokens, c.Cost, c.Quality, c.Failed, n)
}

// AddCountable adds one call by what counts of it.
func (s *Counts) AddCountable(c *Countable) { s.add(&c.Tokens, c.Cost, c.Quality, c.Failed, 1) }

func (s *Counts) add(t *Tokens, cost NanoUSD, q Quality, failed bool, n int64) {
	s.Calls = AddSat(s.Calls, n)
	if failed {
		s.Errors = AddSat(s.Errors, n)
	}
	if !t.Reported() {
		s.NoUsage = AddSat(s.NoUsage, n)
	}
	if q&(Unpriced|Inconsistent|Estimated) != 0 {
		s.addQuality(q, n)
	}
	if q&Unpriced == 0 {
		s.Cost = s.Cost.Add(NanoUSD(TimesSat(n, int64(cost))))
	}
	s.Tokens.Add(t, n)
}

func (s *Counts) addQuality(q Quality, n int64) {
	if q&Unpriced != 0 {
		s.Unpriced = AddSat(s.Unpriced, n)
	}
	if q&Inconsistent != 0 {
		s.Inconsistent = AddSat(s.Inconsistent, n)
	}
	if q&Estimated != 0 {
		s.Estimated = AddSat(s.Estimated, n)
	}
}

// Merge adds the sums of o.
func (s *Counts) Merge(o *Counts) {
	s.Calls = AddSat(s.Calls, o.Calls)
	s.Errors = AddSat(s.Errors, o.Errors)
	s.NoUsage = AddSat(s.NoUsage, o.NoUsage)
	s.Unpriced = AddSat(s.Unpriced, o.Unpriced)
	s.Inconsistent = AddSat(s.Inconsistent, o.Inconsistent)
	s.Estimated = AddSat(s.Estimated, o.Estimated)
	s.Cost = s.Cost.Add(o.Cost)
	s.Tokens.Add(&o.Tokens, 1)
}

// Change is a call that begins (N is 1) or ceases (-1) to count.
type Change struct {
	Call *Call
	N    int64
}

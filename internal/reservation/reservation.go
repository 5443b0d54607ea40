// Package reservation keeps, in memory, what calls in flight may spend: a key check reserves an estimate, and the call that
// arrives settles it. It knows neither keys nor limits, and has no clock. Its types are not for concurrent use.
package reservation

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	// Steps bounds the memory of a List: its lifetime is divided into so many steps, and the reservations of one step are
	// one sum.
	Steps = 32
	// clockSkew is how far an emitter's clock may be behind: a call that started earlier than that before a reservation is
	// not the call that it was made for.
	clockSkew = 5 * time.Minute
)

// Amount is tokens and their cost in nano-USD.
type Amount struct{ Tokens, Cost int64 }

// AmountOf returns what a call spends, as the ledger's sums count it: a call without a price costs nothing.
func AmountOf(c *usage.Call) Amount {
	a := Amount{Tokens: c.Tokens.Total()}
	if c.Quality&usage.Unpriced == 0 {
		a.Cost = int64(c.Cost)
	}
	return a
}

// Add adds an amount n times (1 or -1), saturated.
func (a *Amount) Add(b Amount, n int64) {
	a.Tokens = usage.AddSat(a.Tokens, usage.TimesSat(n, b.Tokens))
	a.Cost = usage.AddSat(a.Cost, usage.TimesSat(n, b.Cost))
}

// part returns one of n equal parts, in whole numbers.
func (a Amount) part(n int64) Amount { return Amount{a.Tokens / n, a.Cost / n} }

// reserved is the reservations of one step of time. Each is open, or settled by a call; settled ones are kept until they
// expire, because the call may be superseded.
type reserved struct {
	at            time.Time // the beginning of the step
	open, settled int64
	held, spent   Amount // reserved by the open and by the settled ones
}

// List is the reservations of one key or budget, oldest first. The zero value has none.
type List struct {
	steps []reserved
}

// Expire removes reservations older than life. Each lives at least that long, and at most one step longer.
func (r *List) Expire(now time.Time, life time.Duration) {
	n := 0
	for n < len(r.steps) && !r.steps[n].at.Add(life+life/Steps).After(now) {
		n++
	}
	if n > 0 {
		r.steps = append(r.steps[:0], r.steps[n:]...)
	}
	if len(r.steps) == 0 {
		r.steps = nil
	}
}

// Make reserves an amount at a time; life is as of Expire.
func (r *List) Make(now time.Time, life time.Duration, a Amount) {
	at := now.Truncate(life / Steps)
	if n := len(r.steps); n == 0 || r.steps[n-1].at.Before(at) {
		r.steps = append(r.steps, reserved{at: at})
	}
	s := &r.steps[len(r.steps)-1]
	s.open++
	s.held.Add(a, 1)
}

// Settle ends the oldest open reservation that may have been made for a call with this start, and reports whether there
// is one.
func (r *List) Settle(start time.Time) bool {
	for i := range r.steps {
		s := &r.steps[i]
		if s.at.After(start.Add(clockSkew)) {
			return false
		}
		if s.open > 0 {
			a := s.held.part(s.open)
			s.open--
			s.settled++
			s.held.Add(a, -1)
			s.spent.Add(a, 1)
			if s.open == 0 {
				s.held = Amount{} // a saturated sum does not decrease
			}
			return true
		}
	}
	return false
}

// Reopen undoes the newest settlement, and reports whether there is one: the record that settled it was not a call of its
// own.
func (r *List) Reopen() bool {
	for i := len(r.steps) - 1; i >= 0; i-- {
		if s := &r.steps[i]; s.settled > 0 {
			a := s.spent.part(s.settled)
			s.settled--
			s.open++
			s.spent.Add(a, -1)
			s.held.Add(a, 1)
			if s.settled == 0 {
				s.spent = Amount{}
			}
			return true
		}
	}
	return false
}

// Sum returns the sum of the reservations made at a time or later.
func (r *List) Sum(since time.Time) (a Amount) {
	for i := range r.steps {
		if s := &r.steps[i]; !s.at.Before(since) {
			a.Add(s.held, 1)
		}
	}
	return a
}

package keyring

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	// reserveSteps bounds the reservations of a key: the reservations of one step are stored as one sum.
	reserveSteps = 32
	// clockSkew is how far an emitter's clock may be behind: a call that started earlier than that before a reservation is
	// not the call that it was made for.
	clockSkew = 5 * time.Minute
)

// amount is tokens and their cost in nano-USD.
type amount struct{ tokens, cost int64 }

func (a *amount) add(b amount, n int64) {
	a.tokens = usage.AddSat(a.tokens, usage.TimesSat(n, b.tokens))
	a.cost = usage.AddSat(a.cost, usage.TimesSat(n, b.cost))
}

// part returns one of n equal parts, in whole numbers.
func (a amount) part(n int64) amount { return amount{a.tokens / n, a.cost / n} }

// reserved is the reservations of one step of time. Each is open, or settled by a call; settled ones are kept until they
// expire, because the call may be superseded.
type reserved struct {
	at            time.Time // the beginning of the step
	open, settled int64
	held, spent   amount // reserved by the open and by the settled ones
}

// reservations are the reservations of one key, oldest first.
type reservations struct {
	steps []reserved
}

// expire removes reservations older than life. Each lives at least that long, and at most one step longer.
func (r *reservations) expire(now time.Time, life time.Duration) {
	n := 0
	for n < len(r.steps) && !r.steps[n].at.Add(life+life/reserveSteps).After(now) {
		n++
	}
	if n > 0 {
		r.steps = append(r.steps[:0], r.steps[n:]...)
	}
	if len(r.steps) == 0 {
		r.steps = nil
	}
}

func (r *reservations) make(now time.Time, life time.Duration, a amount) {
	at := now.Truncate(life / reserveSteps)
	if n := len(r.steps); n == 0 || r.steps[n-1].at.Before(at) {
		r.steps = append(r.steps, reserved{at: at})
	}
	s := &r.steps[len(r.steps)-1]
	s.open++
	s.held.add(a, 1)
}

// settle ends the oldest open reservation that may have been made for a call with this start.
func (r *reservations) settle(start time.Time) {
	for i := range r.steps {
		s := &r.steps[i]
		if s.at.After(start.Add(clockSkew)) {
			return
		}
		if s.open > 0 {
			a := s.held.part(s.open)
			s.open--
			s.settled++
			s.held.add(a, -1)
			s.spent.add(a, 1)
			if s.open == 0 {
				s.held = amount{} // a saturated sum does not decrease
			}
			return
		}
	}
}

// reopen undoes the newest settlement: the record that settled it was not a call of its own.
func (r *reservations) reopen() {
	for i := len(r.steps) - 1; i >= 0; i-- {
		if s := &r.steps[i]; s.settled > 0 {
			a := s.spent.part(s.settled)
			s.settled--
			s.open++
			s.spent.add(a, -1)
			s.held.add(a, 1)
			if s.settled == 0 {
				s.spent = amount{}
			}
			return
		}
	}
}

// sum returns the sum of the reservations made at a time or later.
func (r *reservations) sum(since time.Time) (a amount) {
	for i := range r.steps {
		if s := &r.steps[i]; !s.at.Before(since) {
			a.add(s.held, 1)
		}
	}
	return a
}

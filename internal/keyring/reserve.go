package keyring

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	// reserveSteps bounds what is kept of a key's reservations: those of one step are one sum.
	reserveSteps = 32
	// clockSkew is how far an emitter's clock may be behind: a call that seems to have started
	// longer before a reservation is not the one that it was made for.
	clockSkew = 5 * time.Minute
)

// amount is tokens and their cost in nano-USD.
type amount struct{ tokens, cost int64 }

func (a *amount) add(b amount, n int64) {
	a.tokens = usage.AddSat(a.tokens, usage.TimesSat(n, b.tokens))
	a.cost = usage.AddSat(a.cost, usage.TimesSat(n, b.cost))
}

// part is one of n equal parts, in whole numbers.
func (a amount) part(n int64) amount { return amount{a.tokens / n, a.cost / n} }

// reserved is the reservations of one step of time. Each is open, or settled by a call and kept until it
// expires, because the call may turn out to be none.
type reserved struct {
	at            time.Time // the beginning of the step
	open, settled int64
	held, spent   amount // what the open and the settled ones reserve
}

// reservations are those of one key, oldest first.
type reservations struct {
	steps []reserved
}

// expire forgets what is older than life. A reservation lives that long at least, and one step longer
// at most.
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

// settle ends the oldest open reservation that a call of this start can be the one of.
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
				s.held = amount{} // a sum that was saturated does not fall
			}
			return
		}
	}
}

// reopen takes the newest settling back: what settled it was no call of its own.
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

// sum is what is reserved by reservations made at a time or later.
func (r *reservations) sum(since time.Time) (a amount) {
	for i := range r.steps {
		if s := &r.steps[i]; !s.at.Before(since) {
			a.add(s.held, 1)
		}
	}
	return a
}

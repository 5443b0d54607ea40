package alerting

import (
	"context"
	"time"
)

// errand is work of one kind that may take long, as reading the history of months. It is done beside the looks at the rules, so
// that no rule waits for another one's. One of a kind runs at a time.
type errand struct {
	outcome chan func(now time.Time, since []fact) error
	since   []fact // that came while it runs, where it keeps them
	keeps   bool
	stale   bool // what it finds out is not what counts any more
}

// do begins an errand, where none of the kind runs: work is called in a goroutine of its own, and changes nothing that the session
// has. The function that it returns is called by the session at a later look, with its time and the facts that came meanwhile.
func (s *session) do(ctx context.Context, e *errand, work func(context.Context) func(now time.Time, since []fact) error) {
	outcome := make(chan func(time.Time, []fact) error, 1)
	e.outcome, e.since, e.stale = outcome, nil, false
	s.beside.Go(func() {
		outcome <- work(ctx)
		s.e.look()
	})
}

// runs reports whether an errand is under way.
func (e *errand) runs() bool { return e.outcome != nil }

// finish takes what an errand found out, where it is done.
func (s *session) finish(ctx context.Context, e *errand, now time.Time) error {
	if !e.runs() {
		return nil
	}
	var take func(time.Time, []fact) error
	if s.waits {
		take = <-e.outcome
	} else {
		select {
		case take = <-e.outcome:
		default:
			return nil
		}
	}
	since, stale := e.since, e.stale
	e.outcome, e.since = nil, nil
	if stale || ctx.Err() != nil {
		return ctx.Err()
	}
	return take(now, since)
}

// keep keeps facts for the errands that want those that come while they run.
func (s *session) keep(facts []fact) {
	for _, e := range s.errands() {
		switch {
		case !e.runs() || !e.keeps || e.stale:
		case len(e.since)+len(facts) > maxFacts:
			e.since, e.stale = nil, true
		default:
			e.since = append(e.since, facts...)
		}
	}
}

// forget makes what errands find out count for nothing: the clock was set, or facts were lost.
func (s *session) forget() {
	for _, e := range s.errands() {
		if e.keeps {
			e.stale = true
		}
	}
}

func (s *session) errands() []*errand {
	return []*errand{&s.filling, &s.planning, &s.lookups, &s.asking, &s.sweeping}
}

// errandTime is how long an errand goes on to the next one of several things that it has to do: what it found out is taken then.
const errandTime = 500 * time.Millisecond

// patience reports whether an errand may go on.
func (s *session) patience() func() bool {
	clock := s.o.Clock
	began := clock.Elapsed()
	return func() bool { return clock.Elapsed()-began < errandTime }
}

package series

import (
	"maps"

	"github.com/tokenboard/tokenboard/internal/rollup/cell"
)

// exposure is a result of Show. It is never changed.
type exposure struct {
	sums    map[Labels]cell.Sums
	timings map[Model]Timings
}

func (s *Set) keepExposed(l Labels, held *cell.Sums) {
	if s.lastExposed[l] != nil {
		atLeast(held, s.lastExposed[l])
	}
	s.lastExposed[l] = held
}

// releaseExposed forgets the last exposed value of a series once it has reached it again.
func (s *Set) releaseExposed(l Labels, sums *cell.Sums) {
	held := s.lastExposed[l]
	if held == nil {
		return
	}
	if show := *sums; !atLeast(&show, held) {
		delete(s.lastExposed, l)
	}
}

// Expose returns every series as it is to be shown, which is never less than it showed before, also
// before a restart: what takes something away from a series writes into its journal what it showed.
func (s *Set) Expose() (all map[Labels]cell.Sums, timings map[Model]Timings) {
	all = make(map[Labels]cell.Sums, len(s.sums))
	for l, sums := range s.sums {
		show := *sums
		if held := s.lastExposed[l]; held != nil {
			atLeast(&show, held)
		}
		all[l] = show
	}
	timings = make(map[Model]Timings, len(s.timings))
	for m, t := range s.timings {
		c := *t
		for _, n := range []*Native{&c.Duration, &c.TTFT, &c.Speed} {
			n.Buckets = maps.Clone(n.Buckets)
		}
		timings[m] = c
	}
	s.exposed.Store(&exposure{all, timings})
	return all, timings
}

// Exposed returns what Show gave last.
func (s *Set) Exposed() (all map[Labels]cell.Sums, timings map[Model]Timings) {
	last := s.exposed.Load()
	if last == nil {
		return nil, nil
	}
	return last.sums, last.timings
}

// FinishLoad says that everything from before a start was put in: all of it may have been shown.
func (s *Set) FinishLoad() {
	for l, sums := range s.sums {
		s.releaseExposed(l, sums)
	}
	s.Expose()
}

// atLeast makes the figures of s at least those of least, and reports whether any was less.
func atLeast(s, least *cell.Sums) (raised bool) {
	now, was := s.Fields(), least.Fields()
	for i := range now {
		if *now[i] < *was[i] {
			*now[i] = *was[i]
			raised = true
		}
	}
	return raised
}

// exposedBefore returns what a series showed, where its change leaves it with less.
func (s *Set) exposedBefore(l *line) *cell.Sums {
	falls := false
	for _, n := range l.delta.Fields() {
		falls = falls || *n < 0
	}
	if !falls { // what it holds less than it showed is held already
		return nil
	}
	shown := s.exposed.Load()
	if shown == nil || l.sums == nil {
		return nil
	}
	was, seen := shown.sums[l.labels]
	if !seen {
		return nil
	}
	after := *l.sums
	after.MergeCounts(&l.delta)
	if !atLeast(&after, &was) {
		return nil
	}
	return &was
}

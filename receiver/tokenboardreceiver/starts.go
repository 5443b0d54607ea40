package tokenboardreceiver

import "time"

// starts has the start times of cumulative points, by the rules of the OpenTelemetry data model:
//
//   - What counts since the process started has that time.
//   - A counter of the ledger that was there at the first collection counts since a time that is not stored: its first point
//     starts at its own time, which says so, and the following ones keep that start.
//   - A counter that is new later was nothing at the collection before, and starts there.
//
// A collection that the pipeline did not accept was none: nobody knows its points. So the memory is at most that of two
// collections, which the cardinality limits of the ledger bound.
type starts struct {
	process time.Time
	last    time.Time // the last collection that was delivered; zero before the first
	known   map[string]time.Time
	seen    map[string]time.Time // of the collection under way
}

func newStarts(process time.Time) *starts {
	return &starts{process: process, known: map[string]time.Time{}, seen: map[string]time.Time{}}
}

// of returns the start of a point that the ledger counts, by a name of its series.
func (s *starts) of(series string, now time.Time) time.Time {
	start, known := s.known[series]
	switch {
	case known:
	case s.last.IsZero():
		start = now
	default:
		start = s.last
	}
	s.seen[series] = start
	return start
}

// begin forgets a collection that was not delivered.
func (s *starts) begin() { clear(s.seen) }

// delivered notes that the pipeline has accepted the collection of a time. Series that were not in it are forgotten.
func (s *starts) delivered(at time.Time) {
	s.last = at
	s.known, s.seen = s.seen, s.known
	clear(s.seen)
}

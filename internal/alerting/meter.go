package alerting

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// meter is the sums of the calls of a group in a window that moves.
type meter struct {
	window alert.Window
	zone   *time.Location
	times  bool // the histograms are kept too

	used   bool // by a rule that is enabled
	filled bool
	from   int64 // commits up to this number are in it
	exact  bool  // nothing was committed while it was filled from records

	// Of a window that ends now: the sums of each step, the oldest first; last is the number of the newest step.
	slots []ledger.Sums
	last  int64
	// Of a calendar's.
	begin, end time.Time

	total ledger.Sums
}

func (m *meter) step(t time.Time) int64 { return floorDiv(t.UnixNano(), int64(m.window.Step)) }

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// reset empties a meter for a time.
func (m *meter) reset(now time.Time) {
	m.total, m.filled, m.from, m.exact = ledger.Sums{}, false, 0, true
	if m.window.Length == 0 {
		m.begin, m.end = m.window.Bounds(now, m.zone)
		return
	}
	m.slots = make([]ledger.Sums, m.window.Length/m.window.Step)
	m.last = m.step(now)
}

// advance moves the window to a time. It reports false where the meter has to be filled again: a new period began.
func (m *meter) advance(now time.Time) bool {
	if m.window.Length == 0 {
		return !now.Before(m.begin) && now.Before(m.end)
	}
	by := m.step(now) - m.last
	if by <= 0 {
		return true
	}
	n := int(min(by, int64(len(m.slots))))
	for i := range n {
		m.drop(&m.slots[i])
	}
	copy(m.slots, m.slots[n:])
	clear(m.slots[len(m.slots)-n:])
	m.last += by
	return true
}

func (m *meter) drop(s *ledger.Sums) {
	if s.IsZero() && s.Duration.IsEmpty() && s.TTFT.IsEmpty() {
		return
	}
	m.total.SubtractCounts(s)
	m.total.Duration.Subtract(&s.Duration)
	m.total.TTFT.Subtract(&s.TTFT)
}

// shift moves what is in the window with a clock that was set.
func (m *meter) shift(by time.Duration) {
	if m.window.Length > 0 {
		m.last += int64(by.Round(m.window.Step) / m.window.Step)
	}
}

// add adds a call, or takes it away. The time of one that starts ahead of the clock is now.
func (m *meter) add(c *fact) {
	if c.commit != 0 && c.commit <= m.from {
		return
	}
	if m.window.Length == 0 {
		if !c.start.Before(m.begin) && c.start.Before(m.end) {
			m.count(&m.total, c)
		}
		return
	}
	age := max(m.last-m.step(c.start), 0)
	if age >= int64(len(m.slots)) {
		return
	}
	m.count(&m.slots[len(m.slots)-1-int(age)], c)
	m.count(&m.total, c)
}

func (m *meter) count(s *ledger.Sums, c *fact) {
	if c.n > 0 {
		s.AddCountable(&c.Countable)
	} else {
		var one ledger.Sums
		one.AddCountable(&c.Countable)
		s.SubtractCounts(&one)
	}
	if !m.times {
		return
	}
	if c.duration > 0 {
		s.Duration.Add(c.duration, c.n)
	}
	if c.ttft > 0 {
		s.TTFT.Add(c.ttft, c.n)
	}
}

// fromRecords says that the meter is filled by reading records, together with others.
func (m *meter) fromRecords() bool { return m.window.Length > 0 && m.window.Length <= time.Hour }

// fill fills a meter from the ledger's sums.
func (m *meter) fill(ctx context.Context, l *ledger.Ledger, q *queue, filter store.Filter, now time.Time) error {
	m.reset(now)
	query := ledger.Query{Filter: filter, CountsOnly: !m.times}
	if m.window.Length == 0 {
		query.Filter.From, query.Filter.To = m.begin, m.end
	} else {
		for i := range len(m.slots) + 1 {
			query.Edges = append(query.Edges, time.Unix(0, (m.last-int64(len(m.slots)-1)+int64(i))*int64(m.window.Step)).UTC())
		}
	}
	before := q.number()
	a, err := l.Query(ctx, query)
	if err != nil {
		return fmt.Errorf("fill the window of alert rules: %w", err)
	}
	m.from = a.Commit
	if a.Commit == 0 { // from records: what was committed meanwhile may be in it or not
		m.from = q.number()
		m.exact = m.from == before
	}
	for i := range a.Groups {
		for j := range a.Groups[i].Points {
			p := &a.Groups[i].Points[j]
			m.total.Merge(p)
			if m.window.Length > 0 {
				m.slots[j].Merge(p)
			}
		}
	}
	m.filled = true
	return nil
}

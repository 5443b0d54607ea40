package keyring

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	minuteStep  = 5 * time.Second
	minuteSteps = int64(time.Minute/minuteStep) + 1 // the newest is not over yet
)

// minute counts requests and tokens of the last minute, in steps of five seconds: nothing is forgotten
// before it is a minute old.
type minute struct {
	steps [minuteSteps]struct{ requests, tokens int64 }
	last  int64 // number of the newest step
}

func stepOf(t time.Time) int64 { return t.UnixNano() / int64(minuteStep) }

// advance removes the entries that are too old.
func (m *minute) advance(now time.Time) {
	n := stepOf(now)
	for i := max(m.last+1, n-minuteSteps+1); i <= n; i++ {
		m.steps[i%minuteSteps] = struct{ requests, tokens int64 }{}
	}
	m.last = max(m.last, n)
}

// add notes something that happened at a time, where that is within the last minute; the future is now.
func (m *minute) add(now, at time.Time, requests, tokens int64) {
	m.advance(now)
	n := min(stepOf(at), m.last)
	if n <= m.last-minuteSteps || n < 0 {
		return
	}
	s := &m.steps[n%minuteSteps]
	s.requests += requests
	s.tokens = usage.AddSat(s.tokens, tokens)
}

func (m *minute) sum(now time.Time) (requests, tokens int64) {
	m.advance(now)
	for _, s := range m.steps {
		requests += s.requests
		tokens = usage.AddSat(tokens, s.tokens)
	}
	return requests, tokens
}

// until returns how long it takes until at least a number of requests and of tokens are a minute old.
func (m *minute) until(now time.Time, requests, tokens int64) time.Duration {
	m.advance(now)
	for i := m.last - minuteSteps + 1; i <= m.last; i++ {
		s := m.steps[(i+minuteSteps)%minuteSteps]
		requests -= s.requests
		tokens = usage.SubSat(tokens, s.tokens)
		if requests <= 0 && tokens <= 0 {
			return time.Duration((i+minuteSteps)*int64(minuteStep) - now.UnixNano())
		}
	}
	return time.Minute
}

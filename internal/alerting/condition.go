package alerting

import (
	"math"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// finding is what a look found out about one subject of a rule.
type finding struct {
	w       *watch
	subject string // as states name it
	shown   string // as people are told it
	holds   bool
	value   float64
	// kept says that nothing is known of it now: what was stored of its alert is told.
	kept bool
	// narrowed is the rule's filter and what the subject adds to it.
	narrowed alert.Filter
}

const (
	nanoDollars = 1e9
	percent     = 100
	p95         = 0.95
	// maxSubjects bounds the subjects of one rule that are kept apart.
	maxSubjects = 200
	// eventTime is how long an alert lasts whose cause is a moment.
	eventTime = time.Hour
	day       = 24 * time.Hour
)

// valueOf returns what a window has of what a rule of calls watches, and whether that says something.
func valueOf(r *alert.Rule, s *ledger.Sums) (value float64, says bool) {
	share := func(n int64) (float64, bool) {
		if s.Calls < max(r.MinCalls, 1) {
			return 0, false
		}
		return percent * float64(n) / float64(s.Calls), true
	}
	quantile := func(h *ledger.Histogram) (float64, bool) {
		if h.Count() < max(r.MinCalls, 1) {
			return 0, false
		}
		d, some := h.Quantile(p95)
		return float64(d) / float64(time.Millisecond), some
	}
	switch r.Kind {
	case alert.Spend:
		return float64(s.Cost) / nanoDollars, true
	case alert.Tokens:
		return float64(s.Tokens.Total()), true
	case alert.Unpriced:
		return float64(s.Unpriced), true
	case alert.ErrorShare:
		return share(s.Errors)
	case alert.NoUsageShare:
		return share(s.NoUsage)
	case alert.LatencyP95:
		return quantile(&s.Duration)
	case alert.TTFTP95:
		return quantile(&s.TTFT)
	}
	return 0, false
}

// reaches reports whether a value of a window is at a limit or beyond it. Money is compared in nano-dollars.
func reaches(r *alert.Rule, s *ledger.Sums, value float64, says bool) bool {
	if r.Kind == alert.Spend {
		return s.Cost >= usage.NanoUSD(math.Round(min(r.Limit*nanoDollars, math.MaxInt64/2)))
	}
	return says && value >= r.Limit
}

// evaluate looks at all rules.
func (s *session) evaluate(now time.Time) (found []finding) {
	for _, w := range s.watches {
		if w.invalid || !w.Enabled {
			continue // its states end
		}
		if w.skipped = w.waits(); w.skipped {
			continue
		}
		one := finding{w: w, narrowed: w.Filter}
		switch w.Kind {
		case alert.Spend, alert.Tokens, alert.Unpriced, alert.ErrorShare, alert.NoUsageShare, alert.LatencyP95, alert.TTFTP95:
			value, says := valueOf(&w.Rule, &w.meter.total)
			one.value, one.holds = value, reaches(&w.Rule, &w.meter.total, value, says)
			found = append(found, one)
		case alert.Silence:
			last := w.group.last
			if last.IsZero() {
				last = w.changed
			}
			one.value = max(now.Sub(last).Seconds(), 0)
			one.holds = one.value >= w.Limit
			found = append(found, one)
		case alert.SpendUnusual:
			w.skipped = !w.unusual.known(now)
			value, says := w.unusual.look()
			one.value, one.holds = value, says && value >= w.Limit
			found = append(found, one)
		case alert.KeyFirstUse:
			found = append(found, s.firstUses(w, now)...)
		case alert.BudgetUsed, alert.BudgetProjected:
			w.skipped = s.o.Budgets != nil && !s.slow.asked
			found = append(found, s.slow.budgetsOf(w)...)
		case alert.SourceGap:
			const starting = time.Minute // receivers start after the store
			w.skipped = s.drift.elapsed-s.began < starting
			found = append(found, s.slow.sourcesOf(w, s, now)...)
		case alert.KeyExpiry:
			w.skipped = s.slow.keys == nil
			found = append(found, s.slow.expiring(w, now)...)
		case alert.StoreTrouble:
			one.holds, one.shown = s.slow.trouble != "", s.slow.trouble
			found = append(found, one)
		}
	}
	return found
}

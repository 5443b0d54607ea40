package cliproxyreceiver

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/sources"
)

// checks has the results of the periodic checks of a proxy.
type checks struct {
	last     time.Time
	received int64 // events since the last check
	attempts int64 // that the proxy counted until the last check
	counted  bool  // attempts is known
	trouble  error // what is wrong with the proxy's settings
}

// due reports whether it is time for a check; the first is at once.
func (c *checks) due(every time.Duration) bool {
	return c.last.IsZero() || every > 0 && time.Since(c.last) >= every
}

var errStatisticsOff = errors.New("the proxy records no usage: set usage-statistics-enabled: true in its configuration, " +
	"or enable_usage_statistics: true here")

// check makes sure that the proxy records usage, and compares its own counters with what arrived.
func (f *feed) check(ctx context.Context) {
	f.checks.last = time.Now()
	on, err := f.client.StatisticsEnabled(ctx)
	if err != nil {
		return // pull meets the same, and says so
	}
	f.checks.trouble = nil
	if !on {
		f.checks.trouble = errStatisticsOff
		if f.config.EnableUsageStatistics {
			if err := f.client.EnableStatistics(ctx); err != nil {
				f.checks.trouble = err
			} else {
				f.checks.trouble = nil
				f.logger.Info("turned usage statistics on in the proxy")
			}
		}
	}
	f.compare(ctx)
}

// With that many attempts, a share that does not arrive cannot be explained by timing.
const (
	noneOf = 5
	halfOf = 50
)

// compare looks for somebody else who takes the events: another poller gets a part of them, a
// subscriber all. The proxy does not report it, but it counts attempts for itself.
func (f *feed) compare(ctx context.Context) {
	attempts, known, err := f.client.Attempts(ctx)
	if err != nil || !known {
		return
	}
	c := &f.checks
	if c.counted && attempts < c.attempts { // its counters begin anew with the proxy
		f.restarted = true
	}
	grown, received := attempts-c.attempts, c.received
	comparable := c.counted && grown >= 0 && c.trouble == nil // counters restart with the proxy
	c.attempts, c.counted, c.received = attempts, true, 0
	if !comparable {
		return
	}
	if grown >= noneOf && received == 0 || grown >= halfOf && received < grown/2 {
		if before := f.account.shown().OtherConsumer; !before {
			f.logger.Warn("the proxy counts attempts of which no events arrive here: something else takes them off its queue, or is subscribed. "+
				"Stop it; or, if it is a subscriber, set mode: subscribe, which gives both all events",
				zap.Int64("attempts", grown), zap.Int64("events", received))
		}
		f.account.note(func(s *sources.State) { s.OtherConsumer = true })
	} else if received > 0 {
		f.account.note(func(s *sources.State) { s.OtherConsumer = false })
	}
}

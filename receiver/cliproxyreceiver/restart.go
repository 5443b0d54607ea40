package cliproxyreceiver

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// held is the connection that the proxy keeps open for us. Pulls use one connection each, because a request that is sent
// again over a new connection would lose events; this one is there to notice that it was closed.
type held struct {
	since  time.Time // when it was last used; zero: there is none
	steady bool      // it was used more than once: the proxy, and what is before it, keeps connections open
}

// longestHeld is for how long an unused connection is expected to stay open: servers and what is before them close
// connections that are unused for longer.
const longestHeld = 30 * time.Second

// probe asks the proxy for something that costs it nothing and needs no key, over the connection that is held. If that was
// closed without notice though it had been used before, the proxy was restarted, even where it answers again at once and
// its version is the same.
func (f *feed) probe(ctx context.Context) {
	if f.client.Refused() {
		return
	}
	now := time.Now()
	c, err := f.client.Probe(ctx)
	if err != nil {
		f.held = held{}
		return
	}
	before := f.held
	f.held = held{}
	if !c.Kept {
		return // it closes every connection, or announced that it closes this one
	}
	f.held = held{since: now, steady: c.Reused}
	if !c.Reused && before.steady && now.Sub(before.since) < longestHeld {
		f.restarted = true
	}
}

// quotaKey is the storage's entry of the quotas of accounts.
const quotaKey = "quotas"

// loadQuotas reads the quotas that were stored. Where they cannot be read, they begin anew: they are not needed for
// counting.
func (f *feed) loadQuotas(ctx context.Context) {
	b, err := f.backlog.client.Get(ctx, quotaKey)
	if err == nil && b != nil {
		err = f.account.quotas.Load(b)
	}
	if err != nil {
		f.logger.Warn("the stored quotas of upstream accounts could not be read", zap.Error(err))
	}
}

// saveQuotas stores the quotas where they have changed.
func (f *feed) saveQuotas(ctx context.Context) {
	b, err := f.account.quotas.Save()
	if err == nil && b != nil {
		err = f.backlog.client.Set(ctx, quotaKey, b)
	}
	if err != nil {
		f.logger.Warn("the quotas of upstream accounts could not be stored", zap.Error(err))
	}
}

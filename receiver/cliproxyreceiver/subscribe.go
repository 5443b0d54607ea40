package cliproxyreceiver

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
)

const (
	flushEvents    = 256
	flushEvery     = 200 * time.Millisecond
	readAhead      = 4096            // events; the proxy drops a subscriber that is 256 behind
	subscribeAgain = 5 * time.Minute // after a proxy took no subscriber
)

// subscribe follows the feed until it ends, and reports whether there was one. The proxy queues nothing
// while it lasts and repeats nothing afterwards, so that the queue is emptied before and after.
func (f *feed) subscribe(ctx context.Context) bool {
	if f.drain(ctx) != nil {
		return false
	}
	within, hangUp := context.WithCancel(ctx)
	defer hangUp()
	feed, err := f.client.Subscribe(within, f.tls)
	switch {
	case errors.Is(err, cliproxy.ErrNoSubscribe):
		if f.config.Mode == modeSubscribe && f.pullUntil.IsZero() {
			f.logger.Warn("usage is pulled instead", zap.Error(err))
		}
		f.pullUntil = time.Now().Add(subscribeAgain)
		return false
	case err != nil:
		f.unreachable(err)
		return false
	}
	defer feed.Close()
	asked := time.Now()
	if f.drain(ctx) != nil { // what was queued before the subscription began
		return false
	}
	f.reached(ctx, asked)
	f.logger.Info("subscribed to the proxy's usage")
	events := make(chan json.RawMessage, readAhead)
	go func() {
		defer close(events)
		for {
			e, err := feed.Next()
			if err != nil {
				return
			}
			events <- e
		}
	}()
	f.follow(ctx, events)
	hangUp()
	var rest []json.RawMessage // that has arrived already
	for e := range events {
		rest = append(rest, e)
	}
	if len(rest) > 0 {
		f.keep(ctx, rest)
	}
	if ctx.Err() == nil && f.backlog.events() < f.maxBacklog {
		f.account.reconnected(ctx)
		f.account.gap(ctx, gapSubscription)
		f.logger.Warn("the proxy ended the subscription; the events that were on their way are missing")
		sleep(ctx, f.config.MinInterval/4)
	}
	return true
}

// drain empties the queue. Versions that have no queue over HTTP are let be.
func (f *feed) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		n, err := f.pull(ctx)
		if errors.Is(err, cliproxy.ErrDisabled) {
			return nil
		}
		if err != nil || n < f.config.MaxEvents {
			return err
		}
	}
	return ctx.Err()
}

// follow keeps what the subscription brings, a few events at a time, until it ends, the backlog is
// full, or ctx ends.
func (f *feed) follow(ctx context.Context, events <-chan json.RawMessage) {
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	look := time.NewTicker(max(f.config.MaxInterval, time.Second))
	defer look.Stop()
	var some []json.RawMessage
	keep := func() {
		if len(some) > 0 {
			f.keep(ctx, some)
			some = nil
		}
	}
	defer keep()
	for {
		select {
		case e, more := <-events:
			if !more {
				return
			}
			if some = append(some, e); len(some) >= flushEvents {
				keep()
			}
		case <-flush.C:
			keep()
			if f.backlog.events() >= f.maxBacklog { // the proxy queues again for those who are not subscribed
				return
			}
		case <-look.C:
			if f.checks.due(f.config.CheckInterval) {
				f.check(ctx)
			}
			if err := f.drain(ctx); f.client.Refused() {
				f.unreachable(err)
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

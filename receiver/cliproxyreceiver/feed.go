package cliproxyreceiver

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"time"

	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/lease"
	"github.com/tokenboard/tokenboard/internal/sources"
)

// feed is one proxy. One goroutine takes events and keeps them in the backlog, another delivers the
// backlog.
type feed struct {
	config     *ProxyConfig
	retry      RetryConfig
	maxBacklog int
	name       string
	client     *cliproxy.Client
	tls        *tls.Config // nil without TLS
	backlog    *backlog
	next       consumer.Traces
	obs        *receiverhelper.ObsReport
	account    *account
	health     *health
	logger     *zap.Logger

	turns *lease.Turns // nil where no other process takes the same events

	complained string // the error that was logged last; belongs to the goroutine that delivers

	// The fields below belong to the goroutine that takes.
	version cliproxy.Version
	down    bool // the last request failed
	// restarted says that the proxy was restarted between the last two pulls, though it answered both.
	restarted bool
	anew      bool // nothing is known of the pull before
	held      held
	said      string // the trouble that was logged last
	checks    checks
	// pullUntil is when to try again to subscribe; zero where that never failed.
	pullUntil time.Time
}

// Reasons of gaps.
const (
	gapLate         = "late"
	gapUnreachable  = "unreachable"
	gapRestarted    = "restarted"
	gapAnswerCut    = "answer_cut"
	gapSubscription = "subscription_lost"
)

// run takes events until ctx ends or the proxy refuses the key. Of several processes that share a store, one does at a time.
func (f *feed) run(ctx context.Context) {
	if f.turns == nil {
		f.take(ctx)
		return
	}
	f.turns.Run(ctx, func(ctx context.Context) (refused bool) {
		// Another process may have taken events meanwhile: what is known of the proxy is old.
		f.version, f.down, f.restarted, f.held, f.checks, f.anew = cliproxy.Version{}, false, false, held{}, checks{}, true
		f.logger.Info("this replica takes the proxy's events")
		return f.take(ctx)
	}, f.waits)
}

var errAnother = errors.New("another replica takes the events of this proxy; this one does when that one ends")

// waits notes that another process takes the events.
func (f *feed) waits() {
	f.health.report(f.name, nil, false)
	f.account.note(func(s *sources.State) { s.Up, s.Trouble, s.OtherConsumer = false, errAnother.Error(), false })
}

// take takes events until ctx ends or, with true, the proxy refuses the key.
func (f *feed) take(ctx context.Context) (refused bool) {
	defer func() {
		f.setUp(false)
		if err := f.backlog.flush(context.WithoutCancel(ctx)); err != nil {
			f.logger.Warn("the time of the last pull could not be stored", zap.Error(err))
		}
		f.saveQuotas(context.WithoutCancel(ctx))
	}()
	pause := f.config.MinInterval
	for ctx.Err() == nil {
		if !f.roomInBacklog(ctx) {
			return false
		}
		if f.checks.due(f.config.CheckInterval) {
			f.check(ctx)
			f.saveQuotas(ctx)
		}
		if f.config.Mode == modeSubscribe && time.Now().After(f.pullUntil) && f.subscribe(ctx) {
			continue
		}
		n, err := f.pull(ctx)
		if errors.Is(err, cliproxy.ErrDisabled) && f.config.Mode == modeAuto && f.subscribe(ctx) {
			continue // v6.10.0 to v6.10.7 have the Redis protocol only
		}
		switch {
		case f.stopped(err):
			return true
		case errors.Is(err, cliproxy.ErrDisabled):
			pause = f.config.MaxInterval
		case err != nil:
			pause = min(2*pause, f.config.MaxInterval)
		case n >= f.config.MaxEvents:
			continue // there is more
		case n > 0:
			pause = f.config.MinInterval
		default:
			pause = min(pause*3/2, f.config.MaxInterval)
		}
		sleep(ctx, pause)
	}
	return false
}

func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// roomInBacklog waits while the backlog is full; false where ctx ends first. The proxy keeps its events
// meanwhile, for its retention.
func (f *feed) roomInBacklog(ctx context.Context) bool {
	for f.backlog.events() >= f.maxBacklog {
		f.trouble(errBacklogFull)
		select {
		case <-f.backlog.eased:
		case <-ctx.Done():
			return false
		}
	}
	return ctx.Err() == nil
}

var errBacklogFull = errors.New("max_backlog is reached, because the pipeline does not accept events: nothing is taken from the proxy, " +
	"which will forget events after its retention")

// pull asks the proxy once, keeps what came, and returns its number. It is not broken off when ctx ends: the entries in
// the answer are no longer in the queue. The client's timeout ends it.
func (f *feed) pull(ctx context.Context) (int, error) {
	f.probe(ctx)
	asked := time.Now()
	events, err := f.client.Pull(context.WithoutCancel(ctx), f.config.MaxEvents)
	if len(events) > 0 {
		f.keep(ctx, events)
	}
	switch {
	case errors.Is(err, cliproxy.ErrCut):
		f.account.gap(ctx, gapAnswerCut)
		f.logger.Warn("an answer of the usage queue broke off; the events in the rest of it are lost", zap.Int("events_saved", len(events)))
	case err != nil:
		f.unreachable(err)
		return 0, err
	}
	f.reached(ctx, asked)
	return len(events), nil
}

// reached notes that the proxy answered, and whether events may have been forgotten since the last time.
func (f *feed) reached(ctx context.Context, asked time.Time) {
	before, err := f.backlog.pulled(context.WithoutCancel(ctx), asked, f.config.Retention/20)
	if err != nil {
		f.logger.Warn("the time of the last pull could not be stored", zap.Error(err))
	}
	if f.anew { // another process took events since
		before, f.anew = time.Time{}, false
	}
	version := f.client.Version()
	late := asked.Sub(before)
	switch {
	case !before.IsZero() && late > f.config.Retention:
		f.account.gap(ctx, gapLate)
		f.logger.Warn("more time than the proxy's retention lay between two pulls; events in between may be missing",
			zap.Duration("between", late.Round(time.Second)), zap.Duration("retention", f.config.Retention))
	case f.restarted && !f.down, f.version != cliproxy.Version{} && version != f.version:
		f.account.gap(ctx, gapRestarted)
		f.logger.Info("the proxy was restarted; what its queue held is missing", zap.String("version", clean(version.Release)))
	case f.down:
		f.account.gap(ctx, gapUnreachable)
		f.logger.Info("the proxy answers again; if it was restarted, what its queue held is missing")
	}
	if f.down {
		f.account.reconnected(ctx)
	}
	f.version, f.down, f.restarted = version, false, false
	f.account.note(func(s *sources.State) { s.Up, s.LastContact, s.Version = true, time.Now(), clean(version.Release) })
	if f.checks.trouble == nil {
		f.well()
	} else {
		f.trouble(f.checks.trouble)
	}
}

func (f *feed) setUp(up bool) { f.account.note(func(s *sources.State) { s.Up = up }) }

func (f *feed) unreachable(err error) {
	f.down = f.down || errors.Is(err, cliproxy.ErrUnreachable)
	f.held = held{}
	f.setUp(false)
	if !errors.Is(err, cliproxy.ErrRefused) {
		f.trouble(err)
	}
}

// trouble reports what is wrong, and logs it once.
func (f *feed) trouble(err error) {
	f.health.report(f.name, err, false)
	f.account.note(func(s *sources.State) { s.Trouble = err.Error() })
	if f.said != err.Error() {
		f.said = err.Error()
		f.logger.Warn("usage is not taken from the proxy as it should", zap.Error(err))
	}
}

func (f *feed) well() {
	f.health.report(f.name, nil, false)
	f.account.note(func(s *sources.State) { s.Trouble = "" })
	if f.said != "" {
		f.said = ""
		f.logger.Info("usage is taken from the proxy as it should")
	}
}

// stopped reports whether an error is the end of the feed, and reports it then.
func (f *feed) stopped(err error) bool {
	if !errors.Is(err, cliproxy.ErrRefused) {
		return false
	}
	f.health.report(f.name, err, true)
	f.account.note(func(s *sources.State) { s.Trouble = err.Error() })
	f.logger.Error("usage is no longer taken from the proxy", zap.Error(err))
	return true
}

// keep redacts events and stores them. Where the storage fails, they are delivered at once instead;
// one of the two is tried until it works, because nobody else has these events.
func (f *feed) keep(ctx context.Context, events []json.RawMessage) {
	f.account.taken(ctx, len(events))
	f.checks.received += int64(len(events))
	calls := make([]call, 0, len(events))
	unreadable := 0
	for _, raw := range events {
		c, err := readEvent(raw, f.name)
		switch {
		case err == nil:
			calls = append(calls, c)
			if c.quota != nil {
				f.account.quotas.Note(c.Account, c.Provider, c.Start.Add(c.Duration), *c.quota)
			}
		case errors.Is(err, errUnreadable):
			unreadable++
		}
	}
	if unreadable > 0 {
		f.account.unreadable(ctx, unreadable)
		f.logger.Error("events that cannot be read were dropped; is this version of the proxy known?", zap.Int("events", unreadable),
			zap.String("version", clean(f.client.Version().Release)))
	}
	if len(calls) == 0 {
		return
	}
	td := spans(calls, origin{name: f.name, service: f.config.ServiceName, version: f.client.Version().Release})
	batch, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	if err != nil { // it cannot fail for what spans makes
		f.lost(ctx, len(calls), err)
		return
	}
	pause := newBackoff(f.retry)
	for {
		err := f.backlog.add(context.WithoutCancel(ctx), batch, len(calls))
		if err == nil {
			return
		}
		f.trouble(err)
		if f.offer(ctx, batch) == nil {
			return
		}
		if ctx.Err() != nil {
			f.lost(ctx, len(calls), err)
			return
		}
		sleep(ctx, pause.NextBackOff())
	}
}

func (f *feed) lost(ctx context.Context, events int, err error) {
	f.account.lost(ctx, events)
	f.logger.Error("events that were taken from the proxy are lost", zap.Int("events", events), zap.Error(err))
}

package cliproxyreceiver

import (
	"context"
	"errors"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.uber.org/zap"
)

// deliver hands the backlog on, oldest first, until ctx ends. A batch is removed when the pipeline has
// accepted it; one whose acceptance was not seen any more is delivered again after a restart, under
// the same ids.
func (f *feed) deliver(ctx context.Context) {
	pause := newBackoff(f.retry)
	for ctx.Err() == nil {
		batch, some, err := f.backlog.oldest(ctx)
		if err == nil && !some {
			select {
			case <-f.backlog.filled:
			case <-ctx.Done():
			}
			continue
		}
		n := 0
		if err == nil {
			n, err = f.pass(ctx, batch)
		}
		if err == nil {
			err = f.backlog.remove(context.WithoutCancel(ctx), n)
		}
		if err == nil {
			pause.Reset()
			continue
		}
		if ctx.Err() == nil {
			f.logger.Warn("events wait to be delivered", zap.Int("events", f.backlog.events()), zap.Error(err))
		}
		sleep(ctx, pause.NextBackOff())
	}
}

func newBackoff(c RetryConfig) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = c.InitialInterval, c.MaxInterval
	b.Reset()
	return b
}

// pass offers a batch, and gives the number of its events. What the pipeline refuses for good is
// offered event by event, so that one bad event takes no others with it.
func (f *feed) pass(ctx context.Context, batch []byte) (int, error) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(batch)
	if err != nil || td.SpanCount() == 0 {
		f.lost(ctx, 1, errStorage)
		return 0, nil
	}
	n := td.SpanCount()
	err = f.consume(ctx, td)
	if err == nil || !consumererror.IsPermanent(err) {
		return n, err
	}
	for i := range n {
		one, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(batch) // a consumer may have changed td
		if err != nil {
			return n, err
		}
		j := 0
		one.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(ptrace.Span) bool { j++; return j-1 != i })
		err = f.consume(ctx, one)
		switch {
		case err == nil:
		case consumererror.IsPermanent(err):
			f.telemetry.ReceiverCliproxyRefusedEvents.Add(ctx, 1, f.label)
			f.logger.Error("an event was dropped, because the pipeline refused it for good", zap.Error(err))
		default:
			return n, err // those before it are offered again, under the same ids
		}
	}
	return n, nil
}

var errStorage = errors.New("the storage has lost a batch, or gave back something else")

// offer delivers a batch that could not be stored.
func (f *feed) offer(ctx context.Context, batch []byte) error {
	_, err := f.pass(ctx, batch)
	return err
}

func (f *feed) consume(ctx context.Context, td ptrace.Traces) error {
	n := td.SpanCount()
	ctx = f.obs.StartTracesOp(ctx)
	err := f.next.ConsumeTraces(ctx, td)
	f.obs.EndTracesOp(ctx, "cliproxy", n, err)
	return err
}

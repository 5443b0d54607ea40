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
// the same ids. Events that the pipeline refuses permanently go to the end of the backlog, because there is no other
// copy, and the fault may be the pipeline's (a broken store) instead of the event's.
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
		var r result
		if err == nil {
			r, err = f.pass(ctx, batch)
		}
		if err == nil {
			if err = f.backlog.settle(context.WithoutCancel(ctx), r); err == nil {
				err = r.reason
			}
		}
		if err == nil {
			pause.Reset()
			f.complained = ""
			continue
		}
		if ctx.Err() == nil && f.complained != err.Error() {
			f.complained = err.Error()
			f.logger.Warn("events wait to be delivered", zap.Int("events", f.backlog.events()), zap.Error(err))
		}
		sleep(ctx, pause.NextBackOff())
	}
}

// result is the pipeline's result for a batch.
type result struct {
	accepted int
	refused  int    // for good
	rest     []byte // the refused ones as a batch
	reason   error  // why; nil where none was refused
}

func newBackoff(c RetryConfig) *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval = c.InitialInterval, c.MaxInterval
	b.Reset()
	return b
}

// pass offers a batch. A batch that the pipeline refuses permanently is offered event by event, so that one bad
// event does not lose the others.
func (f *feed) pass(ctx context.Context, batch []byte) (r result, err error) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(batch)
	if err != nil || td.SpanCount() == 0 {
		f.lost(ctx, 1, errStorage)
		return r, nil
	}
	n := td.SpanCount()
	err = f.consume(ctx, td)
	if err == nil || !consumererror.IsPermanent(err) {
		return result{accepted: n}, err
	}
	refused := map[int]bool{}
	for i := range n {
		one, err := only(batch, func(j int) bool { return i == j }) // made again: a consumer may have changed td
		if err != nil {
			return r, err
		}
		err = f.consume(ctx, one)
		switch {
		case err == nil:
			r.accepted++
		case consumererror.IsPermanent(err):
			refused[i], r.reason = true, err
		default:
			return r, err // those before it are offered again, under the same ids
		}
	}
	if r.refused = len(refused); r.refused == 0 {
		return r, nil
	}
	f.account.refused(ctx, r.refused)
	rest, err := only(batch, func(j int) bool { return refused[j] })
	if err == nil {
		r.rest, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(rest)
	}
	return r, err
}

// only reads the spans of a batch that are wanted, by their place.
func only(batch []byte, wanted func(int) bool) (ptrace.Traces, error) {
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(batch)
	if err != nil {
		return td, err
	}
	i := -1
	td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(ptrace.Span) bool { i++; return !wanted(i) })
	return td, nil
}

var errStorage = errors.New("the storage has lost a batch, or gave back something else")

// offer delivers a batch that could not be stored. It fails where an event was not accepted.
func (f *feed) offer(ctx context.Context, batch []byte) error {
	r, err := f.pass(ctx, batch)
	return errors.Join(err, r.reason)
}

func (f *feed) consume(ctx context.Context, td ptrace.Traces) error {
	n := td.SpanCount()
	ctx = f.obs.StartTracesOp(ctx)
	err := f.next.ConsumeTraces(ctx, td)
	f.obs.EndTracesOp(ctx, "cliproxy", n, err)
	return err
}

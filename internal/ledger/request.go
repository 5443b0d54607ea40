package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/wire"
)

// request is a batch that waits to be committed.
type request struct {
	records     []store.Record            // the batch's calls, with their costs
	precomputed []correlation.Precomputed // of the records
	parents     []usage.SpanParent
	result      chan error
	delivery    int64 // its number in the inbox; 0 where a sender waits
	state       atomic.Int32
	pool        *sync.Pool // where it goes when it is done; nil where it is not used again
}

// The states of a request.
const (
	waiting int32 = iota
	begun         // the writer has it: it ends what it has begun
	left          // the sender has left before that: it is not committed
)

// begin takes a request for the writer; false where the sender is gone.
func (r *request) begin() bool { return r.state.CompareAndSwap(waiting, begun) }

// leave takes a request back; false where the writer has begun it.
func (r *request) leave() bool { return r.state.CompareAndSwap(waiting, left) }

func (r *request) size() int { return len(r.records) + len(r.parents) }

// requests are used again: a batch's records are most of what a commit allocates.
var requests = sync.Pool{New: func() any { return &request{result: make(chan error, 1)} }}

// request does for a batch what needs nothing of the ledger's state.
func (l *Ledger) request(b *usage.Batch) *request {
	r := requests.Get().(*request)
	r.pool = &requests
	r.state.Store(waiting)
	n := len(b.Calls)
	r.records, r.precomputed = slices.Grow(r.records[:0], n)[:n], slices.Grow(r.precomputed[:0], n)[:n]
	r.parents = append(r.parents[:0], b.Parents...) // the caller may leave before the writer comes to it
	for i := range b.Calls {
		c := &r.records[i].Call
		*c = b.Calls[i]
		c.Start = c.Start.UTC()
		c.KeyFingerprint = l.keyed.Of(c.KeyFingerprint)
		if c.Inherited != 0 { // inherited values are recomputed: only the record's own ones are taken
			c.Inherit(usage.Attribution{})
		}
		c.Before = usage.Tokens{}
		if !c.Failed {
			c.ErrorMessage = ""
		}
		c.RejectImpossible() // for calls of any origin: one impossible call must not spoil a sum
		l.setCost(c)
		r.precomputed[i] = correlation.Precompute(c)
	}
	return r
}

// done returns a request that is no longer in use to the pool.
func (r *request) done() {
	clear(r.records)
	r.delivery = 0
	if r.pool != nil {
		r.pool.Put(r)
	}
}

// Commit puts a batch into the ledger. It returns nil only when all of the batch is on disk. After an error nothing of
// it is, unless the error is ErrOutcomeUnknown: it may be on disk, or be about to get there. Either way the batch may
// be sent again: calls that are in the ledger already change nothing. The batch is the caller's again when Commit
// returns, but for its texts, which must never change.
//
// A process that does not lead puts the batch into the inbox of the store. It is on disk then, and in the sums when the
// process that leads has decided it.
func (l *Ledger) Commit(ctx context.Context, b usage.Batch) error {
	if len(b.Calls)+len(b.Parents) == 0 {
		return nil
	}
	select {
	case <-l.closing:
		return ErrClosed
	default:
	}
	if l.replica == nil {
		return l.commitHere(ctx, &b)
	}
	// What the replicas of the version before cannot read waits in the inbox, see decode.
	if l.replica.leads() && wire.FormatOf(b.Calls) <= l.replica.formats.Written() {
		if err := l.commitHere(ctx, &b); !errors.Is(err, ErrFollower) {
			return err
		}
	}
	return l.accept(ctx, &b)
}

// commitHere has the writer commit a batch.
func (l *Ledger) commitHere(ctx context.Context, b *usage.Batch) error {
	lapsed := l.replica.lapsed()
	r := l.request(b)
	select {
	case l.requests <- r:
	case <-lapsed: // the writer may wait for the store
		return ErrFollower
	case <-l.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("wait for the ledger: %w", ctx.Err())
	}
	for {
		select {
		case err := <-r.result:
			r.done()
			return err
		case <-lapsed:
			if r.leave() {
				return ErrFollower
			}
			lapsed = nil // the writer has begun it, and finds out what becomes of it
		case <-l.done: // the writer may have answered just before it ended
			select {
			case err := <-r.result:
				return err
			default:
				return ErrClosed
			}
		case <-ctx.Done():
			if r.leave() {
				return fmt.Errorf("wait for the ledger: %w", ctx.Err())
			}
			select {
			case err := <-r.result: // it came at the same moment
				r.done()
				return err
			default:
				return fmt.Errorf("wait for the commit: %w: %w", ErrOutcomeUnknown, ctx.Err())
			}
		}
	}
}

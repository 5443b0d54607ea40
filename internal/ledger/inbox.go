package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/wire"
)

// inboxLimits bound what waits for the leader: more than others take while a new one begins to lead.
var inboxLimits = store.InboxLimits{Deliveries: 100_000, Bytes: 1 << 30}

const (
	// inboxStep is how many bytes of the inbox are read at a time.
	inboxStep = 4 << 20
	// firstHold and maxHold are how long a delivery that cannot be decided is left aside.
	firstHold = 100 * time.Millisecond
	maxHold   = time.Minute
)

// heldBack is a delivery that could not be decided: bytes of a newer version, or a record that the store refuses. It stays,
// and those after it go on.
type heldBack struct {
	until time.Time
	pause time.Duration
}

// accept puts a batch into the inbox.
func (l *Ledger) accept(ctx context.Context, b *usage.Batch) error {
	calls := make([]usage.Call, len(b.Calls))
	for i := range b.Calls {
		calls[i] = b.Calls[i]
		calls[i].KeyFingerprint = l.keyed.Of(calls[i].KeyFingerprint)
	}
	data := wire.AppendBatch(nil, &usage.Batch{Calls: calls, Parents: b.Parents})
	if err := l.replica.store.Accept(ctx, store.NewWriteID(), data, inboxLimits); err != nil {
		return fmt.Errorf("put the batch into the inbox: %w", err)
	}
	return nil
}

// feed returns what a write changes, for the processes that follow.
func (l *Ledger) feed(w *store.Write, changes []Change) []byte {
	records := len(w.Put)+len(w.Mark)+len(w.Costs) > 0
	if l.replica == nil || (!records && len(changes) == 0) {
		return nil
	}
	return wire.AppendCommit(nil, &wire.Commit{At: w.At, Records: records, Changes: changes})
}

// decideInbox decides what waits in the inbox, in its order, and sets when to look again.
func (l *Ledger) decideInbox(ctx context.Context) {
	r := l.replica
	some, err := l.decideSome(ctx)
	if err != nil {
		l.noteSaved(fmt.Errorf("decide what waits in the inbox: %w", err))
	}
	switch {
	case err != nil:
		r.pause = l.o.times.seek
	case some:
		r.pause = 0
	default:
		r.pause = min(max(2*r.pause, l.o.times.poll), l.o.times.idle/2)
	}
	r.inbox.Reset(r.pause)
}

// decideSome reads a part of the inbox and decides it. It reports whether there may be more.
func (l *Ledger) decideSome(ctx context.Context) (more bool, err error) {
	r := l.replica
	after := int64(0)
	if time.Now().Before(r.allHeld.until) {
		after = r.allHeld.through
	}
	for {
		list, err := r.store.Deliveries(ctx, after, inboxStep)
		if err != nil || len(list) == 0 {
			if now := time.Now(); err == nil && !now.Before(r.allHeld.until) { // they need not be read each time
				r.allHeld.through, r.allHeld.until = after, now.Add(l.o.times.raise)
			}
			return false, err
		}
		requests := l.decode(ctx, list)
		if len(requests) > 0 {
			return true, l.decideRequests(ctx, requests)
		}
		after = list[len(list)-1].Seq // all of these are held back
	}
}

// decode makes requests of deliveries, those left out that are held back.
func (l *Ledger) decode(ctx context.Context, list []store.Delivery) (out []*request) {
	now := time.Now()
	for i := range list {
		d := &list[i]
		if h, is := l.replica.held[d.Seq]; is && now.Before(h.until) {
			continue
		}
		b, err := wire.Batch(d.Data)
		if err == nil {
			err = l.raise(ctx, wire.Format(d.Data))
		}
		if err != nil {
			l.hold(d.Seq, err)
			continue
		}
		q := l.request(&b)
		q.delivery = d.Seq
		q.begin()
		out = append(out, q)
	}
	return out
}

// hold leaves a delivery aside for a while.
func (l *Ledger) hold(seq int64, err error) {
	h := l.replica.held[seq]
	h.pause = min(max(2*h.pause, firstHold), maxHold)
	if errors.Is(err, errFormat) {
		h.pause = l.o.times.raise
	}
	h.until = time.Now().Add(h.pause)
	l.replica.held[seq] = h
	l.noteSaved(fmt.Errorf("a batch of the inbox cannot be decided now, and stays there: %w", err))
}

// decideRequests commits deliveries in groups. Where a group fails, the next ones are of one delivery each, so that none
// holds up the others.
func (l *Ledger) decideRequests(ctx context.Context, requests []*request) error {
	r := l.replica
	most := maxGroup
	if r.single {
		most, r.single = 0, false
	}
	for len(requests) > 0 {
		n, size := 0, 0
		for n < len(requests) && (n == 0 || size+requests[n].size() <= most) {
			size += requests[n].size()
			n++
		}
		if err := l.decideGroup(ctx, requests[:n]); err != nil {
			return err
		}
		requests = requests[n:]
	}
	return nil
}

func (l *Ledger) decideGroup(ctx context.Context, group []*request) error {
	r := l.replica
	err := l.deposed(l.commit(ctx, group))
	switch {
	case err == nil:
		for _, q := range group {
			delete(r.held, q.delivery)
			q.done()
		}
	case r.fenced || l.outcomeUnknown:
	case len(group) == 1:
		l.hold(group[0].delivery, err)
		return nil
	default:
		r.single = true // what is read again is as it was: a commit that fails may have changed the records
	}
	return err
}

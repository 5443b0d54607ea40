package ledger

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	maxWaiting = 1024  // requests that wait for the writer
	maxGroup   = 8_192 // records in one transaction, unless one request has more

	// maxAhead is how far in the future a record may start: clocks go wrong by time zones.
	maxAhead = 24 * time.Hour

	// maxJournaled is how many bytes of journals there are at most before the sums are stored, so that much
	// traffic makes neither the file nor the next start long.
	maxJournaled = 16 << 20
)

// earliest is the oldest start that is taken for a time; before it, the emitter had no clock.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// request is a batch that waits to be committed.
type request struct {
	records []store.Record // the batch's calls, with their costs
	gists   []gist         // of the records
	links   []usage.Link
	result  chan error
}

func (r *request) size() int { return len(r.records) + len(r.links) }

// requests are used again: a batch's records are most of what a commit allocates.
var requests = sync.Pool{New: func() any { return &request{result: make(chan error, 1)} }}

// request does for a batch what needs nothing of the ledger's state.
func (l *Ledger) request(b *usage.Batch) *request {
	r := requests.Get().(*request)
	n := len(b.Calls)
	r.records, r.gists = slices.Grow(r.records[:0], n)[:n], slices.Grow(r.gists[:0], n)[:n]
	r.links = append(r.links[:0], b.Links...) // the caller may leave before the writer comes to it
	for i := range b.Calls {
		c := &r.records[i].Call
		*c = b.Calls[i]
		c.Start = c.Start.UTC()
		if c.Lent != 0 { // what counts is what a record knows itself
			c.Lend(usage.Who{})
		}
		l.settle(c)
		r.gists[i] = gistOf(c)
	}
	return r
}

// done gives a request back that nobody else has any more.
func (r *request) done() {
	clear(r.records)
	requests.Put(r)
}

// Commit puts a batch into the ledger. It returns nil only when all of the batch is on disk;
// after an error none of it is, and the batch may be sent again. Sending a batch that is in the
// ledger already changes nothing. The batch is the caller's again when Commit returns, but for its
// texts, which must never change.
func (l *Ledger) Commit(ctx context.Context, b usage.Batch) error {
	if len(b.Calls)+len(b.Links) == 0 {
		return nil
	}
	select {
	case <-l.closing:
		return ErrClosed
	default:
	}
	r := l.request(&b)
	select {
	case l.requests <- r:
	case <-l.closing:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("wait for the ledger: %w", ctx.Err())
	}
	select {
	case err := <-r.result:
		r.done()
		return err
	case <-l.done: // the writer may have answered just before it ended
		select {
		case err := <-r.result:
			return err
		default:
			return ErrClosed
		}
	case <-ctx.Done():
		return fmt.Errorf("wait for the commit: %w", ctx.Err())
	}
}

// write is the one goroutine that changes the ledger. Requests that wait share a transaction.
func (l *Ledger) write() {
	defer close(l.done)
	// What waits when the ledger is closed is still committed; the engine's own time limits
	// end a write that hangs.
	ctx := context.Background()
	retention := time.NewTicker(l.o.RetentionInterval)
	defer retention.Stop()
	save := time.NewTicker(l.o.SaveInterval)
	defer save.Stop()
	more := make(chan struct{}, 1) // there is more to drop
	for {
		select {
		case r := <-l.requests:
			l.commitGroup(ctx, l.gather(r))
			l.foldSums()
			if err := l.engine.Fold(ctx); err != nil {
				l.noteSaved(err) // it is tried again; when too much waits, commits fail
			}
			if l.journaled > maxJournaled {
				l.noteSaved(l.saveSums(ctx))
			}
		case j := <-l.jobs:
			j.result <- j.run(ctx)
		case <-save.C:
			err := l.saveSums(ctx)
			if err == nil {
				err = l.engine.Compact(ctx) // journals were replaced
			}
			l.noteSaved(err)
		case <-retention.C:
			if l.index != nil {
				l.index.evict(l.o.MaxSpans, l.o.Now().Add(-l.o.Window))
			}
			l.startRetention(ctx, more)
		case <-more:
			l.continueRetention(ctx, more)
		case <-l.closing:
			for {
				select {
				case r := <-l.requests:
					l.commitGroup(ctx, l.gather(r))
				default:
					l.noteSaved(l.saveSums(ctx))
					return
				}
			}
		}
	}
}

// noteSaved keeps the outcome for Status: who stores the sums has no caller to answer. Nothing is
// lost where it fails: the next start adds up the records.
func (l *Ledger) noteSaved(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.saveErr = err
}

// gather takes the requests that wait along with the first.
func (l *Ledger) gather(first *request) []*request {
	group := []*request{first}
	n := first.size()
	for n < maxGroup {
		select {
		case r := <-l.requests:
			group = append(group, r)
			n += r.size()
		default:
			return group
		}
	}
	return group
}

func (l *Ledger) commitGroup(ctx context.Context, group []*request) {
	err := l.commit(ctx, group)
	for _, r := range group {
		r.result <- err
	}
}

func (l *Ledger) commit(ctx context.Context, group []*request) error {
	t := &l.transaction
	t.begin(l)
	defer t.end()
	if l.index == nil {
		if err := l.loadIndex(ctx); err != nil {
			l.index = nil
			return err
		}
	}
	l.index.begin()
	for _, r := range group {
		t.counters.Committed++
		if err := t.take(ctx, r); err != nil {
			l.index.rollback()
			return err
		}
	}
	w, changes, err := t.settle(ctx, group)
	if err != nil {
		l.index.rollback()
		return err
	}

	w.Untrue = l.untrueBy(changes)
	l.commits.Lock()
	defer l.commits.Unlock()
	w.Journal = l.journal(changes)
	l.touches.begin(changes)
	defer l.touches.end()
	if len(w.Put)+len(w.Mark)+len(w.Links) > 0 {
		if err := l.engine.Apply(ctx, w); err != nil {
			l.index.rollback()
			return fmt.Errorf("commit to the store: %w", err)
		}
		l.journaled += len(w.Journal)
	}
	l.index.commit()
	t.counters.Evicted += l.index.evict(l.o.MaxSpans, t.now.Add(-l.o.Window))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed(&w, changes)
	if len(w.Put)+len(w.Mark) > 0 {
		l.last = t.now
	}
	l.counters = t.counters
	if len(changes) > 0 {
		l.commitNumber++
		l.observers.tell(Commit{Number: l.commitNumber, At: t.now, Changes: changes})
	}
	return nil
}

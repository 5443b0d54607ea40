package ledger

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	maxWaiting = 1024  // requests that wait for the writer
	maxGroup   = 8_192 // records in one transaction, unless one request has more
	// gatherTime bounds how long a group waits for further requests, and smallGroup how many records one has that waits.
	gatherTime = time.Millisecond
	smallGroup = 512

	// maxAhead is how far in the future a record may start: clocks go wrong by time zones.
	maxAhead = 24 * time.Hour

	// maxJournaled is how many bytes of journals there are at most before the sums are stored, so that much
	// traffic makes neither the file nor the next start long.
	maxJournaled = 16 << 20
)

// earliest is the oldest start that is taken for a time; before it, the emitter had no clock.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// write is the one goroutine that changes the ledger. Requests that wait share a transaction.
func (l *Ledger) write() {
	defer close(l.done)
	if l.replica == nil {
		l.decide()
		return
	}
	for l.replica.leading.Load() || l.awaitLead() {
		if !l.decide() {
			break
		}
		l.stepDown()
	}
	l.refuseWaiting()
}

// decide commits what comes. It returns when the ledger is closed, or, with true, when another process decides.
func (l *Ledger) decide() (deposed bool) {
	// Requests that wait when the ledger is closed are still carried out; the engine's own time limits end a write that
	// hangs.
	ctx := context.Background()
	retention := time.NewTicker(l.o.RetentionInterval)
	defer retention.Stop()
	save := time.NewTicker(l.o.SaveInterval)
	defer save.Stop()
	more := make(chan struct{}, 1) // there is more to drop
	inbox, lost := l.replica.channels()
	for !l.outcomeUnknown { // else the ledger is being closed
		select {
		case <-inbox:
			l.decideInbox(ctx)
			l.tidy(ctx)
		case <-lost:
			return true
		case r := <-l.requests:
			l.commitGroup(ctx, l.gather(r))
			l.tidy(ctx)
		case j := <-l.jobs:
			j.result <- j.run(ctx)
		case <-save.C:
			err := l.saveSums(ctx)
			if err == nil {
				err = l.maintenance.Vacuum(ctx) // journals were replaced
			}
			l.noteSaved(err)
		case <-retention.C:
			if l.index != nil {
				l.index.Evict(l.o.MaxSpans, l.o.Now().Add(-l.o.Window))
			}
			l.startRetention(ctx, more)
		case <-more:
			l.continueRetention(ctx, more)
		case <-l.closing:
			l.drain(ctx)
			l.noteSaved(l.saveSums(ctx))
			return false
		}
		if l.replica.deposed() {
			return true
		}
	}
	l.drain(ctx)
	return false
}

// tidy does the work that a commit left.
func (l *Ledger) tidy(ctx context.Context) {
	l.sums.MergeChanges(ctx)
	if err := l.maintenance.Compact(ctx); err != nil {
		l.noteSaved(err) // it is tried again; when too much waits, commits fail
		l.followFailed(ctx, err)
	}
	if l.journaled > maxJournaled {
		l.noteSaved(l.saveSums(ctx))
	}
}

// drain answers the requests that wait when the ledger is closed.
func (l *Ledger) drain(ctx context.Context) {
	for {
		select {
		case r := <-l.requests:
			l.commitGroup(ctx, l.gather(r))
		default:
			return
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

// gather takes the requests that wait along with the first, those left out whose sender is gone. Small ones wait for those of
// the senders that were answered last, which are about to send again: else the senders split into groups that take turns.
func (l *Ledger) gather(first *request) []*request {
	var group []*request
	n := 0
	take := func(r *request) {
		if r.begin() {
			group, n = append(group, r), n+r.size()
		} else {
			r.done()
		}
	}
	take(first)
	for n < maxGroup && len(l.requests) > 0 { // only this goroutine takes them
		take(<-l.requests)
	}
	l.gathering.Reset(gatherTime)
	defer l.gathering.Stop()
	for more := true; more && len(group) < l.expected && n < smallGroup; {
		select {
		case r := <-l.requests:
			take(r)
		case <-l.gathering.C:
			more = false
		}
	}
	return group
}

func (l *Ledger) commitGroup(ctx context.Context, group []*request) {
	if len(group) == 0 {
		return
	}
	err := l.deposed(l.commit(ctx, group))
	l.expected = len(group) + len(l.requests) // who is answered now, and who waits already
	for _, r := range group {
		r.result <- err
	}
}

func (l *Ledger) commit(ctx context.Context, group []*request) error {
	if l.outcomeUnknown { // the ledger is being closed
		return ErrClosed
	}
	t := &l.transaction
	t.begin(l)
	defer t.end()
	if l.index == nil {
		if err := l.loadIndex(ctx); err != nil {
			l.index = nil
			return err
		}
	}
	l.index.Begin()
	for _, r := range group {
		t.counters.Committed++
		t.add(r)
		if r.delivery != 0 {
			t.decided = append(t.decided, r.delivery)
		}
	}
	if err := t.addLate(ctx); err != nil {
		l.index.Rollback()
		return err
	}
	w, changes, err := t.decide(ctx, group)
	if err != nil {
		l.index.Rollback()
		return err
	}

	w.DirtyHours, w.Decided = l.dirtiedBy(changes), t.decided
	w.Feed = l.feed(&w, changes)
	l.commits.Lock()
	defer l.commits.Unlock()
	w.Change = l.journal(changes)
	l.sums.Announce(changes)
	defer l.sums.Done()
	if len(w.Put)+len(w.Mark)+len(w.Links)+len(w.Decided) > 0 {
		if err := l.apply(ctx, &w); err != nil {
			l.index.Rollback()
			return err
		}
		l.journaled += len(w.Change)
	}
	l.index.Commit()
	t.counters.Evicted += l.index.Evict(l.o.MaxSpans, t.now.Add(-l.o.Window))
	at := t.now
	if len(w.Put)+len(w.Mark) == 0 {
		at = time.Time{}
	}
	l.mu.Lock()
	l.counters = t.counters
	l.mu.Unlock()
	l.changed(&w, changes, at)
	return nil
}

// changed puts what was committed into the sums and the series, and informs the observers. At is the time of a commit
// that changed records, else zero. The caller holds l.commits for writing.
func (l *Ledger) changed(w *store.Write, changes []Change, at time.Time) {
	for _, h := range w.DirtyHours {
		l.dirtyHours[h] = true
	}
	if l.replica.followedOwn() {
		return
	}
	number := l.sums.Apply(changes, at)
	if len(changes) > 0 {
		l.series.Commit()
		l.observers.Notify(Commit{Number: number, At: w.At, Seq: l.replica.shown(), Changes: changes})
	}
}

package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// A write that fails may be on disk all the same: a connection ends, or a file system fails, between the
// commit and the answer. So each has an identity, and after an error the ledger asks for the outcome before
// it does anything else. Until it is known, nothing is written, the sums stay as they were, and reads
// that need them to agree with the store return an error.

const (
	firstPause = 10 * time.Millisecond // before the ledger asks again
	maxPause   = 5 * time.Second
)

// apply commits a write. After an error nothing of it is on disk, unless that is ErrOutcomeUnknown, which
// comes only while the ledger is being closed. The caller holds l.commits for writing.
func (l *Ledger) apply(ctx context.Context, w *store.Write) error {
	w.ID, w.Epoch = store.NewWriteID(), l.lease.Epoch
	if err := l.engine.Commit(ctx, *w); err != nil {
		return l.outcome(ctx, w.ID, fmt.Errorf("commit to the store: %w", err))
	}
	l.replica.committed()
	return nil
}

// outcome finds out whether a write that failed was committed: nil if it was, else why it failed.
// The caller holds l.commits for writing; it is free while the ledger waits to ask again.
func (l *Ledger) outcome(ctx context.Context, id store.WriteID, failed error) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		committed, err := l.engine.Committed(ctx, id)
		if err == nil && committed && l.replica != nil {
			err = l.followOwn(ctx)
		}
		l.outcomeUnknown = err != nil
		l.noteOutcome(err)
		switch {
		case committed:
			return nil
		case err == nil && errors.Is(failed, ErrOutcomeUnknown): // it is known now
			return fmt.Errorf("it was not committed: %s", failed.Error())
		case err == nil:
			return failed
		}
		l.commits.Unlock()
		closing := !l.pause(pause)
		l.commits.Lock()
		if closing {
			return fmt.Errorf("%w: %w: %w", ErrOutcomeUnknown, err, failed)
		}
	}
}

// pause waits; false where the ledger is being closed.
func (l *Ledger) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.closing:
		return false
	}
}

func (l *Ledger) noteOutcome(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomeErr = err
}

// agree keeps commits away while a reader reads both the sums in memory and the store. It fails while the
// two may differ.
func (l *Ledger) agree() (release func(), err error) {
	l.commits.RLock()
	if l.outcomeUnknown {
		l.commits.RUnlock()
		return nil, fmt.Errorf("%w: ask again when the store answers", ErrOutcomeUnknown)
	}
	return l.commits.RUnlock, nil
}

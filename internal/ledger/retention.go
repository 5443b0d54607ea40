package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
)

// defaultChunk is how many records are removed between two commits, so that removing never keeps
// a sender waiting for long.
const defaultChunk = 16_384

// sizeStep is the share of the records (one in so many) that goes at a time while the store is
// too big.
const sizeStep = 20

// startRetention works out what is older than the limits allow and begins to drop it. Readers
// stop seeing it at once; the rows go in chunks. An error is left for the next interval.
func (l *Ledger) startRetention(ctx context.Context, more chan<- struct{}) {
	cut, err := l.cut(ctx)
	if err == nil {
		err = l.raiseWatermark(ctx, cut)
	}
	l.noteRetention(err)
	if err == nil {
		l.continueRetention(ctx, more)
	}
}

// cut returns the time before which records have to go; zero for none.
func (l *Ledger) cut(ctx context.Context) (time.Time, error) {
	var cut time.Time
	later := func(t time.Time) {
		if t.After(cut) {
			cut = t
		}
	}
	if l.o.MaxAge > 0 {
		later(rollup.BucketStart(rollup.BucketOf(l.o.Now().Add(-l.o.MaxAge))))
	}
	if l.o.MaxRecords <= 0 && l.o.MaxBytes <= 0 {
		return cut, nil
	}
	info, err := l.engine.Info(ctx)
	if err != nil {
		return cut, fmt.Errorf("ask the store for its size: %w", err)
	}
	excess := int64(0)
	if l.o.MaxRecords > 0 {
		excess = info.Records - l.o.MaxRecords
	}
	if l.o.MaxBytes > 0 && info.Bytes > l.o.MaxBytes {
		excess = max(excess, info.Records/sizeStep, 1)
	}
	if excess <= 0 {
		return cut, nil
	}
	start, found, err := l.engine.Nth(ctx, excess)
	switch {
	case err != nil:
		return cut, fmt.Errorf("find the oldest record to keep: %w", err)
	case found:
		later(start)
	case info.Records > 0: // nothing fits
		later(l.o.Now())
	}
	return cut, nil
}

// raiseWatermark removes everything that starts before a time from the sums and from sight.
func (l *Ledger) raiseWatermark(ctx context.Context, cut time.Time) error {
	if !cut.After(l.sums.Watermark()) {
		return nil
	}
	drop, err := l.sums.BeginDrop(ctx, cut)
	if err != nil {
		return err
	}
	l.commits.Lock()
	defer l.commits.Unlock()
	l.sums.EndDrop(drop)
	l.unsaved = true // days may have gone
	return nil
}

// continueRetention removes one chunk and asks to be called again while there is more.
func (l *Ledger) continueRetention(ctx context.Context, more chan<- struct{}) {
	n, left, err := l.retire(ctx)
	if err == nil {
		l.storedWatermark = l.sums.Watermark()
	}
	if err == nil && n > 0 {
		l.mu.Lock()
		l.counters.Dropped += n
		l.mu.Unlock()
		if left {
			select {
			case more <- struct{}{}:
			default:
			}
			return
		}
		err = l.maintenance.Vacuum(ctx)
	}
	l.noteRetention(err)
}

// noteRetention keeps the outcome for Status: retention has no caller to answer.
func (l *Ledger) noteRetention(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retentionErr = err
}

// Retention is how long records are kept; zero is no limit.
type Retention struct {
	MaxAge     time.Duration
	MaxRecords int64
	MaxBytes   int64
}

// Retention returns the limits that the ledger keeps.
func (l *Ledger) Retention() Retention {
	return Retention{MaxAge: l.o.MaxAge, MaxRecords: l.o.MaxRecords, MaxBytes: l.o.MaxBytes}
}

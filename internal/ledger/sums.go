package ledger

import (
	"context"
	"fmt"
	"slices"

	"github.com/tokenboard/tokenboard/internal/ledger/aggregate"
	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

// dirtiedBy returns the hours whose stored sums lack changes, except those that are noted already.
func (l *Ledger) dirtiedBy(changes []Change) []int64 {
	var hours []int64
	for i := range changes {
		if h := rollup.HourOf(changes[i].Call.Start); !l.dirtyHours[h] && !slices.Contains(hours, h) {
			hours = append(hours, h)
		}
	}
	return hours
}

// loadSums reads the stored sums, and adds up what is not in them.
func (l *Ledger) loadSums(ctx context.Context, info *store.Info) error {
	if l.sumStore == (noSums{}) {
		return l.sums.Build(ctx, info.Watermark, info.LastStored)
	}
	hours, unsaved, err := l.sums.Load(ctx, l.sumStore, l.engine, info.Watermark, info.LastStored)
	if err != nil {
		return err
	}
	l.unsaved = unsaved
	l.noteHours(hours)
	return nil
}

// noteHours takes over the hours of the store.
func (l *Ledger) noteHours(hours []store.Hour) {
	l.hours = hours
	for _, h := range hours {
		if h.Dirty {
			l.dirtyHours[h.Number] = true
		}
	}
}

// readPart reads a part of a page of the stored sums. No lock is held.
func (l *Ledger) readPart(ctx context.Context, p rollup.Page, part rollup.Part) ([]byte, error) {
	return l.sumStore.SumPage(ctx, aggregate.SumKey(&p, part))
}

// saveSums stores the sums that changed. It is the writer's: nothing is committed meanwhile.
func (l *Ledger) saveSums(ctx context.Context) error {
	if l.sumStore == (noSums{}) || l.outcomeUnknown || (len(l.dirtyHours) == 0 && !l.unsaved) {
		return nil
	}
	if l.sums.Watermark().After(l.storedWatermark) { // what is about to be dropped may still be found at the next start
		return nil
	}
	l.journaled = 0 // where it fails, it is tried again after as many bytes
	pages, stored, err := l.sums.Unsaved(ctx)
	if err != nil {
		return err
	}
	w := store.SumsWrite{ID: store.NewWriteID(), Epoch: l.lease.Epoch, Pages: stored, Series: l.series.Snapshot(), At: l.o.Now()}
	if err := l.sumStore.SaveSums(ctx, w); err != nil {
		l.commits.Lock()
		err = l.outcome(ctx, w.ID, fmt.Errorf("store the sums: %w", err))
		l.commits.Unlock()
		if err = l.deposed(err); err != nil {
			return err
		}
	}
	l.sums.Saved(pages)
	clear(l.dirtyHours)
	l.unsaved = false
	return nil
}

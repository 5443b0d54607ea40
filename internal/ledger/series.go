package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// The series are the counters that a monitoring system scrapes. Each write stores its changes to them in its own
// transaction; from time to time they are stored as a whole.

// Series returns the series as they are to be shown: what counts of all calls ever taken, those included
// that retention dropped. None ever shows less than it did. The maps are not to be changed.
func (l *Ledger) Series() (sums map[series.Labels]Sums, timings map[series.Model]series.Timings) {
	l.commits.RLock() // a commit has what was shown when its journal is made
	defer l.commits.RUnlock()
	if l.outcomeUnknown {
		return l.series.Exposed()
	}
	return l.series.Expose()
}

// SeriesLabels returns the labels that the series have, in the order of series.Labels.
func (l *Ledger) SeriesLabels() []series.Label {
	labels := slices.Clone(l.o.Series.Labels)
	slices.Sort(labels)
	return slices.Compact(labels)
}

// journal returns what changes do to the series. The caller holds l.commits.
func (l *Ledger) journal(changes []Change) []byte {
	if len(changes) == 0 {
		return nil
	}
	return l.series.Journal(changes)
}

// loadSeries reads the series. If the store has none, or has others, they are made from its records.
func (l *Ledger) loadSeries(ctx context.Context, info *store.Info) error {
	some := false
	apply := func(change []byte) error {
		some = true
		return l.series.Apply(change)
	}
	whole, through, err := l.sumStore.Series(ctx)
	if err == nil && len(whole) > 0 {
		err = apply(whole)
	}
	if err == nil {
		err = l.engine.Changes(ctx, through, func(c store.Change) error { return apply(c.Data) })
	}
	if errors.Is(err, series.ErrOtherSeries) {
		l.series, some, err = series.New(l.o.Series), false, nil
	}
	if err != nil {
		return fmt.Errorf("read the series: %w", err)
	}
	defer func() { l.series.FinishLoad() }()
	if some || info.Records == 0 {
		return nil
	}
	err = l.engine.Scan(ctx, store.Filter{From: info.Watermark}, func(r *store.Record) error {
		l.series.Journal([]usage.Change{{Call: &r.Call, N: 1}})
		l.series.Commit()
		return nil
	})
	if err != nil {
		return fmt.Errorf("make the series from the records: %w", err)
	}
	l.unsaved = true
	return nil
}

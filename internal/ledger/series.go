package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	var made bool
	var err error
	l.series, made, err = readSeries(ctx, l.o.Series, struct {
		store.Sums
		store.Calls
	}{l.sumStore, l.engine}, info.Records, info.Watermark)
	l.unsaved = l.unsaved || made
	return err
}

// seriesStore is where series are read from.
type seriesStore interface {
	Series(ctx context.Context) (data []byte, through int64, err error)
	Changes(ctx context.Context, after int64, visit func(store.Change) error) error
	Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error
}

// readSeries reads the series, and reports whether they were made from the records.
func readSeries(ctx context.Context, o series.Options, from seriesStore, records int64, watermark time.Time) (set *series.Set, made bool, err error) {
	set = series.New(o)
	some := false
	apply := func(change []byte) error {
		some = true
		return set.Apply(change)
	}
	whole, through, err := from.Series(ctx)
	if err == nil && len(whole) > 0 {
		err = apply(whole)
	}
	if err == nil {
		err = from.Changes(ctx, through, func(c store.Change) error { return apply(c.Data) })
	}
	if errors.Is(err, series.ErrOtherSeries) {
		set, some, err = series.New(o), false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the series: %w", err)
	}
	defer func() { set.FinishLoad() }()
	if some || records == 0 {
		return set, false, nil
	}
	err = from.Figures(ctx, store.Filter{From: watermark}, func(r *store.Record) error {
		set.Journal([]usage.Change{{Call: &r.Call, N: 1}})
		set.Commit()
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("make the series from the records: %w", err)
	}
	return set, true, nil
}

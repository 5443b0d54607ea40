package ledger

import (
	"context"
	"slices"

	"github.com/tokenboard/tokenboard/internal/ledger/seriesload"
	"github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
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
	l.series, made, err = seriesload.Read(ctx, l.o.Series, struct {
		store.Sums
		store.Calls
	}{l.sumStore, l.engine}, info.Records, info.Watermark)
	l.unsaved = l.unsaved || made
	return err
}

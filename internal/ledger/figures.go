package ledger

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Figures visits the records that match, in no order, with what sums are made of: ids, and the texts that only
// single records have, are left out. The record is valid during the visit only.
func (l *Ledger) Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return l.engine.Figures(ctx, l.sums.Kept(f), visit)
}

// Watermark is the start time before which retention dropped records; zero where it dropped none.
func (l *Ledger) Watermark() time.Time { return l.sums.Watermark() }

// Counters returns what each counter series counts, of all calls ever taken, and the models that have timings of
// their own. See Series for what a scrape gets: it never falls, this does where a counted call is superseded.
func (l *Ledger) Counters() (sums map[series.Labels]Sums, models map[series.Model]bool) {
	l.commits.RLock()
	defer l.commits.RUnlock()
	return l.series.Counters()
}

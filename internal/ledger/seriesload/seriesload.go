// Package seriesload reads the series of a ledger from its store.
package seriesload

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Store is where series are read from.
type Store interface {
	Series(ctx context.Context) (data []byte, through int64, err error)
	Changes(ctx context.Context, after int64, visit func(store.Change) error) error
	Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error
}

// Read reads the series, and reports whether they were made from the records: where the store has none, or has others.
func Read(ctx context.Context, o series.Options, from Store, records int64, watermark time.Time) (set *series.Set, made bool, err error) {
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

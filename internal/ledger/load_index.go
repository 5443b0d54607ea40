package ledger

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// loadIndex puts the records into the index that were put lately, and all that start lately, so that
// live traffic need not be looked for in the store; the newest first, until it is full.
func (l *Ledger) loadIndex(ctx context.Context) error {
	now, watermark := l.o.Now(), l.sums.Watermark()
	since := now.Add(-l.o.Window)
	l.index = correlation.New(!l.o.NoTwins)
	first := rollup.HourOf(since) + 1 // from there on all records are read
	from, _ := rollup.HourBuckets(first)
	l.index.RaiseCompleteAfter(rollup.BucketStart(from).UnixNano())
	hours := l.lateHours(first, rollup.HourOf(now.Add(maxAhead)), since)
	for _, h := range slices.Backward(hours) {
		from, to := rollup.HourBuckets(h)
		f := store.Filter{From: rollup.BucketStart(from), To: rollup.BucketStart(to), Superseded: true}
		if f.From.Before(since) {
			f.StoredSince = since
		}
		if l.index.Size() >= l.o.MaxSpans {
			l.index.RaiseCompleteAfter(f.To.UnixNano())
			break
		}
		if f.From.Before(watermark) {
			f.From = watermark
		}
		if err := l.indexHour(ctx, f, since); err != nil {
			return err
		}
	}
	if l.sumStore == (noSums{}) && l.index.Size() < l.o.MaxSpans { // which hours changed lately is not known
		to := rollup.BucketStart(from)
		if err := l.indexHour(ctx, store.Filter{From: watermark, To: to, StoredSince: since, Superseded: true}, since); err != nil {
			return err
		}
	}
	err := l.engine.Links(ctx, since, func(k usage.SpanParent) error {
		l.index.LoadSpanParent(k, l.o.Now())
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the places of spans: %w", err)
	}
	l.index.Evict(l.o.MaxSpans, since)
	l.hours = nil
	return nil
}

// lateHours returns the hours whose records may have to be in the index, ascending: earlier hours with records that
// were put since a time, and all hours from first to last.
func (l *Ledger) lateHours(first, last int64, since time.Time) []int64 {
	var hours []int64
	for _, h := range l.hours {
		if h.Number < first && (h.Dirty || !h.LastStored.Before(since)) {
			hours = append(hours, h.Number)
		}
	}
	for h := first; h <= last; h++ {
		hours = append(hours, h)
	}
	return hours
}

// indexHour puts the records of a filter into the index.
func (l *Ledger) indexHour(ctx context.Context, f store.Filter, since time.Time) error {
	n := 0
	err := l.engine.Scan(ctx, f, func(r *store.Record) error {
		l.index.Load(r)
		if n++; n%indexStep == 0 {
			l.index.Evict(l.o.MaxSpans, since)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the records put lately: %w", err)
	}
	return nil
}

// indexStep is after how many records of one hour the index is cut to its size while it is read.
const indexStep = 10_000

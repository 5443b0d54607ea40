package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger/aggregate"
	"github.com/tokenboard/tokenboard/internal/store"
)

// When retention removes records, their keys must not get the spent part of their budgets back. So the spending is
// added up here, by the rule of all sums, and stored in the transaction that removes the records.

// bucketsKept is how long the base buckets of spending are kept apart: longer than a month anywhere.
const bucketsKept = 40 * 24 * time.Hour

// retire removes the oldest records before the watermark, at most a chunk of them. It reports how many went, and
// whether some are left.
func (l *Ledger) retire(ctx context.Context) (n int64, left bool, err error) {
	now := l.o.Now()
	spent := aggregate.Spending{}
	before, left, err := l.chunk(ctx, func(r *store.Record) {
		n++
		spent.Add(r)
	})
	if err != nil {
		return 0, false, fmt.Errorf("read the records to remove: %w", err)
	}
	r := store.Retirement{
		ID: store.NewWriteID(), Epoch: l.lease.Epoch, Before: before, Watermark: l.sums.Watermark(), LinksBefore: now.Add(-l.o.Window), Spent: spent.List(),
		JoinBefore: now.Add(-l.o.Window - bucketsKept),
	}
	if err := l.engine.Retire(ctx, r); err != nil {
		l.commits.Lock()
		err = l.outcome(ctx, r.ID, fmt.Errorf("remove old records: %w", err))
		l.commits.Unlock()
		if l.deposed(err) != nil {
			return 0, false, err
		}
	}
	return n, left, nil
}

// chunk visits the records that go at a time, without their names, and returns where those begin that stay.
func (l *Ledger) chunk(ctx context.Context, visit func(*store.Record)) (before store.Ref, left bool, err error) {
	before.Start = l.sums.Watermark()
	next, found, err := l.engine.Nth(ctx, int64(l.o.chunk))
	if err != nil {
		return before, false, err
	}
	if left = found && next.Before(l.sums.Watermark()); left {
		oldest, _, err := l.engine.Nth(ctx, 0)
		if err != nil {
			return before, false, err
		}
		if oldest.Equal(next) { // so many start at one time that only their ids differ
			return l.chunkAt(ctx, next, visit)
		}
		before.Start = next
	}
	if l.sums.Watermark().IsZero() {
		return before, false, nil
	}
	err = l.engine.Figures(ctx, store.Filter{To: before.Start, Superseded: true}, func(r *store.Record) error {
		visit(r)
		return nil
	})
	return before, left, err
}

// chunkAt is chunk where more records than go at a time are the oldest.
func (l *Ledger) chunkAt(ctx context.Context, start time.Time, visit func(*store.Record)) (before store.Ref, left bool, err error) {
	n := 0
	p := store.Page{Filter: store.Filter{From: start, To: start.Add(1), Superseded: true}, Order: store.Order{Ascending: true}, Limit: l.o.chunk + 1}
	records, _, err := l.engine.List(ctx, p)
	if err != nil {
		return before, false, err
	}
	for ; n < min(len(records), l.o.chunk); n++ {
		visit(&records[n])
	}
	if n == len(records) { // they are fewer now
		return store.Ref{Start: start.Add(1)}, true, nil
	}
	return store.Ref{ID: records[n].ID, Start: records[n].Start}, true, nil
}

package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// linksChunk bounds the links that one Retire removes, so that it never holds up writing.
const linksChunk = 10_000

// errRecent says that the memtable has records that are to be removed: it has to be compacted before.
var errRecent = errors.New("the memtable has records to remove")

// Retire removes old records.
func (e *Engine) Retire(ctx context.Context, r store.Retirement) error {
	for {
		err := e.retire(ctx, &r)
		if !errors.Is(err, errRecent) {
			return err
		}
		if err := e.compact(ctx); err != nil {
			return err
		}
	}
}

func (e *Engine) retire(ctx context.Context, r *store.Retirement) error {
	before := columnar.Place{Start: store.UnixNano(r.Before.Start), ID: r.Before.ID}
	var blocks *columnar.Replacement
	var removed int64
	return e.write(ctx, r.ID, r.Epoch, func(tx *database.Tx) (err error) {
		s := e.state.Load()
		if s.snapshot.HasRecentBefore(before) {
			return errRecent
		}
		if blocks, removed, err = s.table.Retire(ctx, before, source{tx}); err != nil {
			return err
		}
		if blocks != nil {
			replace(tx, blocks)
		}
		storeRetirement(tx, r)
		return nil
	}, func() {
		if blocks != nil {
			blocks.Publish()
			e.countRemoved(removed)
		}
	})
}

// storeRetirement stores what belongs to a retirement beside the blocks.
func storeRetirement(tx *database.Tx, r *store.Retirement) {
	if watermark := store.UnixNano(r.Watermark); watermark > 0 {
		tx.Queue("raise the retention watermark", `INSERT INTO meta (name, value) VALUES ('floor', $1)
ON CONFLICT (name) DO UPDATE SET value = greatest(meta.value, excluded.value)`, watermark)
	}
	rememberSpent(tx, r.Spent)
	tx.Queue("drop old hours", "DELETE FROM hours WHERE NOT dirty AND seen < $1", r.LinksBefore.Unix())
	tx.Queue("drop old places of spans", "DELETE FROM links WHERE (trace, span) IN (SELECT trace, span FROM links WHERE seen < $1 LIMIT $2)",
		r.LinksBefore.Unix(), linksChunk)
	joinSpent(tx, store.UnixNano(r.JoinBefore))
}

// Retired visits what retired records spent, and the records that start before a time.
func (e *Engine) Retired(ctx context.Context, before time.Time, sum func(store.Spent) error, record func(*store.Record) error) error {
	return e.reading(ctx, func(r *columnar.Reader, tx database.Querier) error { // Retire moves from the one to the other
		if err := spent(ctx, tx, sum); err != nil || before.IsZero() {
			return err
		}
		return r.Figures(ctx, store.Filter{To: before}, record)
	})
}

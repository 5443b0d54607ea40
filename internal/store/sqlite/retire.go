package sqlite

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
)

// linksChunk bounds the links that one Retire removes, so that it never delays writes.
const linksChunk = 10_000

// Retire removes old records.
func (e *Engine) Retire(ctx context.Context, r store.Retirement) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.resolveUnknownCommit(ctx); err != nil { // the snapshot is then what is on disk
		return err
	}
	if e.writes.has(r.ID) {
		return nil
	}
	if err := e.fenced(store.TaskLedger, r.Epoch); err != nil {
		return err
	}
	before := columnar.Place{Start: store.UnixNano(r.Before.Start), ID: r.Before.ID}
	if e.table.Snapshot().HasRecentBefore(before) {
		if err := e.compact(ctx); err != nil {
			return err
		}
	}
	blocks, removed, err := e.table.Retire(ctx, before, e.writer)
	if err != nil {
		return err
	}
	rest := func() error { return e.storeRetirement(ctx, &r) }
	if blocks == nil {
		return e.write(ctx, r.ID, r.Epoch, rest, nil)
	}
	if err := e.replace(ctx, r.ID, r.Epoch, blocks, rest); err != nil {
		return err
	}
	e.removed += removed
	return nil
}

// storeRetirement stores what belongs to a retirement beside the blocks.
func (e *Engine) storeRetirement(ctx context.Context, r *store.Retirement) error {
	conn := e.writer.conn
	if watermark := store.UnixNano(r.Watermark); watermark > 0 {
		_, err := conn.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('floor', ?)
ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`, watermark)
		if err != nil {
			return mapError("raise the retention watermark", err)
		}
	}
	if err := e.addDroppedSpend(ctx, r.Spent); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "DELETE FROM hours WHERE NOT dirty AND seen < ?", r.LinksBefore.Unix()); err != nil {
		return mapError("drop old hours", err)
	}
	_, err := conn.ExecContext(ctx, `DELETE FROM links WHERE (trace, span) IN
(SELECT trace, span FROM links WHERE seen < ? LIMIT ?)`, r.LinksBefore.Unix(), linksChunk)
	if err != nil {
		return mapError("drop old spans' places", err)
	}
	return e.mergeOldDroppedSpend(ctx, store.UnixNano(r.JoinBefore))
}

// Retired visits what retired records spent, and the records that start before a time.
func (e *Engine) Retired(ctx context.Context, before time.Time, sum func(store.Spent) error, record func(*store.Record) error) error {
	return e.reading(ctx, func(s *columnar.Reader, c *blockReader) error { // Retire moves from the one to the other
		if err := c.droppedSpend(ctx, sum); err != nil || before.IsZero() {
			return err
		}
		return s.Figures(ctx, store.Filter{To: before}, record)
	})
}

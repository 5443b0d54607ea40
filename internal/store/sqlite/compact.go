package sqlite

import (
	"context"
	"database/sql"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
)

// Compact merges the recent records into blocks, if there are enough of them. It is work that writes deferred, to be
// called while no write waits.
func (e *Engine) Compact(ctx context.Context) error {
	if e.table.Snapshot().MemtableSize() < columnar.CompactAt {
		return nil
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.compact(ctx)
}

// compact merges all recent records into blocks. The caller holds e.writing.
func (e *Engine) compact(ctx context.Context) error {
	if err := e.resolveUnknownCommit(ctx); err != nil { // the snapshot is then what is on disk
		return err
	}
	r, err := e.table.Compact(ctx, e.writer)
	if err != nil || r == nil {
		return err
	}
	return e.replace(ctx, store.NewWriteID(), 0, r, func() error {
		_, err := e.writer.conn.ExecContext(ctx, "DELETE FROM recent")
		return mapError("remove the log of recent records", err)
	})
}

// replace stores blocks in the place of others, with what else belongs to it.
func (e *Engine) replace(ctx context.Context, id store.WriteID, epoch int64, r *columnar.Replacement, rest func() error) error {
	return e.write(ctx, id, epoch, func() error {
		for _, block := range r.Removed() {
			for _, s := range []*sql.Stmt{e.writer.removeBlock, e.writer.removeData} {
				if _, err := s.ExecContext(ctx, block); err != nil {
					return mapError("remove a block of records", err)
				}
			}
		}
		for _, b := range r.Added() {
			if _, err := e.writer.insertBlock.ExecContext(ctx, b.ID, b.Hour, b.First, b.Last, b.Records, []byte(b.Summary)); err != nil {
				return mapError("store a block of records", err)
			}
			if _, err := e.writer.insertData.ExecContext(ctx, b.ID, b.Figures, b.Names); err != nil {
				return mapError("store a block of records", err)
			}
		}
		if _, err := e.writer.conn.ExecContext(ctx, "UPDATE meta SET value = ? WHERE name = 'blocks_version'", r.Version()); err != nil {
			return mapError("store the version of the blocks", err)
		}
		return rest()
	}, r.Publish)
}

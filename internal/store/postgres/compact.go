package postgres

import (
	"context"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// Compact merges the recent records into blocks, if there are enough of them. It is work that writes deferred, to be
// called while no write waits. It makes the same changes in every process, and so needs no lease; where several processes use
// the store, only the leader does it, so that the memory of another one never runs ahead of its sums.
func (e *Engine) Compact(ctx context.Context) error {
	if e.state.Load().snapshot.MemtableSize() < columnar.CompactAt {
		return nil
	}
	return e.compact(ctx)
}

// compact merges all recent records into blocks.
func (e *Engine) compact(ctx context.Context) error {
	var blocks *columnar.Replacement
	return e.write(ctx, store.WriteID{}, e.leading(), func(tx *database.Tx) (err error) {
		if blocks, err = e.state.Load().table.Compact(ctx, source{tx}); err != nil || blocks == nil {
			return err
		}
		replace(tx, blocks)
		tx.Queue("clear the log of recent records", "DELETE FROM recent")
		return nil
	}, func() {
		if blocks != nil {
			blocks.Publish()
		}
	})
}

// replace stores blocks in the place of others.
func replace(tx *database.Tx, blocks *columnar.Replacement) {
	const doing = "replace blocks of records"
	if removed := blocks.Removed(); len(removed) > 0 {
		tx.Queue(doing, "DELETE FROM blocks WHERE id = ANY($1)", removed)
		tx.Queue(doing, "DELETE FROM block_data WHERE id = ANY($1)", removed)
	}
	last := int64(0)
	for _, b := range blocks.Added() {
		tx.Queue(doing, "INSERT INTO blocks (id, hour, first, last, records, summary, bytes) VALUES ($1,$2,$3,$4,$5,$6,$7)",
			b.ID, b.Hour, b.First, b.Last, b.Records, []byte(b.Summary), len(b.Figures)+len(b.Names)+len(b.Summary))
		tx.Queue(doing, "INSERT INTO block_data (id, figures, names) VALUES ($1,$2,$3)", b.ID, b.Figures, b.Names)
		last = max(last, b.ID)
	}
	if last > 0 {
		tx.Queue(doing, "INSERT INTO meta (name, value) VALUES ('last_block', $1) ON CONFLICT (name) DO UPDATE SET value = greatest(meta.value, excluded.value)", last)
	}
	tx.Version = blocks.Version()
	tx.Queue(doing, "UPDATE state SET version = $1 WHERE task = 'ledger'", tx.Version)
}

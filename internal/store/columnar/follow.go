package columnar

import (
	"context"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

// Follow applies a row of the memtable's log that another process wrote, with the texts that it added, to the newest
// snapshot. Rows come in the order of the writes; the source sees the blocks of the snapshot.
func (t *Table) Follow(ctx context.Context, texts []dictionary.Stored, row []byte, from BlockSource) error {
	t.texts.Follow(texts)
	view := t.Snapshot()
	var entries []*memEntry
	if err := decodeLog(row, t.texts.Values(), func(x *memEntry) { entries = append(entries, x) }); err != nil {
		return err
	}
	added := int64(0)
	for _, x := range entries {
		var stored bool // there was a record at the place
		if old, some := view.entryAt(&x.Place); some {
			x.block, stored = old.block, !old.removed()
		} else {
			at, err := t.cache.find(ctx, view, from, &x.Place)
			if err != nil {
				return err
			}
			if stored = at.ref != nil; stored {
				x.block = at.ref.ID
			}
		}
		switch {
		case stored && x.removed():
			added--
		case !stored && !x.removed():
			added++
		}
	}
	slices.SortFunc(entries, func(a, b *memEntry) int { return a.compare(&b.Place) })
	t.publish(view.with(entries, added))
	return nil
}

// LastBlock sets the greatest id that a block ever had, where that may be greater than the ids of the blocks that are
// stored: another process may have read a block of that id.
func (l *Loader) LastBlock(id int64) { l.table.lastBlock = max(l.table.lastBlock, id) }

// Blocks returns the blocks of the snapshot by their ids.
func (v *Snapshot) Blocks() map[int64]*BlockRef {
	blocks := map[int64]*BlockRef{}
	for _, h := range v.hours {
		for _, b := range h.blocks {
			blocks[b.ID] = b
		}
	}
	return blocks
}

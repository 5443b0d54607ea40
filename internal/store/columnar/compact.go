package columnar

import (
	"cmp"
	"context"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

const (
	// CompactAt is from how many entries on the memtable is worth compacting: enough to fill blocks, few enough to be
	// kept in memory and read at a start.
	CompactAt = 8_192
	// MaxMemtable is how many entries an engine lets the memtable have before it compacts it within a write.
	MaxMemtable = 4 * CompactAt
)

// Built is a block that is about to be stored.
type Built struct {
	BlockRef
	Figures, Names []byte
}

// Replacement is blocks that take the place of others. It changes nothing itself: the engine stores it in one
// transaction, and calls Publish when that is committed.
type Replacement struct {
	table    *Table
	view     *Snapshot // what it is applied to
	from     BlockSource
	removed  []*BlockRef
	added    []*Built
	memtable []*memEntry // afterwards
}

// Removed returns the ids of the blocks to remove.
func (r *Replacement) Removed() []int64 {
	ids := make([]int64, len(r.removed))
	for i, b := range r.removed {
		ids[i] = b.ID
	}
	return ids
}

// Added returns the blocks to add, ascending by id.
func (r *Replacement) Added() []*Built { return r.added }

// Version returns the version that the blocks have afterwards.
func (r *Replacement) Version() int64 { return r.view.version + 1 }

// Publish makes the replacement part of the newest snapshot.
func (r *Replacement) Publish() {
	refs := make([]*BlockRef, len(r.added))
	for i, b := range r.added {
		ref := b.BlockRef // by itself: the bytes beside it must not stay in memory
		refs[i] = &ref
	}
	r.table.publish(r.view.withBlocks(r.Version(), r.removed, refs, r.memtable))
}

// Compact works out blocks that have all of the memtable, which is empty then: the engine removes its log in the same
// transaction. It returns nil where the memtable is empty already.
func (t *Table) Compact(ctx context.Context, from BlockSource) (*Replacement, error) {
	r := &Replacement{table: t, view: t.Snapshot(), from: from}
	if len(r.view.memtable) == 0 {
		return nil, nil //nolint:nilnil // there is nothing to do
	}
	fresh := map[int64][]block.Row{}   // by hour
	changes := map[int64][]*memEntry{} // by the block that has earlier forms of them
	for _, x := range r.view.memtable {
		switch {
		case x.block != 0:
			changes[x.block] = append(changes[x.block], x)
		case !x.removed():
			hour := hourOf(x.Start)
			fresh[hour] = append(fresh[hour], x.row)
		}
	}
	for id, entries := range changes {
		if err := r.change(ctx, id, entries); err != nil {
			return nil, err
		}
	}
	for hour, rows := range fresh {
		if err := r.add(ctx, hour, rows); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(r.added, func(a, b *Built) int { return cmp.Compare(a.ID, b.ID) })
	return r, nil
}

// build makes blocks of rows of one hour, which are ascending by place.
func (r *Replacement) build(hour int64, rows []block.Row) []*Built {
	var out []*Built
	for chunk := range slices.Chunk(rows, block.MaxRows) {
		r.table.lastBlock++
		out = append(out, &Built{
			BlockRef: BlockRef{
				ID: r.table.lastBlock, Hour: hour, Records: len(chunk),
				First: chunk[0].Record.Start.UnixNano(), Last: chunk[len(chunk)-1].Record.Start.UnixNano(),
				Summary: dictionary.SummaryBits.Summarise(chunk, dictionary.InlineText),
			},
			Figures: block.EncodeFigures(chunk, dictionary.InlineText), Names: block.EncodeNames(chunk, true),
		})
	}
	return out
}

// change replaces a block by one with the later forms of its records.
func (r *Replacement) change(ctx context.Context, id int64, entries []*memEntry) error {
	hour := r.view.hourAt(hourOf(entries[0].Start))
	i := slices.IndexFunc(hour.blocks, func(b *BlockRef) bool { return b.ID == id })
	ref := hour.blocks[i]
	rows, err := r.rows(ctx, ref)
	if err != nil {
		return err
	}
	for _, x := range entries {
		at, found := slices.BinarySearchFunc(rows, &x.Place, compareRow)
		switch {
		case found && x.removed():
			rows = slices.Delete(rows, at, at+1)
		case found:
			rows[at] = x.row
		}
	}
	r.removed = append(r.removed, ref)
	r.added = append(r.added, r.build(ref.Hour, rows)...)
	return nil
}

func compareRow(r block.Row, at *Place) int {
	p := PlaceOf(r.Record)
	return p.compare(at)
}

func (r *Replacement) rows(ctx context.Context, ref *BlockRef) ([]block.Row, error) {
	o, err := r.table.cache.open(ctx, r.from, ref.ID)
	if err != nil {
		return nil, err
	}
	return o.rows(r.table.texts.Values())
}

// add puts new rows into an hour. Those that fill no block go into one that has room for them, the oldest
// first: it was begun before them.
func (r *Replacement) add(ctx context.Context, hour int64, rows []block.Row) error {
	rest := len(rows) % block.MaxRows
	if h := r.view.hourAt(hour); h != nil && rest > 0 {
		var with *BlockRef
		for _, b := range h.blocks {
			if b.Records+rest <= block.MaxRows && (with == nil || b.Records > with.Records) && !slices.Contains(r.removed, b) {
				with = b
			}
		}
		if with != nil {
			more, err := r.rows(ctx, with)
			if err != nil {
				return err
			}
			more = append(more, rows[:rest]...)
			slices.SortFunc(more, func(a, b block.Row) int {
				p := PlaceOf(b.Record)
				return compareRow(a, &p)
			})
			r.removed = append(r.removed, with)
			r.added = append(r.added, r.build(hour, more)...)
			rows = rows[rest:]
		}
	}
	r.added = append(r.added, r.build(hour, rows)...)
	return nil
}

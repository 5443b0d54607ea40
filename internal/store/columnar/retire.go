package columnar

import (
	"cmp"
	"context"
	"slices"
)

// Retire works out blocks without the records that come before a place. Blocks go whole; the one that the bound cuts is
// replaced. No entry of the memtable may come before the place: HasRecentBefore. It returns nil where no record comes
// before it, and how many do.
func (t *Table) Retire(ctx context.Context, before Place, from BlockSource) (r *Replacement, removed int64, err error) {
	d := &retiring{
		Replacement: Replacement{table: t, view: t.Snapshot(), from: from}, before: before, renamed: map[int64]int64{},
	}
	if err := d.choose(ctx); err != nil {
		return nil, 0, err
	}
	if len(d.removed) == 0 {
		return nil, 0, nil
	}
	d.memtable = d.keepMemtable()
	slices.SortFunc(d.added, func(a, b *Built) int { return cmp.Compare(a.ID, b.ID) })
	return &d.Replacement, d.records, nil
}

// HasRecentBefore reports whether the memtable has an entry that comes before a place.
func (v *Snapshot) HasRecentBefore(p Place) bool {
	return len(v.memtable) > 0 && v.memtable[0].compare(&p) < 0
}

// retiring is the work of one Retire.
type retiring struct {
	Replacement
	before  Place
	records int64           // how many are removed
	renamed map[int64]int64 // ids of blocks that were replaced, and their new ones
}

// keepMemtable returns the memtable, all of which stays. The block of some entries has another id now.
func (d *retiring) keepMemtable() []*memEntry {
	out := slices.Clone(d.view.memtable)
	for i, e := range out {
		if id, changed := d.renamed[e.block]; changed {
			moved := *e
			moved.block = id
			out[i] = &moved
		}
	}
	return out
}

// choose finds the blocks that are removed.
func (d *retiring) choose(ctx context.Context) error {
	for _, h := range d.view.hours {
		for _, b := range h.blocks {
			if b.First > d.before.Start {
				return nil
			}
			if err := d.cut(ctx, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut removes of a block what comes before the bound.
func (d *retiring) cut(ctx context.Context, b *BlockRef) error {
	if b.Last < d.before.Start {
		d.removed = append(d.removed, b)
		d.records += int64(b.Records)
		return nil
	}
	rows, err := d.rows(ctx, b)
	if err != nil {
		return err
	}
	n, _ := slices.BinarySearchFunc(rows, &d.before, compareRow)
	if n == 0 {
		return nil
	}
	d.removed = append(d.removed, b)
	d.records += int64(n)
	if n < len(rows) {
		rest := d.build(b.Hour, rows[n:])
		d.added = append(d.added, rest...)
		d.renamed[b.ID] = rest[0].ID
	}
	return nil
}

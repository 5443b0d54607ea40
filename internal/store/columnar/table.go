package columnar

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/daysums"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

// Table is the part of a store's records that is kept in memory. Snapshot, NewReader and Dictionary().Use are safe for
// concurrent use; all else is for the one writer of the store.
type Table struct {
	texts     *dictionary.Dictionary
	newest    atomic.Pointer[Snapshot]
	cache     blockCache
	days      daysums.Cache
	lastBlock int64 // the greatest id of a block

	scratch map[Place]*memEntry // see scratchEntries
}

// Snapshot returns the newest snapshot.
func (t *Table) Snapshot() *Snapshot { return t.newest.Load() }

// Dictionary returns the texts that the records share.
func (t *Table) Dictionary() *dictionary.Dictionary { return t.texts }

// publish makes a snapshot the one that readers see, with the texts that the dictionary has now.
func (t *Table) publish(v *Snapshot) {
	v.values = t.texts.Values()
	t.newest.Store(v)
}

// Loader makes the table of a store at its start.
type Loader struct {
	table   *Table
	version int64
	refs    []*BlockRef
	entries map[Place]*memEntry
}

// NewLoader begins to load a store whose blocks are of a version and whose dictionary was loaded.
func NewLoader(version int64, texts *dictionary.Dictionary) *Loader {
	return &Loader{table: &Table{texts: texts}, version: version, entries: map[Place]*memEntry{}}
}

// Block adds a block of the store.
func (l *Loader) Block(b *BlockRef) error {
	if !b.valid() {
		return damaged(b.ID, block.ErrDamaged)
	}
	l.table.lastBlock = max(l.table.lastBlock, b.ID)
	l.refs = append(l.refs, b)
	return nil
}

// Log adds a row of the memtable's log. Rows come in the order of the writes.
func (l *Loader) Log(data []byte) error {
	return decodeLog(data, l.table.texts.Values(), func(x *memEntry) { l.entries[x.Place] = x })
}

// Table returns the table. It reads blocks to find earlier forms of the records in the log.
func (l *Loader) Table(ctx context.Context, from BlockSource) (*Table, error) {
	t := l.table
	v := (&Snapshot{}).withBlocks(l.version, nil, l.refs, nil)
	var entries []*memEntry
	for p, x := range l.entries {
		at, err := t.cache.find(ctx, v, from, &p)
		if err != nil {
			return nil, err
		}
		if at.ref != nil {
			x.block = at.ref.ID
		}
		if x.block != 0 || !x.removed() {
			entries = append(entries, x)
		}
	}
	slices.SortFunc(entries, func(a, b *memEntry) int { return a.compare(&b.Place) })
	v.setMemtable(entries)
	t.publish(v)
	return t, nil
}

// decodeLog reads a row of the memtable's log. A row has each place once.
func decodeLog(b []byte, values dictionary.Values, visit func(*memEntry)) error {
	return eachLogPart(b, func(figures, names []byte) error {
		rows, err := decodeRows(bytes.Clone(figures), bytes.Clone(names), values)
		for i := range rows {
			visit(&memEntry{Place: PlaceOf(rows[i].Record), row: rows[i]})
		}
		return err
	}, func(p Place) { visit(&memEntry{Place: p}) })
}

// decodeRows reads all rows of the bytes of a block.
func decodeRows(figures, names []byte, values dictionary.Values) ([]block.Row, error) {
	f, err := block.OpenFigures(figures)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	if err := f.Complete(); err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	n, err := block.OpenNames(names)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrCorrupt, err)
	}
	return (&openBlock{f, n}).rows(values)
}

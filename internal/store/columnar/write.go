package columnar

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Write holds the changes of one store.Write to the records. It changes nothing itself: the engine stores Texts and Log
// in one transaction, and calls Publish when that is committed.
type Write struct {
	table   *Table
	view    *Snapshot // what it is applied to
	from    BlockSource
	texts   *dictionary.Additions
	entries map[Place]*memEntry // until the write is worked out; the memory is the table's
	put     []memEntry          // of the records that are put, in one piece: they leave the memtable together
	records []store.Record      // likewise
	sorted  []*memEntry
	added   int64 // records more than before
}

// Write works out what a write changes of the records. It reads earlier forms of them from a source.
func (t *Table) Write(ctx context.Context, w *store.Write, from BlockSource) (*Write, error) {
	a := &Write{
		table: t, view: t.Snapshot(), from: from, texts: t.texts.Additions(), entries: t.scratchEntries(),
		put: make([]memEntry, 0, len(w.Put)), records: make([]store.Record, 0, len(w.Put)),
	}
	defer a.forgetEntries()
	for _, ref := range w.Remove {
		if err := a.remove(ctx, ref); err != nil {
			return nil, fmt.Errorf("remove a record: %w", err)
		}
	}
	for i := range w.Put {
		if err := a.putRecord(ctx, &w.Put[i]); err != nil {
			return nil, fmt.Errorf("write a record: %w", err)
		}
	}
	for i := range w.Mark {
		m := &w.Mark[i]
		err := a.change(ctx, m.ID, m.Start, func(r *store.Record, _ *block.DictionaryIDs) {
			r.Counted, r.Reason, r.SupersededBy = m.Counted, m.Reason, m.SupersededBy
		})
		if err != nil {
			return nil, fmt.Errorf("mark a record: %w", err)
		}
	}
	for i := range w.Costs {
		c := &w.Costs[i]
		err := a.change(ctx, c.ID, c.Start, func(r *store.Record, ids *block.DictionaryIDs) {
			r.Cost, r.PriceVersion, r.Quality = c.Cost, c.PriceVersion, c.Quality
			k := dictionary.PriceKey(c.PriceVersion)
			ids[dictionary.KindPrices] = a.texts.Number(&k)
		})
		if err != nil {
			return nil, fmt.Errorf("price a record: %w", err)
		}
	}
	a.sorted = make([]*memEntry, 0, len(a.entries))
	for _, e := range a.entries {
		a.sorted = append(a.sorted, e)
	}
	slices.SortFunc(a.sorted, func(a, b *memEntry) int { return a.compare(&b.Place) })
	return a, nil
}

// mostScratch is how many entries a map may have had that is used again: a cleared map is as large as it was.
const mostScratch = 2 * CompactAt

// scratchEntries returns an empty map, in which the last write had its entries.
func (t *Table) scratchEntries() map[Place]*memEntry {
	if t.scratch == nil {
		t.scratch = map[Place]*memEntry{}
	}
	return t.scratch
}

// forgetEntries empties the map for the next write.
func (a *Write) forgetEntries() {
	if len(a.entries) > mostScratch {
		a.table.scratch = nil
	}
	clear(a.entries)
	a.entries = nil
}

// Texts returns the texts that the write adds to the dictionary.
func (a *Write) Texts() []dictionary.Stored { return a.texts.Stored() }

// Log returns the row of the memtable's log; empty where no record changes.
func (a *Write) Log() []byte { return encodeLog(a.sorted) }

// Publish makes the write part of the newest snapshot.
func (a *Write) Publish() {
	a.table.texts.Add(a.texts)
	a.table.publish(a.view.with(a.sorted, a.added))
}

// entryAt returns the entry at a place: the one of this write, if there is one.
func (a *Write) entryAt(p *Place) (*memEntry, bool) {
	if e, found := a.entries[*p]; found {
		return e, true
	}
	return a.view.entryAt(p)
}

// find returns where the blocks have a record.
func (a *Write) find(ctx context.Context, p *Place) (found, error) {
	return a.table.cache.find(ctx, a.view, a.from, p)
}

// putRecord puts a record in its place.
func (a *Write) putRecord(ctx context.Context, r *store.Record) error {
	p, ok := PlaceAt(r.ID, r.Start)
	if !ok {
		return errStart
	}
	a.put, a.records = append(a.put, memEntry{Place: p}), append(a.records, *r) // there is room for all: they stay where they are
	next, stored := &a.put[len(a.put)-1], &a.records[len(a.records)-1]
	if old, some := a.entryAt(&p); some {
		next.block = old.block
		if old.removed() {
			a.added++
		}
	} else {
		at, err := a.find(ctx, &p)
		if err != nil {
			return err
		}
		if at.ref == nil {
			a.added++
		} else {
			next.block = at.ref.ID
		}
	}
	stored.Start, stored.StoredAt = time.Unix(0, p.Start).UTC(), time.Unix(r.StoredAt.Unix(), 0).UTC()
	if stored.Signal == usage.SignalSpan {
		copy(stored.Trace[:], stored.ID[:16])
		copy(stored.Span[:], stored.ID[16:])
	}
	next.row = block.Row{Record: stored, IDs: a.texts.IDs(&stored.Call)}
	a.entries[p] = next
	return nil
}

func (a *Write) remove(ctx context.Context, ref store.Ref) error {
	p, ok := PlaceAt(ref.ID, ref.Start)
	if !ok {
		return nil
	}
	if old, some := a.entryAt(&p); some {
		if !old.removed() {
			a.added--
			a.entries[p] = &memEntry{Place: p, block: old.block}
		}
		return nil
	}
	at, err := a.find(ctx, &p)
	if err != nil || at.ref == nil {
		return err
	}
	a.added--
	a.entries[p] = &memEntry{Place: p, block: at.ref.ID}
	return nil
}

// change puts a changed copy in the place of a stored record; where there is none it does nothing.
func (a *Write) change(ctx context.Context, id usage.ID, start time.Time, to func(*store.Record, *block.DictionaryIDs)) error {
	p, ok := PlaceAt(id, start)
	if !ok {
		return nil
	}
	next := &memEntry{Place: p}
	if old, some := a.entryAt(&p); some {
		if old.removed() {
			return nil
		}
		stored := *old.row.Record
		next.block, next.row = old.block, block.Row{Record: &stored, IDs: old.row.IDs}
	} else {
		at, err := a.find(ctx, &p)
		if err != nil || at.ref == nil {
			return err
		}
		r := &store.Record{}
		if err := readRow(at.in.figures, at.in.names, a.table.texts.Values(), at.row, r); err != nil {
			return err
		}
		next.block, next.row = at.ref.ID, block.Row{Record: r, IDs: idsOf(at.in.figures, at.row)}
	}
	to(next.row.Record, &next.row.IDs)
	a.entries[p] = next
	return nil
}

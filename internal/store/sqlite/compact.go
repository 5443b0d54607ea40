package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
)

const (
	// compactAt is how many entries are put into blocks at a time: enough to fill blocks, few enough to be
	// kept in memory and read at a start.
	compactAt = 8_192
	// maxMemtable is how many entries there are at most where nobody calls Compact.
	maxMemtable = 4 * compactAt
)

// Compact merges the recent records into blocks, if there are enough of them. It is work that writes deferred, to be
// called while no write waits.
func (e *Engine) Compact(ctx context.Context) error {
	if len(e.view.Load().recent) < compactAt {
		return nil
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.compact(ctx)
}

const (
	insertBlock = "INSERT INTO blocks (id, hour, first, last, records, summary) VALUES (?,?,?,?,?,?)"
	insertData  = "INSERT INTO block_data (id, figures, names) VALUES (?,?,?)"
)

// built is a block that is about to be stored.
type built struct {
	blockRef
	figures, names []byte
}

// build makes blocks of rows of one hour, which are ascending.
func (e *Engine) build(hour int64, rows []block.Row) []*built {
	var out []*built
	for chunk := range slices.Chunk(rows, block.MaxRows) {
		e.lastBlock++
		out = append(out, &built{
			blockRef: blockRef{
				id: e.lastBlock, hour: hour, records: len(chunk), summary: marks.Summarise(chunk, keepText),
				first: chunk[0].Record.Start.UnixNano(), last: chunk[len(chunk)-1].Record.Start.UnixNano(),
			},
			figures: block.EncodeFigures(chunk, keepText), names: block.EncodeNames(chunk, true),
		})
	}
	return out
}

// compaction is the work of merging entries into blocks.
type compaction struct {
	e       *Engine
	ctx     context.Context //nolint:containedctx // of the one call that it lives for
	view    *view
	removed []*blockRef
	added   []*built
}

// compact merges all entries into blocks. The caller holds e.writing.
func (e *Engine) compact(ctx context.Context) error {
	if err := e.resolveUnknownCommit(ctx); err != nil { // the view is then what is on disk
		return err
	}
	f := &compaction{e: e, ctx: ctx, view: e.view.Load()}
	if len(f.view.recent) == 0 {
		return nil
	}
	fresh := map[int64][]block.Row{} // by hour
	changes := map[int64][]*entry{}  // by the block that has earlier forms of them
	for _, x := range f.view.recent {
		switch {
		case x.home != 0:
			changes[x.home] = append(changes[x.home], x)
		case !x.gone():
			hour := hourOf(x.start)
			fresh[hour] = append(fresh[hour], x.row)
		}
	}
	for id, entries := range changes {
		if err := f.change(id, entries); err != nil {
			return err
		}
	}
	for hour, rows := range fresh {
		if err := f.add(hour, rows); err != nil {
			return err
		}
	}
	return e.replace(ctx, store.NewWriteID(), 0, f.removed, f.added, nil, func() error {
		_, err := e.writer.conn.ExecContext(ctx, "DELETE FROM recent")
		return mapError("forget what was written lately", err)
	})
}

// change makes a block anew with what entries made of its records.
func (f *compaction) change(id int64, entries []*entry) error {
	hour := f.view.hourAt(hourOf(entries[0].start))
	i := slices.IndexFunc(hour.blocks, func(b *blockRef) bool { return b.id == id })
	ref := hour.blocks[i]
	rows, err := f.rows(ref)
	if err != nil {
		return err
	}
	for _, x := range entries {
		at, found := slices.BinarySearchFunc(rows, x, compareRow)
		switch {
		case found && x.gone():
			rows = slices.Delete(rows, at, at+1)
		case found:
			rows[at] = x.row
		}
	}
	f.removed = append(f.removed, ref)
	f.added = append(f.added, f.e.build(ref.hour, rows)...)
	return nil
}

func compareRow(r block.Row, x *entry) int {
	p := placeOf(r.Record)
	return p.compare(&x.place)
}

func (f *compaction) rows(ref *blockRef) ([]block.Row, error) {
	o, err := f.e.openBlock(f.ctx, f.e.writer, ref.id)
	if err != nil {
		return nil, err
	}
	return rowsOf(o, f.e.dims.all())
}

// add puts new rows into an hour. Those that fill no block go into one that has room for them, the oldest
// first: it was begun before them.
func (f *compaction) add(hour int64, rows []block.Row) error {
	rest := len(rows) % block.MaxRows
	if h := f.view.hourAt(hour); h != nil && rest > 0 {
		var with *blockRef
		for _, b := range h.blocks {
			if b.records+rest <= block.MaxRows && (with == nil || b.records > with.records) && !slices.Contains(f.removed, b) {
				with = b
			}
		}
		if with != nil {
			more, err := f.rows(with)
			if err != nil {
				return err
			}
			more = append(more, rows[:rest]...)
			slices.SortFunc(more, func(a, b block.Row) int {
				p, q := placeOf(a.Record), placeOf(b.Record)
				return p.compare(&q)
			})
			f.removed = append(f.removed, with)
			f.added = append(f.added, f.e.build(hour, more)...)
			rows = rows[rest:]
		}
	}
	f.added = append(f.added, f.e.build(hour, rows)...)
	return nil
}

// replace stores blocks in the place of others, with what else belongs to it, and shows the new view,
// in which some entries are recent still.
func (e *Engine) replace(ctx context.Context, id store.WriteID, epoch int64, removed []*blockRef, added []*built, recent []*entry, more func() error) error {
	slices.SortFunc(added, func(a, b *built) int { return cmp.Compare(a.id, b.id) })
	v := e.view.Load()
	version := v.version + 1
	refs := make([]*blockRef, len(added))
	return e.write(ctx, id, epoch, func() error {
		for _, b := range removed {
			for _, s := range []*sql.Stmt{e.writer.removeBlock, e.writer.removeData} {
				if _, err := s.ExecContext(ctx, b.id); err != nil {
					return mapError("remove a block of records", err)
				}
			}
		}
		for i, b := range added {
			ref := b.blockRef // by itself: the bytes beside it must not stay in memory
			refs[i] = &ref
			if _, err := e.writer.insertBlock.ExecContext(ctx, b.id, b.hour, b.first, b.last, b.records, []byte(b.summary)); err != nil {
				return mapError("store a block of records", err)
			}
			if _, err := e.writer.insertData.ExecContext(ctx, b.id, b.figures, b.names); err != nil {
				return mapError("store a block of records", err)
			}
		}
		if _, err := e.writer.conn.ExecContext(ctx, "UPDATE meta SET value = ? WHERE name = 'blocks_version'", version); err != nil {
			return mapError("note that blocks changed", err)
		}
		return more()
	}, func() { e.show(v.withBlocks(version, removed, refs, recent)) })
}

// loadView reads what is kept of blocks in memory.
func (e *Engine) loadView(ctx context.Context) error {
	v := &view{}
	if err := e.writer.conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'blocks_version'").Scan(&v.version); err != nil {
		return mapError("read the version of the blocks", err)
	}
	rows, err := e.writer.conn.QueryContext(ctx, "SELECT id, hour, first, last, records, summary FROM blocks")
	if err != nil {
		return mapError("read the list of blocks", err)
	}
	defer rows.Close()
	var refs []*blockRef
	for rows.Next() {
		b := &blockRef{}
		if err := rows.Scan(&b.id, &b.hour, &b.first, &b.last, &b.records, (*[]byte)(&b.summary)); err != nil {
			return mapError("read the list of blocks", err)
		}
		if !marks.Valid(b.summary) || hourOf(b.first) != b.hour || hourOf(b.last) != b.hour {
			return damaged(b.id, block.ErrDamaged)
		}
		e.lastBlock = max(e.lastBlock, b.id)
		refs = append(refs, b)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil { // before the connection is used again
		return mapError("read the list of blocks", err)
	}
	v = v.withBlocks(v.version, nil, refs, nil)
	if err := e.loadRecent(ctx, v); err != nil {
		return err
	}
	e.show(v)
	return nil
}

func appendPart(b, part []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(part))), part...)
}

func readPart(b []byte) (part, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) {
		return nil, nil, false
	}
	end := size + int(n)
	return b[size:end], b[end:], true
}

func appendPlace(b []byte, p *place) []byte {
	return append(binary.LittleEndian.AppendUint64(b, uint64(p.start)), p.id[:]...)
}

func readPlace(b []byte) (p place, rest []byte, ok bool) {
	if len(b) < 8+len(p.id) {
		return p, nil, false
	}
	p.start = int64(binary.LittleEndian.Uint64(b))
	copy(p.id[:], b[8:])
	return p, b[8+len(p.id):], true
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// writer is the connection that writes, with its statements.
type writer struct {
	conn *sql.Conn
	whole, onlyFigures,
	insertRecent, insertDim, insertLink, insertChange, insertHour, insertWrite, noteSeen,
	insertBlock, insertData, removeBlock, removeData *sql.Stmt
	all []*sql.Stmt
}

func newWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, mapError("open the database for writing", err)
	}
	w := &writer{conn: conn}
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&w.whole, selectBlock},
		{&w.onlyFigures, selectFigures},
		{&w.insertRecent, "INSERT INTO recent (data) VALUES (?)"},
		{&w.insertDim, "INSERT INTO dims (id, kind, value) VALUES (?,?,?)"},
		{&w.insertLink, "INSERT OR IGNORE INTO links (trace, span, parent, tool, seen) VALUES (?,?,?,?,?)"},
		{&w.insertChange, "INSERT INTO changes (data) VALUES (?)"},
		{&w.insertHour, "INSERT OR REPLACE INTO hours (hour, dirty, seen) VALUES (?,1,?)"},
		{&w.insertWrite, "INSERT INTO writes (id) VALUES (?)"},
		{&w.noteSeen, "UPDATE meta SET value = ? WHERE name = 'last_seen'"},
		{&w.insertBlock, insertBlock},
		{&w.insertData, insertData},
		{&w.removeBlock, "DELETE FROM blocks WHERE id = ?"},
		{&w.removeData, "DELETE FROM block_data WHERE id = ?"},
	} {
		if *s.stmt, err = conn.PrepareContext(ctx, s.text); err != nil { //nolint:sqlclosecheck // close ends them
			return nil, errors.Join(mapError("prepare a statement", err), w.close())
		}
		w.all = append(w.all, *s.stmt)
	}
	return w, nil
}

func (w *writer) close() error {
	var errs []error
	for _, s := range w.all {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

func (w *writer) fetch(ctx context.Context, id int64) (figures, names []byte, err error) {
	err = w.whole.QueryRowContext(ctx, id).Scan(&figures, &names)
	return figures, names, fetched(id, err)
}

func (w *writer) fetchFigures(ctx context.Context, id int64) (figures []byte, err error) {
	err = w.onlyFigures.QueryRowContext(ctx, id).Scan(&figures)
	return figures, fetched(id, err)
}

// Commit commits one write: what it makes of records goes into the table recent as bytes, and into memory
// when that is on disk.
func (e *Engine) Commit(ctx context.Context, w store.Write) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.resolveUnknownCommit(ctx); err != nil { // the view is then what is on disk
		return err
	}
	if e.writes.has(w.ID) {
		return nil
	}
	if len(e.view.Load().recent) >= maxMemtable {
		if err := e.compact(ctx); err != nil {
			return err
		}
	}
	a := e.newApplication(ctx, w.At)
	return e.write(ctx, w.ID, w.Epoch, func() error {
		if err := a.apply(&w); err != nil {
			return err
		}
		return a.note(&w)
	}, func() {
		e.dims.add(a.fresh)
		if a.putSome {
			e.seen.Store(a.seen)
		}
		e.show(a.view.with(a.entries(), a.added))
	})
}

// note keeps what else a write says: what it changes in the series, when a record was last put, and of which
// hours the stored sums lack it.
func (a *application) note(w *store.Write) error {
	for i := range w.Links {
		k := &w.Links[i]
		_, err := a.writer.insertLink.ExecContext(a.ctx, k.Trace[:], k.Span[:], k.Parent[:], k.Tool, a.seen)
		if err != nil {
			return mapError("write a span's place", err)
		}
	}
	if len(w.Put) > 0 && a.seen != a.Engine.seen.Load() {
		if _, err := a.writer.noteSeen.ExecContext(a.ctx, a.seen); err != nil {
			return mapError("note the time of the write", err)
		}
	}
	if len(w.Change) > 0 {
		if _, err := a.writer.insertChange.ExecContext(a.ctx, w.Change); err != nil {
			return mapError("write what changed in the series", err)
		}
	}
	for _, hour := range w.DirtyHours {
		if _, err := a.writer.insertHour.ExecContext(a.ctx, hour, a.seen); err != nil {
			return mapError("note an hour whose sums change", err)
		}
	}
	return nil
}

// application is the work of one write.
type application struct {
	*Engine
	ctx     context.Context //nolint:containedctx // of the one write that it lives for
	view    *view
	seen    int64
	fresh   map[dimKey]uint32 // texts that this write adds
	freshOf [kindCount]int    // how many of each kind
	put     map[place]*entry
	added   int64 // records more than before
	// putSome says that a record was put.
	putSome bool
}

func (e *Engine) newApplication(ctx context.Context, seen time.Time) *application {
	return &application{Engine: e, ctx: ctx, view: e.view.Load(), seen: seen.Unix(), fresh: map[dimKey]uint32{}, put: map[place]*entry{}}
}

func (a *application) apply(w *store.Write) error {
	for _, ref := range w.Remove {
		if err := a.remove(ref); err != nil {
			return fmt.Errorf("remove a record: %w", err)
		}
	}
	a.putSome = len(w.Put) > 0
	for i := range w.Put {
		if err := a.putRecord(&w.Put[i]); err != nil {
			return fmt.Errorf("write a record: %w", err)
		}
	}
	for i := range w.Mark {
		m := &w.Mark[i]
		err := a.change(m.ID, m.Start, func(r *store.Record, _ *block.DictionaryIDs) error {
			r.Counted, r.Reason, r.SupersededBy = m.Counted, m.Reason, m.SupersededBy
			return nil
		})
		if err != nil {
			return fmt.Errorf("mark a record: %w", err)
		}
	}
	for i := range w.Costs {
		c := &w.Costs[i]
		err := a.change(c.ID, c.Start, func(r *store.Record, texts *block.DictionaryIDs) (err error) {
			r.Cost, r.PriceVersion, r.Quality = c.Cost, c.PriceVersion, c.Quality
			texts[kindPrices], err = a.number(&dimKey{kind: kindPrices, a: c.PriceVersion})
			return err
		})
		if err != nil {
			return fmt.Errorf("price a record: %w", err)
		}
	}
	if len(a.put) == 0 {
		return nil
	}
	_, err := a.writer.insertRecent.ExecContext(a.ctx, encodeRecent(a.entries()))
	return mapError("write records", err)
}

// entries gives what the write makes of records, ascending.
func (a *application) entries() []*entry {
	out := make([]*entry, 0, len(a.put))
	for _, e := range a.put {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *entry) int { return a.compare(&b.place) })
	return out
}

// entryAt gives the entry of a place, that of this write first.
func (a *application) entryAt(p *place) (*entry, bool) {
	if e, known := a.put[*p]; known {
		return e, true
	}
	return a.view.entryAt(p)
}

// home gives the block that holds a record at a place, as far as blocks go, and the record's row in it.
func (a *application) home(p *place) (id int64, in *opened, row int, err error) {
	ref, in, row, err := a.inBlocks(a.ctx, a.view, a.writer, p)
	if err != nil || ref == nil {
		return 0, nil, 0, err
	}
	return ref.id, in, row, nil
}

func (a *application) putRecord(r *store.Record) error {
	p, ok := placeAt(r.ID, r.Start)
	if !ok {
		return errStart
	}
	next := &entry{place: p}
	if old, known := a.entryAt(&p); known {
		next.home = old.home
		if old.gone() {
			a.added++
		}
	} else {
		home, _, _, err := a.home(&p)
		if err != nil {
			return err
		}
		if next.home = home; home == 0 {
			a.added++
		}
	}
	kept := *r
	kept.Start, kept.StoredAt = time.Unix(0, p.start).UTC(), time.Unix(r.StoredAt.Unix(), 0).UTC()
	if kept.Signal == usage.SignalSpan {
		copy(kept.Trace[:], kept.ID[:16])
		copy(kept.Span[:], kept.ID[16:])
	}
	next.row.Record = &kept
	var err error
	if next.row.IDs, err = a.texts(&kept.Call); err != nil {
		return err
	}
	a.put[p] = next
	return nil
}

// texts gives the numbers of a call's texts, and puts those that are kept anyway in their place.
func (a *application) texts(c *usage.Call) (texts block.DictionaryIDs, err error) {
	if a.dims.recall(c, &texts) {
		return texts, nil
	}
	keys := dimKeys(c)
	for k := range keys {
		if texts[k] != 0 {
			continue
		}
		n, err := a.number(&keys[k])
		if err != nil {
			return texts, err
		}
		if texts[k] = n; n != 0 && n&block.Inline == 0 && int(n) < len(a.dims.values) {
			a.dims.values[n].set(c)
		}
	}
	return texts, nil
}

func (a *application) remove(ref store.Ref) error {
	p, ok := placeAt(ref.ID, ref.Start)
	if !ok {
		return nil
	}
	old, known := a.entryAt(&p)
	if known {
		if !old.gone() {
			a.added--
			a.put[p] = &entry{place: p, home: old.home}
		}
		return nil
	}
	home, _, _, err := a.home(&p)
	if err != nil || home == 0 {
		return err
	}
	a.added--
	a.put[p] = &entry{place: p, home: home}
	return nil
}

// change puts a changed copy in the place of a stored record; where there is none it does nothing.
func (a *application) change(id usage.ID, start time.Time, to func(*store.Record, *block.DictionaryIDs) error) error {
	p, ok := placeAt(id, start)
	if !ok {
		return nil
	}
	next := &entry{place: p}
	if old, known := a.entryAt(&p); known {
		if old.gone() {
			return nil
		}
		next.home, next.row.IDs = old.home, old.row.IDs
		kept := *old.row.Record
		next.row.Record = &kept
	} else {
		home, in, row, err := a.home(&p)
		if err != nil || home == 0 {
			return err
		}
		r, texts, err := a.read(in, row)
		if err != nil {
			return err
		}
		next.home, next.row = home, block.Row{Record: r, IDs: texts}
	}
	if err := to(next.row.Record, &next.row.IDs); err != nil {
		return err
	}
	a.put[p] = next
	return nil
}

// read reads a row of a block, with the numbers of its texts.
func (e *Engine) read(in *opened, row int) (*store.Record, block.DictionaryIDs, error) {
	r := &store.Record{}
	if err := readRow(in.figures, in.names, e.dims.all(), row, r); err != nil {
		return nil, block.DictionaryIDs{}, err
	}
	return r, textsOf(in.figures, row), nil
}

// number gives a text's number, made where it is new and there is room; block.Own where there is none.
func (a *application) number(k *dimKey) (uint32, error) {
	if n, known := a.dims.number(k); known {
		return n, nil
	}
	if n, known := a.fresh[*k]; known {
		return n, nil
	}
	if !a.dims.room(k.kind, a.freshOf[k.kind]) {
		return block.Inline, nil
	}
	n := a.dims.spare(len(a.fresh))
	if _, err := a.writer.insertDim.ExecContext(a.ctx, n, int64(k.kind), k.text()); err != nil {
		return 0, mapError("insert a dimension text", err)
	}
	a.fresh[*k] = n
	a.freshOf[k.kind]++
	return n, nil
}

package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
)

// writer is the connection that writes, with its statements.
type writer struct {
	conn *sql.Conn
	whole, onlyFigures,
	insertRecent, insertText, insertLink, insertChange, insertHour, insertWrite, noteStoredAt,
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
		{&w.insertText, "INSERT INTO dims (id, kind, value) VALUES (?,?,?)"},
		{&w.insertLink, "INSERT OR IGNORE INTO links (trace, span, parent, tool, seen) VALUES (?,?,?,?,?)"},
		{&w.insertChange, "INSERT INTO changes (data) VALUES (?)"},
		{&w.insertHour, "INSERT OR REPLACE INTO hours (hour, dirty, seen) VALUES (?,1,?)"},
		{&w.insertWrite, "INSERT INTO writes (id) VALUES (?)"},
		{&w.noteStoredAt, "UPDATE meta SET value = ? WHERE name = 'last_seen'"},
		{&w.insertBlock, "INSERT INTO blocks (id, hour, first, last, records, summary) VALUES (?,?,?,?,?,?)"},
		{&w.insertData, "INSERT INTO block_data (id, figures, names) VALUES (?,?,?)"},
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

// Block reads a whole block: the writer is a columnar.BlockSource.
func (w *writer) Block(ctx context.Context, id int64) (figures, names []byte, err error) {
	err = w.whole.QueryRowContext(ctx, id).Scan(&figures, &names)
	return figures, names, blockError(id, err)
}

// figures reads the figures of a block.
func (w *writer) figures(ctx context.Context, id int64) (figures []byte, err error) {
	err = w.onlyFigures.QueryRowContext(ctx, id).Scan(&figures)
	return figures, blockError(id, err)
}

// Commit commits one write: its changes of records go into the table recent as bytes, and into memory when that is on
// disk.
func (e *Engine) Commit(ctx context.Context, w store.Write) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.resolveUnknownCommit(ctx); err != nil { // the snapshot is then what is on disk
		return err
	}
	if e.writes.has(w.ID) {
		return nil
	}
	if e.table.Snapshot().MemtableSize() >= columnar.MaxMemtable {
		if err := e.compact(ctx); err != nil {
			return err
		}
	}
	records, err := e.table.Write(ctx, &w, e.writer)
	if err != nil {
		return err
	}
	at := w.At.Unix()
	return e.write(ctx, w.ID, w.Epoch, func() error {
		if err := e.storeRecords(ctx, records); err != nil {
			return err
		}
		return e.storeRest(ctx, &w, at)
	}, func() {
		if len(w.Put) > 0 {
			e.storedAt.Store(at)
		}
		records.Publish()
	})
}

// storeRecords stores what a write changes of the records.
func (e *Engine) storeRecords(ctx context.Context, records *columnar.Write) error {
	if err := e.insertTexts(ctx, records.Texts()); err != nil {
		return err
	}
	log := records.Log()
	if len(log) == 0 {
		return nil
	}
	_, err := e.writer.insertRecent.ExecContext(ctx, log)
	return mapError("write records", err)
}

func (e *Engine) insertTexts(ctx context.Context, texts []dictionary.Stored) error {
	for _, t := range texts {
		if _, err := e.writer.insertText.ExecContext(ctx, t.Number, t.Kind, t.Text); err != nil {
			return mapError("insert a text of the dictionary", err)
		}
	}
	return nil
}

// storeRest stores the rest of a write: places of spans, its changes of the series, when a record was last stored, and
// of which hours the stored sums lack it.
func (e *Engine) storeRest(ctx context.Context, w *store.Write, at int64) error {
	for i := range w.Links {
		k := &w.Links[i]
		if _, err := e.writer.insertLink.ExecContext(ctx, k.Trace[:], k.Span[:], k.Parent[:], k.Tool, at); err != nil {
			return mapError("write a span's place", err)
		}
	}
	if len(w.Put) > 0 && at != e.storedAt.Load() {
		if _, err := e.writer.noteStoredAt.ExecContext(ctx, at); err != nil {
			return mapError("store the time of the write", err)
		}
	}
	if len(w.Change) > 0 {
		if _, err := e.writer.insertChange.ExecContext(ctx, w.Change); err != nil {
			return mapError("write what changed in the series", err)
		}
	}
	for _, hour := range w.DirtyHours {
		if _, err := e.writer.insertHour.ExecContext(ctx, hour, at); err != nil {
			return mapError("mark an hour as dirty", err)
		}
	}
	return nil
}

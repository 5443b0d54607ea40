package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// writer is the connection that writes, with its statements.
type writer struct {
	conn *sql.Conn
	find, insert, remove, removeIDs, insertIDs, mark, cost,
	insertDim, insertLink, insertGap *sql.Stmt
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
		{&w.find, "SELECT id FROM calls WHERE key = ?"},
		{&w.insert, `INSERT INTO calls (key, id, start_offset, parent, state, superseded_by, seen,
model, provider, api_key, user, service, project, emitter, request, error_type, status,
input_uncached, cache_read, cache_write, output_text, reasoning, fields,
cost, reported_cost, quality, duration, ttft, cache_write_1h, modalities, prices)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`},
		{&w.remove, "DELETE FROM calls WHERE key = ?"},
		{&w.removeIDs, "DELETE FROM call_ids WHERE key = ?"},
		{&w.insertIDs, "INSERT INTO call_ids (key, trace, span, response_id, request_id, session, echo_group) VALUES (?,?,?,?,?,?,?)"},
		{&w.mark, fmt.Sprintf("UPDATE calls SET state = ? | (state & %d), superseded_by = ? WHERE key = ?", stateFailed|allLent)},
		{&w.cost, "UPDATE calls SET cost = ?, prices = ?, quality = ? WHERE key = ?"},
		{&w.insertDim, "INSERT INTO dims (kind, value) VALUES (?,?)"},
		{&w.insertGap, "INSERT OR IGNORE INTO gaps (key) VALUES (?)"},
		{&w.insertLink, "INSERT OR IGNORE INTO links (trace, span, parent, tool, seen) VALUES (?,?,?,?,?)"},
	} {
		if *s.stmt, err = conn.PrepareContext(ctx, s.text); err != nil { //nolint:sqlclosecheck // close ends them
			return nil, errors.Join(mapError("prepare a statement", err), conn.Close())
		}
	}
	return w, nil
}

func (w *writer) close() error {
	var errs []error
	for _, s := range []*sql.Stmt{w.find, w.insert, w.remove, w.removeIDs, w.insertIDs, w.mark, w.cost, w.insertDim, w.insertLink, w.insertGap} {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, w.conn.Close())...)
}

// transaction runs a function between BEGIN and COMMIT; whatever fails, nothing of it stays.
func (e *Engine) transaction(ctx context.Context, f func() error) error {
	if _, err := e.writer.conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return mapError("begin to write", err)
	}
	err := f()
	if err == nil {
		_, err = e.writer.conn.ExecContext(ctx, "COMMIT")
		err = mapError("commit", err)
	}
	if err != nil {
		// SQLite may have rolled back already, and says so; the context may be over.
		_, _ = e.writer.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	}
	return err
}

// Apply commits one write.
func (e *Engine) Apply(ctx context.Context, w store.Write) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	a := &application{
		Engine: e, ctx: ctx, seen: w.Seen.Unix(), fresh: map[dimText]int64{}, gaps: map[int64]bool{},
	}
	err := e.transaction(ctx, func() error {
		if err := a.apply(&w); err != nil {
			return err
		}
		if err := a.note(&w); err != nil {
			return err
		}
		e.dims.announce(a.fresh)
		return nil
	})
	if err != nil {
		return err
	}
	e.dims.add(a.fresh)
	e.gaps.add(a.gaps)
	e.records.Add(a.added)
	if len(w.Put) > 0 {
		e.seen.Store(a.seen)
	}
	return nil
}

// note keeps what is known of all records together: how many they are, when one was last put, and
// of which hours the sums are not true any more.
func (a *application) note(w *store.Write) error {
	if a.added != 0 {
		if err := a.addRecords(a.ctx, a.added); err != nil {
			return err
		}
	}
	if len(w.Put) > 0 {
		if _, err := a.writer.conn.ExecContext(a.ctx, "UPDATE meta SET value = ? WHERE name = 'last_seen'", a.seen); err != nil {
			return mapError("note the time of the write", err)
		}
	}
	if len(w.Journal) > 0 {
		if _, err := a.writer.conn.ExecContext(a.ctx, "INSERT INTO series (data) VALUES (?)", w.Journal); err != nil {
			return mapError("write the journal of the series", err)
		}
	}
	for _, hour := range w.Untrue {
		if _, err := a.writer.conn.ExecContext(a.ctx, "INSERT OR REPLACE INTO hours (hour, untrue, seen) VALUES (?,1,?)", hour, a.seen); err != nil {
			return mapError("note an hour whose sums change", err)
		}
	}
	return nil
}

// addRecords changes the number of records that is kept.
func (e *Engine) addRecords(ctx context.Context, n int64) error {
	_, err := e.writer.conn.ExecContext(ctx, "UPDATE meta SET value = value + ? WHERE name = 'records'", n)
	return mapError("count the records", err)
}

// application is the work of one write.
type application struct {
	*Engine
	ctx   context.Context
	seen  int64
	fresh map[dimText]int64 // texts that this write adds
	gaps  map[int64]bool    // keys whose records this write removes
	added int64             // records more than before
}

func (a *application) apply(w *store.Write) error {
	for _, ref := range w.Remove {
		if err := a.remove(ref); err != nil {
			return fmt.Errorf("remove a record: %w", err)
		}
	}
	for i := range w.Put {
		if err := a.put(&w.Put[i]); err != nil {
			return fmt.Errorf("write a record: %w", err)
		}
	}
	for i := range w.Mark {
		if err := a.mark(&w.Mark[i]); err != nil {
			return fmt.Errorf("mark a record: %w", err)
		}
	}
	for i := range w.Costs {
		if err := a.cost(&w.Costs[i]); err != nil {
			return fmt.Errorf("price a record: %w", err)
		}
	}
	for i := range w.Links {
		k := &w.Links[i]
		_, err := a.writer.insertLink.ExecContext(a.ctx, k.Trace[:], k.Span[:], k.Parent[:], k.Tool, a.seen)
		if err != nil {
			return mapError("write a span's place", err)
		}
	}
	return nil
}

// place finds a record's key: where it stands (found), or the free one where it can.
func (a *application) place(id usage.ID, start time.Time) (key int64, found bool, err error) {
	return findPlace(id, start, func(key int64) ([]byte, error) {
		var there []byte
		err := a.writer.find.QueryRowContext(a.ctx, key).Scan(&there)
		if errors.Is(err, sql.ErrNoRows) && (a.gaps[key] || a.Engine.gaps.has(key)) {
			return gap, nil
		}
		return there, err
	})
}

func (a *application) remove(ref store.Ref) error {
	key, found, err := a.place(ref.ID, ref.Start)
	if err != nil || !found {
		return err
	}
	a.added--
	a.gaps[key] = true
	if _, err := a.writer.insertGap.ExecContext(a.ctx, key); err != nil {
		return mapError("note the gap", err)
	}
	return a.removeRow(key)
}

func (a *application) removeRow(key int64) error {
	if _, err := a.writer.remove.ExecContext(a.ctx, key); err != nil {
		return mapError("delete the row", err)
	}
	_, err := a.writer.removeIDs.ExecContext(a.ctx, key)
	return mapError("delete the row's ids", err)
}

func (a *application) put(r *store.Record) error {
	key, found, err := a.place(r.ID, r.Start)
	if err != nil {
		return err
	}
	if found {
		if err := a.removeRow(key); err != nil {
			return err
		}
	} else {
		a.added++
	}
	var d [kindCount]int64
	for k, v := range dimValues(&r.Call) {
		if d[k], err = a.dim(kind(k), v); err != nil {
			return err
		}
	}
	var reported any
	if r.HasReportedCost {
		reported = int64(r.ReportedCost)
	}
	t := &r.Tokens
	_, err = a.writer.insert.ExecContext(a.ctx, key, r.ID[:], r.Start.UnixNano()-key>>idBits*1000,
		blob(r.Parent[:], r.Parent.IsZero()), stateOf(r.Counted, r.Failed, r.Reason)|int64(r.Lent)*stateLent,
		blob(r.SupersededBy[:], r.SupersededBy == usage.ID{}), r.Seen.Unix(),
		d[kindModel], d[kindProvider], d[kindKey], d[kindUser], d[kindService], d[kindProject], d[kindEmitter],
		d[kindRequest], d[kindErrorType], r.Status,
		t.InputUncached, t.CacheRead, t.CacheWrite, t.OutputText, t.Reasoning, int64(t.Fields),
		int64(r.Cost), reported, int64(r.Quality), int64(r.Duration), int64(r.TTFT),
		t.CacheWrite1h, packModalities(r.Modalities), d[kindPrices])
	if err != nil {
		return mapError("insert the row", err)
	}
	log := r.Signal != usage.SignalSpan
	if r.ResponseID+r.RequestID+r.Session+r.Group == "" && (!log || r.Trace.IsZero() && r.Span.IsZero()) {
		return nil
	}
	_, err = a.writer.insertIDs.ExecContext(a.ctx, key, blob(r.Trace[:], !log || r.Trace.IsZero()),
		blob(r.Span[:], !log || r.Span.IsZero()), r.ResponseID, r.RequestID, r.Session, r.Group)
	return mapError("insert the row's ids", err)
}

func (a *application) mark(m *store.Mark) error {
	key, found, err := a.place(m.ID, m.Start)
	if err != nil || !found {
		return err
	}
	_, err = a.writer.mark.ExecContext(a.ctx, stateOf(m.Counted, false, m.Reason),
		blob(m.SupersededBy[:], m.SupersededBy == usage.ID{}), key)
	return mapError("update the row", err)
}

func (a *application) cost(c *store.Cost) error {
	key, found, err := a.place(c.ID, c.Start)
	if err != nil || !found {
		return err
	}
	prices, err := a.dim(kindPrices, c.PriceVersion)
	if err != nil {
		return err
	}
	_, err = a.writer.cost.ExecContext(a.ctx, int64(c.Cost), prices, int64(c.Quality), key)
	return mapError("update the row", err)
}

// dim gives a text's id, made where it is new; 0 for no price version.
func (a *application) dim(k kind, v string) (int64, error) {
	if k == kindPrices && v == "" {
		return 0, nil
	}
	if id, ok := a.dims.id(k, v); ok {
		return id, nil
	}
	t := dimText{k, v}
	if id, ok := a.fresh[t]; ok {
		return id, nil
	}
	res, err := a.writer.insertDim.ExecContext(a.ctx, int64(k), v)
	if err != nil {
		return 0, mapError("insert a dimension text", err)
	}
	id, err := res.LastInsertId()
	if err != nil {
		return 0, mapError("insert a dimension text", err)
	}
	a.fresh[t] = id
	return id, nil
}

// blob gives bytes, or NULL where absent.
func blob(b []byte, absent bool) any {
	if absent {
		return nil
	}
	return b
}

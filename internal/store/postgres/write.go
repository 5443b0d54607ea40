package postgres

import (
	"context"
	"slices"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// write runs f in a write transaction of the ledger, with memory in the state that it finds. It calls publish, which lets
// memory follow, when all is committed; not where the write had been committed before. Where the outcome is not known,
// memory stays as it is, and the next transaction finds what there is.
func (e *Engine) write(ctx context.Context, id store.WriteID, epoch int64, f func(*database.Tx) error, publish func()) error {
	if epoch != 0 {
		e.epoch.Store(epoch)
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	var after *database.State
	err := e.db.Write(ctx, database.Write{Kind: database.Ledger, ID: id, Epoch: epoch}, func(tx *database.Tx) error {
		before := tx.State
		before.Seq--
		if err := e.follow(ctx, tx, before); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		after = &tx.State
		return nil
	})
	if err != nil || after == nil {
		return err
	}
	if publish != nil {
		publish()
	}
	e.show(e.state.Load().table, *after)
	return nil
}

// Committed reports whether a write was committed. It waits for one that is under way.
func (e *Engine) Committed(ctx context.Context, id store.WriteID) (bool, error) {
	return e.db.Committed(ctx, database.Ledger, id)
}

// Commit commits one write: its changes of records go into the table recent as bytes, and into memory when that is
// committed.
func (e *Engine) Commit(ctx context.Context, w store.Write) error {
	if e.state.Load().snapshot.MemtableSize() >= columnar.MaxMemtable {
		if err := e.compact(ctx); err != nil {
			return err
		}
	}
	var records *columnar.Write
	return e.write(ctx, w.ID, w.Epoch, func(tx *database.Tx) (err error) {
		if records, err = e.state.Load().table.Write(ctx, &w, source{tx}); err != nil {
			return err
		}
		storeRecords(tx, records)
		storeRest(tx, &w)
		return nil
	}, func() { records.Publish() })
}

// storeRecords stores what a write changes of the records.
func storeRecords(tx *database.Tx, records *columnar.Write) {
	if texts := records.Texts(); len(texts) > 0 {
		ids, kinds, values := make([]int64, len(texts)), make([]int16, len(texts)), make([]string, len(texts))
		for i, t := range texts {
			ids[i], kinds[i], values[i] = t.Number, int16(t.Kind), t.Text
		}
		tx.Queue("insert texts of the dictionary", `INSERT INTO dims (id, kind, value, seq)
SELECT t.id, t.kind, t.value, $4 FROM unnest($1::bigint[], $2::smallint[], $3::text[]) AS t (id, kind, value)`, ids, kinds, values, tx.Seq)
	}
	if log := records.Log(); len(log) > 0 {
		tx.Queue("write records", "INSERT INTO recent (seq, data) VALUES ($1, $2)", tx.Seq, log)
	}
}

// storeRest stores the rest of a write: places of spans, its changes of the series, when a record was last stored, and
// of which hours the stored sums lack it.
func storeRest(tx *database.Tx, w *store.Write) {
	at := w.At.Unix()
	if n := len(w.Links); n > 0 {
		traces, spans, parents, tools := make([][]byte, n), make([][]byte, n), make([][]byte, n), make([]bool, n)
		for i := range w.Links {
			k := &w.Links[i]
			traces[i], spans[i], parents[i], tools[i] = k.Trace[:], k.Span[:], k.Parent[:], k.Tool
		}
		tx.Queue("write places of spans", `INSERT INTO links (trace, span, parent, tool, seen)
SELECT t.trace, t.span, t.parent, t.tool, $5 FROM unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::boolean[]) AS t (trace, span, parent, tool)
ON CONFLICT (trace, span) DO NOTHING`, traces, spans, parents, tools, at)
	}
	if len(w.Put) > 0 {
		tx.Queue("store the time of the write", "UPDATE meta SET value = $1 WHERE name = 'last_seen' AND value <> $1", at)
	}
	if len(w.Change)+len(w.Feed) > 0 {
		change, feed := w.Change, w.Feed
		if change == nil {
			change = []byte{}
		}
		if len(feed) == 0 {
			feed = nil
		}
		tx.Queue("write what changed in the series", "INSERT INTO changes (seq, data, feed, at) VALUES ($1, $2, $3, now())", tx.Seq, change, feed)
	}
	if len(w.Decided) > 0 {
		tx.Queue("remove what was decided from the inbox", "DELETE FROM inbox WHERE seq = ANY($1)", w.Decided)
	}
	if len(w.DirtyHours) > 0 {
		hours := slices.Clone(w.DirtyHours)
		slices.Sort(hours)
		tx.Queue("mark hours as dirty", `INSERT INTO hours (hour, dirty, seen) SELECT hour, true, $2 FROM unnest($1::bigint[]) AS t (hour)
ON CONFLICT (hour) DO UPDATE SET dirty = true, seen = excluded.seen`, slices.Compact(hours), at)
	}
}

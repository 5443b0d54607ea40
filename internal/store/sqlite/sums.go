package sqlite

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// axesPerDay is how many pages a day can have.
const axesPerDay = 16

// SaveSums stores the ledger's sums.
func (e *Engine) SaveSums(ctx context.Context, w store.SumsWrite) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	conn := e.writer.conn
	return e.write(ctx, w.ID, func() error {
		for _, p := range w.Pages {
			id := p.Day*axesPerDay + int64(p.Axis)
			var err error
			if len(p.Data) == 0 {
				_, err = conn.ExecContext(ctx, "DELETE FROM sums WHERE id = ?", id)
			} else {
				_, err = conn.ExecContext(ctx, "INSERT OR REPLACE INTO sums (id, data) VALUES (?,?)", id, p.Data)
			}
			if err != nil {
				return mapError("store sums", err)
			}
		}
		if _, err := conn.ExecContext(ctx, "DELETE FROM series"); err != nil {
			return mapError("replace the journal of the series", err)
		}
		if len(w.Journal) > 0 {
			if _, err := conn.ExecContext(ctx, "INSERT INTO series (data) VALUES (?)", w.Journal); err != nil {
				return mapError("replace the journal of the series", err)
			}
		}
		_, err := conn.ExecContext(ctx, "UPDATE hours SET untrue = 0, seen = ? WHERE untrue", w.At.Unix())
		return mapError("note that the sums are true", err)
	}, nil)
}

// Sums visits the stored sums of some days.
func (e *Engine) Sums(ctx context.Context, from, to int64, visit func(store.SumPage) error) error {
	rows, err := e.readDB.QueryContext(ctx, "SELECT id, data FROM sums WHERE id >= ? AND id < ? ORDER BY id", from*axesPerDay, to*axesPerDay)
	if err != nil {
		return mapError("read the sums", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var p store.SumPage
		if err := rows.Scan(&id, &p.Data); err != nil {
			return mapError("read the sums", err)
		}
		p.Day, p.Axis = id/axesPerDay, uint8(id%axesPerDay)
		if err := visit(p); err != nil {
			return err
		}
	}
	return mapError("read the sums", rows.Err())
}

// Journals visits the journals of writes.
func (e *Engine) Journals(ctx context.Context, visit func([]byte) error) error {
	rows, err := e.readDB.QueryContext(ctx, "SELECT data FROM series ORDER BY id")
	if err != nil {
		return mapError("read the journal of the series", err)
	}
	defer rows.Close()
	for rows.Next() {
		var data []byte
		if err := rows.Scan(&data); err != nil {
			return mapError("read the journal of the series", err)
		}
		if err := visit(data); err != nil {
			return err
		}
	}
	return mapError("read the journal of the series", rows.Err())
}

// Hours lists the hours whose records changed lately.
func (e *Engine) Hours(ctx context.Context) ([]store.Hour, error) {
	rows, err := e.readDB.QueryContext(ctx, "SELECT hour, untrue, seen FROM hours ORDER BY hour")
	if err != nil {
		return nil, mapError("read the hours", err)
	}
	defer rows.Close()
	var out []store.Hour
	for rows.Next() {
		var h store.Hour
		var seen int64
		if err := rows.Scan(&h.Number, &h.Untrue, &seen); err != nil {
			return nil, mapError("read the hours", err)
		}
		h.Seen = time.Unix(seen, 0).UTC()
		out = append(out, h)
	}
	return out, mapError("read the hours", rows.Err())
}

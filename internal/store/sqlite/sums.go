package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	// axesPerDay is how many pages of a part a day can have.
	axesPerDay = 16
	// partStep is the distance between the numbers of the pages of two parts.
	partStep = 1 << 40
)

// sumID returns the number of a page. The pages of one part are numbered in the order of their days.
func sumID(k store.SumKey) (int64, error) {
	if k.Axis >= axesPerDay || k.Day < 0 || k.Day >= partStep/axesPerDay {
		return 0, fmt.Errorf("the sums of day %d, axis %d cannot be stored: the day or the axis is out of range", k.Day, k.Axis)
	}
	return int64(k.Part)*partStep + k.Day*axesPerDay + int64(k.Axis), nil
}

func sumKey(id int64) store.SumKey {
	return store.SumKey{Part: uint8(id / partStep), Day: id % partStep / axesPerDay, Axis: uint8(id % axesPerDay)}
}

// SaveSums stores the ledger's sums.
func (e *Engine) SaveSums(ctx context.Context, w store.SumsWrite) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.write(ctx, w.ID, w.Epoch, func() error {
		for i := range w.Pages {
			if err := e.savePage(ctx, &w.Pages[i]); err != nil {
				return err
			}
		}
		if err := e.saveSeries(ctx, w.Series); err != nil {
			return err
		}
		_, err := e.writer.conn.ExecContext(ctx, "UPDATE hours SET dirty = 0, seen = ? WHERE dirty", w.At.Unix())
		return mapError("mark the hours as clean", err)
	}, nil)
}

func (e *Engine) savePage(ctx context.Context, p *store.SumPage) error {
	id, err := sumID(p.SumKey)
	if err != nil {
		return err
	}
	if len(p.Data) == 0 {
		_, err = e.writer.conn.ExecContext(ctx, "DELETE FROM sums WHERE id = ?", id)
	} else {
		_, err = e.writer.conn.ExecContext(ctx, "INSERT OR REPLACE INTO sums (id, data) VALUES (?,?)", id, p.Data)
	}
	return mapError("store sums", err)
}

// saveSeries stores the series, which contain all changes until now, and removes these.
func (e *Engine) saveSeries(ctx context.Context, data []byte) error {
	if data == nil {
		data = []byte{}
	}
	for _, q := range []struct {
		text string
		args []any
	}{
		{"DELETE FROM series", nil},
		{"INSERT INTO series (through, data) VALUES (coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'changes'), 0), ?)", []any{data}},
		{"DELETE FROM changes", nil},
	} {
		if _, err := e.writer.conn.ExecContext(ctx, q.text, q.args...); err != nil {
			return mapError("store the series", err)
		}
	}
	return nil
}

// SumPages visits the stored pages of a part.
func (e *Engine) SumPages(ctx context.Context, part uint8, visit func(store.SumPage) error) error {
	first := int64(part) * partStep
	rows, err := e.readDB.QueryContext(ctx, "SELECT id, data FROM sums WHERE id >= ? AND id < ? ORDER BY id", first, first+partStep)
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
		p.SumKey = sumKey(id)
		if err := visit(p); err != nil {
			return err
		}
	}
	return mapError("read the sums", rows.Err())
}

// SumPage returns the bytes of one page.
func (e *Engine) SumPage(ctx context.Context, k store.SumKey) (data []byte, err error) {
	id, err := sumID(k)
	if err != nil {
		return nil, err
	}
	err = e.readDB.QueryRowContext(ctx, "SELECT data FROM sums WHERE id = ?", id).Scan(&data)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return data, mapError("read a page of the sums", err)
}

// Series returns the series as they were stored.
func (e *Engine) Series(ctx context.Context) (data []byte, through int64, err error) {
	err = e.readDB.QueryRowContext(ctx, "SELECT data, through FROM series").Scan(&data, &through)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, 0, nil
	}
	return data, through, mapError("read the series", err)
}

// Hours lists the hours whose records changed recently.
func (e *Engine) Hours(ctx context.Context) ([]store.Hour, error) {
	rows, err := e.readDB.QueryContext(ctx, "SELECT hour, dirty, seen FROM hours ORDER BY hour")
	if err != nil {
		return nil, mapError("read the hours", err)
	}
	defer rows.Close()
	var out []store.Hour
	for rows.Next() {
		var h store.Hour
		var seen int64
		if err := rows.Scan(&h.Number, &h.Dirty, &seen); err != nil {
			return nil, mapError("read the hours", err)
		}
		h.LastStored = time.Unix(seen, 0).UTC()
		out = append(out, h)
	}
	return out, mapError("read the hours", rows.Err())
}

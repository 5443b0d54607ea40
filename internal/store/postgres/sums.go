package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// axesPerDay is how many pages of a part a day can have.
const axesPerDay = 16

const (
	insertSums = "INSERT INTO sums (part, day, axis, data) VALUES ($1,$2,$3,$4) ON CONFLICT (part, day, axis) DO UPDATE SET data = excluded.data"
	deleteSums = "DELETE FROM sums WHERE part = $1 AND day = $2 AND axis = $3"
	// saveSeries keeps the number of the last change, which is in the series.
	saveSeries = `INSERT INTO series (id, through, data) VALUES (1, coalesce((SELECT max(seq) FROM changes), 0), $1)
ON CONFLICT (id) DO UPDATE SET through = greatest(series.through, excluded.through), data = excluded.data`
	// Who follows the changes gets them for keepChanges.
	keepChanges    = "INTERVAL '15 minutes'"
	noteDropped    = `UPDATE meta SET value = greatest(value, coalesce((SELECT max(seq) FROM changes WHERE at < now() - ` + keepChanges + `), 0)) WHERE name = 'changes_dropped'`
	dropOldChanges = "DELETE FROM changes WHERE seq <= (SELECT value FROM meta WHERE name = 'changes_dropped')"
)

// SaveSums stores the ledger's sums.
func (e *Engine) SaveSums(ctx context.Context, w store.SumsWrite) error {
	for i := range w.Pages {
		if k := w.Pages[i].SumKey; k.Axis >= axesPerDay || k.Day < 0 {
			return fmt.Errorf("store sums: those of day %d, dimension %d have no place in the database", k.Day, k.Axis)
		}
	}
	return e.write(ctx, w.ID, w.Epoch, func(tx *database.Tx) error {
		for i := range w.Pages {
			p := &w.Pages[i]
			if len(p.Data) == 0 {
				tx.Queue("store sums", deleteSums, int16(p.Part), p.Day, int16(p.Axis))
			} else {
				tx.Queue("store sums", insertSums, int16(p.Part), p.Day, int16(p.Axis), p.Data)
			}
		}
		series := w.Series
		if series == nil {
			series = []byte{}
		}
		tx.Queue("store the series", saveSeries, series)
		tx.Queue("forget old changes", noteDropped)
		tx.Queue("forget old changes", dropOldChanges)
		tx.Queue("note that the sums are complete", "UPDATE hours SET dirty = false, seen = $1 WHERE dirty", w.At.Unix())
		return nil
	}, nil)
}

// SumPages visits the stored pages of a part.
func (e *Engine) SumPages(ctx context.Context, part uint8, visit func(store.SumPage) error) error {
	return e.each(ctx, "read the sums", scanSumPage(part, visit), selectSumPages, int16(part))
}

const (
	selectSumPages = "SELECT day, axis, data FROM sums WHERE part = $1 ORDER BY day, axis"
	selectHours    = "SELECT hour, dirty, seen FROM hours ORDER BY hour"
	selectSeries   = "SELECT data, through FROM series"
)

func scanSumPage(part uint8, visit func(store.SumPage) error) func(pgx.Rows) (func() error, error) {
	return func(r pgx.Rows) (func() error, error) {
		p := store.SumPage{SumKey: store.SumKey{Part: part}}
		var axis int16
		err := r.Scan(&p.Day, &axis, &p.Data)
		p.Axis = uint8(axis)
		return func() error { return visit(p) }, err
	}
}

func scanHour(out *[]store.Hour) func(pgx.Rows) (func() error, error) {
	return func(r pgx.Rows) (func() error, error) {
		var h store.Hour
		var seen int64
		err := r.Scan(&h.Number, &h.Dirty, &seen)
		h.LastStored = time.Unix(seen, 0).UTC()
		*out = append(*out, h)
		return nil, err
	}
}

// SumPage returns the bytes of one page.
func (e *Engine) SumPage(ctx context.Context, k store.SumKey) (data []byte, err error) {
	_, err = database.One(e.db.QueryRow(ctx, "SELECT data FROM sums WHERE part = $1 AND day = $2 AND axis = $3", int16(k.Part), k.Day, int16(k.Axis)), &data)
	return data, database.Map("read a page of the sums", err)
}

// Series returns the series as they were stored.
func (e *Engine) Series(ctx context.Context) (data []byte, through int64, err error) {
	_, err = database.One(e.db.QueryRow(ctx, selectSeries), &data, &through)
	return data, through, database.Map("read the series", err)
}

// Hours lists the hours whose records changed lately.
func (e *Engine) Hours(ctx context.Context) (out []store.Hour, err error) {
	err = e.each(ctx, "read the hours", scanHour(&out), selectHours)
	return out, err
}

// each calls what scan returns for each row, whose errors are given as they are; nil is nothing to call.
func (e *Engine) each(ctx context.Context, doing string, scan func(pgx.Rows) (func() error, error), sql string, args ...any) error {
	var visited error
	err := e.db.Each(ctx, func(r pgx.Rows) error {
		visit, err := scan(r)
		if err == nil && visit != nil {
			visited = visit()
			err = visited
		}
		return err
	}, sql, args...)
	if visited != nil {
		return visited
	}
	return database.Map(doing, err)
}

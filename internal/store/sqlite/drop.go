package sqlite

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/store/block"
)

const (
	// linksChunk bounds the links that one Drop removes, so that it never holds up writing.
	linksChunk = 10_000
	// vacuumPages is how many pages one step of Compact gives back: 2 MiB.
	vacuumPages = 512
	// vacuumSteps bounds one Compact; what is left goes the next time.
	vacuumSteps = 64
	// sparePages, or one page in spareShare, are left free.
	sparePages = 1024
	spareShare = 32
)

// Drop removes old records, and raises the floor. Blocks go whole; one that a limit or the time cuts is
// made anew of the rest.
func (e *Engine) Drop(ctx context.Context, before, linksBefore time.Time, limit int) (int, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.settleDoubt(ctx); err != nil { // the view is then what is on disk
		return 0, err
	}
	d := &dropping{folding: folding{e: e, ctx: ctx, view: e.view.Load()}, before: nanos(before), left: limit, spent: spending{}, homes: map[int64]int64{}}
	if len(d.view.recent) > 0 && d.view.recent[0].start < d.before {
		if err := e.fold(ctx); err != nil {
			return 0, err
		}
		d.view = e.view.Load()
	}
	if err := d.choose(); err != nil {
		return 0, err
	}
	var err error
	more := func() error { return d.finish(before, linksBefore) }
	if len(d.removed) == 0 {
		err = e.transaction(ctx, more)
	} else {
		err = e.replace(ctx, d.removed, d.added, d.recent(), more)
	}
	if err != nil {
		return 0, err
	}
	e.dropped += int64(limit - d.left)
	return limit - d.left, nil
}

// dropping is the work of one Drop.
type dropping struct {
	folding
	before int64 // Unix ns
	left   int   // how many records may still go
	spent  spending
	homes  map[int64]int64 // ids of blocks that were made anew, and their new ones
}

// recent gives the entries, all of which stay. The home of some is a block of another id now.
func (d *dropping) recent() []*entry {
	out := slices.Clone(d.view.recent)
	for i, e := range out {
		if home, changed := d.homes[e.home]; changed {
			moved := *e
			moved.home = home
			out[i] = &moved
		}
	}
	return out
}

// choose finds the blocks that go, and adds up what their records spent.
func (d *dropping) choose() error {
	for _, h := range d.view.hours {
		for _, b := range h.blocks {
			if b.first >= d.before || d.left == 0 {
				return nil
			}
			if err := d.take(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// take drops of a block what is old enough, as far as the limit goes.
func (d *dropping) take(b *blockRef) error {
	data, err := d.e.writer.fetchFigures(d.ctx, b.id)
	if err != nil {
		return err
	}
	f, err := block.OpenFigures(data)
	if err != nil {
		return damaged(b.id, err)
	}
	n, _ := slices.BinarySearch(f.Starts(), d.before)
	n = min(n, d.left)
	for i := range n {
		if err := d.spent.addRow(f, d.e.dims.all(), i); err != nil {
			return err
		}
	}
	if err := f.Err(); err != nil {
		return damaged(b.id, err)
	}
	d.left -= n
	d.removed = append(d.removed, b)
	if n < f.Rows() {
		rows, err := d.rows(b)
		if err != nil {
			return err
		}
		rest := d.e.build(b.hour, rows[n:])
		d.added = append(d.added, rest...)
		d.homes[b.id] = rest[0].id
	}
	return nil
}

// finish is what belongs into the transaction beside the blocks.
func (d *dropping) finish(before, linksBefore time.Time) error {
	conn, ctx := d.e.writer.conn, d.ctx
	if d.before > 0 {
		_, err := conn.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('floor', ?)
ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`, before.UnixNano())
		if err != nil {
			return mapError("raise the floor", err)
		}
	}
	if err := d.e.remember(ctx, d.spent); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "DELETE FROM hours WHERE NOT untrue AND seen < ?", linksBefore.Unix()); err != nil {
		return mapError("drop old hours", err)
	}
	_, err := conn.ExecContext(ctx, `DELETE FROM links WHERE (trace, span) IN
(SELECT trace, span FROM links WHERE seen < ? LIMIT ?)`, linksBefore.Unix(), linksChunk)
	if err != nil {
		return mapError("drop old spans' places", err)
	}
	return d.e.forgetSlots(ctx, linksBefore)
}

// Compact forgets texts that no record has, and gives free pages back to the file system, in small steps
// between which others write. What writing will soon fill again stays.
func (e *Engine) Compact(ctx context.Context) error {
	for range sweepSteps {
		more, err := e.sweepStep(ctx)
		if err != nil {
			return err
		}
		if !more {
			break
		}
	}
	for range vacuumSteps {
		more, err := e.vacuumStep(ctx)
		if err != nil || !more {
			return err
		}
	}
	return nil
}

func (e *Engine) vacuumStep(ctx context.Context) (more bool, err error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	conn := e.writer.conn
	var all, free int64
	if err := conn.QueryRowContext(ctx, "SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count").Scan(&all, &free); err != nil {
		return false, mapError("count free pages", err)
	}
	spare := max(sparePages, all/spareShare)
	if free <= spare {
		return false, nil
	}
	rows, err := conn.QueryContext(ctx, fmt.Sprintf("PRAGMA incremental_vacuum(%d)", min(free-spare, vacuumPages)))
	if err != nil {
		return false, mapError("give free space back", err)
	}
	defer rows.Close()
	for rows.Next() { // each row is a page given back; at the end of them the connection is free again
	}
	return true, mapError("give free space back", rows.Err())
}

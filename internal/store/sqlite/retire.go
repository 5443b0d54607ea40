package sqlite

import (
	"context"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// linksChunk bounds the links that one Retire removes, so that it never holds up writing.
const linksChunk = 10_000

// Retire removes old records. Blocks go whole; the one that the bound cuts is made anew of the rest.
func (e *Engine) Retire(ctx context.Context, r store.Retirement) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.resolveUnknownCommit(ctx); err != nil { // the view is then what is on disk
		return err
	}
	if e.writes.has(r.ID) {
		return nil
	}
	if err := e.fenced(r.Epoch); err != nil {
		return err
	}
	before := place{start: nanos(r.Before.Start), id: r.Before.ID}
	if v := e.view.Load(); len(v.recent) > 0 && v.recent[0].compare(&before) < 0 {
		if err := e.compact(ctx); err != nil {
			return err
		}
	}
	d := &retiring{compaction: compaction{e: e, ctx: ctx, view: e.view.Load()}, before: before, homes: map[int64]int64{}}
	if err := d.choose(); err != nil {
		return err
	}
	more := func() error { return d.note(&r) }
	if len(d.removed) == 0 {
		return e.write(ctx, r.ID, r.Epoch, more, nil)
	}
	if err := e.replace(ctx, r.ID, r.Epoch, d.removed, d.added, d.recent(), more); err != nil {
		return err
	}
	e.dropped += d.gone
	return nil
}

// retiring is the work of one Retire.
type retiring struct {
	compaction
	before place
	gone   int64           // how many records go
	homes  map[int64]int64 // ids of blocks that were made anew, and their new ones
}

// recent gives the entries, all of which stay. The home of some is a block of another id now.
func (d *retiring) recent() []*entry {
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

// choose finds the blocks that go.
func (d *retiring) choose() error {
	for _, h := range d.view.hours {
		for _, b := range h.blocks {
			if b.first > d.before.start {
				return nil
			}
			if err := d.take(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// take drops of a block what comes before the bound.
func (d *retiring) take(b *blockRef) error {
	if b.last < d.before.start {
		d.removed = append(d.removed, b)
		d.gone += int64(b.records)
		return nil
	}
	rows, err := d.rows(b)
	if err != nil {
		return err
	}
	n, _ := slices.BinarySearchFunc(rows, &entry{place: d.before}, compareRow)
	if n == 0 {
		return nil
	}
	d.removed = append(d.removed, b)
	d.gone += int64(n)
	if n < len(rows) {
		rest := d.e.build(b.hour, rows[n:])
		d.added = append(d.added, rest...)
		d.homes[b.id] = rest[0].id
	}
	return nil
}

// note is what belongs into the transaction beside the blocks.
func (d *retiring) note(r *store.Retirement) error {
	conn, ctx := d.e.writer.conn, d.ctx
	if floor := nanos(r.Watermark); floor > 0 {
		_, err := conn.ExecContext(ctx, `INSERT INTO meta (name, value) VALUES ('floor', ?)
ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)`, floor)
		if err != nil {
			return mapError("raise the floor", err)
		}
	}
	if err := d.e.remember(ctx, r.Spent); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "DELETE FROM hours WHERE NOT dirty AND seen < ?", r.LinksBefore.Unix()); err != nil {
		return mapError("drop old hours", err)
	}
	_, err := conn.ExecContext(ctx, `DELETE FROM links WHERE (trace, span) IN
(SELECT trace, span FROM links WHERE seen < ? LIMIT ?)`, r.LinksBefore.Unix(), linksChunk)
	if err != nil {
		return mapError("drop old spans' places", err)
	}
	return d.e.join(ctx, nanos(r.JoinBefore))
}

// Retired visits what retired records spent, and the records that start before a time.
func (e *Engine) Retired(ctx context.Context, before time.Time, sum func(store.Spent) error, record func(*store.Record) error) error {
	return e.reading(ctx, func(s *snapshot) error { // Retire moves from the one to the other
		if err := s.spent(ctx, sum); err != nil {
			return err
		}
		m := newMatch(&store.Filter{To: before}, s.dims)
		if oldest, some := s.oldest(); !some || before.IsZero() || m.none || oldest > m.to {
			return nil
		}
		return s.figures(ctx, m, record)
	})
}

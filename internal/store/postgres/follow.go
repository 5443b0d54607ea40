package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// Several processes that use the store have sums in memory beside the records in memory. Both must be of the same commit:
// so the engine is pinned, and its state is moved by Follow and by the writes of its own process only.

// awaitMoves is how long a pinned read waits, in all, for a state that the database can still show.
const awaitMoves = 10 * time.Second

// maxFollowed bounds the bytes of the changes of one step; beyond them it is less work to start again.
const maxFollowed = 64 << 20

// Pin makes reads see the state that Follow showed last.
func (e *Engine) Pin() { e.pinned.Store(true) }

// leading is the epoch that work which needs no lease is done under; 0 where one process has the store.
func (e *Engine) leading() int64 {
	if e.pinned.Load() {
		return e.epoch.Load()
	}
	return 0
}

// pinnedState returns the state that reads see if a transaction still has its blocks; else what is closed when reads see
// another one.
func (e *Engine) pinnedState(d database.State) (*state, <-chan struct{}) {
	moved := e.moved.Load() // before the state: none is missed
	if s := e.state.Load(); s != nil && s.snapshot.Version() == d.Version {
		return s, nil
	}
	return nil, *moved
}

// awaitMove waits until reads see another state than one whose blocks are gone.
func awaitMove(ctx context.Context, moved <-chan struct{}, try int) error {
	const tries = 20
	if store.InStep(ctx) || try == tries {
		return store.ErrMoved
	}
	timer := time.NewTimer(awaitMoves / tries)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-moved: // the transaction was older than the state, or the state older than the transaction
	case <-timer.C:
	}
	return nil
}

// Seq is the number of the last commit that reads see.
func (e *Engine) Seq() int64 { return e.state.Load().seq }

// Follow reads what was committed after a number.
func (e *Engine) Follow(ctx context.Context, after int64, prepare func(context.Context, *store.Step) error) (func(), error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	s := e.state.Load()
	whole := after < 0
	if after == s.seq && !e.stale {
		var seq int64
		if err := e.db.QueryRow(ctx, "SELECT seq FROM state WHERE task = 'ledger'").Scan(&seq); err != nil {
			return nil, database.Map("ask for the last commit", err)
		}
		if seq == s.seq {
			return func() {}, prepare(ctx, &store.Step{From: seq, Seq: seq})
		}
	}
	next := s
	err := e.db.ShortSnapshot(ctx, func(tx database.Querier) error {
		var d database.State
		step := &store.Step{From: after, Whole: whole}
		if err := beginStep(ctx, tx, &d, step); err != nil {
			return err
		}
		if !whole {
			if err := readChanges(ctx, tx, step); err != nil {
				return err
			}
		}
		n, err := e.next(ctx, tx, d)
		if err != nil {
			return err
		}
		if n != nil {
			next, e.stale = n, true // until it is shown
		}
		r := next.table.NewReader(next.snapshot, source{tx})
		step.Records, step.View = r.Records(), view{r, tx}
		return prepare(ctx, step)
	})
	if err != nil {
		return nil, err
	}
	return func() {
		e.writing.Lock()
		defer e.writing.Unlock()
		if next != s {
			e.showState(next)
		}
	}, nil
}

// beginStep reads the state of a transaction.
func beginStep(ctx context.Context, tx database.Querier, d *database.State, step *store.Step) error {
	var seen, watermark int64
	err := tx.QueryRow(ctx, `SELECT seq, version, texts, (SELECT value FROM meta WHERE name = 'last_seen'),
coalesce((SELECT value FROM meta WHERE name = 'floor'), 0) FROM state WHERE task = 'ledger'`).Scan(&d.Seq, &d.Version, &d.Texts, &seen, &watermark)
	if err != nil {
		return database.Map("begin to follow", err)
	}
	step.Seq = d.Seq
	if seen > 0 {
		step.LastStored = time.Unix(seen, 0).UTC()
	}
	if watermark > 0 {
		step.Watermark = time.Unix(0, watermark).UTC()
	}
	return nil
}

// readChanges reads the changes of a step, or finds that it is whole.
func readChanges(ctx context.Context, tx database.Querier, step *store.Step) error {
	const doing = "read what other processes committed"
	var dropped, bytes int64
	err := tx.QueryRow(ctx, `SELECT value, (SELECT coalesce(sum(octet_length(data) + octet_length(feed)), 0) FROM changes WHERE seq > $1)::bigint
FROM meta WHERE name = 'changes_dropped'`, step.From).Scan(&dropped, &bytes)
	if err != nil {
		return database.Map(doing, err)
	}
	if step.Whole = step.From < dropped || bytes > maxFollowed; step.Whole {
		return nil
	}
	rows, err := tx.Query(ctx, "SELECT seq, data, feed FROM changes WHERE seq > $1 ORDER BY seq", step.From)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var c store.Change
			err := r.Scan(&c.Seq, &c.Data, &c.Feed)
			step.Changes = append(step.Changes, c)
			if c.Feed == nil { // of a version that knows nothing of followers
				step.Whole = true
			}
			return err
		})
	}
	if step.Whole {
		step.Changes = nil
	}
	return database.Map(doing, err)
}

// view is a store.View in a transaction.
type view struct {
	*columnar.Reader
	tx database.Querier
}

// SumPages visits the stored pages of a part.
func (v view) SumPages(ctx context.Context, part uint8, visit func(store.SumPage) error) error {
	return eachIn(ctx, v.tx, "read the sums", scanSumPage(part, visit), selectSumPages, int16(part))
}

// Hours lists the hours whose records changed lately.
func (v view) Hours(ctx context.Context) (out []store.Hour, err error) {
	err = eachIn(ctx, v.tx, "read the hours", scanHour(&out), selectHours)
	return out, err
}

// Series returns the series as they were stored.
func (v view) Series(ctx context.Context) (data []byte, through int64, err error) {
	_, err = database.One(v.tx.QueryRow(ctx, selectSeries), &data, &through)
	return data, through, database.Map("read the series", err)
}

// Changes visits what commits changed after a number.
func (v view) Changes(ctx context.Context, after int64, visit func(store.Change) error) error {
	return changesIn(ctx, v.tx, after, visit)
}

// eachIn calls what scan returns for each row, as Engine.each does, in a transaction.
func eachIn(ctx context.Context, tx database.Querier, doing string, scan func(pgx.Rows) (func() error, error), sql string, args ...any) error {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return database.Map(doing, err)
	}
	var visited error
	err = database.EachRow(rows, func(r pgx.Rows) error {
		visit, err := scan(r)
		if err == nil && visit != nil {
			visited = visit()
			err = visited
		}
		return err
	})
	if visited != nil && errors.Is(err, visited) {
		return visited
	}
	return database.Map(doing, err)
}

package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// state is the part of the records that this process has in memory, as of one write. It is never changed.
type state struct {
	table    *columnar.Table
	snapshot *columnar.Snapshot
	seq      int64 // number of the write
	texts    int64 // version of the removal of texts
}

// has reports whether the state equals the database's, or is newer with the same blocks.
func (s *state) has(d database.State) bool {
	return s != nil && s.seq >= d.Seq && s.snapshot.Version() == d.Version
}

const selectState = "SELECT seq, version, texts FROM state WHERE task = 'ledger'"

// reading calls f with a reader of what is stored at one moment after the call began, and the transaction that sees it.
func (e *Engine) reading(ctx context.Context, f func(*columnar.Reader, database.Querier) error) error {
	for try := 0; ; try++ {
		read := false
		var changed <-chan struct{}
		err := e.db.Snapshot(ctx, func(tx database.Querier) error {
			var d database.State
			if err := tx.QueryRow(ctx, selectState).Scan(&d.Seq, &d.Version, &d.Texts); err != nil {
				return database.Map("begin to read", err)
			}
			if e.pinned.Load() {
				var s *state
				if s, changed = e.pinnedState(d); s == nil {
					return nil
				}
				read = true
				return f(s.table.NewReader(s.snapshot, source{tx}), tx)
			}
			s, err := e.stateOf(ctx, tx, d)
			if err != nil || s == nil {
				return err
			}
			read = true
			return f(s.table.NewReader(s.snapshot, source{tx}), tx)
		})
		if err != nil || read {
			return err
		}
		if changed != nil {
			if err := awaitMove(ctx, changed, try); err != nil {
				return err
			}
		}
	}
}

// stateOf returns the state that a transaction sees; nil where memory is ahead of it.
func (e *Engine) stateOf(ctx context.Context, tx database.Querier, d database.State) (*state, error) {
	if s := e.state.Load(); s.has(d) {
		return s, nil
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	if s := e.state.Load(); s != nil && s.seq >= d.Seq { // a write was published meanwhile
		if !s.has(d) {
			return nil, nil //nolint:nilnil // the transaction is older
		}
		return s, nil
	}
	if err := e.follow(ctx, tx, d); err != nil {
		return nil, err
	}
	return e.state.Load(), nil
}

// follow brings memory to the state that a transaction sees. The caller holds e.writing.
func (e *Engine) follow(ctx context.Context, tx database.Querier, d database.State) error {
	next, err := e.next(ctx, tx, d)
	if err == nil && next != nil {
		e.showState(next)
	}
	return err
}

// next makes the state that a transaction sees; nil where that is the present one. Until it is shown, e.stale says that
// its table is ahead of the state. The caller holds e.writing.
func (e *Engine) next(ctx context.Context, tx database.Querier, d database.State) (*state, error) {
	s := e.state.Load()
	switch {
	case s != nil && s.seq == d.Seq && !e.stale:
		return nil, nil //nolint:nilnil // there is none
	case s == nil || e.stale || s.texts != d.Texts || s.snapshot.Version() != d.Version:
		return e.load(ctx, tx, s, d)
	}
	texts, err := readTexts(ctx, tx, "WHERE seq > $1", s.seq)
	if err != nil {
		return nil, err
	}
	e.stale = true
	s.table.Dictionary().Follow(texts)
	err = eachLogRow(ctx, tx, func(row []byte) error { return s.table.Follow(ctx, nil, row, source{tx}) }, "WHERE seq > $1", s.seq)
	if err != nil {
		return nil, err
	}
	return &state{table: s.table, snapshot: s.table.Snapshot(), seq: d.Seq, texts: d.Texts}, nil
}

// show makes the newest snapshot of a table the state after a write.
func (e *Engine) show(t *columnar.Table, d database.State) {
	e.showState(&state{table: t, snapshot: t.Snapshot(), seq: d.Seq, texts: d.Texts})
}

// showState makes a state the one that readers see, and wakes those that wait for another.
func (e *Engine) showState(s *state) {
	e.state.Store(s)
	e.stale = false
	moved := make(chan struct{})
	if before := e.moved.Swap(&moved); before != nil {
		close(*before)
	}
}

// load reads the part of the records that is kept in memory. It reads only the blocks and texts that are not in memory
// yet.
func (e *Engine) load(ctx context.Context, tx database.Querier, s *state, d database.State) (*state, error) {
	var texts *dictionary.Dictionary
	if s != nil && s.texts == d.Texts {
		added, err := readTexts(ctx, tx, "WHERE seq > $1", s.seq)
		if err != nil {
			return nil, err
		}
		texts = s.table.Dictionary()
		texts.Follow(added)
	} else {
		all, err := readTexts(ctx, tx, "")
		if err != nil {
			return nil, err
		}
		texts = dictionary.New(e.maxTexts, all)
	}
	l := columnar.NewLoader(d.Version, texts)
	if err := loadBlocks(ctx, tx, l, s); err != nil {
		return nil, err
	}
	if err := eachLogRow(ctx, tx, l.Log, ""); err != nil {
		return nil, err
	}
	t, err := l.Table(ctx, source{tx})
	if err != nil {
		return nil, err
	}
	return &state{table: t, snapshot: t.Snapshot(), seq: d.Seq, texts: d.Texts}, nil
}

func readTexts(ctx context.Context, q database.Querier, where string, args ...any) (texts []dictionary.Stored, err error) {
	rows, err := q.Query(ctx, "SELECT id, kind, value FROM dims "+where+" ORDER BY id", args...)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var t dictionary.Stored
			err := r.Scan(&t.Number, &t.Kind, &t.Text)
			texts = append(texts, t)
			return err
		})
	}
	return texts, database.Map("read the texts of the dictionary", err)
}

// loadBlocks reads the list of blocks. Those that a state has are not read again.
func loadBlocks(ctx context.Context, q database.Querier, l *columnar.Loader, s *state) error {
	const doing = "read the list of blocks"
	var last int64
	if err := q.QueryRow(ctx, "SELECT coalesce(max(value), 0) FROM meta WHERE name = 'last_block'").Scan(&last); err != nil {
		return database.Map(doing, err)
	}
	l.LastBlock(last)
	known, newest := map[int64]*columnar.BlockRef{}, int64(0)
	if s != nil {
		known = s.snapshot.Blocks()
		for id := range known {
			newest = max(newest, id)
		}
	}
	var wrong error
	rows, err := q.Query(ctx, "SELECT id, hour, first, last, records, summary FROM blocks WHERE id > $1", newest)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			b := &columnar.BlockRef{}
			if err := r.Scan(&b.ID, &b.Hour, &b.First, &b.Last, &b.Records, (*[]byte)(&b.Summary)); err != nil {
				return err
			}
			wrong = l.Block(b)
			return wrong
		})
	}
	if err == nil && newest > 0 {
		if rows, err = q.Query(ctx, "SELECT id FROM blocks WHERE id <= $1", newest); err == nil {
			err = database.EachRow(rows, func(r pgx.Rows) error {
				var id int64
				if err := r.Scan(&id); err != nil {
					return err
				}
				if known[id] == nil { // none gets the id of an earlier one
					wrong = columnar.Missing(id)
				} else {
					wrong = l.Block(known[id])
				}
				return wrong
			})
		}
	}
	if wrong != nil {
		return wrong
	}
	return database.Map(doing, err)
}

// eachLogRow visits the log of the memtable, in the order of the writes.
func eachLogRow(ctx context.Context, q database.Querier, visit func(row []byte) error, where string, args ...any) error {
	const doing = "read the log of recent records"
	// All rows first: a visit may read blocks of the same transaction.
	var data [][]byte
	rows, err := q.Query(ctx, "SELECT data FROM recent "+where+" ORDER BY seq", args...)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var row []byte
			err := r.Scan(&row)
			data = append(data, row)
			return err
		})
	}
	if err != nil {
		return database.Map(doing, err)
	}
	for _, row := range data {
		if err := visit(row); err != nil {
			return err
		}
	}
	return nil
}

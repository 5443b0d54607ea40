package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
)

// opened is a block that was read. Its parts may be shared by readers.
type opened struct {
	figures *block.Figures
	names   *block.Names
}

// fetcher reads the bytes of blocks: within a reader's transaction, or within the writer's.
type fetcher interface {
	fetch(ctx context.Context, id int64) (figures, names []byte, err error)
}

func damaged(id int64, err error) error {
	return fmt.Errorf("%w: block %d: %w", store.ErrCorrupt, id, err)
}

// openBlock reads a whole block, or takes it from those that were read last.
func (e *Engine) openBlock(ctx context.Context, from fetcher, id int64) (*opened, error) {
	if o := e.cache.get(id); o != nil {
		return o, nil
	}
	figures, names, err := from.fetch(ctx, id)
	if err != nil {
		return nil, err
	}
	o := &opened{}
	if o.figures, err = block.OpenFigures(figures); err != nil {
		return nil, damaged(id, err)
	}
	if err := o.figures.Complete(); err != nil { // it is shared from here on
		return nil, damaged(id, err)
	}
	if o.names, err = block.OpenNames(names); err != nil {
		return nil, damaged(id, err)
	}
	e.cache.put(id, o)
	return o, nil
}

// blockCache keeps the whole blocks that were read last. A block of one id never changes.
type blockCache struct {
	mu    sync.Mutex
	ids   [16]int64
	held  [16]*opened
	place int
}

func (c *blockCache) get(id int64) *opened {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, held := range c.ids {
		if held == id && id != 0 {
			return c.held[i]
		}
	}
	return nil
}

func (c *blockCache) put(id int64, o *opened) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids[c.place], c.held[c.place] = id, o
	c.place = (c.place + 1) % len(c.ids)
}

const (
	selectBlock   = "SELECT figures, names FROM block_data WHERE id = ?"
	selectFigures = "SELECT figures FROM block_data WHERE id = ?"
	selectNames   = "SELECT names FROM block_data WHERE id = ?"
	selectMany    = "SELECT id, figures, CASE WHEN ? THEN names END FROM block_data WHERE id IN (SELECT value FROM json_each(?))"
)

// blockReader is a connection that reads blocks, in one transaction at a time.
type blockReader struct {
	conn                   *sql.Conn
	begin, end, version    *sql.Stmt
	whole, many, onlyNames *sql.Stmt
	all                    []*sql.Stmt
}

// close ends the statements too: SQLite keeps a connection open until they are.
func (r *blockReader) close() error {
	var errs []error
	for _, s := range r.all {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, r.conn.Close())...)
}

func newBlockReader(ctx context.Context, db *sql.DB) (*blockReader, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, mapError("open the database for reading", err)
	}
	r := &blockReader{conn: conn}
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{
		{&r.begin, "BEGIN"},
		{&r.end, "ROLLBACK"},
		{&r.version, "SELECT value FROM meta WHERE name = 'blocks_version'"},
		{&r.whole, selectBlock},
		{&r.many, selectMany},
		{&r.onlyNames, selectNames},
	} {
		if *s.stmt, err = conn.PrepareContext(ctx, s.text); err != nil { //nolint:sqlclosecheck // close ends them
			return nil, errors.Join(mapError("prepare a statement", err), r.close())
		}
		r.all = append(r.all, *s.stmt)
	}
	return r, nil
}

func (r *blockReader) fetch(ctx context.Context, id int64) (figures, names []byte, err error) {
	err = r.whole.QueryRowContext(ctx, id).Scan(&figures, &names)
	return figures, names, fetched(id, err)
}

// fetchMany reads the figures of several blocks, and their names where these are asked for.
func (r *blockReader) fetchMany(ctx context.Context, ids []int64, withNames bool, found func(id int64, figures, names []byte) error) error {
	list, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("list the blocks to read: %w", err)
	}
	rows, err := r.many.QueryContext(ctx, withNames, string(list))
	if err != nil {
		return mapError("read blocks of records", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var figures, names []byte
		if err := rows.Scan(&id, &figures, &names); err != nil {
			return mapError("read a block of records", err)
		}
		if err := found(id, figures, names); err != nil {
			return err
		}
	}
	return mapError("read blocks of records", rows.Err())
}

func (r *blockReader) fetchNames(ctx context.Context, id int64) (names []byte, err error) {
	err = r.onlyNames.QueryRowContext(ctx, id).Scan(&names)
	return names, fetched(id, err)
}

func fetched(id int64, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w: block %d is not there", store.ErrCorrupt, id)
	}
	return mapError("read a block of records", err)
}

// snapshot is a view together with a transaction that sees its blocks.
type snapshot struct {
	*view
	*blockReader
	engine *Engine
	dims   dimValues
}

var errClosed = errors.New("the database is closed")

// reading calls f with a snapshot.
func (e *Engine) reading(ctx context.Context, f func(*snapshot) error) (err error) {
	var r *blockReader
	select {
	case r = <-e.blockReaders:
	case <-e.closed:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("wait to read records: %w", ctx.Err())
	}
	defer func() { e.blockReaders <- r }() // nil is made anew
	if r == nil {
		if r, err = newBlockReader(ctx, e.blocksDB); err != nil {
			return err
		}
	}
	v, err := e.beginReading(ctx, r)
	if err == nil {
		err = f(&snapshot{view: v, blockReader: r, engine: e, dims: v.dims})
	}
	if _, ended := r.end.ExecContext(context.WithoutCancel(ctx)); ended != nil {
		// the connection is in no state to be used again
		err = errors.Join(err, mapError("end reading", ended), r.close())
		r = nil
	}
	return err
}

// beginReading begins a transaction and gives the view of the very blocks that it sees. The writer
// commits blocks a moment before it shows their view.
func (e *Engine) beginReading(ctx context.Context, r *blockReader) (*view, error) {
	for began := time.Now(); ; {
		if _, err := r.begin.ExecContext(ctx); err != nil {
			return nil, mapError("begin to read", err)
		}
		var version int64
		if err := r.version.QueryRowContext(ctx).Scan(&version); err != nil {
			return nil, mapError("read the version of the blocks", err)
		}
		v := e.view.Load()
		if v.version == version {
			return v, nil
		}
		if _, err := r.end.ExecContext(ctx); err != nil {
			return nil, mapError("begin to read again", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("begin to read: %w", ctx.Err())
		case <-time.After(betweenTries):
		}
		if time.Since(began) > busyTimeout {
			return nil, fmt.Errorf("begin to read: the database has blocks of version %d, this program knows version %d; restart it", version, v.version)
		}
	}
}

// betweenTries is how long a reader waits for the view of blocks that were just committed.
const betweenTries = 50 * time.Microsecond

package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store/columnar"
)

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

// Block reads a whole block: a blockReader is a columnar.Source.
func (r *blockReader) Block(ctx context.Context, id int64) (figures, names []byte, err error) {
	err = r.whole.QueryRowContext(ctx, id).Scan(&figures, &names)
	return figures, names, blockError(id, err)
}

// Blocks reads the figures of several blocks, and their names where these are asked for.
func (r *blockReader) Blocks(ctx context.Context, ids []int64, withNames bool, found func(id int64, figures, names []byte) error) error {
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

// Names reads the names of a block.
func (r *blockReader) Names(ctx context.Context, id int64) (names []byte, err error) {
	err = r.onlyNames.QueryRowContext(ctx, id).Scan(&names)
	return names, blockError(id, err)
}

// blockError is the error of reading a block.
func blockError(id int64, err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return columnar.Missing(id)
	}
	return mapError("read a block of records", err)
}

var errClosed = errors.New("the database is closed")

// reading calls f with a reader of the newest snapshot and the connection whose transaction sees its blocks.
func (e *Engine) reading(ctx context.Context, f func(*columnar.Reader, *blockReader) error) (err error) {
	var r *blockReader
	select {
	case r = <-e.blockReaders:
	case <-e.closed:
		return errClosed
	case <-ctx.Done():
		return fmt.Errorf("wait to read records: %w", ctx.Err())
	}
	defer func() { e.blockReaders <- r }() // a new one is made in the place of nil
	if r == nil {
		if r, err = newBlockReader(ctx, e.blocksDB); err != nil {
			return err
		}
	}
	v, err := e.beginReading(ctx, r)
	if err == nil {
		err = f(e.table.NewReader(v, r), r)
	}
	if _, ended := r.end.ExecContext(context.WithoutCancel(ctx)); ended != nil {
		// the connection is in no state to be used again
		err = errors.Join(err, mapError("end reading", ended), r.close())
		r = nil
	}
	return err
}

// beginReading begins a transaction and returns the snapshot of the very blocks that it sees. The writer commits blocks
// a moment before it publishes their snapshot.
func (e *Engine) beginReading(ctx context.Context, r *blockReader) (*columnar.Snapshot, error) {
	for began := time.Now(); ; {
		if _, err := r.begin.ExecContext(ctx); err != nil {
			return nil, mapError("begin to read", err)
		}
		var version int64
		if err := r.version.QueryRowContext(ctx).Scan(&version); err != nil {
			return nil, mapError("read the version of the blocks", err)
		}
		v := e.table.Snapshot()
		if v.Version() == version {
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
			return nil, fmt.Errorf("begin to read: the database has blocks of version %d, this process has version %d; restart it", version, v.Version())
		}
	}
}

// betweenTries is how long a reader waits for the snapshot of blocks that were just committed.
const betweenTries = 50 * time.Microsecond

package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"modernc.org/sqlite"

	"github.com/tokenboard/tokenboard/internal/store"
)

// lossy is SQLite's driver with connections whose COMMIT can lose its answer.
type lossy struct{ driver.Driver }

// What the next COMMIT does.
const (
	goes      = iota
	unheard   // it commits, and reports an error
	undone    // it does not, and reports one
	unhandled // it does not, and leaves the transaction open
)

var nextCommit atomic.Int32

var errAnswer = errors.New("disk I/O error")

func init() { sql.Register("lossy sqlite", lossy{&sqlite.Driver{}}) }

func (l lossy) Open(name string) (driver.Conn, error) {
	c, err := l.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return lossyConn{c.(conn)}, nil
}

type conn interface {
	driver.Conn
	driver.ExecerContext
	driver.QueryerContext
	driver.ConnPrepareContext
	driver.ConnBeginTx
}

type lossyConn struct{ conn }

func (c lossyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if query != "COMMIT" {
		return c.conn.ExecContext(ctx, query, args)
	}
	switch nextCommit.Swap(goes) {
	case unheard:
		if _, err := c.conn.ExecContext(ctx, query, args); err != nil {
			return nil, err
		}
		return nil, errAnswer
	case undone:
		if _, err := c.conn.ExecContext(ctx, "ROLLBACK", nil); err != nil {
			return nil, err
		}
		return nil, errAnswer
	case unhandled:
		return nil, errAnswer
	}
	return c.conn.ExecContext(ctx, query, args)
}

func openLossy(t require.TestingT, o Options) *Engine {
	o.driver = "lossy sqlite"
	e, err := Open(ctx, o)
	require.NoError(t, err)
	return e
}

// changes returns the series as they were stored, and what commits changed since.
func changes(t *testing.T, e *Engine) (out []string) {
	whole, through, err := e.Series(ctx)
	require.NoError(t, err)
	if len(whole) > 0 {
		out = append(out, string(whole))
	}
	require.NoError(t, e.Changes(ctx, through, func(c store.Change) error {
		require.Greater(t, c.Seq, through)
		through = c.Seq
		out = append(out, string(c.Data))
		return nil
	}))
	return out
}

// TestWritesAreBounded: no more identities of writes are kept than are promised, and twice as many on disk.
func TestWritesAreBounded(t *testing.T) {
	e := openLossy(t, Options{Path: filepath.Join(t.TempDir(), "t.db")})
	for range 3 * store.RememberedWrites {
		require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{record(2, start)}, At: start}))
	}
	var kept int
	require.NoError(t, e.readDB.QueryRowContext(ctx, "SELECT count(*) FROM writes").Scan(&kept))
	require.LessOrEqual(t, kept, 2*store.RememberedWrites)
	require.GreaterOrEqual(t, kept, store.RememberedWrites)
	require.Len(t, e.writes.known, store.RememberedWrites)
	require.NoError(t, e.Close())
}

// TestLostCommits: where COMMIT reports an error, what is in memory and on disk is one of the two outcomes,
// the same in both, and writing continues.
func TestLostCommits(t *testing.T) {
	for name, how := range map[string]int32{"committed": unheard, "rolled back": undone, "left open": unhandled} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.db")
			e := openLossy(t, Options{Path: path})
			stored := func(n int) {
				t.Helper()
				require.Len(t, scan(t, e, store.Filter{Superseded: true}), n)
				info, err := e.Info(ctx)
				require.NoError(t, err)
				require.EqualValues(t, n, info.Records)
			}
			check := func(err error) (committed bool) {
				t.Helper()
				if how == unheard {
					require.NoError(t, err)
					return true
				}
				require.ErrorIs(t, err, errAnswer)
				require.NotErrorIs(t, err, store.ErrOutcomeUnknown)
				return false
			}
			first := store.Write{ID: store.NewWriteID(), Put: []store.Record{record(1, start), record(2, start.Add(time.Hour))}, Change: []byte("one"), At: start}
			nextCommit.Store(how)
			committed := check(e.Commit(ctx, first))
			got, err := e.Committed(ctx, first.ID)
			require.NoError(t, err)
			require.Equal(t, committed, got)
			require.NoError(t, e.Commit(ctx, first))
			require.Equal(t, []string{"one"}, changes(t, e))
			stored(2)

			e.writing.Lock()
			nextCommit.Store(how)
			check(e.compact(ctx))
			e.writing.Unlock()
			stored(2)
			require.NoError(t, e.Commit(ctx, store.Write{Put: []store.Record{record(3, start)}, At: start}))
			stored(3)

			nextCommit.Store(goes)
			e.writing.Lock()
			require.NoError(t, e.compact(ctx))
			e.writing.Unlock()
			nextCommit.Store(how)
			if _, err := retire(e, start.Add(time.Minute), start, 100); !check(err) {
				_, err = retire(e, start.Add(time.Minute), start, 100)
				require.NoError(t, err)
			}
			stored(1)
			require.NoError(t, e.Close())
			e = openLossy(t, Options{Path: path})
			stored(1)
			require.NoError(t, e.Close())
		})
	}
}

// TestDoubt: while it cannot be found out what became of a transaction, nothing is written; when it can,
// memory follows it first.
func TestDoubt(t *testing.T) {
	for name, how := range map[string]int32{"committed": unheard, "rolled back": undone} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "t.db")
			e := openLossy(t, Options{Path: path})
			w := store.Write{ID: store.NewWriteID(), Put: []store.Record{record(1, start)}, At: start}
			access := e.accessDB
			broken, err := sql.Open("sqlite", dsn(filepath.Join(t.TempDir(), "none.db"), "ro"))
			require.NoError(t, err)
			e.accessDB = broken
			nextCommit.Store(how)
			require.ErrorIs(t, e.Commit(ctx, w), store.ErrOutcomeUnknown)
			_, err = e.Committed(ctx, w.ID)
			require.ErrorIs(t, err, store.ErrOutcomeUnknown)
			require.ErrorIs(t, e.Commit(ctx, store.Write{Put: []store.Record{record(2, start)}, At: start}), store.ErrOutcomeUnknown)
			require.ErrorIs(t, e.SaveSums(ctx, store.SumsWrite{At: start}), store.ErrOutcomeUnknown)
			_, err = retire(e, start, start, 1)
			require.ErrorIs(t, err, store.ErrOutcomeUnknown)
			require.Empty(t, scan(t, e, store.Filter{Superseded: true}))
			e.accessDB = access
			require.NoError(t, broken.Close())

			e.writing.Lock()
			require.NoError(t, e.compact(ctx), "it must not remove what memory does not have")
			e.writing.Unlock()
			committed, err := e.Committed(ctx, w.ID)
			require.NoError(t, err)
			require.Equal(t, how == unheard, committed)
			require.NoError(t, e.Commit(ctx, w))
			require.Len(t, scan(t, e, store.Filter{Superseded: true}), 1)
			require.NoError(t, e.Close())
			e = openLossy(t, Options{Path: path})
			require.Len(t, scan(t, e, store.Filter{Superseded: true}), 1)
			require.NoError(t, e.Close())
		})
	}
}

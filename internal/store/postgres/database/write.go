package database

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tokenboard/tokenboard/internal/store"
)

// The kinds of writes, each of which is serialised by a row of the table state.
const (
	Ledger    = store.TaskLedger
	Directory = "directory"
)

// Write names a transaction that writes.
type Write struct {
	Kind string        // Ledger or Directory
	ID   store.WriteID // zero: a new one
	// Epoch is the epoch of the lease of store.TaskLedger under which the write was decided; 0 asks for no check.
	Epoch int64
}

// State is the row of a kind of writes.
type State struct {
	Seq     int64 // number of its last write
	Version int64 // of the blocks, or of the keys
	Texts   int64 // of the removal of texts
}

// Tx is a write that is under way: nothing of its kind is written beside it.
type Tx struct {
	State // as it is once this write is committed
	conn  *pgx.Conn
	batch pgx.Batch
	doing []string // of the batch's statements
}

// Query runs a statement in the transaction.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.conn.Query(ctx, sql, args...)
}

// QueryRow runs a statement in the transaction, and returns its row.
func (t *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.conn.QueryRow(ctx, sql, args...)
}

// Exec runs a statement in the transaction, and returns the number of rows that it changed.
func (t *Tx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := t.conn.Exec(ctx, sql, args...)
	return tag.RowsAffected(), err
}

// Queue puts off a statement until the commit, with which it goes to the server.
func (t *Tx) Queue(doing, sql string, args ...any) {
	t.batch.Queue(sql, args...)
	t.doing = append(t.doing, doing)
}

// Copy inserts rows, at once.
func (t *Tx) Copy(ctx context.Context, table string, columns []string, rows [][]any) error {
	_, err := t.conn.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	return err
}

// idleTimeout ends a transaction whose process stopped within it: others wait for its lock.
const idleTimeout = 5 * time.Second

// The statements that every write begins with. A server that is set not to wait for the disk waits for these writes all
// the same.
const (
	configure = `SELECT set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true),
set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' WHEN 'local' THEN 'on' ELSE current_setting('synchronous_commit') END, true)`
	configureUnsynced = `SELECT set_config('statement_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $2, true),
set_config('synchronous_commit', 'off', true)`
	lockToWrite = "UPDATE state SET seq = seq + 1 WHERE task = $1 RETURNING seq, version, texts"
	lockToAsk   = "SELECT seq, version, texts FROM state WHERE task = $1 FOR UPDATE"
	findWrite   = "SELECT seq FROM writes WHERE id = $1"
	findEpoch   = "SELECT epoch FROM leases WHERE task = $1"
	beginWrite  = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
)

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// errRepeated ends a transaction of a write that was committed before.
var errRepeated = errors.New("the write was committed before")

// Write runs f in a transaction that has an identity and serialises the writes of its kind. It returns nil, and does not
// call f, where a write of the identity was committed; store.ErrFenced where another process has taken the lease; and an
// error with store.ErrOutcomeUnknown where nobody can tell now whether it was committed. After any other error nothing
// of it is stored.
func (d *DB) Write(ctx context.Context, w Write, f func(*Tx) error) error {
	if w.ID == (store.WriteID{}) {
		w.ID = store.NewWriteID()
	}
	var conn *pgxpool.Conn
	var tx *Tx
	err := again(ctx, func() (err error) { // nothing is sent that commits
		if conn, err = d.write.Acquire(ctx); err != nil {
			return Map("begin to write", err)
		}
		tx = &Tx{}
		if err = d.begin(ctx, conn.Conn(), w, tx); err != nil && connectionEnded(err) {
			conn.Release()
			conn = nil
		}
		return err
	})
	if conn == nil {
		return err
	}
	defer conn.Release()
	if err == nil {
		err = f(tx)
	}
	// A commit that is under way is not interrupted: who interrupts it does not learn whether it was one.
	uncancelled, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.timeout+idleTimeout)
	defer cancel()
	if err == nil {
		if err = d.commit(uncancelled, conn.Conn(), w, tx); err == nil {
			return nil
		}
		if unknown := new(unknownOutcome); errors.As(err, &unknown) {
			_ = conn.Conn().Close(uncancelled) // what is left of it ends, and asking needs another
			return d.settle(uncancelled, w, err)
		}
	}
	if conn.Conn().PgConn().TxStatus() != 'I' && !conn.Conn().IsClosed() {
		_, _ = conn.Exec(uncancelled, "ROLLBACK") // else the pool closes the connection, which ends the transaction too
	}
	if errors.Is(err, errRepeated) {
		return nil
	}
	return err
}

// begin begins a transaction and waits until no other write of its kind is under way. A write is sent to be committed only
// after the server has said that it has the lock: its next holder knows the outcome of the write.
func (d *DB) begin(ctx context.Context, conn *pgx.Conn, w Write, tx *Tx) error {
	b := &pgx.Batch{}
	b.Queue(beginWrite)
	b.Queue(configure, milliseconds(d.timeout), milliseconds(idleTimeout))
	b.Queue(lockToWrite, w.Kind)
	b.Queue(findWrite, w.ID[:])
	b.Queue(findEpoch, store.TaskLedger)
	r := conn.SendBatch(ctx, b)
	defer func() { _ = r.Close() }() // its error comes with what is read below
	for range 2 {
		if _, err := r.Exec(); err != nil {
			return Map("begin to write", err)
		}
	}
	if err := r.QueryRow().Scan(&tx.Seq, &tx.Version, &tx.Texts); err != nil {
		return Map("wait to write", err)
	}
	var seq, epoch int64
	repeated, err := One(r.QueryRow(), &seq)
	if err != nil {
		return Map("look for the write", err)
	}
	held, err := One(r.QueryRow(), &epoch)
	if err != nil {
		return Map("look at the lease", err)
	}
	if err := r.Close(); err != nil {
		return Map("begin to write", err)
	}
	if repeated {
		return errRepeated
	}
	if w.Epoch != 0 && (!held || epoch != w.Epoch) {
		return store.ErrFenced
	}
	tx.conn = conn
	return nil
}

// Between runs f in a transaction while no write of a kind is under way. It is none itself, and has no number. f changes
// nothing that f a second time would not.
func (d *DB) Between(ctx context.Context, kind string, f func(pgx.Tx) error) error {
	const doing = "wait for the write that is under way"
	return again(ctx, func() error {
		var failed error
		err := pgx.BeginFunc(ctx, d.write, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, configure, milliseconds(d.timeout), milliseconds(idleTimeout)); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, lockToAsk, kind); err != nil {
				return err
			}
			failed = f(tx)
			return failed
		})
		if failed != nil {
			return failed
		}
		return Map(doing, err)
	})
}

// unsyncedTimeout bounds the statements of Unsynced.
const unsyncedTimeout = 5 * time.Second

// Unsynced runs f in a transaction that does not wait for the disk: a server that crashes may lose it. It is for what serves
// for a while only. f may be run again after its transaction was committed.
func (d *DB) Unsynced(ctx context.Context, f func(pgx.Tx) error) error {
	return again(ctx, func() error {
		return pgx.BeginFunc(ctx, d.write, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, configureUnsynced, milliseconds(unsyncedTimeout), milliseconds(idleTimeout)); err != nil {
				return err
			}
			return f(tx)
		})
	})
}

// unknownOutcome is the error of a commit that may have been made.
type unknownOutcome struct{ err error }

func (u *unknownOutcome) Error() string { return u.err.Error() }
func (u *unknownOutcome) Unwrap() error { return u.err }

// commit sends what was put off, the identity and COMMIT.
func (d *DB) commit(ctx context.Context, conn *pgx.Conn, w Write, tx *Tx) error {
	tx.Queue("note the write", "INSERT INTO writes (id, task, seq) VALUES ($1,$2,$3)", w.ID[:], w.Kind, tx.Seq)
	if tx.Seq%store.RememberedWrites == 0 {
		tx.Queue("forget old writes", "DELETE FROM writes WHERE task = $1 AND seq <= $2", w.Kind, tx.Seq-store.RememberedWrites)
	}
	tx.Queue("commit", "COMMIT")
	r := conn.SendBatch(ctx, &tx.batch)
	var tag pgconn.CommandTag
	for _, doing := range tx.doing {
		var err error
		if tag, err = r.Exec(); err != nil {
			_ = r.Close()
			return failed(doing, err)
		}
	}
	if err := r.Close(); err != nil {
		return failed("commit", err)
	}
	if tag.String() != "COMMIT" {
		return fmt.Errorf("commit: the server answered %s", tag)
	}
	return nil
}

// failed is the error of a part of a commit. Where the server did not say that it failed, it may have gone on.
func failed(doing string, err error) error {
	if settled(err) {
		return Map(doing, err)
	}
	return &unknownOutcome{Map(doing, err)}
}

// settle asks for the outcome of a write whose commit failed.
func (d *DB) settle(ctx context.Context, w Write, failure error) error {
	committed, err := d.Committed(ctx, w.Kind, w.ID)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", failure, err)
	case committed:
		return nil
	}
	return failure
}

// Committed reports whether a write was committed. It waits for one that is under way, so that its answer is final; where
// it cannot tell, its error is store.ErrOutcomeUnknown.
func (d *DB) Committed(ctx context.Context, kind string, id store.WriteID) (committed bool, err error) {
	conn, err := d.write.Acquire(ctx)
	if err != nil {
		return false, fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, Map("look for a write", err))
	}
	defer conn.Release()
	b := &pgx.Batch{}
	b.Queue(beginWrite)
	b.Queue(configure, milliseconds(d.timeout), milliseconds(idleTimeout))
	b.Queue(lockToAsk, kind)
	b.Queue(findWrite, id[:])
	b.Queue("ROLLBACK")
	r := conn.SendBatch(ctx, b)
	for range 3 {
		if _, err = r.Exec(); err != nil {
			break
		}
	}
	if err == nil {
		var seq int64
		committed, err = One(r.QueryRow(), &seq)
	}
	if closed := r.Close(); err == nil {
		err = closed
	}
	if err != nil {
		if !conn.Conn().IsClosed() {
			_, _ = conn.Exec(context.WithoutCancel(ctx), "ROLLBACK")
		}
		return false, fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, Map("look for a write", err))
	}
	return committed, nil
}

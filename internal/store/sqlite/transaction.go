package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Every transaction that writes has an identity, which it stores itself, so that it can be found out whether it was
// committed where COMMIT itself reports an error. The state in memory is updated when the outcome is known, not before.

// unknownCommit is a transaction whose outcome is not known: COMMIT failed, and so did asking.
type unknownCommit struct {
	id   store.WriteID
	done func() // what follows in memory where it was committed; may be nil
}

// transaction runs a function between BEGIN and COMMIT. After an error nothing of it is stored, unless the error is
// store.ErrOutcomeUnknown.
func (e *Engine) transaction(ctx context.Context, f func() error) error {
	return e.write(ctx, store.NewWriteID(), 0, f, nil)
}

// write is transaction with an identity: it does nothing where a write of that identity was committed. An epoch that is
// not 0 must be the epoch of the ledger's lease. It calls done, which updates memory, when all is on disk. The caller
// holds e.writing.
func (e *Engine) write(ctx context.Context, id store.WriteID, epoch int64, f func() error, done func()) error {
	if err := e.resolveUnknownCommit(ctx); err != nil {
		return err
	}
	if id == (store.WriteID{}) {
		id = store.NewWriteID()
	}
	if e.writes.has(id) {
		return nil
	}
	if err := e.fenced(store.TaskLedger, epoch); err != nil {
		return err
	}
	conn := e.writer.conn
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return mapError("begin to write", err)
	}
	err := f()
	if err == nil {
		err = e.noteWrite(ctx, id)
	}
	// A commit that is under way is not interrupted: its outcome would not be known.
	uncancelled := context.WithoutCancel(ctx)
	if err == nil {
		if _, err = conn.ExecContext(uncancelled, "COMMIT"); err == nil {
			e.committed(id, done)
			return nil
		}
		e.unknownCommit = &unknownCommit{id, done}
		err = mapError("commit", err)
	}
	// SQLite may have rolled back already; then this is an error.
	_, _ = conn.ExecContext(uncancelled, "ROLLBACK")
	if e.unknownCommit == nil {
		return err
	}
	if unsettled := e.resolveUnknownCommit(uncancelled); unsettled != nil {
		return fmt.Errorf("%w: %w", err, unsettled)
	}
	if e.writes.has(id) {
		return nil
	}
	return err
}

// committed updates memory after a transaction.
func (e *Engine) committed(id store.WriteID, done func()) {
	e.writes.add(id)
	if done != nil {
		done()
	}
}

// resolveUnknownCommit finds out whether the transaction whose outcome is not known was committed. Nothing is written
// before that, or memory could differ from the disk. The caller holds e.writing.
func (e *Engine) resolveUnknownCommit(ctx context.Context) error {
	if e.unknownCommit == nil {
		return nil
	}
	found, err := e.hasWrite(ctx, e.unknownCommit.id)
	if err != nil {
		return fmt.Errorf("%w: %w", store.ErrOutcomeUnknown, err)
	}
	d := e.unknownCommit
	e.unknownCommit = nil
	if found {
		e.committed(d.id, d.done)
	}
	return nil
}

// Committed reports whether a write was committed.
func (e *Engine) Committed(ctx context.Context, id store.WriteID) (bool, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	if err := e.resolveUnknownCommit(ctx); err != nil {
		return false, err
	}
	if e.writes.has(id) {
		return true, nil
	}
	return e.hasWrite(ctx, id)
}

// hasWrite looks for an identity among those that are on disk.
func (e *Engine) hasWrite(ctx context.Context, id store.WriteID) (bool, error) {
	var n int64
	// Not on the writer's connection, which would see its own transaction were that not ended.
	err := e.accessDB.QueryRowContext(ctx, "SELECT n FROM writes WHERE id = ?", id[:]).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, mapError("look for a write", err)
}

// noteWrite stores the identity of the transaction that is under way. Old ones are removed, many at a time.
func (e *Engine) noteWrite(ctx context.Context, id store.WriteID) error {
	res, err := e.writer.insertWrite.ExecContext(ctx, id[:])
	if err != nil {
		return mapError("store the identity of the write", err)
	}
	n, err := res.LastInsertId()
	if err == nil && n%store.RememberedWrites == 0 {
		_, err = e.writer.conn.ExecContext(ctx, "DELETE FROM writes WHERE n <= ?", n-store.RememberedWrites)
	}
	return mapError("store the identity of the write", err)
}

// loadWrites reads the identities of the last writes.
func (e *Engine) loadWrites(ctx context.Context) error {
	rows, err := e.writer.conn.QueryContext(ctx, "SELECT id FROM writes ORDER BY n")
	if err != nil {
		return mapError("read the last writes", err)
	}
	defer rows.Close()
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return mapError("read the last writes", err)
		}
		if len(id) == len(store.WriteID{}) {
			e.writes.add(store.WriteID(id))
		}
	}
	return mapError("read the last writes", rows.Err())
}

// lastWrites are the identities of the last writes. The zero value has none.
type lastWrites struct {
	known map[store.WriteID]bool
	ring  [store.RememberedWrites]store.WriteID
	next  int
}

func (l *lastWrites) has(id store.WriteID) bool { return l.known[id] }

func (l *lastWrites) add(id store.WriteID) {
	if l.known == nil {
		l.known = make(map[store.WriteID]bool, len(l.ring))
	}
	delete(l.known, l.ring[l.next])
	l.known[id], l.ring[l.next] = true, id
	l.next = (l.next + 1) % len(l.ring)
}

// Package directory keeps API keys, users, sessions, API tokens, alerts and the audit log in tables of a SQLite database
// that its owner opens, migrates and closes. Every change and its audit entry are one transaction.
package directory

import (
	"context"
	"database/sql"
	"errors"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

// Options configure a Directory.
type Options struct {
	Read *sql.DB // for lists
	// Access is for what every request asks for, while long reads keep Read busy.
	Access *sql.DB
	// Write runs a function in a transaction, one at a time: its changes are on stable storage when Write returns nil,
	// and none of them stays when it returns an error.
	Write func(ctx context.Context, f func(*sql.Conn) error) error
	// Fenced returns store.ErrFenced where this process does not have the lease of a task with an epoch. It is called
	// within Write.
	Fenced func(task string, epoch int64) error
}

// Directory is a store.Directory. Its methods are safe for concurrent use.
type Directory struct {
	o              Options
	session, token *sql.Stmt
}

var _ store.Directory = (*Directory)(nil)

// New prepares a directory. Close ends it; the databases stay their owner's.
func New(ctx context.Context, o Options) (*Directory, error) {
	d := &Directory{o: o}
	for _, s := range []struct {
		stmt **sql.Stmt
		text string
	}{{&d.session, findSession}, {&d.token, findToken}} {
		var err error
		if *s.stmt, err = o.Access.PrepareContext(ctx, s.text); err != nil { //nolint:sqlclosecheck // Close ends them
			return nil, errors.Join(sqlerr.Map("prepare a statement", err), d.Close())
		}
	}
	return d, nil
}

// Close ends the directory's statements.
func (d *Directory) Close() error {
	var errs []error
	for _, s := range []*sql.Stmt{d.session, d.token} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// change makes a change that people ask for: it and its audit entry are on disk together, or
// neither is.
func (d *Directory) change(ctx context.Context, entry store.AuditEntry, f func(*sql.Conn) error) error {
	return d.o.Write(ctx, func(conn *sql.Conn) error {
		if err := f(conn); err != nil {
			return err
		}
		return appendAudit(ctx, conn, entry)
	})
}

// changed returns missing where a statement found no row to change.
func changed(res sql.Result, err, missing error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		return missing
	}
	return err
}

// missing returns unknown where there is no such row, else store.ErrChanged: it is of another version.
func missing(ctx context.Context, conn *sql.Conn, query, id string, unknown error) error {
	var n int
	found, err := one(conn.QueryRowContext(ctx, query, id), &n)
	switch {
	case err != nil:
		return sqlerr.Map("look for what is to be changed", err)
	case found:
		return store.ErrChanged
	}
	return unknown
}

// one scans a row, and reports false if there is none.
func one(row *sql.Row, into ...any) (bool, error) {
	err := row.Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

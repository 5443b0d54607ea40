// Package directory keeps API keys, users, sessions, API tokens, alerts and the audit log in tables of a PostgreSQL database.
// Changes are made one at a time, whichever process makes them; each and its audit entry are one transaction.
package directory

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// Directory is a store.Directory. Its methods are safe for concurrent use.
type Directory struct {
	db       *database.DB
	attempts attempts
}

var (
	_ store.Directory = (*Directory)(nil)
	_ throttle.Shared = (*Directory)(nil)
)

// New makes the directory of a database, which stays its owner's.
func New(db *database.DB) *Directory { return &Directory{db: db, attempts: newAttempts()} }

// write runs a transaction that no other change of the directory is made beside.
func (d *Directory) write(ctx context.Context, f func(*database.Tx) error) error {
	return d.db.Write(ctx, database.Write{Kind: database.Directory}, f)
}

// change makes a change that people ask for: it and its audit entry are on disk together, or neither is.
func (d *Directory) change(ctx context.Context, entry store.AuditEntry, f func(*database.Tx) error) error {
	return d.write(ctx, func(tx *database.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return appendAudit(tx, entry)
	})
}

// changed returns missing where a statement found no row to change.
func changed(n int64, err, missing error) error {
	if err == nil && n == 0 {
		return missing
	}
	return err
}

// missing returns unknown where there is no such row, else store.ErrChanged: it is of another version.
func missing(ctx context.Context, tx *database.Tx, query, id string, unknown error) error {
	var n int
	found, err := database.One(tx.QueryRow(ctx, query, id), &n)
	switch {
	case err != nil:
		return database.Map("look for what is to be changed", err)
	case found:
		return store.ErrChanged
	}
	return unknown
}

// errNothing undoes a change that turned out to be none.
var errNothing = errors.New("nothing to change")

// timeOf is a time that is stored as Unix ns, or null for none.
func timeOf(n *int64) time.Time {
	if n == nil {
		return time.Time{}
	}
	return time.Unix(0, *n).UTC()
}

func nanosOf(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	n := t.UnixNano()
	return &n
}

// storable reports whether a text can be in the database, where none has the character U+0000 or is not UTF-8: what is
// asked for by another one does not exist.
func storable(text string) bool { return utf8.ValidString(text) && !strings.Contains(text, "\x00") }

func storables(texts []string) []string {
	out := make([]string, 0, len(texts))
	for _, text := range texts {
		if storable(text) {
			out = append(out, text)
		}
	}
	return out
}

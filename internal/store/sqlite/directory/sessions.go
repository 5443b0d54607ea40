package directory

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

// The queries that every request makes.
const (
	findSession = "SELECT s.user, s.data, s.created_at, s.seen_at, s.expires_at, " + userColumns +
		" FROM sessions s JOIN users u ON u.id = s.user WHERE s.hash = ?"
	findToken = "SELECT " + tokenColumns + ", " + userColumns + " FROM api_tokens t JOIN users u ON u.id = t.user WHERE t.hash = ?"
)

// Session returns a session and its user.
func (d *Directory) Session(ctx context.Context, hash string) (store.Session, store.User, bool, error) {
	s := store.Session{Hash: hash}
	var r userRow
	var created, seen, expires int64
	found, err := one(d.session.QueryRowContext(ctx, []byte(hash)), append([]any{&s.User, &s.Data, &created, &seen, &expires}, r.into()...)...)
	s.CreatedAt, s.SeenAt, s.ExpiresAt = time.Unix(0, created).UTC(), time.Unix(0, seen).UTC(), time.Unix(0, expires).UTC()
	return s, r.user(), found, sqlerr.Map("find the session", err)
}

// PutSession stores a session.
func (d *Directory) PutSession(ctx context.Context, s store.Session, keep int, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		for _, q := range []struct {
			text string
			args []any
		}{
			{"DELETE FROM sessions WHERE expires_at <= ?", []any{s.CreatedAt.UnixNano()}},
			{"INSERT INTO sessions (hash, user, data, created_at, seen_at, expires_at) VALUES (?,?,?,?,?,?)", []any{
				[]byte(s.Hash), s.User, s.Data, s.CreatedAt.UnixNano(), s.SeenAt.UnixNano(), s.ExpiresAt.UnixNano(),
			}},
			{`DELETE FROM sessions WHERE user = ?1 AND hash IN
(SELECT hash FROM sessions WHERE user = ?1 ORDER BY created_at DESC LIMIT -1 OFFSET ?2)`, []any{s.User, keep}},
			{"UPDATE users SET seen_at = ? WHERE id = ?", []any{s.CreatedAt.UnixNano(), s.User}},
		} {
			if _, err := conn.ExecContext(ctx, q.text, q.args...); err != nil {
				return sqlerr.Map("store the session", err)
			}
		}
		return nil
	})
}

// touch notes a use, which is no change for the audit log.
func (d *Directory) touch(ctx context.Context, table, column string, id any, seen string, at time.Time) error {
	err := d.o.Write(ctx, func(conn *sql.Conn) error {
		for _, q := range []string{
			"UPDATE " + table + " SET " + seen + " = ?1 WHERE " + column + " = ?2",
			"UPDATE users SET seen_at = ?1 WHERE id = (SELECT user FROM " + table + " WHERE " + column + " = ?2)",
		} {
			if _, err := conn.ExecContext(ctx, q, at.UnixNano(), id); err != nil {
				return err
			}
		}
		return nil
	})
	return sqlerr.Map("note the use", err)
}

// TouchSession notes that a session is in use.
func (d *Directory) TouchSession(ctx context.Context, hash string, at time.Time) error {
	return d.touch(ctx, "sessions", "hash", []byte(hash), "seen_at", at)
}

// errNothing undoes a change that turned out to be none.
var errNothing = errors.New("nothing to change")

// EndSession removes a session.
func (d *Directory) EndSession(ctx context.Context, hash string, entry store.AuditEntry) error {
	err := d.change(ctx, entry, func(conn *sql.Conn) error {
		res, err := conn.ExecContext(ctx, "DELETE FROM sessions WHERE hash = ?", []byte(hash))
		return changed(res, sqlerr.Map("end the session", err), errNothing)
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

// EndSessions removes all sessions of a user.
func (d *Directory) EndSessions(ctx context.Context, user string, entry store.AuditEntry) (n int, err error) {
	err = d.change(ctx, entry, func(conn *sql.Conn) error {
		res, err := conn.ExecContext(ctx, "DELETE FROM sessions WHERE user = ?", user)
		if err != nil {
			return sqlerr.Map("end the user's sessions", err)
		}
		removed, err := res.RowsAffected()
		n = int(removed)
		return err
	})
	return n, err
}

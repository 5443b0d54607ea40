package directory

import (
	"context"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// The queries that every request makes.
const (
	findSession = "SELECT s.user_id, s.data, s.created_at, s.seen_at, s.expires_at, " + userColumns +
		" FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.hash = $1"
	findToken = "SELECT " + tokenColumns + ", " + userColumns + " FROM api_tokens t JOIN users u ON u.id = t.user_id WHERE t.hash = $1"
)

// Session returns a session and its user.
func (d *Directory) Session(ctx context.Context, hash string) (store.Session, store.User, bool, error) {
	s := store.Session{Hash: hash}
	var r userRow
	var created, seen, expires int64
	found, err := database.One(d.db.QueryRow(ctx, findSession, []byte(hash)), append([]any{&s.User, &s.Data, &created, &seen, &expires}, r.into()...)...)
	s.CreatedAt, s.SeenAt, s.ExpiresAt = time.Unix(0, created).UTC(), time.Unix(0, seen).UTC(), time.Unix(0, expires).UTC()
	return s, r.user(), found, database.Map("find the session", err)
}

// PutSession stores a session.
func (d *Directory) PutSession(ctx context.Context, s store.Session, keep int, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		for _, q := range []struct {
			text string
			args []any
		}{
			{"DELETE FROM sessions WHERE expires_at <= $1", []any{s.CreatedAt.UnixNano()}},
			{"INSERT INTO sessions (hash, user_id, data, created_at, seen_at, expires_at) VALUES ($1,$2,$3,$4,$5,$6)", []any{
				[]byte(s.Hash), s.User, s.Data, s.CreatedAt.UnixNano(), s.SeenAt.UnixNano(), s.ExpiresAt.UnixNano(),
			}},
			{"DELETE FROM sessions WHERE hash IN (SELECT hash FROM sessions WHERE user_id = $1 ORDER BY created_at DESC OFFSET $2)", []any{s.User, keep}},
			{"UPDATE users SET seen_at = $1 WHERE id = $2", []any{s.CreatedAt.UnixNano(), s.User}},
		} {
			tx.Queue("store the session", q.text, q.args...)
		}
		return nil
	})
}

// TouchSession notes that a session is in use.
func (d *Directory) TouchSession(ctx context.Context, hash string, at time.Time) error {
	return d.touch(ctx, []byte(hash), at, "UPDATE sessions SET seen_at = $1 WHERE hash = $2",
		"UPDATE users SET seen_at = $1 WHERE id = (SELECT user_id FROM sessions WHERE hash = $2)")
}

// touch notes a use, which is no change for the audit log.
func (d *Directory) touch(ctx context.Context, id any, at time.Time, queries ...string) error {
	return d.write(ctx, func(tx *database.Tx) error {
		for _, q := range queries {
			tx.Queue("note the use", q, at.UnixNano(), id)
		}
		return nil
	})
}

// EndSession removes a session.
func (d *Directory) EndSession(ctx context.Context, hash string, entry store.AuditEntry) error {
	err := d.change(ctx, entry, func(tx *database.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM sessions WHERE hash = $1", []byte(hash))
		return changed(n, database.Map("end the session", err), errNothing)
	})
	if errors.Is(err, errNothing) {
		return nil
	}
	return err
}

// EndSessions removes all sessions of a user.
func (d *Directory) EndSessions(ctx context.Context, user string, entry store.AuditEntry) (ended int, err error) {
	err = d.change(ctx, entry, func(tx *database.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM sessions WHERE user_id = $1", user)
		ended = int(n)
		return database.Map("end the user's sessions", err)
	})
	return ended, err
}

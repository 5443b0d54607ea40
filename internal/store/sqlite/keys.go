package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"modernc.org/sqlite"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Keys lists all API keys, oldest first.
func (e *Engine) Keys(ctx context.Context) ([]store.Key, error) {
	rows, err := e.readDB.QueryContext(ctx, `SELECT id, name, description, fingerprint, display, owner, created_at, expires_at, revoked_at
FROM api_keys ORDER BY created_at, id`)
	if err != nil {
		return nil, mapError("list the keys", err)
	}
	defer rows.Close()
	keys := []store.Key{}
	for rows.Next() {
		var k store.Key
		var created int64
		var expires, revoked sql.NullInt64
		if err := rows.Scan(&k.ID, &k.Name, &k.Description, &k.Fingerprint, &k.Display, &k.Owner, &created, &expires, &revoked); err != nil {
			return nil, mapError("read a key", err)
		}
		k.CreatedAt, k.ExpiresAt, k.RevokedAt = time.Unix(0, created).UTC(), timeOf(expires), timeOf(revoked)
		keys = append(keys, k)
	}
	return keys, mapError("list the keys", rows.Err())
}

func timeOf(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.Unix(0, n.Int64).UTC()
}

func nanosOf(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixNano()
}

// codeUnique is SQLITE_CONSTRAINT_UNIQUE.
const codeUnique = 2067

// AddKey stores a new key.
func (e *Engine) AddKey(ctx context.Context, k store.Key, entry store.AuditEntry) error {
	return e.change(ctx, entry, func() error {
		_, err := e.writer.conn.ExecContext(ctx, `INSERT INTO api_keys
(id, name, description, fingerprint, display, owner, created_at, expires_at, revoked_at) VALUES (?,?,?,?,?,?,?,?,?)`,
			k.ID, k.Name, k.Description, k.Fingerprint, k.Display, k.Owner, k.CreatedAt.UnixNano(), nanosOf(k.ExpiresAt), nanosOf(k.RevokedAt))
		if isUnique(err) {
			return store.ErrKeyExists
		}
		return mapError("store the key", err)
	})
}

// isUnique tells whether a row was refused because one like it is there.
func isUnique(err error) bool {
	var se *sqlite.Error
	return errors.As(err, &se) && se.Code() == codeUnique
}

// RevokeKey marks a key as revoked.
func (e *Engine) RevokeKey(ctx context.Context, id string, at time.Time, entry store.AuditEntry) error {
	return e.change(ctx, entry, func() error {
		res, err := e.writer.conn.ExecContext(ctx, "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", at.UnixNano(), id)
		return changed(res, mapError("revoke the key", err), store.ErrKeyUnknown)
	})
}

package directory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
)

const keyColumns = `k.id, k.name, k.description, k.fingerprint, k.display, k.owner, k.imported, k.created_at, k.expires_at, k.revoked_at,
k.disabled, k.settings, k.version`

// keySettings is the JSON of a key's settings column.
type keySettings struct {
	Models  []string     `json:"models,omitempty"`
	Limits  store.Limits `json:"limits,omitzero"`
	ByOwner bool         `json:"by_owner,omitempty"`
}

// Keys lists the keys that changed after a version.
func (d *Directory) Keys(ctx context.Context, after int64) ([]store.Key, int64, error) {
	tx, err := d.o.Read.BeginTx(ctx, nil) // version and keys of one moment
	if err != nil {
		return nil, 0, sqlerr.Map("list the keys", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	var version int64
	if err := tx.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'keys_version'").Scan(&version); err != nil {
		return nil, 0, sqlerr.Map("read the version of the keys", err)
	}
	keys := []store.Key{}
	if version == after {
		return keys, version, nil
	}
	keys, err = readKeys(ctx, tx, true, "k.version > ?", after)
	return keys, version, err
}

// querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// KeysOf returns the keys of ids.
func (d *Directory) KeysOf(ctx context.Context, ids []string) ([]store.Key, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("list the keys: %w", err)
	}
	return readKeys(ctx, d.o.Read, false, "k.id IN (SELECT value FROM json_each(?))", string(list))
}

// readKeys reads keys, and pares the revoked ones of them where that is asked for.
func readKeys(ctx context.Context, db querier, pare bool, where string, args ...any) ([]store.Key, error) {
	keys := []store.Key{}
	rows, err := db.QueryContext(ctx, "SELECT "+keyColumns+" FROM api_keys k WHERE "+where+" ORDER BY k.created_at, k.id", args...)
	if err != nil {
		return nil, sqlerr.Map("list the keys", err)
	}
	defer rows.Close()
	place := map[string]int{}
	for rows.Next() {
		var k store.Key
		var created int64
		var expires, revoked sql.NullInt64
		var settings string
		if err := rows.Scan(&k.ID, &k.Name, &k.Description, &k.Fingerprint, &k.Display, &k.Owner, &k.Imported, &created, &expires, &revoked,
			&k.Disabled, &settings, &k.Version); err != nil {
			return nil, sqlerr.Map("read a key", err)
		}
		var s keySettings
		if err := json.Unmarshal([]byte(settings), &s); err != nil {
			return nil, fmt.Errorf("%w: the settings of key %s cannot be read: %w", store.ErrCorrupt, k.ID, err)
		}
		k.Models, k.Limits, k.ByOwner = s.Models, s.Limits, s.ByOwner
		k.CreatedAt, k.ExpiresAt, k.RevokedAt = time.Unix(0, created).UTC(), timeOf(expires), timeOf(revoked)
		if pare && !k.RevokedAt.IsZero() {
			k = k.Pare()
		}
		place[k.ID] = len(keys)
		keys = append(keys, k)
	}
	if err := rows.Err(); err != nil {
		return nil, sqlerr.Map("list the keys", err)
	}
	older, err := db.QueryContext(ctx, `SELECT s.key_id, s.fingerprint, s.display, s.until
FROM api_keys k JOIN api_key_secrets s ON s.key_id = k.id WHERE s.place > 0 AND `+where+" ORDER BY s.key_id, s.place", args...)
	if err != nil {
		return nil, sqlerr.Map("list the keys' older secrets", err)
	}
	defer older.Close()
	for older.Next() {
		var id string
		var s store.Secret
		var until sql.NullInt64
		if err := older.Scan(&id, &s.Fingerprint, &s.Display, &until); err != nil {
			return nil, sqlerr.Map("read a key's older secret", err)
		}
		s.Until = timeOf(until)
		k := &keys[place[id]]
		k.Older = append(k.Older, s)
	}
	return keys, sqlerr.Map("list the keys' older secrets", older.Err())
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

// AddKeys stores new keys.
func (d *Directory) AddKeys(ctx context.Context, limit int, keys []store.Key, audit ...store.AuditEntry) error {
	if len(audit) == 0 {
		return errNoEntry
	}
	return d.o.Write(ctx, func(conn *sql.Conn) error {
		var n int
		if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL").Scan(&n); err != nil {
			return sqlerr.Map("count the keys", err)
		}
		for i := range keys {
			if keys[i].RevokedAt.IsZero() {
				n++
			}
		}
		if n > limit {
			return store.ErrTooManyKeys
		}
		version, err := nextKeysVersion(ctx, conn)
		if err != nil {
			return err
		}
		for i := range keys {
			if err := putKey(ctx, conn, &keys[i], version, i); err != nil {
				return err
			}
		}
		for _, entry := range audit {
			if err := appendAudit(ctx, conn, entry); err != nil {
				return err
			}
		}
		return nil
	})
}

// UpdateKey replaces a stored key.
func (d *Directory) UpdateKey(ctx context.Context, k store.Key, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(conn *sql.Conn) error {
		version, err := nextKeysVersion(ctx, conn)
		if err != nil {
			return err
		}
		res, err := conn.ExecContext(ctx, "UPDATE api_keys SET version = ? WHERE id = ? AND version = ?", version, k.ID, k.Version)
		err = changed(res, sqlerr.Map("change a key", err), store.ErrChanged)
		if errors.Is(err, store.ErrChanged) {
			return missing(ctx, conn, "SELECT 1 FROM api_keys WHERE id = ?", k.ID, store.ErrKeyUnknown)
		}
		if err != nil {
			return err
		}
		if _, err := conn.ExecContext(ctx, "DELETE FROM api_key_secrets WHERE key_id = ?", k.ID); err != nil {
			return sqlerr.Map("change a key", err)
		}
		return putKey(ctx, conn, &k, version, 0)
	})
}

func nextKeysVersion(ctx context.Context, conn *sql.Conn) (version int64, err error) {
	err = conn.QueryRowContext(ctx, "UPDATE meta SET value = value + 1 WHERE name = 'keys_version' RETURNING value").Scan(&version)
	return version, sqlerr.Map("count the change of the keys", err)
}

// putKey writes a key, the i-th of a call, and replaces the stored key of its id.
func putKey(ctx context.Context, conn *sql.Conn, k *store.Key, version int64, i int) error {
	folded := caseFold(k.Name)
	if k.RevokedAt.IsZero() {
		var other string
		err := conn.QueryRowContext(ctx, "SELECT id FROM api_keys WHERE owner = ? AND name_folded = ? AND revoked_at IS NULL AND id <> ?",
			k.Owner, folded, k.ID).Scan(&other)
		if err == nil {
			return &store.KeyConflict{Index: i, With: other}
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return sqlerr.Map("look for a key of this name", err)
		}
	}
	settings, err := json.Marshal(keySettings{k.Models, k.Limits, k.ByOwner})
	if err != nil {
		return fmt.Errorf("write a key's settings: %w", err)
	}
	secrets := append([]store.Secret{{Fingerprint: k.Fingerprint, Display: k.Display}}, k.Older...)
	for place, s := range secrets {
		_, err := conn.ExecContext(ctx, "INSERT INTO api_key_secrets (fingerprint, key_id, place, display, until) VALUES (?,?,?,?,?)",
			s.Fingerprint, k.ID, place, s.Display, nanosOf(s.Until))
		if sqlerr.Unique(err) {
			conflict := &store.KeyConflict{Index: i, Fingerprint: true}
			err = conn.QueryRowContext(ctx, "SELECT key_id FROM api_key_secrets WHERE fingerprint = ?", s.Fingerprint).Scan(&conflict.With)
			if err == nil {
				return conflict
			}
		}
		if err != nil {
			return sqlerr.Map("store a key's fingerprint", err)
		}
	}
	_, err = conn.ExecContext(ctx, `INSERT INTO api_keys
(id, name, name_folded, description, fingerprint, display, owner, imported, created_at, expires_at, revoked_at, disabled, settings, version)
VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET
name = excluded.name, name_folded = excluded.name_folded, description = excluded.description, fingerprint = excluded.fingerprint,
display = excluded.display, owner = excluded.owner, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,
disabled = excluded.disabled, settings = excluded.settings, version = excluded.version`,
		k.ID, k.Name, folded, k.Description, k.Fingerprint, k.Display, k.Owner, k.Imported, k.CreatedAt.UnixNano(), nanosOf(k.ExpiresAt),
		nanosOf(k.RevokedAt), k.Disabled, string(settings), version)
	return sqlerr.Map("store a key", err)
}

// caseFold makes names equal that differ in case only.
func caseFold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

const keyColumns = `k.id, k.name, k.description, k.fingerprint, k.display, k.owner, k.imported, k.created_at, k.expires_at, k.revoked_at,
k.disabled, k.settings, k.version`

// keySettings is the JSON of a key's settings column.
type keySettings struct {
	Models  []string     `json:"models,omitempty"`
	Limits  store.Limits `json:"limits,omitzero"`
	ByOwner bool         `json:"by_owner,omitempty"`
}

const selectKeysVersion = "SELECT version FROM state WHERE task = 'directory'"

// Keys lists the keys that changed after a version. Where none did, it asks for the version alone.
func (d *Directory) Keys(ctx context.Context, after int64) (keys []store.Key, version int64, err error) {
	keys = []store.Key{}
	if err := d.db.QueryRow(ctx, selectKeysVersion).Scan(&version); err != nil {
		return nil, 0, database.Map("read the version of the keys", err)
	}
	if version == after {
		return keys, version, nil
	}
	err = d.db.Snapshot(ctx, func(tx database.Querier) error { // version and keys of one moment
		if err := tx.QueryRow(ctx, selectKeysVersion).Scan(&version); err != nil {
			return database.Map("read the version of the keys", err)
		}
		keys, err = readKeys(ctx, tx, true, "k.version > $1", after)
		return err
	})
	return keys, version, err
}

// KeysOf returns the keys of ids.
func (d *Directory) KeysOf(ctx context.Context, ids []string) (keys []store.Key, err error) {
	if ids = storables(ids); len(ids) == 0 {
		return nil, nil
	}
	err = d.db.Snapshot(ctx, func(tx database.Querier) error { // a key and its older secrets of one moment
		keys, err = readKeys(ctx, tx, false, "k.id = ANY($1)", ids)
		return err
	})
	return keys, err
}

// readKeys reads keys, and pares the revoked ones of them where that is asked for.
func readKeys(ctx context.Context, q database.Querier, pare bool, where string, args ...any) ([]store.Key, error) {
	keys, place := []store.Key{}, map[string]int{}
	rows, err := q.Query(ctx, "SELECT "+keyColumns+" FROM api_keys k WHERE "+where+" ORDER BY k.created_at, k.id", args...)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			k, err := readKey(r)
			if pare && !k.RevokedAt.IsZero() {
				k = k.Pare()
			}
			place[k.ID] = len(keys)
			keys = append(keys, k)
			return err
		})
	}
	if err != nil {
		return nil, database.Map("list the keys", err)
	}
	rows, err = q.Query(ctx, `SELECT s.key_id, s.fingerprint, s.display, s.until
FROM api_keys k JOIN api_key_secrets s ON s.key_id = k.id WHERE s.place > 0 AND `+where+" ORDER BY s.key_id, s.place", args...)
	if err == nil {
		err = database.EachRow(rows, func(r pgx.Rows) error {
			var id string
			var s store.Secret
			var until *int64
			err := r.Scan(&id, &s.Fingerprint, &s.Display, &until)
			s.Until = timeOf(until)
			if i, listed := place[id]; err == nil && listed {
				keys[i].Older = append(keys[i].Older, s)
			}
			return err
		})
	}
	return keys, database.Map("list the keys' older secrets", err)
}

func readKey(r pgx.Rows) (k store.Key, err error) {
	var created int64
	var expires, revoked *int64
	var settings string
	if err := r.Scan(&k.ID, &k.Name, &k.Description, &k.Fingerprint, &k.Display, &k.Owner, &k.Imported, &created, &expires, &revoked,
		&k.Disabled, &settings, &k.Version); err != nil {
		return k, err
	}
	var s keySettings
	if err := json.Unmarshal([]byte(settings), &s); err != nil {
		return k, fmt.Errorf("%w: the settings of key %s cannot be read: %w", store.ErrCorrupt, k.ID, err)
	}
	k.Models, k.Limits, k.ByOwner = s.Models, s.Limits, s.ByOwner
	k.CreatedAt, k.ExpiresAt, k.RevokedAt = time.Unix(0, created).UTC(), timeOf(expires), timeOf(revoked)
	return k, nil
}

// AddKeys stores new keys.
func (d *Directory) AddKeys(ctx context.Context, limit int, keys []store.Key, audit ...store.AuditEntry) error {
	if len(audit) == 0 {
		return errNoEntry
	}
	return d.write(ctx, func(tx *database.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM api_keys WHERE revoked_at IS NULL").Scan(&n); err != nil {
			return database.Map("count the keys", err)
		}
		for i := range keys {
			if keys[i].RevokedAt.IsZero() {
				n++
			}
		}
		if n > limit {
			return store.ErrTooManyKeys
		}
		version, err := nextKeysVersion(ctx, tx)
		if err != nil {
			return err
		}
		for i := range keys {
			if err := putKey(ctx, tx, &keys[i], version, i); err != nil {
				return err
			}
		}
		for _, entry := range audit {
			if err := appendAudit(tx, entry); err != nil {
				return err
			}
		}
		return nil
	})
}

// UpdateKey replaces a stored key.
func (d *Directory) UpdateKey(ctx context.Context, k store.Key, entry store.AuditEntry) error {
	return d.change(ctx, entry, func(tx *database.Tx) error {
		version, err := nextKeysVersion(ctx, tx)
		if err != nil {
			return err
		}
		n, err := tx.Exec(ctx, "UPDATE api_keys SET version = $1 WHERE id = $2 AND version = $3", version, k.ID, k.Version)
		err = changed(n, database.Map("change a key", err), store.ErrChanged)
		if errors.Is(err, store.ErrChanged) {
			return missing(ctx, tx, "SELECT 1 FROM api_keys WHERE id = $1", k.ID, store.ErrKeyUnknown)
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "DELETE FROM api_key_secrets WHERE key_id = $1", k.ID); err != nil {
			return database.Map("change a key", err)
		}
		return putKey(ctx, tx, &k, version, 0)
	})
}

func nextKeysVersion(ctx context.Context, tx *database.Tx) (version int64, err error) {
	err = tx.QueryRow(ctx, "UPDATE state SET version = version + 1 WHERE task = 'directory' RETURNING version").Scan(&version)
	return version, database.Map("count the change of the keys", err)
}

const insertKey = `INSERT INTO api_keys
(id, name, name_folded, description, fingerprint, display, owner, imported, created_at, expires_at, revoked_at, disabled, settings, version)
VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14) ON CONFLICT (id) DO UPDATE SET
name = excluded.name, name_folded = excluded.name_folded, description = excluded.description, fingerprint = excluded.fingerprint,
display = excluded.display, owner = excluded.owner, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,
disabled = excluded.disabled, settings = excluded.settings, version = excluded.version`

// putKey inserts or replaces a key, the i-th of a call. It looks for conflicts first: nothing else is written
// meanwhile, and a refused statement would end the transaction.
func putKey(ctx context.Context, tx *database.Tx, k *store.Key, version int64, i int) error {
	folded := foldName(k.Name)
	if k.RevokedAt.IsZero() {
		var other string
		found, err := database.One(tx.QueryRow(ctx,
			"SELECT id FROM api_keys WHERE owner = $1 AND name_folded = $2 AND revoked_at IS NULL AND id <> $3", k.Owner, folded, k.ID), &other)
		if err != nil {
			return database.Map("look for a key of this name", err)
		}
		if found {
			return &store.KeyConflict{Index: i, With: other}
		}
	}
	settings, err := json.Marshal(keySettings{k.Models, k.Limits, k.ByOwner})
	if err != nil {
		return fmt.Errorf("write a key's settings: %w", err)
	}
	secrets := append([]store.Secret{{Fingerprint: k.Fingerprint, Display: k.Display}}, k.Older...)
	for place, s := range secrets {
		n, err := tx.Exec(ctx, "INSERT INTO api_key_secrets (fingerprint, key_id, place, display, until) VALUES ($1,$2,$3,$4,$5) ON CONFLICT (fingerprint) DO NOTHING",
			s.Fingerprint, k.ID, place, s.Display, nanosOf(s.Until))
		if err != nil {
			return database.Map("store a key's fingerprint", err)
		}
		if n == 0 {
			conflict := &store.KeyConflict{Index: i, Fingerprint: true}
			err = tx.QueryRow(ctx, "SELECT key_id FROM api_key_secrets WHERE fingerprint = $1", s.Fingerprint).Scan(&conflict.With)
			if err != nil {
				return database.Map("look for a key with this fingerprint", err)
			}
			return conflict
		}
	}
	_, err = tx.Exec(ctx, insertKey, k.ID, k.Name, folded, k.Description, k.Fingerprint, k.Display, k.Owner, k.Imported, k.CreatedAt.UnixNano(),
		nanosOf(k.ExpiresAt), nanosOf(k.RevokedAt), k.Disabled, string(settings), version)
	return database.Map("store a key", err)
}

// foldName makes names equal that differ in case only.
func foldName(name string) string { return strings.ToLower(strings.ToUpper(name)) }

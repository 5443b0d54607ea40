package sqlite

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// The secret that keys fingerprints lies in a file of its own beside the database, so that a copy of the database
// alone does not let anybody try out short keys. The database knows a check value of it.

// SecretSuffix ends the name of the secret's file, after the database's.
const SecretSuffix = ".secret"

const secretSize = 32

// KeySecret is the secret that fingerprints are keyed with; none where Options.Keyed is not set.
func (e *Engine) KeySecret() usage.KeySecret { return e.secret }

// keyFingerprints reads the secret, makes it where there is none yet, and keys the fingerprints of a database
// that has them plain.
func (e *Engine) keyFingerprints(ctx context.Context) error {
	var known int64
	err := e.readDB.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'key_secret'").Scan(&known)
	fresh := errors.Is(err, sql.ErrNoRows)
	if err != nil && !fresh {
		return mapError("read the check of the key secret", err)
	}
	path := e.path + SecretSuffix
	secret, renewed, err := readSecret(path, fresh)
	if err != nil {
		return err
	}
	check := checkOf(secret)
	if !fresh && !renewed && check != known {
		return fmt.Errorf("%w: %s holds another one; put the right one there, which was backed up with the database, "+
			"or an empty file to make a new one: keys that clients have are unknown then", store.ErrSecret, path)
	}
	e.secret = secret
	if check == known && !fresh {
		return nil
	}
	return e.storeKeyed(ctx, check)
}

// readSecret reads a secret's file. It makes one where it is empty, or where it is not there and may be made.
func readSecret(path string, mayMake bool) (secret usage.KeySecret, made bool, err error) {
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !mayMake:
		return nil, false, fmt.Errorf("%w: restore %s from where it was backed up, or put an empty file there to make a new one: "+
			"keys that clients have are unknown then", store.ErrSecret, path)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, false, fmt.Errorf("read the key secret: %w", err)
	}
	if text = bytes.TrimSpace(text); len(text) > 0 {
		secret, err := hex.DecodeString(string(text))
		if err != nil || len(secret) != secretSize {
			return nil, false, fmt.Errorf("%w: %s does not hold %d hexadecimal digits; restore it from where it was backed up", store.ErrSecret, path, 2*secretSize)
		}
		return secret, false, os.Chmod(path, 0o600)
	}
	secret = make(usage.KeySecret, secretSize)
	_, _ = rand.Read(secret) // never fails, see crypto/rand
	return secret, true, writeSecret(path, []byte(hex.EncodeToString(secret)+"\n"))
}

// writeSecret writes a file as a whole that only its owner can read.
func writeSecret(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the key secret: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("write the key secret: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write the key secret: %w", err)
	}
	if dir, err := os.Open(filepath.Dir(path)); err == nil { // not every system can
		_ = dir.Sync()
		_ = dir.Close()
	}
	return nil
}

func checkOf(s usage.KeySecret) int64 {
	mac := hmac.New(sha256.New, s)
	_, _ = mac.Write([]byte("tokenboard key secret")) // never fails
	return int64(binary.BigEndian.Uint64(mac.Sum(nil)) >> 1)
}

// storeKeyed keys the fingerprints that are stored plain, and notes the secret's check. Sums and series have
// fingerprints within: they are made anew from the records.
func (e *Engine) storeKeyed(ctx context.Context, check int64) error {
	conn := e.writer.conn
	plain := 0
	if _, err := conn.ExecContext(ctx, "PRAGMA secure_delete = ON"); err != nil { // nothing plain stays in unused pages
		return mapError("prepare to key fingerprints", err)
	}
	defer func() { _, _ = conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA secure_delete = OFF") }()
	err := e.transaction(ctx, func() error {
		for _, at := range []struct{ table, column, id, where string }{
			{"api_keys", "fingerprint", "rowid", ""}, {"api_key_secrets", "fingerprint", "fingerprint", ""}, {"forgotten", "fingerprint", "fingerprint", ""},
			{"dims", "value", "id", fmt.Sprintf(" WHERE kind = %d", kindKey)},
		} {
			n, err := e.keyColumn(ctx, at.table, at.column, at.id, at.where)
			if err != nil {
				return mapError("key the fingerprints of "+at.table, err)
			}
			plain += n
		}
		queries := []string{}
		if plain > 0 {
			queries = append(queries, "DELETE FROM sums", "DELETE FROM series", "DELETE FROM changes", "UPDATE hours SET dirty = 1",
				"UPDATE api_keys SET version = version + 1", "UPDATE meta SET value = value + 1 WHERE name = 'keys_version'")
			for _, h := range e.view.Load().hoursWithRecords() {
				queries = append(queries, fmt.Sprintf("INSERT OR IGNORE INTO hours (hour, dirty, seen) VALUES (%d, 1, 0)", h))
			}
		}
		for _, q := range append(queries, fmt.Sprintf("INSERT OR REPLACE INTO meta (name, value) VALUES ('key_secret', %d)", check)) {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				return mapError("make the sums anew with keyed fingerprints", err)
			}
		}
		return nil
	})
	if err != nil || plain == 0 {
		return err
	}
	if e.dims, err = loadDims(ctx, e.readDB, e.maxTexts); err != nil {
		return err
	}
	return e.loadView(ctx)
}

// keyedAtOnce is how many values are in memory at one time while a column is keyed. A test lowers it.
var keyedAtOnce = 10_000

// keyColumn keys one column, piece by piece in the order of its ids, and gives how many values were plain. An
// id that is the fingerprint itself may come again in its keyed form, which stays as it is.
func (e *Engine) keyColumn(ctx context.Context, table, column, id, where string) (plain int, err error) {
	if where == "" {
		where = " WHERE 1"
	}
	first := fmt.Sprintf("SELECT %s, %s FROM %s%s", id, column, table, where)
	order := fmt.Sprintf(" ORDER BY %s LIMIT %d", id, keyedAtOnce)
	update := fmt.Sprintf("UPDATE %s SET %s = ? WHERE %s = ?", table, column, id) //nolint:gosec // names of the schema, from the caller below
	query, from := first+order, []any{}
	for {
		values, err := e.columnValues(ctx, query, from...)
		if err != nil {
			return 0, err
		}
		for _, v := range values {
			fingerprint, rest, display := strings.Cut(v.text, sep)
			keyed := e.secret.Keyed(fingerprint)
			if keyed == fingerprint {
				continue
			}
			if display {
				keyed += sep + rest
			}
			if _, err := e.writer.conn.ExecContext(ctx, update, keyed, v.id); err != nil {
				return 0, err
			}
			plain++
		}
		if len(values) < keyedAtOnce {
			return plain, nil
		}
		query, from = first+" AND "+id+" > ?"+order, []any{values[len(values)-1].id}
	}
}

// columnValue is a value and the id of its row.
type columnValue struct {
	id   any
	text string
}

func (e *Engine) columnValues(ctx context.Context, query string, args ...any) ([]columnValue, error) {
	rows, err := e.writer.conn.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []columnValue
	for rows.Next() {
		var v columnValue
		if err := rows.Scan(&v.id, &v.text); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// backupSecret copies the secret of a database beside the copy of the database.
func backupSecret(from, to string) error {
	text, err := os.ReadFile(from + SecretSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing is keyed
	}
	if err != nil {
		return fmt.Errorf("read the key secret: %w", err)
	}
	f, err := os.OpenFile(to+SecretSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the file for the key secret: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write the key secret: %w", err), os.Remove(to+SecretSuffix))
	}
	return nil
}

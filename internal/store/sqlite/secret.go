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

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// The secret that keys fingerprints is in a file of its own beside the database, so that a copy of the database
// alone does not allow guessing short keys. The database has a check value of it.

// SecretSuffix ends the name of the secret's file, after the database's.
const SecretSuffix = ".secret"

const secretSize = 32

// KeySecret is the secret that fingerprints are keyed with; none where Options.Keyed is not set.
func (e *Engine) KeySecret() usage.KeySecret { return e.secret }

// openSecret reads the secret, and makes it where there is none yet.
func (e *Engine) openSecret(ctx context.Context) error {
	var known int64
	err := e.readDB.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'key_secret'").Scan(&known)
	fresh := errors.Is(err, sql.ErrNoRows)
	if err != nil && !fresh {
		return mapError("read the check value of the key secret", err)
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
	return e.noteSecret(ctx, check)
}

// readSecret reads the file of a secret. It makes a secret where the file is empty, or where it does not exist and
// mayMake.
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
	_, _ = mac.Write([]byte("tokenboard key secret")) // never fails; databases have a check value of this text
	return int64(binary.BigEndian.Uint64(mac.Sum(nil)) >> 1)
}

// noteSecret stores the check value of the secret.
func (e *Engine) noteSecret(ctx context.Context, check int64) error {
	return e.transaction(ctx, func() error {
		_, err := e.writer.conn.ExecContext(ctx, "INSERT OR REPLACE INTO meta (name, value) VALUES ('key_secret', ?)", check)
		return mapError("store the check value of the key secret", err)
	})
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

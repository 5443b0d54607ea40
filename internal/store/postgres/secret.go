package postgres

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// The secret that keys fingerprints is not in the database, so that the database alone does not allow guessing short keys.
// All processes are configured with the same one; the database has a check value of it.

// SecretSize is the length of a key secret in bytes.
const SecretSize = 32

var errSecretSize = errors.New("the key secret must have 32 bytes")

// KeySecret is the secret that fingerprints are keyed with; none where Options.KeySecret is not set.
func (e *Engine) KeySecret() usage.KeySecret { return e.secret }

// checkSecret compares the secret with the check value of the database, and stores that where there is none yet.
func (e *Engine) checkSecret(ctx context.Context, secret usage.KeySecret) error {
	if len(secret) == 0 {
		return nil
	}
	if len(secret) != SecretSize {
		return errSecretSize
	}
	known, want := int64(0), checkOf(secret)
	err := e.db.Write(ctx, database.Write{Kind: database.Directory}, func(tx *database.Tx) error { // one process at a time
		found, err := database.One(tx.QueryRow(ctx, "SELECT value FROM meta WHERE name = 'key_secret'"), &known)
		if err != nil {
			return database.Map("read the check value of the key secret", err)
		}
		if found {
			return nil
		}
		known = want
		tx.Queue("store the check value of the key secret", "INSERT INTO meta (name, value) VALUES ('key_secret', $1)", want)
		return nil
	})
	if err != nil {
		return err
	}
	if known != want {
		return fmt.Errorf("%w: postgres: key_secret is another one than the database was first used with; configure that one. "+
			"If it is lost, remove the row key_secret of the table meta: keys that clients have are unknown then", store.ErrSecret)
	}
	e.secret = secret
	return nil
}

// checkOf is the same as of the secret of a SQLite database, so that keys can be moved between the two with their secret.
func checkOf(s usage.KeySecret) int64 {
	mac := hmac.New(sha256.New, s)
	_, _ = mac.Write([]byte("tokenboard key secret")) // never fails
	return int64(binary.BigEndian.Uint64(mac.Sum(nil)) >> 1)
}

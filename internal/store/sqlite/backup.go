package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
)

// Backup writes a consistent copy of the database, while it is written to, to a new file.
func (e *Engine) Backup(ctx context.Context, to string) error { return Backup(ctx, e.path, to) }

// Backup copies the database at a path, which another process may have open, to a new file that
// only its owner can read, and its secret to one of that name with SecretSuffix.
func Backup(ctx context.Context, from, to string) (err error) {
	if _, err := os.Stat(from); err != nil {
		return fmt.Errorf("find the database to back up: %w", err)
	}
	if err := checkFile(from); err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the backup file: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			_ = os.Remove(to)
		}
	}()
	db, err := sql.Open("sqlite", dsn(from, "ro"))
	if err != nil {
		return mapError("open the database to back up", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.ExecContext(ctx, "VACUUM INTO ?", to); err != nil {
		return mapError("write the backup", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync the backup: %w", err)
	}
	return backupSecret(from, to)
}

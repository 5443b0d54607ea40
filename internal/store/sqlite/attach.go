package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Administration is a database opened for keys, users and the audit log, beside a process that may own it.
type Administration struct {
	store.Directory
	engine *Engine
}

// Close closes the database.
func (a *Administration) Close() error { return a.engine.Close() }

// Attach opens a database to administer it, whether or not a tokenboard process has it open: SQLite
// keeps the two from writing at the same time, and the process reads users again for every request. A
// database that nobody has open is made and migrated where that is due.
func Attach(ctx context.Context, o Options) (*Administration, error) {
	e, err := Open(ctx, o)
	if err == nil {
		return &Administration{e.Directory(), e}, nil
	}
	if !errors.Is(err, store.ErrInUse) {
		return nil, err
	}
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("name the database: %w", err)
	}
	e = &Engine{path: path}
	if err := e.attach(ctx); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return &Administration{e.Directory(), e}, nil
}

func (e *Engine) attach(ctx context.Context) error {
	if _, err := os.Stat(e.path); err != nil {
		return fmt.Errorf("find the database: %w", err)
	}
	if err := checkFile(e.path); err != nil {
		return err
	}
	var err error
	if e.writeDB, err = sql.Open("sqlite", dsn(e.path, "rw", "synchronous(FULL)", "wal_autocheckpoint(0)")); err != nil {
		return mapError("open the database", err)
	}
	e.writeDB.SetMaxOpenConns(1)
	var version int
	if err := e.writeDB.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return mapError("read the schema version", err)
	}
	if err := checkSameVersion(version); err != nil {
		return err
	}
	if err := e.openDirectory(ctx); err != nil {
		return err
	}
	e.writer, err = newWriter(ctx, e.writeDB)
	return err
}

// checkSameVersion refuses a database that a process of another version has open.
func checkSameVersion(version int) error {
	if version != newestVersion() {
		return fmt.Errorf("the running tokenboard is of another version (schema %d, this program's is %d); use its own program, or restart it with this one",
			version, newestVersion())
	}
	return nil
}

package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"

	"github.com/tokenboard/tokenboard/internal/store"
)

// applicationID marks our files in SQLite's header ("TkB1").
const applicationID = 0x546B4231

// migrations lead from each schema version to the next, one file each, named NNNN_what.sql: NNNN is
// the version that it leads to. A new database goes through all of them. One that has been released
// is never changed.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

type migration struct {
	version int
	sql     string
}

// firstVersion is the schema of the first release; those before it were of development.
const firstVersion = 12

var migrations = sync.OnceValue(func() []migration {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	var all []migration
	for _, name := range names { // in the order of their names
		var m migration
		text, err := migrationFiles.ReadFile(name)
		if err == nil {
			_, err = fmt.Sscanf(path.Base(name), "%04d_", &m.version)
		}
		if err != nil {
			panic(fmt.Sprintf("migration %s: %v", name, err)) // the files are part of the program
		}
		m.sql = string(text)
		all = append(all, m)
	}
	return all
})

// newestVersion is the schema version that this program writes.
func newestVersion() int {
	all := migrations()
	return all[len(all)-1].version
}

// checkFile looks at a file without changing it. A file that does not exist or is empty is fine.
func checkFile(path string) error {
	info, err := os.Stat(path)
	if os.IsNotExist(err) || (err == nil && info.Mode().IsRegular() && info.Size() == 0) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at the database file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is not a regular file", store.ErrCorrupt)
	}
	return checkHeader(path)
}

// checkHeader reads the fields of SQLite's file header that say whose file it is and how new
// (https://www.sqlite.org/fileformat2.html, 1.3), before SQLite makes files beside it.
func checkHeader(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("look at the database file: %w", err)
	}
	defer f.Close()
	const (
		headerSize      = 100
		versionAt       = 60
		applicationIDAt = 68
	)
	head := make([]byte, headerSize)
	if _, err := io.ReadFull(f, head); err != nil || !bytes.HasPrefix(head, []byte("SQLite format 3\x00")) {
		return fmt.Errorf("%w: it is no SQLite file; move it away or restore a backup", store.ErrCorrupt)
	}
	app := binary.BigEndian.Uint32(head[applicationIDAt:])
	version := binary.BigEndian.Uint32(head[versionAt:])
	if app == 0 && version == 0 {
		// A crash may have left our first transaction in the write-ahead log only.
		if _, err := os.Stat(path + "-wal"); err == nil {
			return nil
		}
	}
	if app != applicationID {
		return fmt.Errorf("%w: it belongs to another program; move it away or name another directory", store.ErrCorrupt)
	}
	return checkVersion(int(version))
}

func checkVersion(version int) error {
	if version > newestVersion() {
		return fmt.Errorf("%w: its schema version is %d, this program supports up to %d; run a newer tokenboard, or restore a backup made before the upgrade",
			store.ErrNewer, version, newestVersion())
	}
	if version > 0 && version < firstVersion {
		return fmt.Errorf("%w: its schema version is %d, the first released one is %d; move it away, or name another directory",
			store.ErrUnreleased, version, firstVersion)
	}
	return nil
}

// migrate brings a database to the newest schema, one transaction a step.
func migrate(ctx context.Context, db *sql.DB) error {
	var version int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return mapError("read the schema version", err)
	}
	if err := checkVersion(version); err != nil {
		return err
	}
	if version == newestVersion() {
		return nil
	}
	for _, m := range migrations() {
		if m.version <= version {
			continue
		}
		if err := step(ctx, db, m); err != nil {
			return mapError(fmt.Sprintf("migrate the database to schema %d", m.version), err)
		}
	}
	// The header must have the version even for a reader of the file alone, see checkHeader.
	if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return mapError("write the migrated database", err)
	}
	return nil
}

func step(ctx context.Context, db *sql.DB, m migration) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	for _, q := range []string{
		m.sql,
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", m.version),
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit()
}

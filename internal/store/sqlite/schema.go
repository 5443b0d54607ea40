package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"io"
	"os"

	"github.com/tokenboard/tokenboard/internal/store"
)

// applicationID marks our files in SQLite's header ("TkB1").
const applicationID = 0x546B4231

// migrations lead from each schema version to the next; a new database goes through all of them.
// One that has been released is never changed.
var migrations = []string{
	// 1: calls in time order. key is (start in microseconds << 12 | bits of the id), see rowKey.
	// Texts that repeat are ids of rows in dims; ids of single calls are in call_ids, off the hot rows.
	`
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE dims (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, value TEXT NOT NULL, UNIQUE (kind, value));
CREATE TABLE calls (
	key INTEGER PRIMARY KEY,
	id BLOB NOT NULL,
	start_offset INTEGER NOT NULL,
	parent BLOB,
	state INTEGER NOT NULL,
	superseded_by BLOB,
	seen INTEGER NOT NULL,
	model INTEGER NOT NULL, provider INTEGER NOT NULL, api_key INTEGER NOT NULL, user INTEGER NOT NULL,
	service INTEGER NOT NULL, project INTEGER NOT NULL, emitter INTEGER NOT NULL, request INTEGER NOT NULL,
	status INTEGER NOT NULL, error_type INTEGER NOT NULL,
	input_uncached INTEGER NOT NULL, cache_read INTEGER NOT NULL, cache_write INTEGER NOT NULL,
	output_text INTEGER NOT NULL, reasoning INTEGER NOT NULL, fields INTEGER NOT NULL,
	cost INTEGER NOT NULL, reported_cost INTEGER, quality INTEGER NOT NULL,
	duration INTEGER NOT NULL, ttft INTEGER NOT NULL
);
CREATE INDEX calls_api_key ON calls (api_key) WHERE state & 1;
CREATE INDEX calls_failed ON calls (key) WHERE state & 2;
CREATE TABLE call_ids (
	key INTEGER PRIMARY KEY, trace BLOB, span BLOB, response_id TEXT NOT NULL, request_id TEXT NOT NULL,
	session TEXT NOT NULL, echo_group TEXT NOT NULL
);
CREATE TABLE gaps (key INTEGER PRIMARY KEY);
CREATE TABLE links (
	trace BLOB NOT NULL, span BLOB NOT NULL, parent BLOB NOT NULL, tool INTEGER NOT NULL, seen INTEGER NOT NULL,
	PRIMARY KEY (trace, span)
) WITHOUT ROWID;
CREATE TABLE api_keys (
	id TEXT PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, description TEXT NOT NULL, fingerprint TEXT NOT NULL UNIQUE,
	display TEXT NOT NULL, owner TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER
);
CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL;
`,
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
	f, err := os.Open(path) //nolint:gosec // the operator names the file
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
	if version > len(migrations) {
		return fmt.Errorf("%w: its schema version is %d, this program knows up to %d; run a newer tokenboard, or restore a backup made before the upgrade",
			store.ErrNewer, version, len(migrations))
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
	if version == len(migrations) {
		return nil
	}
	for ; version < len(migrations); version++ {
		if err := step(ctx, db, version); err != nil {
			return mapError(fmt.Sprintf("migrate the database to schema %d", version+1), err)
		}
	}
	// The header must tell the version even to who reads the file alone.
	if _, err := db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return mapError("write the migrated database", err)
	}
	return nil
}

func step(ctx context.Context, db *sql.DB, from int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	for _, q := range []string{
		migrations[from],
		fmt.Sprintf("PRAGMA application_id = %d", applicationID),
		fmt.Sprintf("PRAGMA user_version = %d", from+1),
	} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit()
}

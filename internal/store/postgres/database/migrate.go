package database

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	gdb "github.com/pressly/goose/v3/database"

	"github.com/tokenboard/tokenboard/internal/store"
)

// migrations lead from each version of the schema to the next. One that has been released is never changed, and none breaks
// what the version before does: replicas of it run beside, until they are replaced.
//
//go:embed migrations/*.sql
var migrationFiles embed.FS

// The table of migrations, which marks a schema as tokenboard's, and the one whose row is locked while a process migrates.
const (
	versionsTable = "tokenboard_schema"
	lockTable     = "tokenboard_migration"
)

// migrationWait bounds the wait for another process that migrates.
const migrationWait = 10 * time.Minute

// Newest is the newest version of the schema that this program has.
func Newest() int64 {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil || len(names) == 0 {
		panic("there are no migrations") // the files are ours
	}
	version, err := goose.NumericComponent(path.Base(names[len(names)-1]))
	if err != nil {
		panic(err) // as above
	}
	return version
}

// relations lists the tables and views of a schema, also those that the user may not read. What belongs to an extension of
// PostgreSQL is no program's.
const relations = `SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.classid = 'pg_catalog.pg_class'::regclass AND d.deptype = 'e')
ORDER BY 1`

// version returns the version of the schema; 0 where it is empty.
func (d *DB) version(ctx context.Context, database, schema string) (version int64, err error) {
	const doing = "read the version of the schema"
	var ours bool
	var others []string
	err = d.Each(ctx, func(r pgx.Rows) error {
		var name string
		err := r.Scan(&name)
		switch name {
		case versionsTable:
			ours = true
		case lockTable: // a process is about to migrate
		default:
			others = append(others, name)
		}
		return err
	}, relations, schema)
	if err != nil {
		return 0, Map(doing, err)
	}
	if !ours {
		if len(others) > 0 {
			return 0, fmt.Errorf("%w (database %s, schema %s: %.100s); name another database, or give the user a schema of its own",
				errForeign, database, schema, quoted(others))
		}
		return 0, nil
	}
	err = d.QueryRow(ctx, "SELECT coalesce(max(version_id), 0) FROM "+versionsTable).Scan(&version)
	if err != nil {
		return 0, Map(doing, err)
	}
	if newest := Newest(); version > newest {
		return 0, fmt.Errorf("%w: its schema version is %d, this program supports up to %d; run a newer tokenboard", store.ErrNewer, version, newest)
	}
	return version, nil
}

// migrate brings the schema to the newest version. If there are several processes, one of them does it, while it holds
// the lock of a row.
func (d *DB) migrate(ctx context.Context, database, schema string) error {
	version, err := d.version(ctx, database, schema)
	if err != nil || version == Newest() {
		return err
	}
	if err := d.createLock(ctx); err != nil {
		return Map("prepare to make the schema", err)
	}
	ctx, cancel := context.WithTimeout(ctx, migrationWait)
	defer cancel()
	tx, err := d.write.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite})
	if err != nil {
		return Map("wait to migrate the schema", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // it changed nothing
	var one int
	_, err = tx.Exec(ctx, "SELECT set_config('idle_in_transaction_session_timeout', '0', true), set_config('statement_timeout', '0', true)")
	if err == nil {
		err = tx.QueryRow(ctx, "SELECT id FROM "+lockTable+" WHERE id = 1 FOR UPDATE").Scan(&one)
	}
	if err != nil {
		return Map("wait to migrate the schema", err)
	}
	if version, err = d.version(ctx, database, schema); err != nil || version == Newest() {
		return err
	}
	return d.up(ctx)
}

// createLock makes the table whose row is locked. Processes that do so at the same time may refuse each other.
func (d *DB) createLock(ctx context.Context) (err error) {
	const tries = 20
	for range tries {
		_, err = d.write.Exec(ctx, "CREATE TABLE IF NOT EXISTS "+lockTable+" (id smallint PRIMARY KEY)")
		if err == nil {
			_, err = d.write.Exec(ctx, "INSERT INTO "+lockTable+" (id) VALUES (1) ON CONFLICT DO NOTHING")
		}
		if err == nil || !hasCode(err, codeUnique) && !hasCode(err, codeDuplicateTable) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return err
}

// up runs the migrations that are due.
func (d *DB) up(ctx context.Context) (err error) {
	const doing = "migrate the schema"
	db := stdlib.OpenDBFromPool(d.write)
	defer func() { err = errors.Join(err, db.Close()) }() // the pool stays open
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	versions, err := gdb.NewStore(gdb.DialectPostgres, versionsTable)
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	provider, err := goose.NewProvider("", db, files, goose.WithStore(&versionStore{versions}), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	if _, err = provider.Up(ctx); err != nil {
		return Map(doing, err)
	}
	return nil
}

// versionStore is goose's table of versions with each version at most once: a process that lost the lock while it
// migrated, because its connection ended, cannot make a migration a second time.
type versionStore struct{ gdb.Store }

// CreateVersionTable makes the table.
func (s *versionStore) CreateVersionTable(ctx context.Context, db gdb.DBTxConn) error {
	if err := s.Store.CreateVersionTable(ctx, db); err != nil {
		return err
	}
	_, err := db.ExecContext(ctx, "CREATE UNIQUE INDEX "+versionsTable+"_version ON "+versionsTable+" (version_id)")
	return err
}

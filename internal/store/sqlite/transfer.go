package sqlite

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/transfer"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// notMoved are the tables that transfer does not need, and why.
var notMoved = map[string]string{
	"meta":     "its numbers are transfer.Values",
	"writes.n": "the order is kept, not the number",
}

// columnNames are the columns with another name than in transfer.Tables.
var columnNames = map[string]string{"recent.seq": "id", "sessions.user_id": "user", "api_tokens.user_id": "user"}

// selectRows and insertRow are the statements that do not read and write the columns as they are.
var (
	selectRows = map[string]string{
		"blocks": `SELECT b.id, b.hour, b.first, b.last, b.records, b.summary, length(b.summary) + length(d.figures) + length(d.names)
FROM blocks b JOIN block_data d ON d.id = b.id`,
		"sums":    fmt.Sprintf("SELECT id / %[1]d, id %% %[1]d / %[2]d, id %% %[2]d, data FROM sums", partStep, axesPerDay),
		"writes":  "SELECT id FROM writes ORDER BY n",
		"changes": "SELECT seq, data FROM changes WHERE seq > coalesce((SELECT through FROM series), 0)",
	}
	insertRow = map[string]string{
		"blocks": "INSERT INTO blocks (id, hour, first, last, records, summary) SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE ?7 IS NOT NULL",
		"sums":   fmt.Sprintf("INSERT INTO sums (id, data) VALUES (?1 * %d + ?2 * %d + ?3, ?4)", partStep, axesPerDay),
	}
)

func columns(t *transfer.Table) []string {
	names := t.Names()
	for i, n := range names {
		if other := columnNames[t.Name+"."+n]; other != "" {
			names[i] = other
		}
	}
	return names
}

// Export lets f read everything that is stored. Nothing is written meanwhile.
func (e *Engine) Export(_ context.Context, f func(transfer.Source) error) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	return f(tables{e.readDB})
}

// tables reads the tables of a database.
type tables struct {
	db interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	}
}

// Rows visits the rows of a table.
func (s tables) Rows(ctx context.Context, t transfer.Table, visit func(transfer.Row) error) error {
	text := selectRows[t.Name]
	if text == "" {
		text = "SELECT " + strings.Join(columns(&t), ", ") + " FROM " + t.Name
	}
	rows, err := s.db.QueryContext(ctx, text)
	if err != nil {
		return mapError("read the table", err)
	}
	defer rows.Close()
	row := make(transfer.Row, len(t.Columns))
	into := make([]any, len(row))
	for i := range row {
		into[i] = &row[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return mapError("read the table", err)
		}
		if err := common(&t, row); err != nil {
			return err
		}
		if err := visit(row); err != nil {
			return err
		}
	}
	return mapError("read the table", errors.Join(rows.Err(), rows.Close()))
}

// common gives values the types that transfer.Row has.
func common(t *transfer.Table, row transfer.Row) error {
	for i, c := range t.Columns {
		ok := true
		switch v := row[i].(type) {
		case nil:
			if c.Kind == transfer.Bytes { // the driver's way to return none
				row[i] = []byte{}
			}
		case int64:
			if ok = c.Kind == transfer.Int || c.Kind == transfer.Bool; c.Kind == transfer.Bool {
				row[i] = v != 0
			}
		case string:
			ok = c.Kind == transfer.Text
		case []byte:
			ok = c.Kind == transfer.Bytes
		default:
			ok = false
		}
		if !ok {
			return fmt.Errorf("%w: column %s of the table %s has a value of type %T", store.ErrCorrupt, c.Name, t.Name, row[i])
		}
	}
	return nil
}

// ownMeta are the rows of the table meta that no other engine has, or has elsewhere.
var ownMeta = map[string]bool{"blocks_version": true, "keys_version": true}

// Values reads what the database holds besides these tables.
func (s tables) Values(ctx context.Context) (v transfer.Values, err error) {
	const doing = "read the state of the database"
	err = s.db.QueryRowContext(ctx, `SELECT (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit_log'),
(SELECT value FROM meta WHERE name = 'keys_version'),
max((SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'changes'), (SELECT coalesce(max(id), 0) FROM recent),
	(SELECT coalesce(max(through), 0) FROM series))`).Scan(&v.AuditID, &v.Keys, &v.Change)
	if err != nil {
		return v, mapError(doing, err)
	}
	rows, err := s.db.QueryContext(ctx, "SELECT name, value FROM meta")
	if err != nil {
		return v, mapError(doing, err)
	}
	defer rows.Close()
	v.Meta = map[string]int64{}
	for rows.Next() {
		var name string
		var value int64
		if err := rows.Scan(&name, &value); err != nil {
			return v, mapError(doing, err)
		}
		if !ownMeta[name] {
			v.Meta[name] = value
		}
	}
	return v, mapError(doing, errors.Join(rows.Err(), rows.Close()))
}

// importSuffix ends the name of a database that is being filled, after the name that it gets when it is whole.
const importSuffix = ".import"

// Import fills a database with what f gives it, which verifies it, and then gives it its name: where that fails there is no
// database. The secret of its keys is stored beside it. It returns transfer.ErrNotEmpty where there is a database, or the
// secret of another one; and store.ErrInUse where a process has it.
func Import(ctx context.Context, path string, secret usage.KeySecret, f func(transfer.Target) error) (err error) {
	if path, err = filepath.Abs(path); err != nil {
		return fmt.Errorf("name the database: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.release()) }()
	if err := checkAbsent(path, secret); err != nil {
		return err
	}
	unfinished := path + importSuffix
	for _, left := range []string{unfinished, unfinished + "-journal"} { // by a process that was killed
		if err := os.Remove(left); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove what an earlier try left: %w", err)
		}
	}
	defer func() {
		if err != nil {
			_ = os.Remove(unfinished)
		}
	}()
	if err := fill(ctx, unfinished, f); err != nil {
		return err
	}
	if len(secret) > 0 {
		if err := writeSecret(path+SecretSuffix, []byte(hex.EncodeToString(secret)+"\n")); err != nil {
			return err
		}
	}
	if err := os.Rename(unfinished, path); err != nil {
		return fmt.Errorf("give the database its name: %w", err)
	}
	return syncFile(filepath.Dir(path))
}

// checkAbsent checks that there is no database at a path, nor the secret of another one.
func checkAbsent(path string, secret usage.KeySecret) error {
	for _, file := range []string{path, path + "-wal"} {
		if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%w: there is %s; move it away, or name another directory", transfer.ErrNotEmpty, file)
		}
	}
	text, err := os.ReadFile(path + SecretSuffix)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && strings.TrimSpace(string(text)) == "":
		return nil
	case err != nil:
		return fmt.Errorf("read the key secret: %w", err)
	case strings.TrimSpace(string(text)) != hex.EncodeToString(secret):
		return fmt.Errorf("%w: there is the secret of another database, %s; move it away", transfer.ErrNotEmpty, path+SecretSuffix)
	}
	return nil
}

// fill makes a database of what f gives it. Nobody knows the file yet: it needs no journal, and is synced at the end.
func fill(ctx context.Context, path string, f func(transfer.Target) error) (err error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("make the database: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	db, err := sql.Open("sqlite", dsn(path, "rw", "auto_vacuum(2)", "journal_mode(OFF)", "synchronous(OFF)", "temp_store(MEMORY)",
		fmt.Sprintf("cache_size(-%d)", writerCacheKiB)))
	if err != nil {
		return mapError("make the database", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	if err := migrate(ctx, db); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return mapError("begin to write", err)
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	if err := f(&empty{tables{tx}, tx}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return mapError("commit", err)
	}
	if err := db.Close(); err != nil {
		return mapError("close the database", err)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("sync the database: %w", err)
	}
	return nil
}

// syncFile makes sure that names in a folder are on disk, where the system can.
func syncFile(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // not every system can
	}
	_ = f.Sync()
	return f.Close()
}

// empty is a database that is being filled.
type empty struct {
	tables
	tx *sql.Tx
}

// Insert adds rows to a table.
func (e *empty) Insert(ctx context.Context, t transfer.Table, rows []transfer.Row) error {
	text := insertRow[t.Name]
	if text == "" {
		names := columns(&t)
		text = "INSERT INTO " + t.Name + " (" + strings.Join(names, ", ") + ") VALUES (?" + strings.Repeat(",?", len(names)-1) + ")"
	}
	stmt, err := e.tx.PrepareContext(ctx, text)
	if err != nil {
		return mapError("write the table", err)
	}
	defer func() { _ = stmt.Close() }()
	for _, r := range rows {
		if _, err := stmt.ExecContext(ctx, r...); err != nil {
			return mapError("write the table", err)
		}
	}
	return nil
}

// SetValues stores what the database holds besides these tables.
func (e *empty) SetValues(ctx context.Context, v transfer.Values) error {
	const doing = "store the state of the database"
	meta := maps.Clone(v.Meta)
	meta["keys_version"] = v.Keys
	for name, value := range meta {
		if _, err := e.tx.ExecContext(ctx, "INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", name, value); err != nil {
			return mapError(doing, err)
		}
	}
	for name, last := range map[string]int64{"audit_log": v.AuditID, "changes": v.Change} {
		_, err := e.tx.ExecContext(ctx, "DELETE FROM sqlite_sequence WHERE name = ?", name)
		if err == nil {
			_, err = e.tx.ExecContext(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", name, last)
		}
		if err != nil {
			return mapError(doing, err)
		}
	}
	return nil
}

package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
	"github.com/tokenboard/tokenboard/internal/store/transfer"
	"github.com/tokenboard/tokenboard/internal/usage/format"
)

// notMoved are the tables and columns that no other engine has, and why transfer does not need them.
var notMoved = map[string]string{
	"state":                "its numbers are transfer.Values",
	"meta":                 "its numbers are transfer.Values",
	"writes.task":          "those of the directory are not moved: nobody asks for their outcome later",
	"writes.seq":           "the order is kept, not the number",
	"leases":               "they are by the clock of this database",
	"tokenboard_schema":    "of the migrations",
	"tokenboard_migration": "of the migrations",
	"dims.seq":             "a process that has the database open reads all texts again",
	"series.id":            "it is 1",
	"inbox":                "there is no transfer while something waits in it",
	"members":              "processes that use this database",
	"attempts":             "they count for some minutes or hours",
	"changes.feed":         "processes that follow read the sums again",
	"changes.at":           "how long a change is kept here",
}

// Export lets f read everything that is stored, as of one moment. The caller has the lease of the ledger, so that nothing
// is written meanwhile that would be missing in a copy.
func (e *Engine) Export(ctx context.Context, f func(transfer.Source) error) error {
	return e.db.Snapshot(ctx, func(tx database.Querier) error {
		var set string // a statement reads a whole table, and the other side may take its time
		err := tx.QueryRow(ctx, "SELECT set_config('statement_timeout', '0', true) || set_config('idle_in_transaction_session_timeout', '0', true)").Scan(&set)
		if err != nil {
			return database.Map("begin to read", err)
		}
		var waiting int64
		if err := tx.QueryRow(ctx, "SELECT count(*) FROM inbox").Scan(&waiting); err != nil {
			return database.Map("begin to read", err)
		}
		if waiting > 0 { // they were acknowledged
			return fmt.Errorf("%d batches that replicas accepted are not decided yet; run tokenboard on the database until its inbox is empty, and stop it again", waiting)
		}
		return f(tables{tx})
	})
}

// tables reads the tables of a database in a transaction.
type tables struct{ database.Querier }

// selectRows are the statements that do not read the columns as they are.
var selectRows = map[string]string{
	"writes":  "SELECT id FROM writes WHERE task = 'ledger' ORDER BY seq",
	"changes": "SELECT seq, data FROM changes WHERE seq > coalesce((SELECT through FROM series), 0) AND octet_length(data) > 0",
}

// Rows visits the rows of a table.
func (s tables) Rows(ctx context.Context, t transfer.Table, visit func(transfer.Row) error) error {
	text := selectRows[t.Name]
	if text == "" {
		text = "SELECT " + quotedNames(t.Names()) + " FROM " + t.Name
	}
	rows, err := s.Query(ctx, text)
	if err != nil {
		return database.Map("read the table", err)
	}
	var visited error
	err = database.EachRow(rows, func(r pgx.Rows) error {
		values, err := r.Values()
		if err != nil {
			return err
		}
		visited = visit(common(values))
		return visited
	})
	if visited != nil {
		return visited
	}
	return database.Map("read the table", err)
}

func quotedNames(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = pgx.Identifier{n}.Sanitize()
	}
	return strings.Join(quoted, ", ")
}

// common gives values the types that transfer.Row has.
func common(values []any) transfer.Row {
	for i, v := range values {
		switch v := v.(type) {
		case int16:
			values[i] = int64(v)
		case int32:
			values[i] = int64(v)
		}
	}
	return values
}

// ownMeta are the rows of the table meta that no other engine has, or has elsewhere.
var ownMeta = map[string]bool{"audit": true, "changes_dropped": true, "format": true, "last_block": true}

// Values reads what the database holds besides these tables.
func (s tables) Values(ctx context.Context) (v transfer.Values, err error) {
	const doing = "read the state of the database"
	err = s.QueryRow(ctx, `SELECT (SELECT value FROM meta WHERE name = 'audit'), (SELECT version FROM state WHERE task = 'directory'),
(SELECT seq FROM state WHERE task = 'ledger')`).Scan(&v.AuditID, &v.Keys, &v.Change)
	if err != nil {
		return v, database.Map(doing, err)
	}
	rows, err := s.Query(ctx, "SELECT name, value FROM meta")
	if err != nil {
		return v, database.Map(doing, err)
	}
	v.Meta = map[string]int64{}
	err = database.EachRow(rows, func(r pgx.Rows) error {
		var name string
		var value int64
		err := r.Scan(&name, &value)
		if !ownMeta[name] {
			v.Meta[name] = value
		}
		return err
	})
	return v, database.Map(doing, err)
}

// Import fills an empty database with what f gives it, in one transaction, or not at all: f verifies it. It returns
// transfer.ErrNotEmpty where the database holds something, and store.ErrInUse where a process has a lease of it.
func Import(ctx context.Context, o Options, f func(transfer.Target) error) error {
	db, err := database.Open(ctx, o.Options)
	if err != nil {
		return err
	}
	defer db.Close()
	return db.Write(ctx, database.Write{Kind: database.Ledger}, func(tx *database.Tx) error {
		if err := prepareImport(ctx, tx); err != nil {
			return err
		}
		return f(&empty{tables{tx}, tx})
	})
}

// ofStarts are the tables in which a process leaves rows that only started and stopped.
var ofStarts = map[string]bool{"series": true, "writes": true}

// prepareImport keeps other processes from writing, and checks that the database is empty.
func prepareImport(ctx context.Context, tx *database.Tx) error {
	// A statement reads whole tables, and the other side may take its time.
	_, err := tx.Exec(ctx, "SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '10min', true)")
	if err == nil { // the ledger's row is locked by the write
		_, err = tx.Exec(ctx, "UPDATE state SET seq = seq + 1 WHERE task = 'directory'")
	}
	if err != nil {
		return database.Map("lock the database", err)
	}
	var task, holder string
	held, err := database.One(tx.QueryRow(ctx, "SELECT task, holder FROM leases WHERE until > clock_timestamp() LIMIT 1"), &task, &holder)
	if err != nil {
		return database.Map("look for processes that use the database", err)
	}
	if held {
		return fmt.Errorf("%w (%s has the lease of %s)", store.ErrInUse, holder, task)
	}
	for _, t := range transfer.Tables() {
		if ofStarts[t.Name] {
			continue
		}
		var any bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+t.Name+")").Scan(&any); err != nil {
			return database.Map("look whether the database is empty", err)
		}
		if any {
			return fmt.Errorf("%w: its table %s has rows; name another database or schema", transfer.ErrNotEmpty, t.Name)
		}
	}
	for name := range ofStarts {
		if _, err := tx.Exec(ctx, "DELETE FROM "+name); err != nil {
			return database.Map("look whether the database is empty", err)
		}
	}
	return nil
}

// empty is a database that is being filled.
type empty struct {
	tables
	tx *database.Tx
}

// Insert adds rows to a table.
func (e *empty) Insert(ctx context.Context, t transfer.Table, rows []transfer.Row) error {
	columns, more := t.Names(), []any(nil)
	switch t.Name {
	case "dims":
		columns, more = append(columns, "seq"), []any{e.tx.Seq}
	case "writes":
		columns, more = append(columns, "task", "seq"), []any{database.Ledger, nil}
	case "series":
		columns, more = append(columns, "id"), []any{1}
	case "changes":
		columns, more = append(columns, "at"), []any{nil}
		now, err := e.now(ctx)
		if err != nil {
			return err
		}
		more[0] = now
	}
	values := make([][]any, len(rows))
	for i, r := range rows {
		values[i] = append(r[:len(r):len(r)], more...)
		if t.Name == "writes" { // they are forgotten as if this write had followed them
			values[i][2] = e.tx.Seq - int64(len(rows)) + int64(i)
		}
	}
	return database.Map("write the table", e.tx.Copy(ctx, t.Name, columns, values))
}

func (e *empty) now(ctx context.Context) (at any, err error) {
	err = e.tx.QueryRow(ctx, "SELECT now()").Scan(&at)
	return at, database.Map("ask for the time", err)
}

// SetValues stores what the database holds besides these tables. Its numbers ascend, and processes that have the database
// open read all of it again.
func (e *empty) SetValues(ctx context.Context, v transfer.Values) error {
	const ascend = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = greatest(meta.value, excluded.value)"
	statements := []struct {
		text string
		args []any
	}{
		{"UPDATE writes SET seq = seq + greatest($1::bigint - $2::bigint, 0) WHERE task = 'ledger'", []any{v.Change, e.tx.Seq}},
		{"UPDATE state SET seq = greatest(seq, $1), version = version + 1, texts = texts + 1 WHERE task = 'ledger'", []any{v.Change}},
		{"UPDATE state SET version = greatest(version + 1, $1) WHERE task = 'directory'", []any{v.Keys}},
		{"DELETE FROM meta WHERE name IN ('key_secret', 'floor')", nil}, // of a database that was opened before
		{`INSERT INTO meta (name, value) SELECT 'changes_dropped', coalesce((SELECT through FROM series), 0)
UNION ALL SELECT 'last_block', coalesce((SELECT max(id) FROM blocks), 0)
ON CONFLICT (name) DO UPDATE SET value = greatest(meta.value, excluded.value)`, nil},
		{ascend, []any{"audit", v.AuditID}},
		// what was moved may have calls of any format; a replica of a version before must not read them
		{ascend, []any{"format", int64(format.Newest())}},
	}
	for name, value := range v.Meta {
		put := ascend
		if !transfer.Ascends(name) {
			put = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
		}
		statements = append(statements, struct {
			text string
			args []any
		}{put, []any{name, value}})
	}
	for _, s := range statements {
		if _, err := e.tx.Exec(ctx, s.text, s.args...); err != nil {
			return database.Map("store the state of the database", err)
		}
	}
	return nil
}

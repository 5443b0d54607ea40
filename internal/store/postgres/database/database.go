package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tokenboard/tokenboard/internal/store"
)

// oldestServer is the oldest version of PostgreSQL that is supported: 13, as server_version_num has it.
const oldestServer = 13_00_00

// DB is an open database. Its methods are safe for concurrent use.
type DB struct {
	write   *pgxpool.Pool // transactions that write, and short questions
	read    *pgxpool.Pool // reading that may take long
	timeout time.Duration
}

// Open connects, checks the server, and makes or migrates the schema. It changes nothing of a schema that has tables of
// another program (store.ErrCorrupt) or of a newer version (store.ErrNewer).
func Open(ctx context.Context, o Options) (*DB, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	c, err := o.config()
	if err != nil {
		return nil, err
	}
	d := &DB{timeout: cmp.Or(o.StatementTimeout, defaultStatement)}
	all := cmp.Or(o.MaxConnections, defaultConnections)
	for _, p := range []struct {
		pool **pgxpool.Pool
		most int
	}{{&d.write, all / 2}, {&d.read, all - all/2}} {
		config := c.Copy()
		config.MaxConns = int32(p.most)
		if *p.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
			d.Close()
			return nil, Map("open the database", err)
		}
	}
	if err := d.check(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Close ends all connections, when they are not in use any more.
func (d *DB) Close() {
	for _, p := range []*pgxpool.Pool{d.write, d.read} {
		if p != nil {
			p.Close()
		}
	}
}

func (d *DB) check(ctx context.Context) error {
	var text, database, readOnly string
	var schema *string
	err := d.write.QueryRow(ctx, "SELECT current_setting('server_version_num'), current_database(), current_schema(), current_setting('transaction_read_only')").
		Scan(&text, &database, &schema, &readOnly)
	if err != nil {
		return Map("connect to the database", err)
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("connect to the database: the server says that its version is %q", text)
	}
	if err := checkServer(version, oldestServer); err != nil {
		return err
	}
	if schema == nil {
		return fmt.Errorf("connect to the database: the search_path of the user names no schema that database %s has; create it, or change the search_path", database)
	}
	if readOnly != "off" {
		return fmt.Errorf("connect to the database: %w: the server is read only, because it is a standby or set so; name the primary in the DSN, without target_session_attrs", store.ErrReadOnly)
	}
	return d.migrate(ctx, database, *schema)
}

// checkServer refuses servers that are too old.
func checkServer(version, oldest int) error {
	const major = 1_00_00
	if version < oldest {
		return fmt.Errorf("the server is PostgreSQL %d; version %d or newer is needed", version/major, oldest/major)
	}
	return nil
}

// Querier runs statements: a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Query runs a statement that only reads, and is short. It is run again where the connection had ended before the first row.
func (d *DB) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return query(ctx, d.write, sql, args...)
}

// query reads up to the first row, so that a connection that had ended is seen here.
func query(ctx context.Context, pool *pgxpool.Pool, sql string, args ...any) (pgx.Rows, error) {
	r := &begunRows{}
	err := again(ctx, func() (err error) {
		if r.Rows, err = pool.Query(ctx, sql, args...); err != nil {
			return err
		}
		if r.first = r.Rows.Next(); !r.first {
			return r.Err()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// begunRows are rows of which the first is read already where there is one.
type begunRows struct {
	pgx.Rows
	first bool
}

func (r *begunRows) Next() bool {
	if r.first {
		r.first = false
		return true
	}
	return r.Rows.Next()
}

// QueryRow runs a short statement that returns a row, and that may be run again where the connection had ended.
func (d *DB) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return &row{func() pgx.Row { return d.write.QueryRow(ctx, sql, args...) }, ctx}
}

// row is a row that is asked for again where the connection had ended.
type row struct {
	query func() pgx.Row
	ctx   context.Context //nolint:containedctx // of the one query that it lives for
}

func (r *row) Scan(into ...any) error {
	return again(r.ctx, func() error { return r.query().Scan(into...) })
}

// staleConnections bounds how many connections that the server has ended, at its restart, are found one after another.
const staleConnections = 64

// again runs f again while its connection turns out to have ended before: each such connection is left to the pool, which
// closes it. f must change nothing, or nothing that f a second time would not.
func again(ctx context.Context, f func() error) error {
	for try := 0; ; try++ {
		err := f()
		if err == nil || ctx.Err() != nil || try == staleConnections || !connectionEnded(err) {
			return err
		}
	}
}

// One reads a row that may not be there.
func One(row pgx.Row, into ...any) (bool, error) {
	err := row.Scan(into...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// Each calls visit for each row of a query. It reads in a transaction of its own, and sees the rows that were stored
// when that began.
func (d *DB) Each(ctx context.Context, visit func(pgx.Rows) error, sql string, args ...any) error {
	rows, err := query(ctx, d.read, sql, args...)
	if err != nil {
		return err
	}
	return EachRow(rows, visit)
}

// EachRow calls visit for each row, and closes them.
func EachRow(rows pgx.Rows, visit func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Snapshot runs f in a transaction that sees what is stored at one moment, and changes nothing.
func (d *DB) Snapshot(ctx context.Context, f func(tx Querier) error) error {
	return snapshot(ctx, d.read, f)
}

// ShortSnapshot is a Snapshot that does not wait for those that may take long.
func (d *DB) ShortSnapshot(ctx context.Context, f func(tx Querier) error) error {
	return snapshot(ctx, d.write, f)
}

// Exec runs a short statement that changes something, and that may be run again where the connection had ended.
func (d *DB) Exec(ctx context.Context, sql string, args ...any) (changed int64, err error) {
	err = again(ctx, func() error {
		tag, err := d.write.Exec(ctx, sql, args...)
		changed = tag.RowsAffected()
		return err
	})
	return changed, err
}

func snapshot(ctx context.Context, pool *pgxpool.Pool, f func(tx Querier) error) (err error) {
	var tx pgx.Tx
	err = again(ctx, func() error {
		tx, err = pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
		return err
	})
	if err != nil {
		return Map("begin to read", err)
	}
	defer func() { // also where f panics
		_ = tx.Rollback(context.WithoutCancel(ctx))
	}()
	return f(tx)
}

// quoted lists names for people.
func quoted(names []string) string { return strings.Join(names, ", ") }

var errForeign = fmt.Errorf("%w: its schema has tables of another program", store.ErrCorrupt)

package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the driver

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/directory"
	"github.com/tokenboard/tokenboard/internal/store/sqlite/sqlerr"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options say where the database is.
type Options struct {
	Path string // of the database file; its folder is made where it does not exist
	// Keyed opens the secret that keys the fingerprints of keys, see Engine.KeySecret, and makes it for a new database.
	Keyed bool
	// MaxTexts bounds, for each kind of text that records share (models, users, paths, error types, ...), how
	// many of them are stored once, for all records and in memory. Further ones are stored with the records.
	// Default 8,192.
	MaxTexts int

	driver string // of the connection that writes; tests use one that loses answers
}

const defaultMaxTexts = 8_192

// Engine is an open database. It is safe for concurrent use.
type Engine struct {
	path          string
	driver        string
	secret        usage.KeySecret
	lock          *fileLock
	writing       sync.Mutex // held for a write transaction
	writeDB       *sql.DB    // one connection
	writer        *writer
	writes        lastWrites
	unknownCommit *unknownCommit // nil, mostly; guarded by writing, as writer and writes are
	readDB        *sql.DB
	accessDB      *sql.DB // finds out who a request acts for, while long reads keep readDB busy
	directory     *directory.Directory
	leases        leases
	sweep         *columnar.Sweep // the writer's; nil where none is under way
	removed       int64           // records since the last sweep; the writer's
	storedAt      atomic.Int64    // Unix seconds of when a record was last stored

	table *columnar.Table
	columnar.Queries

	blocksDB     *sql.DB
	blockReaders chan *blockReader // nil in the place of one that is not open
	closed       chan struct{}
}

// The interfaces that it implements.
var (
	_ store.Engine      = (*Engine)(nil)
	_ store.Sums        = (*Engine)(nil)
	_ store.Maintenance = (*Engine)(nil)
	_ store.Backup      = (*Engine)(nil)
)

const (
	readers         = 8
	writerCacheKiB  = 8 << 10
	readerCacheKiB  = 1 << 10
	blocksCacheKiB  = 1 << 10 // blocks are read once; the system keeps the file's pages
	accessReaders   = 4
	accessCacheKiB  = 256
	checkpointPages = 4000
	busyTimeout     = 10 * time.Second
)

// dsn returns the name of the file for the driver. mode is "ro", "rw" or "rwc".
func dsn(path, mode string, pragmas ...string) string {
	q := url.Values{"mode": {mode}}
	for _, p := range append([]string{fmt.Sprintf("busy_timeout(%d)", busyTimeout.Milliseconds())}, pragmas...) {
		q.Add("_pragma", p)
	}
	return (&url.URL{Scheme: "file", OmitHost: true, Path: filepath.ToSlash(path), RawQuery: q.Encode()}).String()
}

// Open opens a database, makes it where there is none, and migrates it. A file of another
// program, a damaged one or one of a newer version is left as it is: see store.ErrCorrupt and
// store.ErrNewer.
func Open(ctx context.Context, o Options) (*Engine, error) {
	path, err := filepath.Abs(o.Path)
	if err != nil {
		return nil, fmt.Errorf("name the database: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	Protect(path) // a server calls it before, and logs its notes
	e := &Engine{path: path, driver: cmp.Or(o.driver, "sqlite"), lock: lock}
	e.Queries = columnar.Queries{
		Newest: func() *columnar.Snapshot { return e.table.Snapshot() },
		Read: func(ctx context.Context, f func(*columnar.Reader) error) error {
			return e.reading(ctx, func(s *columnar.Reader, _ *blockReader) error { return f(s) })
		},
	}
	if err := e.open(ctx, &o); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *Engine) open(ctx context.Context, o *Options) error {
	if err := checkFile(e.path); err != nil {
		return err
	}
	f, err := os.OpenFile(e.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database for writing: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("open the database for writing: %w", err)
	}
	e.writeDB, err = sql.Open(e.driver, dsn(e.path, "rw",
		"auto_vacuum(2)", // incremental: set before the first table is made
		"journal_mode(WAL)", "synchronous(FULL)", fmt.Sprintf("cache_size(-%d)", writerCacheKiB),
		fmt.Sprintf("wal_autocheckpoint(%d)", checkpointPages), "temp_store(MEMORY)"))
	if err != nil {
		return mapError("open the database", err)
	}
	e.writeDB.SetMaxOpenConns(1)
	e.writeDB.SetMaxIdleConns(1)
	if err := migrate(ctx, e.writeDB); err != nil {
		return err
	}
	e.readDB, err = sql.Open("sqlite", dsn(e.path, "ro", "query_only(1)", fmt.Sprintf("cache_size(-%d)", readerCacheKiB)))
	if err != nil {
		return mapError("open the database for reading", err)
	}
	e.readDB.SetMaxOpenConns(readers)
	e.readDB.SetMaxIdleConns(readers)
	if err := e.openDirectory(ctx); err != nil {
		return err
	}
	e.removed = math.MaxInt64 / 2 // how many there were before this start is not stored
	var storedAt int64
	if err := e.readDB.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'last_seen'").Scan(&storedAt); err != nil {
		return mapError("read when a record was last stored", err)
	}
	e.storedAt.Store(storedAt)
	if e.writer, err = newWriter(ctx, e.writeDB); err != nil {
		return err
	}
	if err := e.loadWrites(ctx); err != nil {
		return err
	}
	if err := e.loadTable(ctx, cmp.Or(o.MaxTexts, defaultMaxTexts)); err != nil {
		return err
	}
	if o.Keyed {
		if err := e.openSecret(ctx); err != nil {
			return err
		}
	}
	return e.openBlocks()
}

// closeBlocks waits for those that read records, and ends reading.
func (e *Engine) closeBlocks() error {
	if e.closed == nil {
		return nil // it was never opened
	}
	select {
	case <-e.closed:
		return nil
	default:
		close(e.closed)
	}
	var errs []error
	for range cap(e.blockReaders) {
		if r := <-e.blockReaders; r != nil {
			errs = append(errs, r.close())
		}
	}
	return errors.Join(errs...)
}

func (e *Engine) openBlocks() (err error) {
	e.closed = make(chan struct{})
	e.blocksDB, err = sql.Open("sqlite", dsn(e.path, "ro", "query_only(1)", fmt.Sprintf("cache_size(-%d)", blocksCacheKiB)))
	if err != nil {
		return mapError("open the database for reading", err)
	}
	e.blocksDB.SetMaxOpenConns(readers)
	e.blocksDB.SetMaxIdleConns(readers)
	e.blockReaders = make(chan *blockReader, readers)
	for range readers {
		e.blockReaders <- nil
	}
	return nil
}

// Close writes the log back into the database file and closes it.
func (e *Engine) Close() error {
	e.writing.Lock()
	defer e.writing.Unlock()
	var errs []error
	errs = append(errs, e.closeBlocks())
	if e.directory != nil {
		errs = append(errs, e.directory.Close())
	}
	for _, db := range []*sql.DB{e.readDB, e.accessDB, e.blocksDB} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if e.writer != nil {
		errs = append(errs, e.writer.close())
	}
	if e.writeDB != nil {
		errs = append(errs, e.writeDB.Close()) // the last connection checkpoints
	}
	if e.lock != nil {
		errs = append(errs, e.lock.release())
	}
	return errors.Join(errs...)
}

// Directory returns what the database keeps besides calls. It is closed with the engine.
func (e *Engine) Directory() *directory.Directory { return e.directory }

// openDirectory opens what the database keeps besides calls.
func (e *Engine) openDirectory(ctx context.Context) (err error) {
	e.accessDB, err = sql.Open("sqlite", dsn(e.path, "ro", "query_only(1)", fmt.Sprintf("cache_size(-%d)", accessCacheKiB)))
	if err != nil {
		return mapError("open the database for reading", err)
	}
	e.accessDB.SetMaxOpenConns(accessReaders)
	e.accessDB.SetMaxIdleConns(accessReaders)
	read := e.readDB
	if read == nil { // beside an owner, for one command
		read = e.accessDB
	}
	e.directory, err = directory.New(ctx, directory.Options{
		Read: read, Access: e.accessDB,
		Write: func(ctx context.Context, f func(*sql.Conn) error) error {
			e.writing.Lock()
			defer e.writing.Unlock()
			return e.transaction(ctx, func() error { return f(e.writer.conn) })
		},
		Fenced: e.fenced,
	})
	return err
}

// Info returns the size and age of the store.
func (e *Engine) Info(ctx context.Context) (store.Info, error) {
	v := e.table.Snapshot()
	info := store.Info{Records: v.Records(), Oldest: v.Oldest(), Dictionaries: e.table.Dictionary().Use()}
	if at := e.storedAt.Load(); at > 0 {
		info.LastStored = time.Unix(at, 0).UTC()
	}
	for _, p := range []string{e.path, e.path + "-wal"} {
		if fi, err := os.Stat(p); err == nil {
			info.Bytes += fi.Size()
		}
	}
	var watermark sql.NullInt64
	err := e.readDB.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'floor'").Scan(&watermark)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return info, mapError("read the retention watermark", err)
	}
	if watermark.Valid {
		info.Watermark = time.Unix(0, watermark.Int64).UTC()
	}
	return info, nil
}

// mapError wraps an error with what was being done, and SQLite's codes with the errors of package store.
func mapError(doing string, err error) error { return sqlerr.Map(doing, err) }

package postgres

import (
	"cmp"
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/columnar"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
	"github.com/tokenboard/tokenboard/internal/store/postgres/directory"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options say where the database is.
type Options struct {
	database.Options
	// KeySecret keys the fingerprints of keys, see Engine.KeySecret; none: they are stored as they come.
	KeySecret usage.KeySecret
	// MaxTexts bounds, for each kind of text that records share (models, users, paths, error types, ...), how many of
	// them are stored once, for all records and in memory. Further ones are stored with the records. Default 8,192.
	MaxTexts int
}

const defaultMaxTexts = 8_192

// Engine is an open database. It is safe for concurrent use.
type Engine struct {
	columnar.Queries
	db        *database.DB
	directory *directory.Directory
	secret    usage.KeySecret
	maxTexts  int

	// writing is held for a write of this process, and while the state follows what others wrote.
	writing sync.Mutex
	state   atomic.Pointer[state]
	stale   bool                          // the table of state is ahead of it; guarded by writing
	pinned  atomic.Bool                   // see Pin
	moved   atomic.Pointer[chan struct{}] // closed when another state is shown
	epoch   atomic.Int64                  // of the last write that named one
	inbox   inboxMeter
	sweep   *columnar.Sweep // nil where none is under way; guarded by writing, as removed is
	sweeps  *columnar.Table // that of the sweep
	removed int64           // records since the last sweep
}

// The interfaces that Engine implements.
var (
	_ store.Engine      = (*Engine)(nil)
	_ store.Sums        = (*Engine)(nil)
	_ store.Maintenance = (*Engine)(nil)
	_ store.Shared      = (*Engine)(nil)
)

// Open opens a database, makes its tables where there are none, and migrates them. It does not change tables that it
// does not know: see store.ErrCorrupt and store.ErrNewer.
func Open(ctx context.Context, o Options) (*Engine, error) {
	db, err := database.Open(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	e := &Engine{
		db: db, directory: directory.New(db), maxTexts: cmp.Or(o.MaxTexts, defaultMaxTexts),
		removed: math.MaxInt64, // before this start, nobody knows
	}
	e.Read = func(ctx context.Context, f func(*columnar.Reader) error) error {
		return e.reading(ctx, func(r *columnar.Reader, _ database.Querier) error { return f(r) })
	}
	if err := e.checkSecret(ctx, o.KeySecret); err != nil {
		db.Close()
		return nil, err
	}
	if err := e.reading(ctx, func(*columnar.Reader, database.Querier) error { return nil }); err != nil { // it loads all
		db.Close()
		return nil, err
	}
	return e, nil
}

// Directory returns what the database keeps besides calls. It ends with the engine.
func (e *Engine) Directory() *directory.Directory { return e.directory }

// Administration is a database opened for what people administer, beside the processes that use it.
type Administration struct {
	store.Directory
	db *database.DB
}

// Attach opens a database to administer it. Processes that use it read users and keys again.
func Attach(ctx context.Context, o Options) (*Administration, error) {
	db, err := database.Open(ctx, o.Options)
	if err != nil {
		return nil, err
	}
	return &Administration{directory.New(db), db}, nil
}

// Close ends all connections.
func (a *Administration) Close() error {
	a.db.Close()
	return nil
}

// Close ends all connections.
func (e *Engine) Close() error {
	e.writing.Lock()
	defer e.writing.Unlock()
	e.db.Close()
	return nil
}

// storedBytes selects the size of the stored data in bytes. The files of the server are larger, until it uses their
// free space again.
const storedBytes = `SELECT coalesce((SELECT sum(bytes) FROM blocks), 0)::bigint + coalesce((SELECT sum(octet_length(data)) FROM recent), 0)
+ coalesce((SELECT sum(octet_length(data)) FROM sums), 0)`

// Info returns the store's size and age.
func (e *Engine) Info(ctx context.Context) (info store.Info, err error) {
	err = e.reading(ctx, func(r *columnar.Reader, tx database.Querier) error {
		info.Records, info.Oldest = r.Records(), r.Oldest()
		var seen, watermark int64
		err := tx.QueryRow(ctx, "SELECT value, coalesce((SELECT value FROM meta WHERE name = 'floor'), 0) FROM meta WHERE name = 'last_seen'").Scan(&seen, &watermark)
		if err == nil {
			err = tx.QueryRow(ctx, storedBytes).Scan(&info.Bytes)
		}
		if seen > 0 {
			info.LastStored = time.Unix(seen, 0).UTC()
		}
		if watermark > 0 {
			info.Watermark = time.Unix(0, watermark).UTC()
		}
		info.Dictionaries = e.state.Load().table.Dictionary().Use()
		return database.Map("read the state of the store", err)
	})
	return info, err
}

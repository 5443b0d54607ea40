// Package ledger decides what counts: one call once, whatever its emitters say of it how
// often, on how many spans and in which order. It keeps the rolling sums that every reader
// shows, equal to the stored records at any time.
//
// It knows no SQL and no telemetry: calls come in as usage.Batch, and a store.Engine keeps
// them. What it must never do is acknowledge a batch that is not on disk, or let two readers
// see different sums.
package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options are the limits a ledger works within. Zero values mean the defaults.
type Options struct {
	// Window is how long records of one call may lie apart and still be found to be one:
	// the spans of a trace, the same response id elsewhere. Default 24 h.
	Window time.Duration
	// NoTwins turns off the search for one call seen by two libraries that share neither a
	// trace nor an id.
	NoTwins bool
	// Prices says what calls cost; nil: only what the telemetry reports.
	Prices Prices
	// PreferReported shows a cost that the telemetry reports instead of the computed one.
	PreferReported bool
	// MaxSpans bounds the spans kept in memory to find relatives of late ones. Default 500,000.
	MaxSpans int
	// MaxAge drops records older than this; 0 keeps them.
	MaxAge time.Duration
	// MaxRecords drops the oldest records above this number; 0 keeps them.
	MaxRecords int64
	// MaxBytes drops the oldest records while the store is larger; 0 keeps them.
	MaxBytes int64
	// RetentionInterval is how often the three limits above are applied. Default 1 minute.
	RetentionInterval time.Duration
	// Now is the clock; time.Now where nil.
	Now func() time.Time
}

// Prices is a price book.
type Prices interface {
	// Price gives the cost of a call; false where it is not known.
	Price(c *usage.Call) (usage.NanoUSD, bool)
	// Version names the book, as it is kept with the calls that it priced.
	Version() string
}

// Status is what a ledger knows of itself.
type Status struct {
	LastCommit time.Time // zero before the first
	Info       store.Info
	Counters   Counters
	Retention  error // why old records could not be dropped at the last try
}

// Counters count, since start, what happened to records.
type Counters struct {
	Committed  int64 // batches acknowledged
	Duplicates int64 // records delivered again that changed nothing
	Fuller     int64 // records replaced by a fuller delivery of themselves
	Superseded int64 // records that counted and were superseded later
	RefusedOld int64 // records older than what is kept
	RefusedNew int64 // records from further in the future than clocks go wrong
	RefusedBad int64 // records without a usable identity or time
	Evicted    int64 // spans forgotten because MaxSpans was reached
	Dropped    int64 // records that retention removed
}

// ErrClosed reports a ledger that is shut down; the sender should try again elsewhere.
var ErrClosed = errors.New("the ledger is closed")

// ErrQuery reports a query that the ledger cannot answer.
var ErrQuery = errors.New("the query is not one that sums can answer")

const (
	defaultWindow    = 24 * time.Hour
	defaultMaxSpans  = 500_000
	defaultRetention = time.Minute
)

// Ledger is the book of calls. Its methods are safe for concurrent use.
type Ledger struct {
	engine store.Engine
	o      Options

	requests chan *request
	jobs     chan job // other work for the writer
	// repricing is held while stored calls are priced anew.
	repricing sync.Mutex
	closing   chan struct{} // closed when no more requests are taken
	done      chan struct{} // closed when the writer has ended
	close     sync.Once
	closeErr  error

	// commits is held for writing from the moment a write may be on disk until the sums in
	// memory have it too, so that a reader that needs both sees them agree.
	commits sync.RWMutex

	mu      sync.RWMutex // guards what follows
	rolling *rolling
	last    time.Time // of the last commit
	// commitNumber is that of the last commit that changed a sum.
	commitNumber int64
	floor        time.Time // what starts before it was dropped
	counters     Counters
	// retentionErr is why records could not be dropped at the last try.
	retentionErr error

	observers observers

	// What follows belongs to the writer's goroutine.
	index *index
}

// Open reads what the engine keeps and starts the ledger, which owns the engine from then on,
// also where Open fails.
func Open(ctx context.Context, engine store.Engine, o Options) (*Ledger, error) {
	if o.Window <= 0 {
		o.Window = defaultWindow
	}
	if o.MaxSpans <= 0 {
		o.MaxSpans = defaultMaxSpans
	}
	if o.RetentionInterval <= 0 {
		o.RetentionInterval = defaultRetention
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Ledger{
		engine: engine, o: o, rolling: newRolling(), index: newIndex(!o.NoTwins),
		requests: make(chan *request, maxWaiting), jobs: make(chan job), closing: make(chan struct{}), done: make(chan struct{}),
	}
	if err := l.rebuild(ctx); err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	go l.write()
	return l, nil
}

// rebuild fills the rolling sums and the index from the stored records.
func (l *Ledger) rebuild(ctx context.Context) error {
	info, err := l.engine.Info(ctx)
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	l.floor = info.Floor
	since := l.o.Now().Add(-l.o.Window)
	l.index.completeAfter = since.Add(maxAhead).UnixNano()
	err = l.engine.Scan(ctx, store.Filter{From: l.floor, Superseded: true}, func(r *store.Record) error {
		if r.Counted {
			l.rolling.add(&r.Call, 1)
		}
		if r.Seen.After(l.last) {
			l.last = r.Seen
		}
		if !r.Seen.Before(since) {
			n := newNode(&r.Call)
			n.standing = standingOf(r)
			l.index.add(n, r.Trace, r.Seen)
			l.index.commit()
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("open the ledger: read stored records: %w", err)
	}
	err = l.engine.Links(ctx, since, func(k usage.Link) error {
		l.index.addLink(k, l.o.Now())
		l.index.commit()
		return nil
	})
	if err != nil {
		return fmt.Errorf("open the ledger: read stored spans: %w", err)
	}
	l.index.evict(l.o.MaxSpans, since)
	return nil
}

// Close takes no more batches, commits those that wait, and closes the engine.
func (l *Ledger) Close() error {
	l.close.Do(func() {
		close(l.closing)
		<-l.done
		l.closeErr = l.engine.Close()
	})
	return l.closeErr
}

func (l *Ledger) lastCommit() time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.last
}

// kept moves the start of a time range to the oldest record that is kept, so that records that
// are about to be dropped are gone for every reader at once.
func (l *Ledger) kept(f store.Filter) store.Filter {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if f.From.Before(l.floor) {
		f.From = l.floor
	}
	return f
}

// List gives a page of records, newest first.
func (l *Ledger) List(ctx context.Context, p store.Page) ([]store.Record, string, error) {
	p.Filter = l.kept(p.Filter)
	return l.engine.List(ctx, p)
}

// Scan visits records, oldest first; a record is valid during its visit only.
func (l *Ledger) Scan(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return l.engine.Scan(ctx, l.kept(f), visit)
}

// Get gives one record.
func (l *Ledger) Get(ctx context.Context, id usage.ID, start time.Time) (store.Record, bool, error) {
	return l.engine.Find(ctx, id, start)
}

// Prices gives the book that calls are priced by; nil where there is none.
func (l *Ledger) Prices() Prices { return l.o.Prices }

// Admin gives what the store keeps besides calls: keys and who may use them. The ledger closes it.
func (l *Ledger) Admin() store.Admin { return l.engine }

// LastUsed tells when the last call with a key started; zero where none is known.
func (l *Ledger) LastUsed(fingerprint string) time.Time {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.rolling.lastUsed[fingerprint]
}

// Backup writes a consistent copy of the store to a new file.
func (l *Ledger) Backup(ctx context.Context, path string) error { return l.engine.Backup(ctx, path) }

// Status tells how the ledger is.
func (l *Ledger) Status(ctx context.Context) (Status, error) {
	info, err := l.engine.Info(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("ask the store: %w", err)
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	return Status{LastCommit: l.last, Info: info, Counters: l.counters, Retention: l.retentionErr}, nil
}

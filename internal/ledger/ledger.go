// Package ledger decides what counts: each call once, however often, on however many spans and in
// whichever order its emitters report it. It keeps the rolling sums that every reader shows, equal to
// the stored records at any time.
//
// It has no SQL and reads no telemetry: calls come in as usage.Batch, and a store.Engine keeps
// them. It must never acknowledge a batch that is not on disk, or let two readers see different
// sums.
package ledger

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/internal/ledger/aggregate"
	"github.com/tokenboard/tokenboard/internal/ledger/correlation"
	"github.com/tokenboard/tokenboard/internal/ledger/observe"
	"github.com/tokenboard/tokenboard/internal/rollup/series"
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
	// MaxSpans bounds the spans kept in memory to find the records that late ones are related to. Default 200,000.
	MaxSpans int
	// MaxAge drops records older than this; 0 keeps them.
	MaxAge time.Duration
	// MaxRecords drops the oldest records above this number; 0 keeps them.
	MaxRecords int64
	// MaxBytes drops the oldest records while the store is larger; 0 keeps them.
	MaxBytes int64
	// MaxValues bounds the values of one dimension that have sums of their own, over all days that are kept; further
	// values are summed as "(other)". Default 20,000.
	MaxValues int
	// Series says which series Series returns. Default: all labels, 2,000 series.
	Series series.Options
	// SaveInterval is how often the sums are stored, so that a start after a crash has little to add
	// up. Default 5 minutes.
	SaveInterval time.Duration
	// RetentionInterval is how often the three limits above are applied. Default 1 minute.
	RetentionInterval time.Duration
	// KeySecret keys the fingerprints of keys that records come with, see KeyedFingerprint.
	KeySecret usage.KeySecret
	// Holder names this process among those that share the store, see store.Leases. Default: a random name.
	Holder string
	// Shared says that other processes use the store too: this one takes batches, follows the commits of the one that
	// leads, and leads where none does. It needs an engine that is store.Shared.
	Shared bool
	// Version is that of the program, as others see it, see Cluster.
	Version string
	// Now is the clock; time.Now where nil.
	Now func() time.Time

	chunk int // records that retention removes at a time; defaultChunk where 0
	// times are those of replicas; the usual ones where zero.
	times replicaTimes
}

// Prices is a price book.
type Prices interface {
	// Price returns the cost of a call; false where it is not known.
	Price(c *usage.Call) (usage.NanoUSD, bool)
	// Version names the book, as it is kept with the calls that it priced.
	Version() string
}

// Status is the state of a ledger.
type Status struct {
	LastCommit time.Time // zero before the first
	Info       store.Info
	Counters   Counters
	// Outcome is why it is not known whether the last write is on disk; nil where it is. No batch is
	// committed until it is known.
	Outcome   error
	Retention error // why old records could not be dropped at the last try
	Save      error // why sums or records could not be put in order on disk at the last try; the next start takes longer
	// Overflowed counts calls that were summed as "(other)" on some dimension since start, because it had
	// too many values.
	Overflowed int64
	// Following is why the commits of the process that leads could not be followed for a while; nil where they are.
	Following error
	// Values is the capacity for values of the dimensions that have sums.
	Values []Cardinality
	// Secrets counts, since start, keys and other secrets in clear that were taken out of telemetry.
	Secrets int64
}

// Counters count, since start, what happened to records.
type Counters struct {
	Committed  int64 // batches acknowledged
	Duplicates int64 // records delivered again that changed nothing
	Replaced   int64 // records replaced by a more complete delivery of themselves
	Superseded int64 // records that counted and were superseded later
	RefusedOld int64 // records older than what is kept
	RefusedNew int64 // records from further in the future than clocks go wrong
	RefusedBad int64 // records without a usable identity or time
	Evicted    int64 // spans evicted because MaxSpans was reached
	Dropped    int64 // records that retention removed
}

// ErrClosed reports a ledger that is shut down; the sender should try again elsewhere.
var ErrClosed = errors.New("the ledger is closed")

// ErrOutcomeUnknown reports that it is not known whether a batch is on disk. To send it again is right in
// either case.
var ErrOutcomeUnknown = store.ErrOutcomeUnknown

const (
	defaultWindow    = 24 * time.Hour
	defaultMaxSpans  = 200_000
	defaultRetention = time.Minute
	defaultSave      = 5 * time.Minute
	defaultSeries    = 2_000
)

// Ledger is the book of calls. Its methods are safe for concurrent use.
type Ledger struct {
	engine      store.Engine
	sumStore    store.Sums
	maintenance store.Maintenance
	lease       store.Lease // of store.TaskLedger
	o           Options
	keyed       *usage.FingerprintKeyer
	prices      atomic.Pointer[Prices] // that took the place of Options.Prices

	requests chan *request
	jobs     chan job // other work for the writer
	// repricing is held while stored calls are repriced.
	repricing sync.Mutex
	closing   chan struct{} // closed when no more requests are taken
	done      chan struct{} // closed when the writer has ended
	close     sync.Once
	closeErr  error

	// commits is held for writing from the moment a write may be on disk until the sums in
	// memory have it too, so that a reader that needs both sees them agree.
	commits sync.RWMutex
	// outcomeUnknown says that the outcome of the last write is not known, see outcome; guarded by commits.
	outcomeUnknown bool

	sums    *aggregate.State
	series  *series.Set // guarded by commits
	replica *replica    // nil where no other process uses the store

	mu       sync.RWMutex // guards what follows
	counters Counters
	// retentionErr is why records could not be dropped at the last try.
	retentionErr error
	saveErr      error // why the sums could not be stored at the last try
	outcomeErr   error // why the outcome of the last write is not known

	observers observe.Observers
	secrets   atomic.Int64 // see Status.Secrets

	// The fields below belong to the writer's goroutine.
	index           *correlation.Index // nil until it is read
	transaction     transaction        // the one that is under way
	hours           []store.Hour       // until the index is read: where to find what was put lately
	dirtyHours      map[int64]bool     // hours whose stored sums lack changes
	storedWatermark time.Time          // the watermark as the store has it
	unsaved         bool               // the series were made again and are not stored yet
	journaled       int                // bytes of journals since the sums were stored
	gathering       *time.Timer        // ends the wait for further requests of a group
	expected        int                // how many requests the next group is likely to have
}

// KeyedFingerprint returns the form in which a key's fingerprint is kept and asked for here. A fingerprint in
// that form already is returned unchanged.
func (l *Ledger) KeyedFingerprint(fingerprint string) string { return l.keyed.Of(fingerprint) }

// DerivedKey returns a key of 32 bytes for a purpose, derived of the key secret, from which it cannot be told; nil where
// there is no key secret. What it encrypts in the database cannot be read with the database alone.
func (l *Ledger) DerivedKey(purpose string) []byte { return l.o.KeySecret.Derived(purpose) }

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
	if o.Series.Max <= 0 {
		o.Series.Max = defaultSeries
	}
	if o.Series.Labels == nil {
		o.Series.Labels = []series.Label{series.LabelProvider, series.LabelModel, series.LabelService, series.LabelKey, series.LabelStatus}
	}
	if o.SaveInterval <= 0 {
		o.SaveInterval = defaultSave
	}
	if o.Holder == "" {
		o.Holder = rand.Text()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.chunk <= 0 {
		o.chunk = defaultChunk
	}
	if o.times == (replicaTimes{}) {
		o.times = usualTimes
	}
	l := &Ledger{
		engine: engine, o: o, keyed: usage.NewFingerprintKeyer(o.KeySecret), series: series.New(o.Series), dirtyHours: map[int64]bool{},
		requests: make(chan *request, maxWaiting), jobs: make(chan job), closing: make(chan struct{}), done: make(chan struct{}), gathering: time.NewTimer(gatherTime),
	}
	l.sumStore, l.maintenance = abilities(engine)
	l.sums = aggregate.New(aggregate.Options{
		Records: engine, Agree: l.agree, Rollup: l.rollupOptions(),
	})
	err := l.share()
	if err == nil {
		err = l.load(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, engine.Close())
	}
	go l.write()
	return l, nil
}

// load reads the sums. The index, which only the writer needs, is read by it, see loadIndex.
func (l *Ledger) load(ctx context.Context) error {
	if l.replica != nil {
		return l.join(ctx)
	}
	var err error
	if l.lease, err = l.engine.Acquire(ctx, store.TaskLedger, l.o.Holder, leaseTime); err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	info, err := l.engine.Info(ctx)
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	l.storedWatermark = info.Watermark
	if err := l.loadSums(ctx, &info); err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	if err := l.loadSeries(ctx, &info); err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	return nil
}

// Close takes no more batches, commits those that wait, and closes the engine.
func (l *Ledger) Close() error {
	l.close.Do(func() {
		close(l.closing)
		<-l.done
		l.closeErr = errors.Join(l.leave(), l.engine.Close())
	})
	return l.closeErr
}

// Oldest is the start of the oldest call that sums can include; zero where there is none. Where only sums
// are left of the oldest days, it is the end of the first of these.
func (l *Ledger) Oldest(ctx context.Context) (time.Time, error) {
	info, err := l.engine.Info(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("ask for the oldest record: %w", err)
	}
	day, some := l.sums.FirstDay()
	if end := day.AddDate(0, 0, 1); some && (info.Oldest.IsZero() || end.Before(info.Oldest)) {
		return end, nil
	}
	return info.Oldest, nil
}

// List returns a page of records.
func (l *Ledger) List(ctx context.Context, p store.Page) ([]store.Record, string, error) {
	p.Filter = l.sums.Kept(p.Filter)
	return l.engine.List(ctx, p)
}

// Scan visits records, oldest first; a record is valid during its visit only.
func (l *Ledger) Scan(ctx context.Context, f store.Filter, visit func(*store.Record) error) error {
	return l.engine.Scan(ctx, l.sums.Kept(f), visit)
}

// Get returns one record.
func (l *Ledger) Get(ctx context.Context, id usage.ID, start time.Time) (store.Record, bool, error) {
	found, err := l.engine.Lookup(ctx, store.Lookup{Refs: []store.Ref{{ID: id, Start: start}}})
	if err != nil || len(found) == 0 {
		return store.Record{}, false, err
	}
	return found[0], true, nil
}

// Backup writes a consistent copy of the store to a new file.
func (l *Ledger) Backup(ctx context.Context, path string) error {
	b, can := l.engine.(store.Backup)
	if !can {
		return errors.New("this store is backed up by its own means")
	}
	return b.Backup(ctx, path)
}

// Prices returns the book that calls are priced by; nil where there is none.
func (l *Ledger) Prices() Prices {
	if now := l.prices.Load(); now != nil {
		return *now
	}
	return l.o.Prices
}

// SetPrices makes calls that come from now on be priced by another book. Calls that are stored keep their cost, see Reprice.
func (l *Ledger) SetPrices(p Prices) { l.prices.Store(&p) }

// Status returns how the ledger is.
func (l *Ledger) Status(ctx context.Context) (Status, error) {
	info, err := l.engine.Info(ctx)
	if err != nil {
		return Status{}, fmt.Errorf("ask the store: %w", err)
	}
	values, overflowed := l.sums.Cardinality()
	l.mu.RLock()
	defer l.mu.RUnlock()
	return Status{
		Following:  l.notFollowing(),
		LastCommit: l.sums.LastCommit(), Info: info, Counters: l.counters, Outcome: l.outcomeErr, Retention: l.retentionErr, Save: l.saveErr,
		Overflowed: overflowed, Values: values, Secrets: l.secrets.Load(),
	}, nil
}

// Package aggregate has the sums over counted calls in memory, as of the last commit, and answers queries: from the
// sums alone where they have what is asked for, else from the stored records, or from both, as of one moment.
//
// The ledger's writer is the only one that changes the sums; any number of readers may run beside it.
package aggregate

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Sums are exact sums over calls that count.
type Sums = rollup.Sums

// Records are the stored records, as an engine has them.
type Records interface {
	Figures(ctx context.Context, f store.Filter, visit func(*store.Record) error) error
	Totals(ctx context.Context, f store.Filter, by []store.Field, limit int) ([]store.Total, error)
	Retired(ctx context.Context, before time.Time, spent func(store.Spent) error, left func(*store.Record) error) error
}

// Options configure a State.
type Options struct {
	Records Records
	// Agree keeps commits away while a reader reads both the sums in memory and the store. It fails while the two may
	// differ.
	Agree func() (release func(), err error)
	// Rollup are the limits of the sums, and where parts of stored pages are read from.
	Rollup rollup.Options
}

// State is the sums in memory. Query, Breakdown, Spending and the other readers are safe for concurrent use; what
// changes the sums is the writer's, one call after the other.
type State struct {
	engine  Records
	agree   func() (release func(), err error)
	options rollup.Options

	mu        sync.RWMutex // guards what follows
	touches   touches
	sums      *rollup.Rollup
	newest    time.Time // no call that is in the sums starts after it
	last      time.Time // of the last commit
	number    int64     // of the last commit that changed a sum
	watermark time.Time // what starts before it was dropped
}

// New returns empty sums.
func New(o Options) *State {
	return &State{engine: o.Records, agree: o.Agree, options: o.Rollup, sums: rollup.New(o.Rollup)}
}

// Announce states that a commit is about to change sums on disk; Done, that it was applied or is not on disk.
func (x *State) Announce(changes []usage.Change) { x.touches.begin(changes) }

// Done is the reverse of Announce.
func (x *State) Done() { x.touches.end() }

// Apply adds the changes that were announced, which are committed. At is when; zero if no record changed. It returns
// the number of the last commit that changed a sum.
func (x *State) Apply(changes []usage.Change, at time.Time) (number int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.touches.note()
	for i := range changes {
		c := &changes[i]
		x.sums.Add(c.Call, c.N)
		if c.Call.Start.After(x.newest) {
			x.newest = c.Call.Start
		}
	}
	if !at.IsZero() {
		x.last = at
	}
	if len(changes) > 0 {
		x.number++
	}
	return x.number
}

// Number returns the number of the last commit that changed a sum.
func (x *State) Number() int64 {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.number
}

// Drop is sums that are about to be dropped.
type Drop struct {
	watermark time.Time
	whole     *rollup.Dropping
	partial   []store.Record // the part of a base bucket
}

// BeginDrop prepares to drop the sums of calls that start before a time, while readers continue. EndDrop follows.
func (x *State) BeginDrop(ctx context.Context, before time.Time) (*Drop, error) {
	d := &Drop{watermark: before}
	if !rollup.Aligned(before) {
		from := rollup.BucketStart(rollup.BucketOf(before))
		if from.Before(x.watermark) { // only the writer writes it
			from = x.watermark
		}
		err := x.engine.Figures(ctx, store.Filter{From: from, To: before}, func(r *store.Record) error {
			d.partial = append(d.partial, *r)
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read the records to drop: %w", err)
		}
	}
	x.mu.RLock() // beside readers: only the writer changes sums
	d.whole = x.sums.BeginDrop(rollup.Open[0], rollup.BucketOf(before))
	x.mu.RUnlock()
	if err := d.whole.Work(ctx); err != nil {
		return nil, fmt.Errorf("drop sums: %w", err)
	}
	return d, nil
}

// EndDrop drops, and raises the watermark.
func (x *State) EndDrop(d *Drop) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.sums.EndDrop(d.whole)
	for i := range d.partial {
		x.sums.Add(&d.partial[i].Call, -1)
	}
	x.watermark = d.watermark
}

// Watermark returns the start of the data: calls before it were dropped.
func (x *State) Watermark() time.Time {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.watermark
}

// Kept moves the start of a filter's range to the watermark, so that records that are about to be dropped are gone for
// every reader at once.
func (x *State) Kept(f store.Filter) store.Filter {
	if w := x.Watermark(); f.From.Before(w) {
		f.From = w
	}
	return f
}

// LastCommit returns the time of the last commit that changed a record; zero before the first.
func (x *State) LastCommit() time.Time {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.last
}

// FirstDay returns the beginning, in UTC, of the first day that has sums; false if there are none.
func (x *State) FirstDay() (time.Time, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.sums.FirstDay()
}

// LastUsed returns when the last call with a key started; zero if there is none.
func (x *State) LastUsed(fingerprint string) time.Time {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.sums.LastUsed(fingerprint)
}

// KeysSeen returns the fingerprints of the keys that have sums of their own, external ones included, in no order.
func (x *State) KeysSeen() []string {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.sums.KeysSeen()
}

// Cardinality is how many values of a dimension have sums of their own, and how many can have.
type Cardinality struct {
	Dimension  GroupBy
	Count, Max int
	// Overflow reports whether calls that are kept are summed as "(other)".
	Overflow bool
}

// Cardinality returns the use of the cardinality limits, and how many calls were summed as "(other)" on some dimension
// since start.
func (x *State) Cardinality() (values []Cardinality, overflowed int64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, by := range [...]GroupBy{ByModel, ByKey, ByUser, ByService, ByProject} {
		c := x.sums.Cardinality(dimensionOf(by))
		values = append(values, Cardinality{Dimension: by, Count: c.Values, Max: c.Max, Overflow: c.HasOverflow})
	}
	return values, x.sums.Overflowed
}

package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/internal/lease"
	"github.com/tokenboard/tokenboard/internal/ledger/aggregate"
	"github.com/tokenboard/tokenboard/internal/ledger/formats"
	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage/format"
)

// Several processes can use one store, as replicas. One of them leads: it has the lease of store.TaskLedger, decides and
// commits what its own senders bring, and what the others put into the inbox. The others follow its commits: their sums
// change by the same changes in the same order. Who leads no more follows from the state that it has; who begins to lead
// follows to the end, and decides from there. Sums and series in memory are always those of one commit, and reads of the
// store see the records of the same commit (store.Shared.Pin).

// ErrFollower reports work that only the process that leads can do.
var ErrFollower = errors.New("this replica does not lead; only the one that leads can do this")

// replicaTimes are how often a replica does what.
type replicaTimes struct {
	lease        time.Duration // how long the lease lasts by itself
	seek         time.Duration // between two tries to take it
	poll, idle   time.Duration // between two looks at what others did: at first, and when there is nothing
	beat         time.Duration // between two signs of life
	againWhole   time.Duration // at least, between two times that all is read again
	raise        time.Duration // between two tries to raise the format of the calls
	falseReports time.Duration // how long following may fail before it is reported
}

// usualTimes let figures be fresh less than 10 s after a leader was killed: its lease ends, and is taken.
var usualTimes = replicaTimes{
	lease: 6 * time.Second, seek: 500 * time.Millisecond, poll: 10 * time.Millisecond, idle: 200 * time.Millisecond, beat: 2 * time.Second,
	againWhole: 2 * time.Second, raise: time.Second, falseReports: 15 * time.Second,
}

// replica is what a ledger knows that shares its store.
type replica struct {
	store   store.Shared
	started time.Time
	leading atomic.Bool
	tenure  atomic.Pointer[tenure] // the last one
	seq     atomic.Int64           // of the last commit that is in the sums
	// followed is when the store was last followed to its end, Unix ns; failure is why not since.
	followed atomic.Int64
	failure  atomic.Pointer[error]
	formats  formats.State
	ended    chan struct{} // closed when no more signs of life are given

	// The fields below belong to the writer's goroutine.
	inbox   *time.Timer
	pause   time.Duration // until the inbox is looked at again
	held    map[int64]heldBack
	allHeld struct { // those up to a number were, for a moment
		through int64
		until   time.Time
	}
	single  bool // a group of deliveries failed
	fenced  bool // a write was refused
	own     bool // the last write came by following
	wholeAt time.Time
}

// tenure is a time for which this process has the lease.
type tenure struct {
	kept *lease.Kept
	lost chan struct{} // closed when another process has taken the lease, or when it has ended
}

// leads reports whether this process leads. It does not from the moment on at which its lease ends by the clock of this process, whatever the
// writer waits for.
func (r *replica) leads() bool { return r.leading.Load() && r.tenure.Load().kept.Lasts() }

// lapsed is closed when this process leads no more; nil where it never did, or where the store is not shared.
func (r *replica) lapsed() <-chan struct{} {
	if r == nil {
		return nil
	}
	if t := r.tenure.Load(); t != nil {
		return t.lost
	}
	return nil
}

// deposed reports whether this process decides no more.
func (r *replica) deposed() bool { return r != nil && (r.fenced || !r.leads()) }

// channels returns what the writer waits for; both never come where the store is not shared.
func (r *replica) channels() (inbox <-chan time.Time, lost <-chan struct{}) {
	if r == nil {
		return nil, nil
	}
	return r.inbox.C, r.lapsed()
}

// committed notes that a write of this process is in what reads see, and is about to be in the sums.
func (r *replica) committed() {
	if r != nil {
		r.seq.Store(r.store.Seq())
	}
}

// shown is the number of the last commit that is in the sums; 0 where the store is not shared.
func (r *replica) shown() int64 {
	if r == nil {
		return 0
	}
	return r.seq.Load()
}

// followedOwn reports whether the last write, whose outcome was not known, is in the sums already.
func (r *replica) followedOwn() bool {
	if r == nil || !r.own {
		return false
	}
	r.own = false
	return true
}

func (l *Ledger) rollupOptions() rollup.Options {
	o := rollup.Options{MaxValues: l.o.MaxValues, Read: l.readPart}
	if l.o.Shared { // another process may replace the stored pages at any time
		o.Read = nil
	}
	return o
}

// share prepares for other processes.
func (l *Ledger) share() error {
	if !l.o.Shared {
		return nil
	}
	s, can := l.engine.(store.Shared)
	if !can {
		return errors.New("open the ledger: this store is for one process")
	}
	l.replica = &replica{store: s, started: l.o.Now(), ended: make(chan struct{}), held: map[int64]heldBack{}}
	return nil
}

// join loads the sums, and leads where no other process does.
func (l *Ledger) join(ctx context.Context) error {
	written, err := l.replica.store.Join(ctx, l.member())
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	l.replica.formats.Joined(written)
	l.replica.store.Pin()
	if err := l.followWhole(ctx); err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	if err := l.seekLead(ctx); err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	go l.giveSigns() //nolint:gosec // it lives as long as the ledger, and Close ends it
	return nil
}

// leave gives the lease up.
func (l *Ledger) leave() error {
	ctx := context.Background()
	r := l.replica
	if r == nil {
		return l.engine.Release(ctx, l.lease)
	}
	<-r.ended
	err := r.store.Leave(ctx, l.o.Holder)
	if r.leading.Load() {
		kept := r.tenure.Load().kept
		kept.Stop()
		err = errors.Join(err, l.engine.Release(ctx, kept.Lease()))
	}
	return err
}

// giveSigns says that this process lives, until the ledger is closed.
func (l *Ledger) giveSigns() {
	r := l.replica
	defer close(r.ended)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), l.o.times.lease)
		written, err := r.store.Beat(ctx, l.member()) // who misses it sees its age
		cancel()
		if err == nil {
			r.formats.Note(written)
		}
		if !l.pause(l.o.times.beat) {
			return
		}
	}
}

// member is this process for the others.
func (l *Ledger) member() store.Member {
	return store.Member{Holder: l.o.Holder, Version: l.o.Version, Started: l.replica.started, Seq: l.replica.seq.Load(), Reads: format.Newest()}
}

// seekLead takes the lease where nobody has it. Whoever has it then knows all that was committed before.
func (l *Ledger) seekLead(ctx context.Context) error {
	r := l.replica
	lost := make(chan struct{})
	kept, err := lease.Acquire(ctx, l.engine, lease.Options{Task: store.TaskLedger, Holder: l.o.Holder, TTL: l.o.times.lease}, func(err error) {
		r.failure.Store(&err)
		close(lost)
	})
	if errors.Is(err, store.ErrHeld) {
		return nil
	}
	if err != nil {
		return err
	}
	err = l.follow(ctx)
	var hours []store.Hour
	if err == nil {
		hours, err = l.sumStore.Hours(ctx)
	}
	if err != nil { // it ends by itself where it cannot be released
		kept.Stop()
		return errors.Join(err, l.engine.Release(context.WithoutCancel(ctx), kept.Lease()))
	}
	l.commits.Lock()
	l.series.FinishLoad() // another process may have shown all of it
	l.commits.Unlock()
	clear(l.dirtyHours)
	l.noteHours(hours)
	l.storedWatermark = l.sums.Watermark()
	l.lease = kept.Lease()
	r.tenure.Store(&tenure{kept, lost})
	r.fenced, r.own, r.pause, r.inbox = false, false, 0, time.NewTimer(0)
	r.leading.Store(true)
	return nil
}

// deposed notes that another process leads, where an error says so.
func (l *Ledger) deposed(err error) error {
	if l.replica == nil || !errors.Is(err, store.ErrFenced) {
		return err
	}
	l.replica.fenced = true
	return fmt.Errorf("%w: %w", ErrFollower, err)
}

// stepDown ends leading. What waits goes into the inbox.
func (l *Ledger) stepDown() {
	r := l.replica
	r.followed.Store(0) // it is not ready until it follows
	r.leading.Store(false)
	r.tenure.Load().kept.Stop()
	r.inbox.Stop()
	l.index, l.hours, l.journaled = nil, nil, 0
	clear(l.dirtyHours)
	l.transaction = transaction{}
	l.refuseWaiting()
	if l.sums.Watermark().After(l.storedWatermark) { // what this process was about to drop may stay
		r.wholeAt = time.Time{}
		for l.followWhole(context.Background()) != nil && l.pause(l.o.times.seek) {
		}
	}
}

// refuseWaiting answers those who wait for the writer.
func (l *Ledger) refuseWaiting() {
	for {
		select {
		case q := <-l.requests:
			l.refuse(q)
		case j := <-l.jobs:
			j.result <- ErrFollower
		default:
			return
		}
	}
}

func (l *Ledger) refuse(q *request) {
	if q.begin() {
		q.result <- ErrFollower
	} else {
		q.done()
	}
}

// awaitLead follows until this process leads; false where the ledger is closed.
func (l *Ledger) awaitLead() bool {
	ctx := context.Background()
	r := l.replica
	pause := l.o.times.poll
	seek := time.Time{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-l.closing:
			return false
		case q := <-l.requests:
			l.refuse(q)
			continue
		case j := <-l.jobs:
			j.result <- ErrFollower
			continue
		case <-timer.C:
		}
		before := r.seq.Load()
		err := r.formats.Newer()
		if err == nil {
			err = l.follow(ctx)
		}
		l.sums.MergeChanges(ctx)
		if err == nil && time.Since(seek) >= l.o.times.seek {
			seek = time.Now()
			if err = l.seekLead(ctx); r.leading.Load() {
				return true
			}
		}
		if err != nil {
			r.failure.Store(&err)
			pause = l.o.times.seek
		} else {
			pause = min(2*pause, l.o.times.idle)
		}
		if err == nil && r.seq.Load() != before {
			pause = l.o.times.poll
		}
		timer.Reset(pause)
	}
}

// notFollowing is why this process has not followed for a while; nil where it leads, or has.
func (l *Ledger) notFollowing() error {
	r := l.replica
	if r == nil {
		return nil
	}
	if err := r.formats.Newer(); err != nil {
		return err
	}
	switch leading := r.leading.Load(); {
	case leading && r.tenure.Load().kept.Lasts():
		return nil
	case leading: // the writer waits for the store
		return lease.ErrEnded
	case time.Since(time.Unix(0, r.followed.Load())) < l.o.times.falseReports:
		return nil
	}
	if err := r.failure.Load(); err != nil {
		return *err
	}
	return errors.New("the store was not followed for a while")
}

// settled repeats a read until it does not need what another process moved meanwhile.
func (l *Ledger) settled(ctx context.Context, read func() error) error {
	const tries = 200
	for try := 0; ; try++ {
		err := read()
		if l.replica == nil || try == tries || !errors.Is(err, store.ErrMoved) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(l.o.times.poll):
		}
	}
}

// Role is what this process does among those that share the store.
type Role struct {
	// Shared is false where no other process can use the store: this one leads then.
	Shared  bool
	Holder  string // its name
	Leading bool
	Seq     int64 // of the last commit that its answers include
}

// Role returns what this process does.
func (l *Ledger) Role() Role {
	r := l.replica
	if r == nil {
		return Role{Holder: l.o.Holder, Leading: true}
	}
	return Role{Shared: true, Holder: l.o.Holder, Leading: r.leads(), Seq: r.seq.Load()}
}

// SharedKey returns a key of 32 bytes for a purpose, the same in all processes that share the store; nil where none does.
func (l *Ledger) SharedKey(purpose string) []byte {
	if l.replica == nil {
		return nil
	}
	return l.o.KeySecret.Derived(purpose)
}

// Cluster returns the processes that share the store; none where it is not shared.
func (l *Ledger) Cluster(ctx context.Context) (store.Cluster, error) {
	if l.replica == nil {
		return store.Cluster{}, nil
	}
	return l.replica.store.Cluster(ctx)
}

// newSums makes empty sums with the ledger's options.
func (l *Ledger) newSums() *aggregate.State {
	return aggregate.New(aggregate.Options{Records: l.engine, Agree: l.agree, Rollup: l.rollupOptions()})
}

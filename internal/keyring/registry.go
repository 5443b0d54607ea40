package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options are the settings of a Registry. Zero values mean the defaults.
type Options struct {
	Ledger   *ledger.Ledger
	Keys     store.Keys
	Location *time.Location   // in which days, weeks and months begin; UTC where nil
	Now      func() time.Time // time.Now where nil
	// Reservation is how long a check reserves the estimate of its call, unless the call arrives before. Default 10
	// minutes.
	Reservation time.Duration
	// Estimate is how many tokens a check without an estimate reserves. Default 1,000.
	Estimate int64
	// Failures is how many invalid keys one source may try at once, and how many in each minute after. Default 20.
	Failures int
	// Quota is for all calls, whatever their key. It is reported, and enforced nowhere.
	Quota store.Limits
	// Budgets are asked for the hard budgets of a call besides the limits of its key; nil: there are none. It is not the
	// registry's to close.
	Budgets *budget.Set
}

const (
	defaultReservation = 10 * time.Minute
	defaultEstimate    = 1_000
	defaultFailures    = 20
	maxUnspent         = 1_000

	// fresh is how long the keys are used without reading changes, which another process may make: a key that one replica
	// revokes is refused by the others within a second.
	fresh = 500 * time.Millisecond
)

// Registry has all keys in memory; revoked ones without what they no longer need, see store.Key.Pare. Its methods are safe
// for concurrent use.
type Registry struct {
	o        Options
	failures *throttle.Rate // attempts with invalid keys, by source
	stop     func()         // ends the observation of the ledger
	console  *entry         // of Options.Quota, for all calls; nil where there is none
	calendar atomic.Pointer[periods]

	// reading is held while the store is read, which may take long: who waits for it stops waiting with its context.
	reading *semaphore.Weighted
	version int64 // of the keys that were read last; guarded by reading

	mu            sync.RWMutex // guards what follows; never held while the ledger is asked
	read          time.Time    // zero: the keys are to be read again
	stale         uint64       // how often read was made zero: a load that it changes under may not have seen the change
	all           []*entry     // oldest first
	byID          map[string]*entry
	byFingerprint map[string]*entry
	byName        map[string][]*entry // by name in lower case
	byOwner       map[string][]*entry
	unspent       map[string]bool // fingerprints of new keys, see Made
	missed        bool            // the spending of all keys is to be read again, see ledger.Commit.Missed
}

// entry is one key.
type entry struct {
	key atomic.Pointer[store.Key] // the key itself is never changed

	mu       sync.Mutex // guards what follows
	spent    *spending  // nil while no budget needs it, and until it has been read
	loading  bool       // early is being collected
	early    []early
	missed   bool    // commits were missed while it was loading
	minute   *minute // nil: nothing in the last minute that a limit needs
	reserved reservation.List
}

// early is a change that was committed while the spending before it is being read.
type early struct {
	commit int64
	start  time.Time
	amount
	n int64
}

// New returns a registry, which observes the ledger until Close. It reads the keys at the first use.
func New(o Options) *Registry {
	if o.Location == nil {
		o.Location = time.UTC
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Reservation <= 0 {
		o.Reservation = defaultReservation
	}
	if o.Estimate <= 0 {
		o.Estimate = defaultEstimate
	}
	if o.Failures <= 0 {
		o.Failures = defaultFailures
	}
	r := &Registry{
		reading: semaphore.NewWeighted(1), o: o, failures: throttle.NewRate(failureLimit(o.Failures)), byID: map[string]*entry{}, byFingerprint: map[string]*entry{},
		byName: map[string][]*entry{}, byOwner: map[string][]*entry{},
	}
	if o.Quota != (store.Limits{}) {
		r.console = &entry{}
		r.console.key.Store(&store.Key{Limits: o.Quota})
	}
	r.stop = o.Ledger.Observe(func(c ledger.Commit) {
		if c.Missed {
			r.forget()
			return
		}
		r.follow(c)
	})
	return r
}

// failureLimit is the limit of invalid keys that one source may try: n at once, and n a minute.
func failureLimit(n int) throttle.Limit {
	return throttle.Limit{Burst: n, Every: time.Minute / time.Duration(n)}
}

// Close ends the observation of the ledger.
func (r *Registry) Close() { r.stop() }

// now returns the time in the registry's zone, and the periods that contain it.
func (r *Registry) now() (time.Time, *periods) {
	now := r.o.Now().In(r.o.Location)
	p := r.calendar.Load()
	if p == nil || !p.holds(now) {
		p = periodsAt(now)
		r.calendar.Store(p)
	}
	return now, p
}

// Fresh reads the keys that changed, unless they were read less than half a second ago.
func (r *Registry) Fresh(ctx context.Context) error {
	r.mu.RLock()
	age := r.o.Now().Sub(r.read)
	known := !r.read.IsZero()
	r.mu.RUnlock()
	if known && age < fresh && age > -fresh {
		return nil
	}
	if known {
		if !r.reading.TryAcquire(1) {
			return nil // another goroutine is reading them
		}
	} else if err := r.reading.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for the reading of the keys: %w", err)
	}
	defer r.reading.Release(1)
	return r.load(ctx)
}

// Stale makes the next Fresh read the keys that changed, whenever they were read.
func (r *Registry) Stale() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetRead()
	if r.o.Budgets != nil {
		r.o.Budgets.Stale() // they count the calls of keys
	}
}

// forgetRead makes the next Fresh read what changed, also where a load is running now. r.mu is held.
func (r *Registry) forgetRead() {
	r.read = time.Time{}
	r.stale++
}

// Made announces a key that is about to be stored and whose secret nobody has yet: nothing was spent with it, so that its
// spending need not be read.
func (r *Registry) Made(fingerprint string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unspent == nil || len(r.unspent) >= maxUnspent { // of keys that could not be stored
		r.unspent = map[string]bool{}
	}
	r.unspent[fingerprint] = true
}

// Refresh reads the keys that changed, now: the caller has changed one.
func (r *Registry) Refresh(ctx context.Context) error {
	if err := r.reading.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for the reading of the keys: %w", err)
	}
	defer r.reading.Release(1)
	return r.load(ctx)
}

// load reads the keys that changed, and the spending of those with budgets.
func (r *Registry) load(ctx context.Context) error {
	at := r.o.Now()
	r.mu.RLock()
	stale := r.stale
	r.mu.RUnlock()
	keys, version, err := r.o.Keys.Keys(ctx, r.version)
	if err != nil {
		return fmt.Errorf("read the keys: %w", err)
	}
	r.mu.Lock()
	for i := range keys {
		r.put(&keys[i])
	}
	var wanting []*entry
	candidates := r.all
	again := r.missed
	r.missed = false
	if r.version > 0 && !again {
		candidates = candidates[:0:0]
		for i := range keys {
			candidates = append(candidates, r.byID[keys[i].ID])
		}
	}
	for _, e := range candidates {
		if e.wants() {
			wanting = append(wanting, e)
		}
	}
	r.mu.Unlock()
	if r.console != nil && r.console.wants() {
		wanting = append(wanting, r.console)
	}
	if err := r.loadSpending(ctx, wanting); err != nil {
		r.mu.Lock()
		r.missed = r.missed || again
		r.mu.Unlock()
		return err // the version stays, so that the next load tries again
	}
	r.version = version
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stale == stale { // else something changed meanwhile, which may not have been read
		r.read = at
	}
	return nil
}

// wants reports whether a key has budgets and its spending has not been read.
func (e *entry) wants() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.spent == nil && hasBudget(e.key.Load())
}

func hasBudget(k *store.Key) bool {
	return k.Limits.Tokens != (store.Budget{}) || k.Limits.Cost != (store.Budget{})
}

// loadSpending reads the spending of keys, while further commits are collected.
func (r *Registry) loadSpending(ctx context.Context, entries []*entry) error {
	if len(entries) == 0 {
		return nil
	}
	_, current := r.now()
	sums := make(map[string]*spending, len(entries))
	of := make(map[string]bool, len(entries))
	for _, e := range entries {
		e.mu.Lock()
		e.loading, e.early, e.missed = true, nil, false
		e.mu.Unlock()
		s := &spending{}
		for _, f := range e.key.Load().Fingerprints() {
			sums[f], of[f] = s, true
		}
	}
	commit, err := r.o.Ledger.Spending(ctx, of, current.whole, func(s store.Spent) {
		sums[s.Fingerprint].add(current, s.Start, amount{Tokens: s.Tokens, Cost: int64(s.Cost)}, 1)
	})
	for _, e := range entries {
		e.mu.Lock()
		if err == nil && !e.missed { // else it is read again
			e.spent = sums[e.key.Load().Fingerprint]
			for _, c := range e.early {
				if c.commit > commit {
					e.spent.add(current, c.start, c.amount, c.n)
				}
			}
		}
		e.loading, e.early = false, nil
		e.mu.Unlock()
	}
	if err != nil {
		return fmt.Errorf("read the spending of keys: %w", err)
	}
	return nil
}

// put stores a key that is new or changed. r.mu is held.
func (r *Registry) put(k *store.Key) {
	e := r.byID[k.ID]
	if e == nil {
		e = &entry{}
		e.key.Store(k)
		if r.unspent[k.Fingerprint] && len(k.Older) == 0 {
			e.spent = &spending{} // no other goroutine has the entry yet
		}
		delete(r.unspent, k.Fingerprint)
		r.byID[k.ID] = e
		i := len(r.all)
		for i > 0 && older(k, r.all[i-1].key.Load()) { // nearly always the newest
			i--
		}
		r.all = slices.Insert(r.all, i, e)
		r.byName[caseFold(k.Name)] = append(r.byName[caseFold(k.Name)], e)
		r.byOwner[k.Owner] = append(r.byOwner[k.Owner], e)
	} else {
		was := e.key.Swap(k)
		if rotated(was, k) { // calls may have used a secret that was unknown here
			e.mu.Lock()
			e.spent = nil
			e.mu.Unlock()
		}
		move(r.byName, caseFold(was.Name), caseFold(k.Name), e)
		move(r.byOwner, was.Owner, k.Owner, e)
	}
	for _, f := range k.Fingerprints() {
		r.byFingerprint[f] = e
	}
	if !hasBudget(k) {
		e.mu.Lock()
		e.spent = nil
		if k.Pared {
			e.minute, e.reserved = nil, reservation.List{}
		}
		e.mu.Unlock()
	}
}

// rotated reports whether a key has a further secret.
func rotated(was, is *store.Key) bool {
	before := was.Fingerprints()
	return slices.ContainsFunc(is.Fingerprints(), func(f string) bool { return !slices.Contains(before, f) })
}

func older(a, b *store.Key) bool {
	if !a.CreatedAt.Equal(b.CreatedAt) {
		return a.CreatedAt.Before(b.CreatedAt)
	}
	return a.ID < b.ID
}

func move(in map[string][]*entry, from, to string, e *entry) {
	if from == to {
		return
	}
	in[from] = slices.DeleteFunc(in[from], func(o *entry) bool { return o == e })
	if len(in[from]) == 0 {
		delete(in, from)
	}
	in[to] = append(in[to], e)
}

// caseFold makes names equal that differ in case only.
func caseFold(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// forget makes the spending of all keys be read again.
func (r *Registry) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missed = true
	r.forgetRead()
	all := r.all
	if r.console != nil {
		all = append(all[:len(all):len(all)], r.console)
	}
	for _, e := range all {
		e.mu.Lock()
		e.spent, e.missed = nil, true
		e.mu.Unlock()
	}
}

// follow is called with each commit, within the ledger's writer.
func (r *Registry) follow(c ledger.Commit) {
	type tally struct{ plus, minus []*usage.Call }
	var calls map[*entry]*tally
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.byFingerprint) == 0 && r.console == nil {
		return
	}
	now, current := r.now()
	for i := range c.Changes {
		d := &c.Changes[i]
		if r.console != nil {
			r.console.follow(now, current, c.Number, d)
		}
		if d.Call.KeyFingerprint == "" {
			continue
		}
		e := r.byFingerprint[d.Call.KeyFingerprint]
		if e == nil {
			continue
		}
		if calls == nil {
			calls = map[*entry]*tally{}
		}
		t := calls[e]
		if t == nil {
			t = &tally{}
			calls[e] = t
		}
		if d.N > 0 {
			t.plus = append(t.plus, d.Call)
		} else {
			t.minus = append(t.minus, d.Call)
		}
		e.follow(now, current, c.Number, d)
	}
	var settled, reopened []budget.Settlement
	for e, t := range calls {
		k := e.key.Load()
		e.mu.Lock()
		e.reserved.Expire(now, r.o.Reservation)
		both := min(len(t.minus), len(t.plus))
		for _, call := range t.plus[both:] { // a record that replaces another is no further call
			if e.reserved.Settle(call.Start) {
				settled = append(settled, settlementOf(k, call))
			}
		}
		for _, call := range t.minus[both:] {
			if e.reserved.Reopen() {
				reopened = append(reopened, settlementOf(k, call))
			}
		}
		e.mu.Unlock()
	}
	if r.o.Budgets != nil {
		r.o.Budgets.Settle(c.Number, settled, reopened)
	}
}

// settlementOf returns what is known of a call for whose check something may be reserved.
func settlementOf(k *store.Key, c *usage.Call) budget.Settlement {
	s := budget.Settlement{
		Check:    budget.Check{Key: k.ID, User: k.Owner, Project: c.Project, Model: c.RequestModel, Provider: c.Provider},
		Answered: c.Model, Start: c.Start,
	}
	if c.User != "" {
		s.User = c.User
	}
	return s
}

func (e *entry) follow(now time.Time, current *periods, commit int64, d *ledger.Change) {
	a := amountOf(d)
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.loading:
		e.early = append(e.early, early{commit, d.Call.Start, a, d.N})
	case e.spent != nil:
		e.spent.add(current, d.Call.Start, a, d.N)
	}
	if e.key.Load().Limits.TokensPerMinute > 0 {
		e.thisMinute().add(now, d.Call.Start.Add(d.Call.Duration), 0, usage.TimesSat(d.N, a.Tokens))
	}
}

func (e *entry) thisMinute() *minute {
	if e.minute == nil {
		e.minute = &minute{}
	}
	return e.minute
}

var errNotKnown = errors.New("the spending of the key has not been read yet")

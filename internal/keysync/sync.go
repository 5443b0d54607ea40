package keysync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Proxy is a proxy whose client keys are synchronised.
type Proxy struct {
	Name     string
	Endpoint string // for people
	Client   *cliproxy.Client
}

// Options configure a Sync. Zero durations mean the defaults.
type Options struct {
	Proxies []Proxy
	// Keys lists the keys that changed after a version, as store.Keys does.
	Keys func(ctx context.Context, after int64) ([]store.Key, int64, error)
	// Identity returns the form in which the keys have a fingerprint; nil: as it is.
	Identity func(fingerprint string) string
	// Alone calls f while no other process that shares the keys changes those of a proxy; nil: there is no other.
	Alone  func(ctx context.Context, proxy string, f func(context.Context) error) error
	Logger *zap.Logger
	Now    func() time.Time
	Poll   time.Duration // how often the store is asked for changes; 200 ms
	Check  time.Duration // how often the proxies are asked for theirs; 1 minute
	// Timeout is for one request to a proxy; 10 s.
	Timeout time.Duration
}

const (
	defaultPoll    = 200 * time.Millisecond
	defaultCheck   = time.Minute
	defaultTimeout = 10 * time.Second
	firstRetry     = 250 * time.Millisecond
	lastRetry      = 30 * time.Second
	// keepUnknown is how long a secret is kept whose key is not (yet) in the store.
	keepUnstored = time.Minute
)

// ErrUnknownProxy reports a name that no proxy has.
var ErrUnknownProxy = errors.New("no proxy has this name")

// Sync synchronises the keys of proxies. Its methods are safe for concurrent use.
type Sync struct {
	o       Options
	proxies []*target
	now     atomic.Pointer[snapshot]
	refresh chan struct{} // has a value when the store should be asked at once

	reading *semaphore.Weighted   // held while the store is read; guards keys and version
	keys    map[string]*store.Key // by id
	version int64

	mu      sync.Mutex        // never held while something is waited for
	secrets map[string]secret // by fingerprint

	end     context.CancelFunc
	running sync.WaitGroup
}

// secret is a key in clear.
type secret struct {
	text     string
	since    time.Time
	reported bool // by a proxy; else by who made the key
}

// snapshot is the keys at one time. It is never changed.
type snapshot struct {
	known  map[string]*store.Key // by fingerprint, older ones too
	wanted map[string]*store.Key // by the fingerprints that open something now
	until  time.Time             // when it is no longer so by itself; zero: never
}

// New makes a Sync. Start runs it.
func New(o Options) *Sync {
	if o.Poll == 0 {
		o.Poll = defaultPoll
	}
	if o.Check == 0 {
		o.Check = defaultCheck
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Identity == nil {
		o.Identity = func(fingerprint string) string { return fingerprint }
	}
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	s := &Sync{o: o, reading: semaphore.NewWeighted(1), refresh: make(chan struct{}, 1), keys: map[string]*store.Key{}, secrets: map[string]secret{}}
	for _, p := range o.Proxies {
		s.proxies = append(s.proxies, &target{
			s: s, p: p, work: semaphore.NewWeighted(1), wake: make(chan struct{}, 1), log: o.Logger.With(zap.String("proxy", p.Name)), ever: map[string]bool{},
			state: State{Name: p.Name, Endpoint: p.Endpoint, Status: Pending, Drift: []Drift{}},
		})
	}
	return s
}

// Start begins to synchronise the keys, until Close.
func (s *Sync) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.end = cancel
	s.running.Add(1 + len(s.proxies))
	go func() {
		defer s.running.Done()
		s.watch(ctx)
	}()
	for _, t := range s.proxies {
		go func() {
			defer s.running.Done()
			t.run(ctx)
		}()
	}
}

// Close ends the synchronisation and waits for it.
func (s *Sync) Close() {
	if s.end != nil {
		s.end()
		s.running.Wait()
	}
}

// Add passes the secrets of keys that were just stored, which are added to the proxies. It does not wait.
func (s *Sync) Add(secrets ...string) {
	s.mu.Lock()
	for _, text := range secrets {
		if text != "" {
			s.secrets[s.identity(text)] = secret{text: text, since: s.o.Now()}
		}
	}
	s.mu.Unlock()
	signal(s.refresh)
}

// identity returns the fingerprint of a key as the store has it.
func (s *Sync) identity(key string) string { return s.o.Identity(usage.Fingerprint(key)) }

// States returns the state of each proxy.
func (s *Sync) States() []State {
	out := make([]State, len(s.proxies))
	for i, t := range s.proxies {
		out[i] = t.State()
	}
	return out
}

// Repair reads a proxy's keys and corrects the differences at once, whatever was tried before. With
// removeUnknown, keys that the console does not have are removed too. An empty name means all proxies.
func (s *Sync) Repair(ctx context.Context, name string, removeUnknown bool) error {
	if err := s.read(ctx); err != nil {
		return err
	}
	found := false
	var errs []error
	for _, t := range s.proxies {
		if name == "" || t.p.Name == name {
			found = true
			errs = append(errs, t.reconcile(ctx, removeUnknown))
		}
	}
	if !found && name != "" {
		return ErrUnknownProxy
	}
	return errors.Join(errs...)
}

// watch asks the store for changes and wakes the proxies.
func (s *Sync) watch(ctx context.Context) {
	tick := time.NewTicker(s.o.Poll)
	defer tick.Stop()
	failing := false
	for {
		err := s.read(ctx)
		if failed := err != nil && ctx.Err() == nil; failed != failing {
			if failing = failed; failed {
				s.o.Logger.Error("keys cannot be read, so that proxies keep the ones they have", zap.Error(err))
			}
		}
		select {
		case <-tick.C:
		case <-s.refresh:
		case <-ctx.Done():
			return
		}
	}
}

// read takes over what changed in the store, or by time.
func (s *Sync) read(ctx context.Context) error {
	if err := s.reading.Acquire(ctx, 1); err != nil {
		return fmt.Errorf("wait for the reading of the keys: %w", err)
	}
	defer s.reading.Release(1)
	changed, version, err := s.o.Keys(ctx, s.version)
	if err != nil {
		return err
	}
	now, old := s.o.Now(), s.now.Load()
	if old != nil && version == s.version && (old.until.IsZero() || now.Before(old.until)) {
		return nil
	}
	for i := range changed {
		s.keys[changed[i].ID] = &changed[i]
	}
	s.version = version
	x := newSnapshot(s.keys, now)
	s.mu.Lock()
	defer s.mu.Unlock()
	for f, kept := range s.secrets {
		k := x.known[f]
		gone := k != nil && (k.Imported && !kept.reported || x.over(f))
		if gone || k == nil && now.Sub(kept.since) > keepUnstored {
			delete(s.secrets, f)
		}
	}
	s.now.Store(x)
	for _, t := range s.proxies {
		signal(t.wake)
	}
	return nil
}

// over reports whether the secret of a known fingerprint is never needed again.
func (x *snapshot) over(fingerprint string) bool {
	k := x.known[fingerprint]
	return !k.RevokedAt.IsZero() || k.Fingerprint != fingerprint && x.wanted[fingerprint] == nil
}

func newSnapshot(keys map[string]*store.Key, now time.Time) *snapshot {
	x := &snapshot{known: make(map[string]*store.Key, len(keys)), wanted: make(map[string]*store.Key, len(keys))}
	ends := func(at time.Time) bool { // reports whether a time is over
		if !now.Before(at) {
			return true
		}
		if x.until.IsZero() || at.Before(x.until) {
			x.until = at
		}
		return false
	}
	for _, k := range keys {
		open := k.RevokedAt.IsZero() && !k.Disabled
		if open && !k.ExpiresAt.IsZero() && ends(k.ExpiresAt) {
			open = false
		}
		x.known[k.Fingerprint] = k
		if open {
			x.wanted[k.Fingerprint] = k
		}
		for _, o := range k.Older {
			x.known[o.Fingerprint] = k
			if open && !ends(o.Until) {
				x.wanted[o.Fingerprint] = k
			}
		}
	}
	return x
}

// secretOf returns the secret of a fingerprint, where it is known.
func (s *Sync) secretOf(fingerprint string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.secrets[fingerprint]
	return k.text, ok
}

// hold keeps a secret that a proxy has, for a proxy that lacks it, or until its key is enabled again.
func (s *Sync) hold(fingerprint, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// The proxy was asked some time ago; the key may have been rotated or revoked since.
	if x := s.now.Load(); x.known[fingerprint] == nil || x.over(fingerprint) {
		return
	}
	if _, held := s.secrets[fingerprint]; !held {
		s.secrets[fingerprint] = secret{text: text, since: s.o.Now(), reported: true}
	}
}

// settle removes the secrets of keys that every proxy has.
func (s *Sync) settle() {
	x := s.now.Load()
	s.mu.Lock()
	defer s.mu.Unlock()
	for f := range s.secrets {
		if x.wanted[f] == nil {
			continue
		}
		everywhere := true
		for _, t := range s.proxies {
			everywhere = everywhere && t.has(f)
		}
		if everywhere {
			delete(s.secrets, f)
		}
	}
}

// lacking reports whether a proxy other than t may lack a key.
func (s *Sync) lacking(t *target, fingerprint string) bool {
	for _, other := range s.proxies {
		if other != t && !other.has(fingerprint) {
			return true
		}
	}
	return false
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

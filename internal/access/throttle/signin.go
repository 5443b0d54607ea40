package throttle

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"sync"
	"time"
)

// Attempt is one try to sign in.
type Attempt struct {
	Source  string // address that it came from
	Account string // the user's name, in the form in which names are compared
	Known   bool   // there is such an account
	// Device is a device that the account's owner has signed in with before; "" for none. The caller has verified that
	// the attempt comes from it.
	Device string
}

// Limits bound the attempts to sign in. A limit of zero is no limit. Only failed attempts and attempts in progress
// count.
type Limits struct {
	// Pair makes guesses of one source at one account cost more and more.
	Pair Rising
	// Source bounds the failures of one source, at any accounts. Above it, SourceFresh still admits its first attempt at
	// each account, so that people who share an address with an attacker can sign in.
	Source, SourceFresh Limit
	// Account bounds the failures at one account, from any source. Above it, AccountFresh still admits the first attempt
	// of each source: the owner, on a new device, has the right password.
	Account, AccountFresh Limit
	// Device bounds the failures with a known device. Attempts of others do not count there.
	Device Limit
}

// Default allows some 2,500 attempts a day at one account, from any number of sources.
var Default = Limits{
	Pair:   Rising{Free: 5, First: 10 * time.Second, Most: 15 * time.Minute, Forget: time.Hour},
	Source: Limit{Burst: 10, Every: 30 * time.Second}, SourceFresh: Limit{Burst: 300, Every: 12 * time.Second},
	Account: Limit{Burst: 10, Every: time.Minute}, AccountFresh: Limit{Burst: 1000, Every: 24 * time.Hour / 1000},
	Device: Limit{Burst: 10, Every: 30 * time.Second},
}

// SignIns counts attempts to sign in: in memory, or for all processes that share a store. It is safe for concurrent use.
type SignIns struct {
	limits Limits
	counts counts
}

// counts keeps what is counted. Its change lets f change the counts of causes while nobody else does, and gives it the time of
// its clock, or now where it has none. Where f returns false nothing is kept. f may be called more than once.
type counts interface {
	change(ctx context.Context, now time.Time, of []cause, f func(now time.Time, c []Count) bool) error
}

// cause is who or what an attempt counts for.
type cause struct {
	kind Kind
	who  string
}

// NewSignIns returns counts of sign-ins in memory.
func NewSignIns(l Limits) *SignIns { return &SignIns{l, newMemory()} }

// NewSharedSignIns returns counts of sign-ins that all processes have in common which share a store and a key. The store gets no
// name or address, only their keyed hashes.
func NewSharedSignIns(l Limits, in Shared, key []byte) *SignIns {
	return &SignIns{l, &inStore{in, key}}
}

// Begin counts an attempt as failed, or reports how long to wait before the next one. right is to be called if the password
// was right; it subtracts the attempt. now is the time where the counts are in memory.
func (s *SignIns) Begin(ctx context.Context, a Attempt, now time.Time) (wait time.Duration, right func(context.Context) error, err error) {
	a.Source = Network(a.Source)
	var begun attempt
	err = s.counts.change(ctx, now, a.causes(), func(now time.Time, c []Count) bool {
		begun = attempt{limits: &s.limits, at: now, device: a.Device != ""}
		wait = begun.begin(c)
		return wait == 0
	})
	if err != nil || wait > 0 {
		return wait, func(context.Context) error { return nil }, err
	}
	return 0, func(ctx context.Context) error {
		return s.counts.change(ctx, now, a.causes(), func(_ time.Time, c []Count) bool {
			begun.back(c)
			return true
		})
	}, nil
}

// causes lists what an attempt counts for. Attempts with a known device count for that alone.
func (a *Attempt) causes() []cause {
	if a.Device != "" {
		return []cause{{WithDevice, a.Device}}
	}
	// Guesses at accounts that do not exist must not evict the counts of those that do, and must look the same from
	// outside.
	account := cause{AtImagined, a.Account}
	if a.Known {
		account.kind = AtAccount
	}
	return []cause{{OfPair, a.Source + "\x00" + a.Account}, {OfSource, a.Source}, account}
}

// attempt is one that was let through, or is about to be.
type attempt struct {
	limits *Limits
	at     time.Time
	device bool
	// withinSource and withinAccount are whether it counts in the limits of attempts that are often: one above these counts as the first
	// of its pair only, so that they become free again.
	withinSource, withinAccount bool
}

// begin counts the attempt in the counts of its causes, or reports how long to wait.
func (t *attempt) begin(c []Count) (wait time.Duration) {
	l := t.limits
	if t.device {
		if wait = l.Device.wait(c[0].Often, t.at); wait == 0 {
			t.add(&c[0], l.Device, Limit{}, true, 1)
		}
		return wait
	}
	pair, source, account := &c[0], &c[1], &c[2]
	if l.Pair.Forget > 0 && t.at.Sub(pair.Last) >= l.Pair.Forget {
		*pair = Count{}
	}
	wait = l.Pair.wait(failures{pair.Failures, pair.Last}, t.at)
	either := func(often, fresh Limit, of *Count) (within bool) {
		w := often.wait(of.Often, t.at)
		within = w == 0
		if !within && pair.Failures == 0 && fresh.Burst > 0 {
			w = fresh.wait(of.Rare, t.at)
		}
		wait = max(wait, w)
		return within
	}
	t.withinSource = either(l.Source, l.SourceFresh, source)
	t.withinAccount = either(l.Account, l.AccountFresh, account)
	if wait > 0 {
		return wait
	}
	pair.Failures, pair.Last, pair.Until = pair.Failures+1, t.at, t.at.Add(cmp.Or(l.Pair.Forget, never))
	t.add(source, l.Source, l.SourceFresh, t.withinSource, 1)
	t.add(account, l.Account, l.AccountFresh, t.withinAccount, 1)
	return 0
}

// never is how long failures are remembered that are not forgotten.
const never = 10 * 365 * 24 * time.Hour

// back subtracts the attempt.
func (t *attempt) back(c []Count) {
	l := t.limits
	if t.device {
		t.add(&c[0], l.Device, Limit{}, true, -1)
		return
	}
	c[0] = Count{} // the failures before were not guesses
	t.add(&c[1], l.Source, l.SourceFresh, t.withinSource, -1)
	t.add(&c[2], l.Account, l.AccountFresh, t.withinAccount, -1)
}

// add counts n attempts in both limits of a source, an account or a device.
func (t *attempt) add(to *Count, often, fresh Limit, within bool, n int) {
	if within {
		to.Often = often.after(to.Often, t.at, n)
	} else if to.Often.Before(t.at) {
		to.Often = t.at
	}
	to.Rare = fresh.after(to.Rare, t.at, n)
	if to.Until = to.Often; to.Rare.After(to.Until) {
		to.Until = to.Rare
	}
}

// memory keeps counts of one process.
type memory struct {
	mu    sync.Mutex
	books map[Kind]book[Count]
}

func newMemory() *memory {
	m := &memory{books: map[Kind]book[Count]{}}
	for kind := OfPair; kind <= WithDevice; kind++ {
		m.books[kind] = newBook[Count]()
	}
	return m
}

func (m *memory) change(_ context.Context, now time.Time, of []cause, f func(time.Time, []Count) bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := make([]Count, len(of))
	for i := range of {
		c[i] = m.books[of[i].kind].get(of[i].who)
	}
	if !f(now, c) {
		return nil
	}
	for i := range of {
		if lru := m.books[of[i].kind].lru; c[i].Until.After(now) {
			lru.Add(of[i].who, c[i])
		} else {
			lru.Remove(of[i].who)
		}
	}
	return nil
}

// inStore keeps counts in a store.
type inStore struct {
	in  Shared
	key []byte
}

func (s *inStore) change(ctx context.Context, _ time.Time, of []cause, f func(time.Time, []Count) bool) error {
	keyed := make([]Cause, len(of))
	for i := range of {
		mac := hmac.New(sha256.New, s.key)
		mac.Write([]byte{byte(of[i].kind)})
		mac.Write([]byte(of[i].who))
		keyed[i] = Cause{Kind: of[i].kind, ID: CauseID(mac.Sum(nil)[:len(CauseID{})])}
	}
	if err := s.in.ChangeAttempts(ctx, keyed, f); err != nil {
		return fmt.Errorf("count an attempt to sign in: %w", err)
	}
	return nil
}

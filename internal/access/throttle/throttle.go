// Package throttle slows down clients that guess passwords or keys, and clients that change things without end: events are
// counted by who causes them, in bounded memory. Nobody with the right password is kept out: limits that unknown sources
// can exhaust apply to unknown sources only.
package throttle

import (
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Limit allows Burst events at once, and one more every Every.
type Limit struct {
	Burst int
	Every time.Duration
}

// A count is stored as the time when all of the limit will be free again (GCRA, the generic cell rate algorithm): it needs
// no timer, and expires by itself.

func (l Limit) wait(free, now time.Time) time.Duration {
	if l.Burst <= 0 || !free.After(now) {
		return 0
	}
	return max(free.Sub(now)-time.Duration(l.Burst-1)*l.Every, 0)
}

func (l Limit) after(free, now time.Time, n int) time.Time {
	if free.Before(now) {
		free = now
	}
	return free.Add(time.Duration(n) * l.Every)
}

// Rising makes each failure after the first Free ones cost twice the wait of the one before: First, then twice as much, up
// to Most. The count is 0 again when there was no failure for Forget.
type Rising struct {
	Free                int
	First, Most, Forget time.Duration
}

// failures are consecutive ones.
type failures struct {
	n    int
	last time.Time
}

func (r Rising) wait(f failures, now time.Time) time.Duration {
	if r.Free <= 0 || f.n < r.Free {
		return 0
	}
	wait := r.First << min(f.n-r.Free, 30)
	if wait > r.Most || wait <= 0 {
		wait = r.Most
	}
	return max(wait-now.Sub(f.last), 0)
}

// MaxKept bounds how many of each kind are remembered. Over it the least recently seen are removed.
const MaxKept = 10_000

// book remembers something of each of a kind.
type book[T any] struct{ lru *simplelru.LRU[string, T] }

func newBook[T any]() book[T] {
	lru, _ := simplelru.NewLRU[string, T](MaxKept, nil) // fails for sizes below 1 only
	return book[T]{lru}
}

func (b book[T]) get(of string) T {
	v, _ := b.lru.Get(of)
	return v
}

// Rate counts events of one kind by their cause. It is safe for concurrent use. Beyond MaxKept causes with recent
// events, all further ones share one count, so that acting under many names gains nothing.
type Rate struct {
	limit Limit

	mu     sync.Mutex
	free   book[time.Time]
	shared time.Time
}

// NewRate returns a rate. A zero limit is none.
func NewRate(l Limit) *Rate { return &Rate{limit: l, free: newBook[time.Time]()} }

// Take counts an event, or reports how long to wait where there were too many.
func (r *Rate) Take(who string, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if wait = r.limit.wait(r.freeOf(who, now), now); wait == 0 {
		r.add(who, now)
	}
	return wait
}

// Wait reports how long to wait before the next event, without counting one.
func (r *Rate) Wait(who string, now time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.limit.wait(r.freeOf(who, now), now)
}

// Add counts an event that has happened.
func (r *Rate) Add(who string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(who, now)
}

// isShared reports whether the cause shares its count: it has none of its own, and gets none.
func (r *Rate) isShared(who string, now time.Time) bool {
	if r.free.lru.Contains(who) || r.free.lru.Len() < MaxKept {
		return false
	}
	_, oldest, _ := r.free.lru.GetOldest()
	return oldest.After(now)
}

func (r *Rate) freeOf(who string, now time.Time) time.Time {
	if r.isShared(who, now) {
		return r.shared
	}
	return r.free.get(who)
}

func (r *Rate) add(who string, now time.Time) {
	if r.isShared(who, now) {
		r.shared = r.limit.after(r.shared, now, 1)
		return
	}
	r.free.lru.Add(who, r.limit.after(r.free.get(who), now, 1))
}

// Network returns the part of an address that one subscriber has, see NetworkOf; a source that is no address as it is.
func Network(source string) string {
	a, err := netip.ParseAddr(source)
	if err != nil {
		return source
	}
	return NetworkOf(a)
}

// NetworkOf returns the part of an address that one subscriber has: an IPv4 address, or an IPv6 network of 64 bits, in
// which a host has as many addresses as it likes. It is "" for the zero address.
func NetworkOf(a netip.Addr) string {
	switch a = a.Unmap().WithZone(""); {
	case !a.IsValid():
		return ""
	case a.Is4():
		return a.String()
	}
	p, _ := a.Prefix(64) // cannot fail for an IPv6 address
	return p.String()
}

// Package throttle slows down who guesses passwords, and who changes things without end: what happens is counted
// by who does it, in bounded memory. It keeps nobody out who is right: limits that strangers can use up hold for
// strangers only.
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

// A count is kept as the time when it will be all free again (GCRA, the generic cell rate
// algorithm): it needs no clock of its own and is forgotten by the passing of time.

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

// Rising makes each failure after the first Free ones cost twice the wait of the one before: First, then
// twice as much, up to Most. Failures are forgotten when there was none for Forget.
type Rising struct {
	Free                int
	First, Most, Forget time.Duration
}

// failures are those in a row.
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

// maxKept bounds how many of each kind are remembered. Over it those that were not seen for longest are forgotten.
const maxKept = 10_000

// book remembers something of each of a kind.
type book[T any] struct{ lru *simplelru.LRU[string, T] }

func newBook[T any]() book[T] {
	lru, _ := simplelru.NewLRU[string, T](maxKept, nil) // fails for sizes below 1 only
	return book[T]{lru}
}

func (b book[T]) get(of string) T {
	v, _ := b.lru.Get(of)
	return v
}

// Rate counts events of one kind by who causes them. It is safe for concurrent use.
type Rate struct {
	limit Limit
	mu    sync.Mutex
	free  book[time.Time]
}

// NewRate makes a rate. A zero limit is none.
func NewRate(l Limit) *Rate { return &Rate{limit: l, free: newBook[time.Time]()} }

// Take counts an event, or reports how long to wait where there were too many.
func (r *Rate) Take(who string, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	free := r.free.get(who)
	if wait = r.limit.wait(free, now); wait == 0 {
		r.free.lru.Add(who, r.limit.after(free, now, 1))
	}
	return wait
}

// Network is the part of an address that one subscriber has: an IPv4 address, or an IPv6 network of 64 bits.
func Network(source string) string {
	a, err := netip.ParseAddr(source)
	if err != nil || a.Is4() || a.Is4In6() {
		return source
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return source
	}
	return p.String()
}

// Package throttle slows down who guesses: attempts are counted for each source, for each user and in
// all, in bounded memory.
package throttle

import (
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Limit allows Burst attempts at once, and one more every Every.
type Limit struct {
	Burst int
	Every time.Duration
}

// Limits are those of a limiter. One that is zero is none.
type Limits struct{ Source, User, All Limit }

// Default slows a guesser down to some 2,900 attempts a day at one user, wherever they come from.
var Default = Limits{
	Source: Limit{Burst: 10, Every: 30 * time.Second},
	User:   Limit{Burst: 10, Every: 30 * time.Second},
	All:    Limit{Burst: 100, Every: time.Second},
}

// maxKept bounds how many sources, and how many users, are remembered. Over it those that were not
// seen for longest are forgotten; the limit in all still holds.
const maxKept = 10_000

// Limiter counts attempts. It is safe for concurrent use.
type Limiter struct {
	limits Limits

	mu      sync.Mutex
	sources *simplelru.LRU[string, time.Time]
	users   *simplelru.LRU[string, time.Time]
	all     time.Time
}

// New makes a limiter.
func New(l Limits) *Limiter {
	sources, _ := simplelru.NewLRU[string, time.Time](maxKept, nil) // fails for sizes below 1 only
	users, _ := simplelru.NewLRU[string, time.Time](maxKept, nil)
	return &Limiter{limits: l, sources: sources, users: users}
}

// Attempt counts an attempt, or tells how long to wait before the next where there were too many.
// Where it turns out to be no guess (the password was right), forget takes it back.
func (l *Limiter) Attempt(source, user string, now time.Time) (wait time.Duration, forget func()) {
	source = network(source)
	l.mu.Lock()
	defer l.mu.Unlock()
	ofSource, _ := l.sources.Get(source)
	ofUser, _ := l.users.Get(user)
	wait = max(l.limits.Source.wait(ofSource, now), l.limits.User.wait(ofUser, now), l.limits.All.wait(l.all, now))
	if wait > 0 {
		return wait, func() {}
	}
	l.count(source, user, now, 1)
	return 0, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.count(source, user, now, -1)
	}
}

func (l *Limiter) count(source, user string, now time.Time, n int) {
	ofSource, _ := l.sources.Get(source)
	l.sources.Add(source, l.limits.Source.after(ofSource, now, n))
	ofUser, _ := l.users.Get(user)
	l.users.Add(user, l.limits.User.after(ofUser, now, n))
	l.all = l.limits.All.after(l.all, now, n)
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

// network is what one subscriber has: an IPv4 address, or an IPv6 network of 64 bits.
func network(source string) string {
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

package keyring

import (
	"net/netip"
	"sync"
	"time"
)

const (
	failureWindow = time.Minute
	maxSources    = 10_000 // that are told apart at a time
)

// failures counts failed attempts by source, so that keys that are short enough to be guessed are
// not. IPv6 sources are networks of 64 bits: a host has as many addresses as it likes.
type failures struct {
	allowed int // in a window

	mu      sync.Mutex
	sources map[netip.Prefix]*tries
	rest    tries // of sources beyond maxSources
}

type tries struct {
	since time.Time
	n     int
}

func sourceOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // of an address that is none: the zero prefix
	return p
}

// wait tells how long a source has to wait; 0 where it may try.
func (f *failures) wait(a netip.Addr, now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.sources[sourceOf(a)]
	if t == nil {
		if len(f.sources) < maxSources {
			return 0
		}
		t = &f.rest
	}
	if end := t.since.Add(failureWindow); t.n >= f.allowed && end.After(now) {
		return end.Sub(now)
	}
	return 0
}

// note counts a failure.
func (f *failures) note(a netip.Addr, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sources == nil {
		f.sources = map[netip.Prefix]*tries{}
	}
	p := sourceOf(a)
	t := f.sources[p]
	if t == nil {
		if len(f.sources) >= maxSources {
			for k, old := range f.sources {
				if !old.since.Add(failureWindow).After(now) {
					delete(f.sources, k)
				}
			}
		}
		if t = &f.rest; len(f.sources) < maxSources {
			t = &tries{}
			f.sources[p] = t
		}
	}
	if !t.since.Add(failureWindow).After(now) {
		*t = tries{since: now}
	}
	t.n++
}

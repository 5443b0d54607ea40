// Package sources records the state of components that fetch calls, such as a receiver that polls a proxy, so that
// the console can show which calls may be missing. OTLP senders are no sources: they know whether their requests
// arrived.
//
// It holds numbers and short texts of our own, and the display forms of upstream accounts; never what else a source has
// fetched.
package sources

import (
	"cmp"
	"slices"
	"sync"
	"time"
)

// State is how one source fares. The numbers count since the process started.
type State struct {
	Kind        string // of the component: cliproxy
	Name        string // of what is asked, as configured
	Version     string // of what is asked; "" where it did not say
	Up          bool   // it answered the last time
	Trouble     string // what is wrong and what to do; "" where nothing is
	LastContact time.Time
	LastEvent   time.Time // when a call was last fetched
	Events      int64     // fetched
	Unreadable  int64     // of them, dropped because they could not be read
	Lost        int64     // of them, neither stored nor delivered
	Waiting     int64     // fetched and not accepted by the pipeline yet
	Gaps        map[string]int64
	// OtherConsumer says that somebody else seems to fetch calls that were meant for us.
	OtherConsumer bool
	// Accounts are the upstream accounts whose quotas answers have reported, by name.
	Accounts []Account
}

// Board is the sources of one store. The zero value has none.
type Board struct {
	mu   sync.Mutex
	next int
	all  map[int]func() State
}

// Add shows a source until remove is called. state is asked for each look, from any goroutine.
func (b *Board) Add(state func() State) (remove func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.all == nil {
		b.all = map[int]func() State{}
	}
	id := b.next
	b.next++
	b.all[id] = state
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.all, id)
	}
}

// States returns the state of all sources, by kind and name.
func (b *Board) States() []State {
	b.mu.Lock()
	ask := make([]func() State, 0, len(b.all))
	for _, f := range b.all {
		ask = append(ask, f)
	}
	b.mu.Unlock()
	out := make([]State, 0, len(ask))
	for _, f := range ask {
		out = append(out, f())
	}
	slices.SortFunc(out, func(a, b State) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return out
}

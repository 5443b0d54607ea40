// Package observe informs observers of the commits of a ledger. The ledger calls them within its writer, in the order of
// the commits; an observer that takes long holds up everybody who sends.
package observe

import (
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Commit describes the changes of one transaction. Retention, which drops calls without saying that they
// were not made, is no Commit.
type Commit struct {
	Number int64 // ascending by one from 1 since the ledger was opened; Answer.Commit says which a sum includes
	At     time.Time
	// Seq is the number of the store's commit where processes share it, the same in all of them; else 0. Each has the same
	// Changes in the same order.
	Seq     int64
	Changes []usage.Change // not to be changed, nor kept: they and their calls are valid until the observer returns
	// Missed says that commits of another process could not be followed one by one: who keeps sums of one's own makes them
	// again. There are no Changes then.
	Missed bool
}

// Observers are those who are informed of commits. The zero value has none. Its methods are safe for concurrent use.
type Observers struct {
	mu   sync.Mutex
	next int
	all  map[int]func(Commit)
}

// Add calls f for every commit from now on, until stop is called.
func (o *Observers) Add(f func(Commit)) (stop func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = map[int]func(Commit){}
	}
	id := o.next
	o.next++
	o.all[id] = f
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.all, id)
	}
}

// Notify informs all observers of a commit, one after another.
func (o *Observers) Notify(c Commit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.all {
		f(c)
	}
}

package ledger

import (
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Change is one change of the sums: a call that begins (N is 1) or ceases (N is -1) to count. A
// more complete delivery of a record is both, the old call first.
type Change = usage.Change

// Commit describes the changes of one transaction. Retention, which drops calls without saying that they
// were not made, is no Commit.
type Commit struct {
	Number int64 // ascending by one from 1 since the ledger was opened; Answer.Commit says which a sum includes
	At     time.Time
	// Seq is the number of the store's commit where processes share it, the same in all of them; else 0. Each has the same
	// Changes in the same order.
	Seq     int64
	Changes []Change // not to be changed, nor kept: they and their calls are valid until the observer returns
	// Missed says that commits of another process could not be followed one by one: who keeps sums of one's own makes them
	// again. There are no Changes then.
	Missed bool
}

// Observe calls f for every commit from now on that changes a sum, in order, when it is on disk and
// in the sums and before its senders hear so. f runs within the writer: it must return at once, wait
// for nothing and ask the ledger nothing; what takes longer belongs into a goroutine of the observer.
//
// To keep sums of one's own: Observe first, Query then, and leave out the commits whose number is
// not above the answer's.
func (l *Ledger) Observe(f func(Commit)) (stop func()) { return l.observers.add(f) }

// observers are those who are informed of commits. The zero value has none.
type observers struct {
	mu   sync.Mutex
	next int
	all  map[int]func(Commit)
}

func (o *observers) add(f func(Commit)) (stop func()) {
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

func (o *observers) notify(c Commit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.all {
		f(c)
	}
}

package password

import (
	"context"
	"slices"
	"sync"
)

// Caller identifies the party for which a password is hashed. Callers get equal shares of the work.
type Caller struct {
	Source  string // network that the request came from
	Account string // whose password it is
	// Known callers have shown who they are: they are signed in, or use a device that the account's owner
	// has signed in with before. They do not wait behind unknown callers.
	Known bool
}

// maxWaiting bounds the callers that wait in a queue.
const maxWaiting = 64

// queue lets one caller work at a time. The next one is of the source whose turn was longest ago, and there of
// the account whose turn was longest ago. Where too many wait, a caller takes the place of one of the source, or
// the account, that has most.
type queue struct {
	mu      sync.Mutex
	busy    bool
	waiting []*waiter // in the order in which they came
	clock   uint64
	turns   map[string]uint64 // when a source, or an account of it, had its last turn; of those that wait only
}

type waiter struct {
	source, account string        // account begins with the source
	turn            chan struct{} // closed when it may work
	err             error         // set before turn is closed
}

// run waits for a turn and calls f in it.
func (q *queue) run(ctx context.Context, c Caller, f func()) error {
	w := &waiter{c.Source, c.Source + "\x00" + c.Account, make(chan struct{}), nil}
	if err := q.enter(w); err != nil {
		return err
	}
	select {
	case <-w.turn:
	case <-ctx.Done():
		if q.leave(w) {
			return ctx.Err()
		}
		<-w.turn // it was its turn, or it lost its place, at the same moment
	}
	if w.err != nil {
		return w.err
	}
	defer q.done()
	if err := ctx.Err(); err != nil {
		return err // nobody wants the result
	}
	f()
	return nil
}

// enter puts a waiter into the queue, or lets it work at once.
func (q *queue) enter(w *waiter) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.busy {
		q.busy = true
		close(w.turn)
		return nil
	}
	if len(q.waiting) >= maxWaiting {
		out := q.displaced(w)
		if out < 0 {
			return ErrBusy
		}
		loser := q.waiting[out]
		q.waiting = slices.Delete(q.waiting, out, out+1)
		loser.err = ErrBusy
		close(loser.turn)
	}
	q.waiting = append(q.waiting, w)
	return nil
}

// displaced is the place of the waiter that has to go for another one: the last one of the source that has most,
// or, where the newcomer's own has most, of that source's account that has most; -1 where the newcomer has no
// smaller share.
func (q *queue) displaced(w *waiter) int {
	sources, accounts := map[string]int{}, map[string]int{}
	for _, o := range q.waiting {
		sources[o.source]++
		accounts[o.account]++
	}
	found := -1
	for i, o := range q.waiting { // of equal ones the last
		switch {
		case sources[o.source] <= sources[w.source]+1 && o.source != w.source, o.source == w.source && accounts[o.account] <= accounts[w.account]+1:
			continue
		case found < 0, sources[o.source] > sources[q.waiting[found].source],
			sources[o.source] == sources[q.waiting[found].source] && accounts[o.account] >= accounts[q.waiting[found].account]:
			found = i
		}
	}
	return found
}

// leave takes a waiter out; false where it does not wait any more.
func (q *queue) leave(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, w)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true
}

// done passes the turn to the next caller.
func (q *queue) done() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.busy, q.turns = false, nil
		return
	}
	next := 0
	for i, w := range q.waiting {
		n := q.waiting[next]
		if q.turns[w.source] < q.turns[n.source] || q.turns[w.source] == q.turns[n.source] && q.turns[w.account] < q.turns[n.account] {
			next = i
		}
	}
	w := q.waiting[next]
	q.waiting = slices.Delete(q.waiting, next, next+1)
	q.clock++
	turns := map[string]uint64{}
	for _, o := range q.waiting {
		turns[o.source], turns[o.account] = q.turns[o.source], q.turns[o.account]
	}
	turns[w.source], turns[w.account] = q.clock, q.clock
	q.turns = turns
	close(w.turn)
}

package ledger

import (
	"github.com/tokenboard/tokenboard/internal/ledger/observe"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Change is one change of the sums: a call that begins (N is 1) or ceases (N is -1) to count. A
// more complete delivery of a record is both, the old call first.
type Change = usage.Change

// Commit describes the changes of one transaction.
type Commit = observe.Commit

// Observe calls f for every commit from now on that changes a sum, in order, when it is on disk and
// in the sums and before its senders hear so. f runs within the writer: it must return at once, wait
// for nothing and ask the ledger nothing; what takes longer belongs into a goroutine of the observer.
//
// To keep sums of one's own: Observe first, Query then, and leave out the commits whose number is
// not above the answer's.
func (l *Ledger) Observe(f func(Commit)) (stop func()) { return l.observers.Add(f) }

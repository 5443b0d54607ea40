package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Fault is how a write fails.
type Fault int

// The faults.
const (
	None            Fault = iota
	Fails                 // nothing is committed
	CommitsAndFails       // it is committed, and the answer is lost
	FailsAndCommits       // it fails, and is committed before its outcome can be known
	FaultCount
	FailsUnsure // as Fails, and the engine says that it does not know the outcome
)

// ErrFault is the error of a write that fails by a Fault.
var ErrFault = errors.New("the connection was closed")

// Faulty is an engine whose next write fails. It is safe for concurrent use.
type Faulty struct {
	store.Engine

	mu         sync.Mutex
	next       Fault
	unanswered int          // questions for an outcome
	late       func() error // commits
}

// Next sets how the next write fails, and how many questions for its outcome fail after that.
func (f *Faulty) Next(how Fault, unanswered int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next, f.unanswered = how, unanswered
}

// Write writes, or fails by the fault that is due.
func (f *Faulty) Write(write func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	how := f.next
	f.next = None
	switch how {
	case Fails:
		return ErrFault
	case FailsUnsure:
		return errors.Join(ErrFault, store.ErrOutcomeUnknown)
	case CommitsAndFails:
		return errors.Join(ErrFault, write())
	case FailsAndCommits:
		f.late = write
		return ErrFault
	default:
		f.unanswered = 0
		return write()
	}
}

// Commit commits, or fails by the fault.
func (f *Faulty) Commit(ctx context.Context, w store.Write) error {
	// The caller may reuse the contents of the write afterwards.
	w.Remove, w.Put, w.Mark, w.Costs, w.Links = slices.Clone(w.Remove), slices.Clone(w.Put), slices.Clone(w.Mark), slices.Clone(w.Costs), slices.Clone(w.Links)
	w.Decided, w.DirtyHours = slices.Clone(w.Decided), slices.Clone(w.DirtyHours)
	return f.Write(func() error { return f.Engine.Commit(ctx, w) })
}

// Retire retires, or fails by the fault.
func (f *Faulty) Retire(ctx context.Context, r store.Retirement) error {
	return f.Write(func() error { return f.Engine.Retire(ctx, r) })
}

// Committed answers when the write that is under way has ended, unless it is due to fail.
func (f *Faulty) Committed(ctx context.Context, id store.WriteID) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.unanswered > 0 {
		f.unanswered--
		return false, ErrFault
	}
	if f.late != nil {
		if err := f.late(); err != nil && !errors.Is(err, store.ErrFenced) { // what is refused is never committed
			return false, errors.Join(store.ErrOutcomeUnknown, err) // until it is asked again
		}
		f.late = nil
	}
	return f.Engine.Committed(ctx, id)
}

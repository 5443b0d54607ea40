package ledger

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tokenboard/tokenboard/internal/store"
)

// fullEngine is an engine with all abilities.
type fullEngine interface {
	store.Engine
	store.Sums
	store.Maintenance
	store.Backup
}

// failing is the real engine with writes that can be made to fail, in every way in which they do.
type failing struct {
	fullEngine
	fail     atomic.Bool // as on a full disk
	failSums atomic.Bool // as if it were killed before the sums are stored

	mu    sync.Mutex
	fault fault        // of the next write
	asks  int          // how many questions for its outcome have no answer
	late  func() error // a write that commits after it failed
}

// fault is how a write fails.
type fault int

const (
	noFault      fault = iota
	fails              // nothing is committed
	commitsFirst       // it is committed, and the answer is lost
	commitsLater       // it fails, and commits before anybody learns its outcome
	faults
	failsUnsure // as fails, and the engine says that it does not know
)

var (
	errDiskFull   = errors.New("database or disk is full")
	errConnection = errors.New("the connection was closed")
)

// next makes the next write fail, and as many questions for its outcome.
func (f *failing) next(how fault, asks int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault, f.asks = how, asks
}

// write writes, with the fault that is due.
func (f *failing) write(write func() error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	how := f.fault
	f.fault = noFault
	switch how {
	case fails:
		return errConnection
	case failsUnsure:
		return errors.Join(errConnection, store.ErrOutcomeUnknown)
	case commitsFirst:
		return errors.Join(errConnection, write())
	case commitsLater:
		f.late = write
		return errConnection
	}
	f.asks = 0
	return write()
}

func (f *failing) Committed(ctx context.Context, id store.WriteID) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.asks > 0 {
		f.asks--
		return false, errConnection
	}
	if f.late != nil {
		if err := f.late(); err != nil {
			return false, err
		}
		f.late = nil
	}
	return f.fullEngine.Committed(ctx, id)
}

func (f *failing) SaveSums(ctx context.Context, w store.SumsWrite) error {
	if f.failSums.Load() {
		return errDiskFull
	}
	return f.write(func() error { return f.fullEngine.SaveSums(ctx, w) })
}

func (f *failing) Commit(ctx context.Context, w store.Write) error {
	if f.fail.Load() {
		return errDiskFull
	}
	w.Put, w.Mark, w.Links = slices.Clone(w.Put), slices.Clone(w.Mark), slices.Clone(w.Links) // they are the caller's again
	return f.write(func() error { return f.fullEngine.Commit(ctx, w) })
}

func (f *failing) Retire(ctx context.Context, r store.Retirement) error {
	return f.write(func() error { return f.fullEngine.Retire(ctx, r) })
}

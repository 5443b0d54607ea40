package store

import (
	"context"
	"time"
)

// TaskLedger is the task of deciding what counts: of all processes that share a store one does it. Its
// epoch is what Write, Retirement and SumsWrite name.
const TaskLedger = "ledger"

// Lease is the right to do a task, for a while.
type Lease struct {
	Task, Holder string
	// Epoch is greater than that of any earlier holder of any lease of this store.
	Epoch int64
	// Until is when it ends by the store's clock unless it is taken again; zero: not before the process ends.
	Until time.Time
}

// Leases lets one of several processes do a task.
type Leases interface {
	// Acquire takes the lease of a task where nobody has it or it has ended, or extends the one that the holder
	// has, whose epoch stays. It returns ErrHeld where another holder has it.
	Acquire(ctx context.Context, task, holder string, ttl time.Duration) (Lease, error)
	// Release gives a lease up. One that is not the holder's any more is left as it is.
	Release(ctx context.Context, l Lease) error
}

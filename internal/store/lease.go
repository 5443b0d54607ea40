package store

import (
	"context"
	"errors"
	"time"
)

// TaskLedger is the task of deciding what counts. One of the processes that share a store does it at a time. Write,
// Retirement and SumsWrite carry the epoch of its lease.
const TaskLedger = "ledger"

// TaskSetup is the task of making the first admin.
const TaskSetup = "setup"

// Lease is the right of one holder to do a task, for a while.
type Lease struct {
	Task, Holder string
	// Epoch is greater than the epochs of all earlier leases of this store.
	Epoch int64
	// Until is when it ends by the store's clock unless it is renewed; zero: not before the process ends.
	Until time.Time
}

// Leases let one of several processes do a task. Times to live are measured by the store's clock alone, so that the
// clocks of the processes do not matter. An engine of one process ignores them: its leases do not end by themselves.
type Leases interface {
	// Acquire takes the lease of a task that nobody has, or that has ended; its epoch is a new one. The lease that the
	// holder has already is renewed, so that Acquire can be repeated after an error. It returns ErrHeld where another
	// holder has the lease. No two processes may have one name,
	// and none may have the empty one: ErrNoHolder.
	Acquire(ctx context.Context, task, holder string, ttl time.Duration) (Lease, error)
	// Renew lets a lease end ttl from now; its epoch stays. One that has ended is renewed where nobody has taken it
	// since. It returns ErrFenced where somebody has, or it was released.
	Renew(ctx context.Context, l Lease, ttl time.Duration) (Lease, error)
	// Release ends a lease. One that is not the holder's any more is left as it is.
	Release(ctx context.Context, l Lease) error
}

// ErrNoHolder reports an Acquire without the name of a holder.
var ErrNoHolder = errors.New("a lease needs the name of its holder")

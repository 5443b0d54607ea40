package sqlite

import (
	"context"
	"sync"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// leases are the leases of this process. The file lock keeps other processes away, so that no lease ends
// before its holder releases it, or the process ends.
type leases struct {
	mu   sync.Mutex
	held map[string]store.Lease // by task
}

// Acquire takes a lease, whatever its time to live.
func (e *Engine) Acquire(ctx context.Context, task, holder string, _ time.Duration) (store.Lease, error) {
	if holder == "" {
		return store.Lease{}, store.ErrNoHolder
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	if held, some := e.leases.of(task); some {
		if held.Holder != holder {
			return store.Lease{}, store.ErrHeld
		}
		return held, nil
	}
	lease := store.Lease{Task: task, Holder: holder}
	err := e.write(ctx, store.NewWriteID(), 0, func() error {
		err := e.writer.conn.QueryRowContext(ctx, "UPDATE meta SET value = value + 1 WHERE name = 'epoch' RETURNING value").Scan(&lease.Epoch)
		return mapError("take a lease", err)
	}, func() { e.leases.put(lease) })
	return lease, err
}

// Renew returns a lease that its holder has, whatever its time to live.
func (e *Engine) Renew(_ context.Context, l store.Lease, _ time.Duration) (store.Lease, error) {
	held, some := e.leases.of(l.Task)
	if !some || held.Epoch != l.Epoch || held.Holder != l.Holder {
		return store.Lease{}, store.ErrFenced
	}
	return held, nil
}

// Release ends a lease.
func (e *Engine) Release(_ context.Context, l store.Lease) error {
	e.writing.Lock() // a write that was begun under it ends first
	defer e.writing.Unlock()
	e.leases.drop(l)
	return nil
}

func (l *leases) of(task string) (store.Lease, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lease, some := l.held[task]
	return lease, some
}

func (l *leases) put(lease store.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.held == nil {
		l.held = map[string]store.Lease{}
	}
	l.held[lease.Task] = lease
}

func (l *leases) drop(lease store.Lease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if held, some := l.held[lease.Task]; some && held.Epoch == lease.Epoch {
		delete(l.held, lease.Task)
	}
}

// fenced returns store.ErrFenced where an epoch is not the epoch of a task's lease. The caller holds e.writing.
func (e *Engine) fenced(task string, epoch int64) error {
	if epoch == 0 {
		return nil
	}
	if held, some := e.leases.of(task); !some || held.Epoch != epoch {
		return store.ErrFenced
	}
	return nil
}

package lease

import (
	"context"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// During calls f while this process has a lease. The context of f ends when the lease does.
func During(ctx context.Context, leases store.Leases, o Options, f func(context.Context) error) error {
	within, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	kept, err := Acquire(within, leases, o, func(err error) { cancel(err) })
	if err != nil {
		return err
	}
	defer func() {
		kept.Stop()
		giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), releasePatience)
		defer cancel()
		_ = leases.Release(giving, kept.Lease()) // else it ends by itself
	}()
	if err := f(within); err != nil {
		if cause := context.Cause(within); cause != nil {
			return errors.Join(err, cause)
		}
		return err
	}
	return nil
}

// Turns lets one of several processes do what each of them could do, and what has to go on while the store cannot be reached.
type Turns struct {
	Leases store.Leases
	Options
	// Again is how long to wait before a lease that another holder has is asked for again.
	Again time.Duration
}

// releasePatience bounds the wait for a store to which a lease is given back.
const releasePatience = 3 * time.Second

// Run calls do whenever this process has the lease, until ctx ends or do returns true. The context of do ends when another process has
// the lease. As long as nobody can tell, because the store cannot be reached, do goes on: where the store can be reached by others, two processes can do
// the work for a while. Run calls waits, where it is not nil, whenever another process has the turn.
func (t *Turns) Run(ctx context.Context, do func(context.Context) (ended bool), waits func()) {
	for ctx.Err() == nil {
		kept, lost, err := t.take(ctx)
		if err != nil { // also where the store cannot be reached: another process may have it
			if waits != nil && errors.Is(err, store.ErrHeld) {
				waits()
			}
			pause(ctx, t.Again)
			continue
		}
		within, end := context.WithCancel(ctx)
		held := make(chan struct{})
		go func() {
			defer close(held)
			defer end()
			t.hold(within, kept, lost)
		}()
		ended := do(within)
		end()
		<-held
		if ended {
			return
		}
	}
}

func (t *Turns) take(ctx context.Context) (*Kept, <-chan error, error) {
	lost := make(chan error, 1)
	kept, err := Acquire(ctx, t.Leases, t.Options, func(err error) { lost <- err })
	return kept, lost, err
}

// hold keeps the turn until ctx ends or another process has it. It gives it back where it can.
func (t *Turns) hold(ctx context.Context, kept *Kept, lost <-chan error) {
	for {
		select {
		case <-ctx.Done():
			kept.Stop()
			giving, cancel := context.WithTimeout(context.WithoutCancel(ctx), releasePatience)
			defer cancel()
			_ = t.Leases.Release(giving, kept.Lease()) // else it ends by itself
			return
		case err := <-lost:
			kept.Stop()
			if errors.Is(err, store.ErrFenced) {
				return
			}
		}
		for { // it has ended, and nobody says who has it
			next, nextLost, err := t.take(ctx)
			if err == nil {
				kept, lost = next, nextLost
				break
			}
			if errors.Is(err, store.ErrHeld) || !pause(ctx, t.Again) {
				return
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

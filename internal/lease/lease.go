// Package lease waits for the lease of a task, and keeps it while its process lives.
package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Options say how a lease is taken and kept.
type Options struct {
	Task, Holder string
	// TTL is how long the lease lasts where it is not renewed. It is renewed three times in that time.
	TTL time.Duration
	// Wait is how long another holder is waited for; a process that was killed leaves its lease to end by itself.
	Wait time.Duration
}

// betweenTries is how long to wait before a lease that another holder has is asked for again.
const betweenTries = 250 * time.Millisecond

// Kept is a lease that is renewed until Release.
type Kept struct {
	leases store.Leases
	lease  store.Lease
	o      Options
	cancel context.CancelFunc
	done   chan struct{}
}

// Acquire takes a lease and keeps it. It returns store.ErrHeld where another holder has it for longer than Options.Wait.
// It calls lost once, in a goroutine of its own, where another holder has taken the lease nevertheless: this process
// could not renew it in time.
func Acquire(ctx context.Context, leases store.Leases, o Options, lost func(error)) (*Kept, error) {
	for deadline := time.Now().Add(o.Wait); ; {
		l, err := leases.Acquire(ctx, o.Task, o.Holder, o.TTL)
		if err == nil {
			keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
			k := &Kept{leases: leases, lease: l, o: o, cancel: cancel, done: make(chan struct{})}
			go k.keep(keeping, lost)
			return k, nil
		}
		if time.Now().After(deadline) { // until then a store that cannot be reached may come back
			return nil, fmt.Errorf("take the lease of %s: %w", o.Task, err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lease of %s: %w", o.Task, ctx.Err())
		case <-time.After(betweenTries):
		}
	}
}

// Lease is the lease as it was taken.
func (k *Kept) Lease() store.Lease { return k.lease }

func (k *Kept) keep(ctx context.Context, lost func(error)) {
	defer close(k.done)
	interval := k.o.TTL / 3
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		renewing, cancel := context.WithTimeout(ctx, interval)
		_, err := k.leases.Renew(renewing, k.lease, k.o.TTL)
		cancel()
		if errors.Is(err, store.ErrFenced) {
			go lost(fmt.Errorf("keep the lease of %s: %w", k.o.Task, err))
			return
		}
		if next := interval; err != nil {
			timer.Reset(min(next, betweenTries))
		} else {
			timer.Reset(next)
		}
	}
}

// Stop ends renewing. The lease lasts until it is released or ends.
func (k *Kept) Stop() {
	k.cancel()
	<-k.done
}

// Package lease waits for the lease of a task, and keeps it while its process lives.
package lease

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
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

// ErrEnded reports a lease that ended, because the store did not answer in time. Another process may have it.
var ErrEnded = errors.New("the lease ended before the store answered")

// Kept is a lease that is renewed until Release.
type Kept struct {
	leases store.Leases
	lease  store.Lease
	o      Options
	cancel context.CancelFunc
	done   chan struct{}
	taken  time.Time
	until  atomic.Int64 // when it ends where it is not renewed, as a time since taken: steps of the wall clock do not matter
}

// Acquire takes a lease and keeps it. It returns store.ErrHeld where another holder has it for longer than Options.Wait.
// It calls lost once, in a goroutine of its own, where another holder has taken the lease nevertheless, or where it ends
// because this process could not renew it in time: TTL after the last renewal that succeeded was begun, by the clock of this process. The store
// lets it end later than that, never before.
func Acquire(ctx context.Context, leases store.Leases, o Options, lost func(error)) (*Kept, error) {
	for deadline := time.Now().Add(o.Wait); ; {
		asked := time.Now()
		l, err := leases.Acquire(ctx, o.Task, o.Holder, o.TTL)
		if err == nil {
			keeping, cancel := context.WithCancel(context.WithoutCancel(ctx))
			k := &Kept{leases: leases, lease: l, o: o, cancel: cancel, done: make(chan struct{}), taken: asked}
			k.lasts(asked)
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

// Lasts reports whether the lease has not ended yet, whatever else this process waits for.
func (k *Kept) Lasts() bool { return k.left() > 0 }

// lasts notes that the lease was taken or renewed by a request that was begun at a time.
func (k *Kept) lasts(asked time.Time) { k.until.Store(int64(asked.Sub(k.taken) + k.o.TTL)) }

func (k *Kept) left() time.Duration { return time.Duration(k.until.Load()) - time.Since(k.taken) }

func (k *Kept) keep(ctx context.Context, lost func(error)) {
	defer close(k.done)
	var once sync.Once
	report := func(err error) {
		once.Do(func() { go lost(fmt.Errorf("keep the lease of %s: %w", k.o.Task, err)) })
	}
	ended := time.AfterFunc(k.left(), func() { report(ErrEnded) }) // whatever the store does meanwhile
	defer ended.Stop()
	interval := k.o.TTL / 3
	timer := time.NewTimer(interval)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		asked := time.Now()
		renewing, cancel := context.WithTimeout(ctx, min(interval, k.left()))
		_, err := k.leases.Renew(renewing, k.lease, k.o.TTL)
		cancel()
		switch {
		case errors.Is(err, store.ErrFenced):
			report(err)
			return
		case !k.Lasts(): // also where it is renewed after all: who holds it was told that it ended
			return
		case err != nil:
			timer.Reset(min(interval, betweenTries))
			continue
		}
		k.lasts(asked)
		if !ended.Reset(k.left()) {
			return // it ended at this moment
		}
		timer.Reset(interval)
	}
}

// Stop ends renewing. The lease lasts until it is released or ends.
func (k *Kept) Stop() {
	k.cancel()
	<-k.done
}

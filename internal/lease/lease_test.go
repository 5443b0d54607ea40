package lease_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/lease"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

var server pgtest.Server

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &server)) }

// TestKept: a lease is kept for longer than its time to live, also while the database is away for a while; it is waited
// for; and who loses it learns so once.
func TestKept(t *testing.T) {
	ctx := context.Background()
	var o postgres.Options
	o.DSN = server.Schema(t)
	e, err := postgres.Open(ctx, o)
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	lost := make(chan error, 9)
	kept, err := lease.Acquire(ctx, e, lease.Options{Task: "t", Holder: "a", TTL: 2 * time.Second}, func(err error) { lost <- err })
	require.NoError(t, err)
	other := lease.Options{Task: "t", Holder: "b", TTL: time.Minute}
	_, err = lease.Acquire(ctx, e, other, nil)
	require.ErrorIs(t, err, store.ErrHeld)
	server.Stop()
	server.Start(t)
	other.Wait = 5 * time.Second
	_, err = lease.Acquire(ctx, e, other, nil)
	require.Error(t, err, "it is renewed")
	require.Empty(t, lost)
	kept.Stop()
	other.Wait = time.Minute
	next, err := lease.Acquire(ctx, e, other, nil)
	require.NoError(t, err, "it ends by itself")
	require.Greater(t, next.Lease().Epoch, kept.Lease().Epoch)
	next.Stop()
	require.NoError(t, e.Release(ctx, next.Lease()))

	kept, err = lease.Acquire(ctx, e, lease.Options{Task: "t", Holder: "a", TTL: 300 * time.Millisecond}, func(err error) { lost <- err })
	require.NoError(t, err)
	require.NoError(t, e.Release(ctx, kept.Lease()))
	require.ErrorIs(t, <-lost, store.ErrFenced)
	kept.Stop()
	require.Empty(t, lost, "once")
}

// silent are leases in a store that answers renewals as it is told.
type silent struct {
	renew func(context.Context) error
	asked int
}

func (s *silent) Acquire(_ context.Context, task, holder string, _ time.Duration) (store.Lease, error) {
	return store.Lease{Task: task, Holder: holder, Epoch: 1}, nil
}

func (s *silent) Renew(ctx context.Context, l store.Lease, _ time.Duration) (store.Lease, error) {
	s.asked++
	return l, s.renew(ctx)
}

func (*silent) Release(context.Context, store.Lease) error { return nil }

// TestEnds: a lease that the store does not renew ends by the clock of its holder, TTL after the last renewal that succeeded was begun,
// whether the store fails, keeps silent, or does not even notice that nobody waits any more.
func TestEnds(t *testing.T) {
	const ttl = 6 * time.Second
	for name, fails := range map[string]func(ctx context.Context, thawed chan struct{}) error{
		"an error": func(context.Context, chan struct{}) error { return errors.New("no connection") },
		"silence":  func(ctx context.Context, _ chan struct{}) error { <-ctx.Done(); return ctx.Err() },
		"frozen":   func(_ context.Context, thawed chan struct{}) error { <-thawed; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began, thawed := time.Now(), make(chan struct{})
				s := &silent{}
				s.renew = func(ctx context.Context) error {
					if s.asked <= 5 {
						time.Sleep(time.Second) // a renewal lasts from when it was begun
						return nil
					}
					return fails(ctx, thawed)
				}
				lost := make(chan error, 9)
				kept, err := lease.Acquire(t.Context(), s, lease.Options{Task: "t", Holder: "a", TTL: ttl}, func(err error) { lost <- err })
				require.NoError(t, err)
				ends := 2*time.Second + 4*3*time.Second + ttl // the fifth is begun after 2 s, and four times 2 s and the 1 s that one takes
				time.Sleep(ends - time.Nanosecond)
				require.True(t, kept.Lasts())
				require.Empty(t, lost)
				time.Sleep(time.Nanosecond)
				require.False(t, kept.Lasts(), "to the nanosecond")
				require.ErrorIs(t, <-lost, lease.ErrEnded)
				require.Equal(t, ends, time.Since(began))
				close(thawed)
				time.Sleep(time.Minute)
				require.False(t, kept.Lasts(), "a renewal that succeeds later does not bring it back")
				kept.Stop()
				require.Empty(t, lost, "once")
			})
		})
	}
}

// TestDuring: one at a time, whatever the number of those who want to.
func TestDuring(t *testing.T) {
	ctx := t.Context()
	var o postgres.Options
	o.DSN = server.Schema(t)
	e, err := postgres.Open(ctx, o)
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	var within, done atomic.Int64
	var all sync.WaitGroup
	for _, holder := range []string{"a", "b", "c"} {
		all.Go(func() {
			for range 5 {
				err := lease.During(ctx, e, lease.Options{Task: "t", Holder: holder, TTL: time.Minute, Wait: time.Minute}, func(context.Context) error {
					if within.Add(1) != 1 {
						t.Error("two at a time")
					}
					time.Sleep(time.Millisecond)
					within.Add(-1)
					done.Add(1)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 15, done.Load())
	_, err = e.Acquire(ctx, "t", "d", time.Minute)
	require.NoError(t, err, "it is given back at once")
	require.ErrorIs(t, lease.During(ctx, e, lease.Options{Task: "t", Holder: "e", TTL: time.Minute}, nil), store.ErrHeld)
}

// turnsOf are leases that answer as they are told.
type turnsOf struct {
	mu      sync.Mutex
	answers error // of all requests; nil: they succeed
	given   int
}

func (l *turnsOf) say(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers = err
}

func (l *turnsOf) answer() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answers
}

func (l *turnsOf) Acquire(_ context.Context, task, holder string, _ time.Duration) (store.Lease, error) {
	return store.Lease{Task: task, Holder: holder, Epoch: 1}, l.answer()
}

func (l *turnsOf) Renew(_ context.Context, lease store.Lease, _ time.Duration) (store.Lease, error) {
	return lease, l.answer()
}

func (l *turnsOf) Release(context.Context, store.Lease) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.given++
	return l.answers
}

// TestTurns: who has the turn goes on while the store cannot be reached, and ends when another one is known to have it.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &turnsOf{answers: store.ErrHeld}
		turns := &lease.Turns{Leases: l, Options: lease.Options{Task: "t", Holder: "a", TTL: 6 * time.Second}, Again: time.Second}
		ctx, end := context.WithCancel(t.Context())
		var doing, waited atomic.Int64
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			turns.Run(ctx, func(ctx context.Context) bool {
				doing.Add(1)
				<-ctx.Done()
				doing.Add(-1)
				return false
			}, func() { waited.Add(1) })
		}()
		time.Sleep(10 * time.Second)
		require.Zero(t, doing.Load(), "another one has the turn")
		require.Positive(t, waited.Load())
		l.say(errors.New("no connection"))
		time.Sleep(time.Hour)
		require.Zero(t, doing.Load(), "nobody knows who has it")
		l.say(nil)
		time.Sleep(2 * time.Second)
		require.EqualValues(t, 1, doing.Load())
		l.say(errors.New("no connection"))
		time.Sleep(time.Hour)
		require.EqualValues(t, 1, doing.Load(), "it goes on")
		l.say(nil)
		time.Sleep(time.Hour)
		require.EqualValues(t, 1, doing.Load())
		for _, err := range []error{store.ErrFenced, store.ErrHeld} {
			if errors.Is(err, store.ErrHeld) { // after the lease has ended unseen
				l.say(errors.New("no connection"))
				time.Sleep(time.Minute)
			}
			l.say(err)
			time.Sleep(10 * time.Second)
			require.Zero(t, doing.Load(), "another one has it: %v", err)
			l.say(nil)
			time.Sleep(2 * time.Second)
			require.EqualValues(t, 1, doing.Load())
		}
		require.Zero(t, l.given)
		end()
		<-ended
		require.Equal(t, 1, l.given, "it gives the turn back")
	})
}

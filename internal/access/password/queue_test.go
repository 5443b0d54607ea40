package password

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// crowd is a queue whose turns are taken one by one.
type crowd struct {
	t     *testing.T
	q     *queue
	next  chan struct{}
	mu    sync.Mutex
	order []Caller
	busy  map[Caller]int
	gone  sync.WaitGroup
}

// newCrowd holds the only turn until free is called.
func newCrowd(t *testing.T) (c *crowd, free func()) {
	c = &crowd{t: t, q: &queue{}, next: make(chan struct{}), busy: map[Caller]int{}}
	begun := make(chan struct{})
	c.gone.Add(1)
	go func() {
		defer c.gone.Done()
		err := c.q.run(context.Background(), Caller{Source: "first"}, func() { close(begun); <-c.next })
		require.NoError(t, err)
	}()
	<-begun
	return c, sync.OnceFunc(func() { close(c.next); c.gone.Wait() })
}

// come lets a caller wait, and returns when it does or was refused.
func (c *crowd) come(who Caller) {
	c.t.Helper()
	waiting := func() int {
		c.q.mu.Lock()
		defer c.q.mu.Unlock()
		return len(c.q.waiting)
	}
	before := waiting()
	done := make(chan struct{})
	c.gone.Add(1)
	go func() {
		defer c.gone.Done()
		defer close(done)
		err := c.q.run(context.Background(), who, func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.order = append(c.order, who)
		})
		if err != nil {
			require.ErrorIs(c.t, err, ErrBusy)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.busy[who]++
		}
	}()
	require.Eventually(c.t, func() bool {
		select {
		case <-done:
			return true
		default:
		}
		return waiting() > before || before == maxWaiting && c.has(who)
	}, time.Minute, 10*time.Microsecond)
}

func (c *crowd) has(who Caller) bool {
	c.q.mu.Lock()
	defer c.q.mu.Unlock()
	return slices.ContainsFunc(c.q.waiting, func(w *waiter) bool { return w.account == who.Source+"\x00"+who.Account })
}

// TestFairShares: one that asks 72 times at once keeps nobody else out, and nobody waiting for long.
func TestFairShares(t *testing.T) {
	for name, crowded := range map[string]func(i int) Caller{
		"one user from one source":   func(int) Caller { return Caller{Source: "192.0.2.1", Account: "mallory"} },
		"many users from one source": func(i int) Caller { return Caller{Source: "192.0.2.1", Account: fmt.Sprint("user", i)} },
	} {
		t.Run(name, func(t *testing.T) {
			c, free := newCrowd(t)
			defer free()
			for i := range 72 {
				c.come(crowded(i))
			}
			var others []Caller
			for i := range 10 {
				o := Caller{Source: fmt.Sprint("198.51.100.", i), Account: "root"}
				others = append(others, o)
				c.come(o)
			}
			free()
			for _, o := range others {
				require.Zero(t, c.busy[o], "refused")
				require.Less(t, slices.Index(c.order, o), 12, "one of each source")
				require.GreaterOrEqual(t, slices.Index(c.order, o), 0)
			}
			require.Len(t, c.order, maxWaiting)
		})
	}
	t.Run("one source, as behind a proxy", func(t *testing.T) {
		c, free := newCrowd(t)
		defer free()
		for range 72 {
			c.come(Caller{Source: "10.0.0.1", Account: "mallory"})
		}
		for i := range 10 {
			c.come(Caller{Source: "10.0.0.1", Account: fmt.Sprint("user", i)})
		}
		free()
		for i := range 10 {
			place := slices.Index(c.order, Caller{Source: "10.0.0.1", Account: fmt.Sprint("user", i)})
			require.GreaterOrEqual(t, place, 0)
			require.Less(t, place, 12)
		}
	})
}

func TestKnownCallersDoNotWaitBehindStrangers(t *testing.T) {
	h := New(quick)
	begun, end := make(chan struct{}), make(chan struct{})
	var wait sync.WaitGroup
	wait.Add(1)
	go func() {
		defer wait.Done()
		require.NoError(t, h.run(context.Background(), Caller{Source: "x"}, func() { close(begun); <-end }))
	}()
	<-begun
	_, err := h.Verify(context.Background(), Caller{Source: "x", Known: true}, "", "x")
	require.NoError(t, err)
	close(end)
	wait.Wait()
}

func TestManyAtOnceAreRefused(t *testing.T) {
	c, free := newCrowd(t)
	defer free()
	ctx, cancel := context.WithCancel(context.Background())
	var waiting sync.WaitGroup
	for i := range maxWaiting {
		waiting.Add(1)
		go func() {
			defer waiting.Done()
			require.ErrorIs(t, c.q.run(ctx, Caller{Source: fmt.Sprint(i)}, func() { t.Error("nobody waits for it") }), context.Canceled)
		}()
	}
	length := func() int {
		c.q.mu.Lock()
		defer c.q.mu.Unlock()
		return len(c.q.waiting)
	}
	require.Eventually(t, func() bool { return length() == maxWaiting }, time.Minute, time.Millisecond)
	require.ErrorIs(t, c.q.run(ctx, Caller{Source: "another"}, func() {}), ErrBusy, "everybody has one place")
	cancel()
	waiting.Wait()
	require.Zero(t, length())
}

// TestQueueIsSafe: many at once, some of which go away, and the queue is empty and idle at the end.
func TestQueueIsSafe(t *testing.T) {
	q := &queue{}
	var all sync.WaitGroup
	var working, most, done int
	var mu sync.Mutex
	for i := range 2_000 {
		all.Add(1)
		go func() {
			defer all.Done()
			ctx, cancel := context.WithCancel(context.Background())
			if i%3 == 0 {
				go cancel()
			}
			defer cancel()
			_ = q.run(ctx, Caller{Source: fmt.Sprint(i % 7), Account: fmt.Sprint(i % 11)}, func() {
				mu.Lock()
				working++
				most = max(most, working)
				done++
				mu.Unlock()
				mu.Lock()
				working--
				mu.Unlock()
			})
		}()
	}
	all.Wait()
	require.Equal(t, 1, most)
	require.Positive(t, done)
	require.False(t, q.busy)
	require.Empty(t, q.waiting)
	require.Empty(t, q.turns)
}

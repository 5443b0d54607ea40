package gate

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestGateTakesTurns: who has a long line does not hold up others.
func TestGateTakesTurns(t *testing.T) {
	g := NewGate(3, 2, 100, time.Minute)
	var leaves []func()
	for range 2 {
		leave, err := g.Enter(context.Background(), "greedy")
		require.NoError(t, err)
		leaves = append(leaves, leave)
	}
	let := make(chan string, 100)
	var all sync.WaitGroup
	wait := func(who string) {
		g.Mu.Lock()
		line := len(g.lines[who])
		g.Mu.Unlock()
		all.Go(func() {
			leave, err := g.Enter(context.Background(), who)
			require.NoError(t, err)
			let <- who
			leave()
		})
		require.Eventually(t, func() bool {
			g.Mu.Lock()
			defer g.Mu.Unlock()
			return len(g.lines[who]) == line+1
		}, time.Minute, time.Millisecond)
	}
	for range 10 {
		wait("greedy")
	}
	leave, err := g.Enter(context.Background(), "modest")
	require.NoError(t, err, "a person's share leaves room for another one")
	wait("modest")
	wait("third")
	leave()
	first := []string{<-let, <-let}
	require.ElementsMatch(t, []string{"modest", "third"}, first)
	for _, leave := range leaves {
		leave()
	}
	all.Wait()
	require.Equal(t, 10, len(let))
	require.Zero(t, g.Busy+g.Waiting+len(g.of)+len(g.lines)+len(g.turns))
}

func TestGateHasAnEnd(t *testing.T) {
	g := NewGate(1, 1, 1, time.Minute)
	leave, err := g.Enter(context.Background(), "a")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan error)
	go func() {
		_, err := g.Enter(ctx, "a")
		gone <- err
	}()
	require.Eventually(t, func() bool {
		g.Mu.Lock()
		defer g.Mu.Unlock()
		return g.Waiting == 1
	}, time.Minute, time.Millisecond)
	_, err = g.Enter(context.Background(), "a")
	require.ErrorIs(t, err, errCrowded, "the line is full")
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	g.patience = time.Millisecond
	_, err = g.Enter(context.Background(), "a")
	require.ErrorIs(t, err, errCrowded, "it waits for some time only")
	leave()
	require.Zero(t, g.Busy+g.Waiting+len(g.of)+len(g.lines)+len(g.turns))
}

// TestGateCounts: whatever comes and goes, no more are in than may be, and nothing is left at the end.
func TestGateCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots := rapid.IntRange(1, 4).Draw(t, "slots")
		g := NewGate(slots, rapid.IntRange(1, slots).Draw(t, "each"), rapid.IntRange(1, 4).Draw(t, "line"), time.Minute)
		var mu sync.Mutex
		in, of := 0, map[string]int{}
		var all sync.WaitGroup
		for range rapid.IntRange(1, 20).Draw(t, "requests") {
			who := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "who")
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(rapid.IntRange(0, 2).Draw(t, "ms"))*time.Millisecond)
			all.Go(func() {
				defer cancel()
				leave, err := g.Enter(ctx, who)
				if err != nil {
					return
				}
				mu.Lock()
				in++
				of[who]++
				over := in > g.slots || of[who] > g.each
				mu.Unlock()
				if over {
					panic("more are in than may be")
				}
				mu.Lock()
				in--
				of[who]--
				mu.Unlock()
				leave()
			})
		}
		all.Wait()
		if g.Busy+g.Waiting+len(g.of)+len(g.lines)+len(g.turns) != 0 {
			t.Fatalf("something is left: %+v", g)
		}
	})
}

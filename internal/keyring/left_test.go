package keyring

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestEstimatesAreRefused: what no call can spend is refused by the ring itself, whoever asks it.
func TestEstimatesAreRefused(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, func(k *store.Key) { k.Limits = generous })
	before := w.ring.Left("1")
	for _, q := range []Query{
		{Tokens: -1}, {Tokens: math.MinInt64}, {Tokens: usage.MaxTokens + 1}, {Tokens: math.MaxInt64},
		{Cost: -1}, {Cost: math.MinInt64}, {Cost: MaxCost + 1}, {Cost: math.MaxInt64},
		{Tokens: 1, Cost: -1e12}, {Tokens: -100_000, Cost: 1},
	} {
		for _, key := range []string{secret(1), "unknown", ""} {
			q.Key = key
			_, err := w.ring.Verify(ctx, q)
			require.ErrorIs(t, err, ErrEstimate, "%+v", q)
		}
	}
	require.Equal(t, before, w.ring.Left("1"))
}

// TestNothingRaisesWhatIsLeft: no sequence of checks raises what is left of any limit; a call that
// settles a reservation returns at most what was reserved; and what is left is never more than the
// limit without what was spent.
func TestNothingRaisesWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		w := newWorld(filepath.Join(dir, fmt.Sprint(n)))
		defer w.close()
		limit := rapid.SampledFrom([]int64{1, 500, 10_000, 1 << 40, usage.MaxTokens})
		w.add(rt, 1, func(k *store.Key) {
			for p := range store.PeriodCount {
				k.Limits.Tokens[p], k.Limits.Cost[p] = limit.Draw(rt, "tokens"), limit.Draw(rt, "cost")
			}
			k.Limits.TokensPerMinute = limit.Draw(rt, "tokens a minute")
			k.Limits.RequestsPerMinute = rapid.Int64Range(1, 50).Draw(rt, "requests a minute")
		})
		require.NoError(rt, w.ring.Fresh(ctx))
		amounts := rapid.SampledFrom([]int64{math.MinInt64, -usage.MaxTokens, -1000, -1, 0, 1, 499, 5_000, 1 << 39, usage.MaxTokens, usage.MaxTokens + 1, math.MaxInt64})
		var spent int64
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			before := allowances(w.ring.Left("1"))
			switch rapid.SampledFrom([]string{"check", "check", "check", "call", "wait"}).Draw(rt, "step") {
			case "check":
				_, _ = w.ring.Verify(ctx, Query{
					Key: rapid.SampledFrom([]string{secret(1), "another"}).Draw(rt, "key"), Tokens: amounts.Draw(rt, "estimate"), Cost: usage.NanoUSD(amounts.Draw(rt, "cost")),
				})
				for i, a := range allowances(w.ring.Left("1")) {
					require.LessOrEqual(rt, remainder(a), remainder(before[i]), "a check raises what is left of limit %d", i)
					if i > 0 { // of requests, a check is one
						require.Equal(rt, before[i].Used, a.Used)
					}
				}
			case "call":
				c := w.call(1, rapid.Int64Range(0, 6_000).Draw(rt, "spent"))
				w.commit(rt, c)
				spent += c.Tokens.Total()
				for i, a := range allowances(w.ring.Left("1")) {
					require.LessOrEqual(rt, remainder(a)-remainder(before[i]), before[i].Reserved, "a call gives back more than was reserved of limit %d", i)
				}
			case "wait":
				w.clock.turn(rapid.SampledFrom([]time.Duration{time.Second, 30 * time.Second, 11 * time.Minute}).Draw(rt, "for"))
			}
			left := w.ring.Left("1")
			for i, a := range allowances(left) {
				require.GreaterOrEqual(rt, min(a.Used, a.Reserved), int64(0), i)
				require.LessOrEqual(rt, remainder(a), a.Limit-a.Used, i)
			}
			require.Equal(rt, spent, left.Tokens[store.Ever].Used)
		}
	})
}

func allowances(l *Left) []Allowance {
	out := []Allowance{*l.RequestsPerMinute, *l.TokensPerMinute}
	for p := range store.PeriodCount {
		out = append(out, *l.Tokens[p], *l.Cost[p])
	}
	return out
}

// remainder is what is left, below nothing too.
func remainder(a Allowance) int64 { return a.Limit - a.Used - a.Reserved }

// TestWaitEndsWithContext: who waits while another one reads the keys stops waiting with its context.
func TestWaitEndsWithContext(t *testing.T) {
	w := newWorld(t.TempDir())
	defer w.close()
	w.add(t, 1, func(*store.Key) {})
	w.ring.Stale()
	require.True(t, w.ring.reading.TryAcquire(1))
	ended, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	require.ErrorIs(t, w.ring.Fresh(ended), context.DeadlineExceeded)
	require.ErrorIs(t, w.ring.Refresh(ended), context.DeadlineExceeded)
	_, err := w.ring.Verify(ended, Query{Key: secret(1)})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	w.ring.reading.Release(1)
	require.NoError(t, w.ring.Fresh(ctx))
}

package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// loopCall is the call of a tool loop that reports the sum so far.
func loopCall(span byte, after time.Duration, input, output int64, parent byte) usage.Batch {
	trace, id := usage.TraceID{9}, usage.SpanID{span}
	return usage.Batch{Calls: []usage.Call{{
		ID: usage.SpanRecordID(trace, id), Trace: trace, Span: id, Parent: usage.SpanID{parent}, Role: usage.RoleCall,
		Start: testStart.Add(after), Duration: time.Millisecond, Operation: "chat", Provider: "openai", Model: "m", Scope: "spring", Process: 1,
		Tokens:  usage.Tokens{InputUncached: input, OutputText: output, Fields: usage.HasInput | usage.HasOutput},
		Quality: usage.RunningSum,
	}}}
}

// toolSpan is a tool execution.
func toolSpan(span, parent byte) usage.Batch {
	return usage.Batch{Parents: []usage.SpanParent{{Trace: usage.TraceID{9}, Span: usage.SpanID{span}, Parent: usage.SpanID{parent}, Tool: true}}}
}

// loopInputs returns what each call is shown to have spent, in the order of their start.
func loopInputs(t *testing.T, l *Ledger) (input []int64) {
	t.Helper()
	var records []store.Record
	require.NoError(t, l.Scan(context.Background(), store.Filter{}, func(r *store.Record) error {
		records = append(records, *r)
		return nil
	}))
	slices.SortFunc(records, func(a, b store.Record) int { return a.Start.Compare(b.Start) })
	for i := range records {
		input = append(input, records[i].Tokens.Input())
	}
	return input
}

// TestRunningSums: of calls that report the sum of their loop so far each counts what it added, in any order,
// delivered twice and over a restart; calls without a tool execution beside them, or of which the figures
// fall, are no loop.
func TestRunningSums(t *testing.T) {
	loop := []usage.Batch{
		loopCall(1, 0, 800, 80, 100), loopCall(2, time.Second, 1700, 167, 100), loopCall(3, 2*time.Second, 2700, 261, 100), toolSpan(4, 100),
	}
	apart := []usage.Batch{
		loopCall(5, 10*time.Second, 800, 80, 101), loopCall(6, 11*time.Second, 900, 87, 101), // no tool ran
		loopCall(7, 20*time.Second, 500, 50, 102), loopCall(8, 21*time.Second, 400, 60, 102), toolSpan(9, 102), // another loop begins
	}
	want := []int64{800, 900, 1000, 800, 900, 500, 400}
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := t.TempDir()
			sends := slices.Concat(loop, apart, loop)
			rng := rand.New(rand.NewPCG(seed, 3))
			rng.Shuffle(len(sends), func(i, j int) { sends[i], sends[j] = sends[j], sends[i] })
			l, _ := open(t, dir, Options{})
			for i, b := range sends {
				if i == len(sends)/2 {
					require.NoError(t, l.Close())
					l, _ = open(t, dir, Options{})
				}
				require.NoError(t, l.Commit(context.Background(), b))
			}
			require.Equal(t, want, loopInputs(t, l))
			sum := total(t, l)
			require.Equal(t, int64(7), sum.Calls)
			require.Equal(t, int64(5300), sum.Tokens.Input())
			require.Equal(t, int64(80+87+94+80+87+50+60), sum.Tokens.Output())
			requireConsistent(t, l)
			require.NoError(t, l.Close())
		})
	}
}

// TestRunningSumCorrected: a more complete delivery of a call changes what the next one added, and a call that a
// deeper one stands for is no part of the loop.
func TestRunningSumCorrected(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{})
	ctx := context.Background()
	for _, b := range []usage.Batch{loopCall(1, 0, 700, 70, 100), loopCall(2, time.Second, 1700, 167, 100), toolSpan(4, 100)} {
		require.NoError(t, l.Commit(ctx, b))
	}
	require.Equal(t, []int64{700, 1000}, loopInputs(t, l))
	require.NoError(t, l.Commit(ctx, loopCall(1, 0, 800, 80, 100)))
	require.Equal(t, []int64{800, 900}, loopInputs(t, l))

	client := loopCall(5, time.Second, 900, 87, 2)
	client.Calls[0].Quality, client.Calls[0].Scope = 0, "client"
	require.NoError(t, l.Commit(ctx, client))
	sum := total(t, l)
	require.Equal(t, int64(2), sum.Calls)
	require.Equal(t, int64(1700), sum.Tokens.Input())
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}

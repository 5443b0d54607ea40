package ledger

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// requireSame checks that the sums in memory, the series and the records agree.
func requireSame(t *testing.T, l *Ledger, calls int64) {
	t.Helper()
	all := total(t, l)
	require.Equal(t, calls, all.Calls)
	requireConsistent(t, l)
	series := l.series.Total() // nobody writes now
	require.Equal(t, calls, series.Calls)
	require.Equal(t, all.Tokens, series.Tokens)
}

// TestLostAnswers: whatever becomes of a write whose answer is lost, its batch counts once, when the
// sender sends it again and after a start; so does the journal of the series.
func TestLostAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		how       storetest.Fault
		asks      int
		committed bool
	}{
		"fails":                             {storetest.Fails, 0, false},
		"fails, asked thrice":               {storetest.Fails, 2, false},
		"fails, and does not know":          {storetest.FailsUnsure, 1, false},
		"commits, then fails":               {storetest.CommitsAndFails, 0, true},
		"commits, then fails, asked thrice": {storetest.CommitsAndFails, 2, true},
		"fails, then commits":               {storetest.FailsAndCommits, 0, true},
		"fails, then commits, asked thrice": {storetest.FailsAndCommits, 2, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			l, engine := open(t, dir, Options{})
			commit(t, l, testRecord{name: "a", trace: "1", out: 1})
			b := batchOf([]testRecord{{name: "b", trace: "2", out: 2}, {name: "link", trace: "2", parent: "b", role: linkRole}})
			engine.Next(tc.how, tc.asks)
			err := l.Commit(t.Context(), b)
			if tc.committed {
				require.NoError(t, err)
				requireSame(t, l, 2)
			} else {
				require.ErrorContains(t, err, storetest.ErrFault.Error())
				require.NotErrorIs(t, err, ErrOutcomeUnknown)
				requireSame(t, l, 1)
			}
			require.NoError(t, l.Commit(t.Context(), b))
			requireSame(t, l, 2)
			status, err := l.Status(t.Context())
			require.NoError(t, err)
			require.NoError(t, status.Outcome)
			engine.failSums.Store(true) // the journals stay as they were written
			require.NoError(t, l.Close())
			l, _ = open(t, dir, Options{})
			requireSame(t, l, 2)
			require.NoError(t, l.Close())
		})
	}
}

// TestLostAnswerOfTheSums: hours that change after sums were stored, in whichever way the answer was lost,
// are added up at the next start.
func TestLostAnswerOfTheSums(t *testing.T) {
	for how := range storetest.FaultCount {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			dir := t.TempDir()
			l, engine := open(t, dir, Options{})
			commit(t, l, testRecord{name: "a", trace: "1", out: 1})
			engine.Next(how, 1)
			err := l.inWriter(t.Context(), l.saveSums)
			if how == storetest.Fails {
				require.ErrorIs(t, err, storetest.ErrFault)
			} else {
				require.NoError(t, err)
			}
			commit(t, l, testRecord{name: "b", trace: "2", out: 2})
			engine.failSums.Store(true) // as if it were killed now
			require.NoError(t, l.Close())
			l, _ = open(t, dir, Options{})
			requireSame(t, l, 2)
			require.NoError(t, l.Close())
		})
	}
}

// TestLostAnswerOfPrices: repricing counts once too.
func TestLostAnswerOfPrices(t *testing.T) {
	for how := range storetest.FaultCount {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			dir := t.TempDir()
			l, _ := open(t, dir, Options{})
			commit(t, l, testRecord{name: "a", trace: "1", out: 1})
			require.NoError(t, l.Close())
			l, engine := open(t, dir, Options{Prices: fixed(7)})
			engine.Next(how, 1)
			if _, err := l.Reprice(t.Context(), RepriceRequest{}); how == storetest.Fails {
				require.ErrorIs(t, err, storetest.ErrFault)
				_, err = l.Reprice(t.Context(), RepriceRequest{})
				require.NoError(t, err)
			} else {
				require.NoError(t, err)
			}
			requireSame(t, l, 1)
			require.EqualValues(t, 7, total(t, l).Cost)
			require.NoError(t, l.Close())
		})
	}
}

// eventually waits for a condition, as long as the test may run: nothing here is a matter of time.
func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for !holds() {
		require.NoError(t, t.Context().Err())
		time.Sleep(time.Millisecond)
	}
}

// TestNobodyKnows: while the outcome of a write cannot be found out, the sums in memory are shown as they
// were, who needs them to agree with the store gets an error, senders wait, and Close ends it.
func TestNobodyKnows(t *testing.T) {
	for _, how := range []storetest.Fault{storetest.Fails, storetest.CommitsAndFails} {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			dir := t.TempDir()
			l, engine := open(t, dir, Options{})
			commit(t, l, testRecord{name: "a", trace: "1", out: 1})
			before, _ := l.Series()
			engine.Next(how, 1<<30)
			b := batchOf([]testRecord{{name: "b", trace: "2", out: 2}})
			answers := make(chan error, 2)
			go func() { answers <- l.Commit(context.Background(), b) }()
			eventually(t, func() bool {
				status, err := l.Status(t.Context())
				require.NoError(t, err)
				return status.Outcome != nil
			})
			go func() {
				answers <- l.Commit(context.Background(), batchOf([]testRecord{{name: "c", trace: "3", out: 4}}))
			}()
			require.EqualValues(t, 1, total(t, l).Calls)
			after, _ := l.Series()
			require.Equal(t, before, after)
			_, err := l.Spending(t.Context(), map[string]bool{"": true}, nil, func(store.Spent) {})
			require.ErrorIs(t, err, ErrOutcomeUnknown)
			cut := Query{Filter: store.Filter{From: testStart.Add(time.Second)}}
			if _, err = l.Query(t.Context(), cut); err != nil { // the write changes that very bucket
				require.ErrorIs(t, err, ErrOutcomeUnknown)
			}
			waits, cancel := context.WithCancel(t.Context())
			cancel()
			require.ErrorIs(t, l.Commit(waits, b), context.Canceled)

			require.NoError(t, l.Close())
			for range 2 {
				err := <-answers
				require.True(t, errors.Is(err, ErrClosed) || errors.Is(err, ErrOutcomeUnknown), "%v", err)
			}
			l, _ = open(t, dir, Options{})
			requireSame(t, l, map[storetest.Fault]int64{storetest.Fails: 1, storetest.CommitsAndFails: 2}[how])
			require.NoError(t, l.Commit(t.Context(), b))
			requireSame(t, l, 2)
			require.NoError(t, l.Close())
		})
	}
}

// gated is an engine whose writes wait to be let through.
type gated struct {
	fullEngine
	came, pass chan struct{}
}

func (g *gated) Commit(ctx context.Context, w store.Write) error {
	g.came <- struct{}{}
	<-g.pass
	return g.fullEngine.Commit(ctx, w)
}

// TestCancelledSenders: a sender that leaves at any point is answered either that nothing of its batch is on
// disk, and then nothing is, or that this is not known.
func TestCancelledSenders(t *testing.T) {
	g := &gated{came: make(chan struct{}), pass: make(chan struct{})}
	l, _ := openWith(t, t.TempDir(), Options{}, func(e fullEngine) fullEngine {
		g.fullEngine = e
		return g
	})
	has := func(b usage.Batch) bool {
		_, found, err := l.Get(context.Background(), b.Calls[0].ID, b.Calls[0].Start)
		require.NoError(t, err)
		return found
	}
	batch := func(i int) usage.Batch {
		return batchOf([]testRecord{{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: 1}})
	}
	send := func(ctx context.Context, i int) chan error {
		answer := make(chan error, 1)
		go func() { answer <- l.Commit(ctx, batch(i)) }()
		return answer
	}

	writing, cancelWriting := context.WithCancel(t.Context())
	one := send(writing, 1)
	<-g.came // the writer is at work on it
	queued, cancelQueued := context.WithCancel(t.Context())
	two := send(queued, 2)
	eventually(t, func() bool { return len(l.requests) == 1 })
	cancelQueued()
	err := <-two
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrOutcomeUnknown)
	cancelWriting()
	err = <-one
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, ErrOutcomeUnknown)

	for len(l.requests) < cap(l.requests) { // there is no room
		r := requests.Get().(*request)
		r.state.Store(left)
		l.requests <- r
	}
	crowded, cancelCrowded := context.WithCancel(t.Context())
	three := send(crowded, 3)
	cancelCrowded()
	err = <-three
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrOutcomeUnknown)

	g.pass <- struct{}{}
	eventually(t, func() bool { return len(l.requests) == 0 })
	last := send(t.Context(), 4)
	<-g.came
	g.pass <- struct{}{}
	require.NoError(t, <-last)
	require.True(t, has(batch(1)))
	require.False(t, has(batch(2)))
	require.False(t, has(batch(3)))
	require.NoError(t, l.Commit(t.Context(), batch(1)), "it is there: nothing is written")
	requireSame(t, l, 2)
	require.NoError(t, l.Close())
}

// TestSendersLeaveAtAnyTime: the same, of many senders that leave at random, with writes that lose their answers.
func TestSendersLeaveAtAnyTime(t *testing.T) {
	const senders, each = 8, 25
	l, engine := open(t, t.TempDir(), Options{})
	var mu sync.Mutex
	want := map[int]bool{} // by batch: whether it is on disk, where that is known
	var all sync.WaitGroup
	for s := range senders {
		all.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(s), 1))
			for i := range each {
				n := s*each + i
				ctx, cancel := context.WithCancel(context.Background())
				if rng.IntN(8) == 0 {
					engine.Next(storetest.Fault(rng.IntN(int(storetest.FaultCount))), rng.IntN(2))
				}
				switch rng.IntN(3) {
				case 0:
					cancel()
				case 1:
					time.AfterFunc(time.Duration(rng.IntN(3_000))*time.Microsecond, cancel)
				}
				err := l.Commit(ctx, batchOf([]testRecord{{name: fmt.Sprint(n), trace: fmt.Sprint(n), out: 1}}))
				cancel()
				mu.Lock()
				if err == nil {
					want[n] = true
				} else if !errors.Is(err, ErrOutcomeUnknown) {
					want[n] = false
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	commit(t, l, testRecord{name: "last", trace: "last", out: 1}) // what was begun before is done
	for n, on := range want {
		c := testRecord{name: fmt.Sprint(n), trace: fmt.Sprint(n), out: 1}.call()
		_, found, err := l.Get(t.Context(), c.ID, c.Start)
		require.NoError(t, err)
		require.Equal(t, on, found, "batch %d", n)
	}
	for n := range senders * each {
		commit(t, l, testRecord{name: fmt.Sprint(n), trace: fmt.Sprint(n), out: 1})
	}
	requireSame(t, l, senders*each+1)
	require.NoError(t, l.Close())
}

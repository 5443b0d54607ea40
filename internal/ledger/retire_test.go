package ledger

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/store/storetest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// retires raises the floor and removes one chunk, in the writer's goroutine.
func retires(t *testing.T, l *Ledger, floor time.Time) (n int64, left bool, err error) {
	t.Helper()
	require.NoError(t, l.inWriter(t.Context(), func(ctx context.Context) error {
		if err := l.raiseWatermark(ctx, floor); err != nil {
			return err
		}
		n, left, err = l.retire(ctx)
		return nil
	}))
	return n, left, err
}

// spentCalls are calls of a stored key, its older secret, a key that is not stored and no key, some of which do not
// count, some without a price.
func spentCalls(keys []string) usage.Batch {
	var b usage.Batch
	for i := range 90 {
		c := testRecord{
			name: fmt.Sprint(i), trace: fmt.Sprint(i), out: int64(i), at: time.Duration(i) * time.Minute, attribution: usage.Attribution{KeyFingerprint: keys[i%len(keys)]},
		}.call()
		c.ReportedCost, c.HasReportedCost = usage.NanoUSD(i), i%11 > 0
		b.Calls = append(b.Calls, c)
		if i%7 == 0 { // a span above it that does not count
			above := c
			above.Span[7] ^= 0xff
			above.ID, above.Tokens = usage.SpanRecordID(above.Trace, above.Span), usage.Tokens{}
			b.Calls[len(b.Calls)-1].Parent = above.Span
			b.Calls = append(b.Calls, above)
		}
	}
	return b
}

type spentSums map[string]map[time.Time]store.Spent

func spentOfAll(t *testing.T, l *Ledger, keys []string) spentSums {
	t.Helper()
	of := map[string]bool{"": true}
	for _, k := range keys {
		of[k] = true
	}
	out := spentSums{}
	_, err := l.Spending(t.Context(), of, nil, func(s store.Spent) {
		if out[s.Fingerprint] == nil {
			out[s.Fingerprint] = map[time.Time]store.Spent{}
		}
		sum := out[s.Fingerprint][s.Start]
		out[s.Fingerprint][s.Start] = store.Spent{Calls: sum.Calls + s.Calls, Tokens: sum.Tokens + s.Tokens, Cost: sum.Cost + s.Cost}
	})
	require.NoError(t, err)
	return out
}

// TestRemovedCallsStaySpent: what was spent with stored keys and in all is the same whatever retention removed, in
// chunks, with restarts and lost answers between them; long afterwards it is one sum a fingerprint.
func TestRemovedCallsStaySpent(t *testing.T) {
	keys := []string{usage.Fingerprint("one"), usage.Fingerprint("older"), usage.Fingerprint("not stored"), ""}
	dir := t.TempDir()
	clock := now()
	o := Options{chunk: 7, Now: func() time.Time { return clock }}
	engine, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "t.db")})
	require.NoError(t, err)
	require.NoError(t, engine.Directory().AddKeys(t.Context(), 9, []store.Key{
		{ID: "1", Name: "one", Fingerprint: keys[0], CreatedAt: clock, Older: []store.Secret{{Fingerprint: keys[1]}}},
	}, store.AuditEntry{Action: "test"}))
	l, engineFails := openOn(t, engine, o)
	require.NoError(t, l.Commit(t.Context(), spentCalls(keys)))
	want := spentOfAll(t, l, keys)
	require.Len(t, want, 4)
	notStored := want[keys[2]]
	delete(want, keys[2])
	turn := 0
	for _, floor := range []time.Time{testStart.Add(20 * time.Minute), testStart.Add(50*time.Minute + time.Second)} {
		for left := true; left; {
			engineFails.Next([]storetest.Fault{storetest.None, storetest.CommitsAndFails, storetest.Fails, storetest.FailsAndCommits}[turn%4], turn%2)
			turn++
			var err error
			_, left, err = retires(t, l, floor)
			if err != nil {
				require.ErrorIs(t, err, storetest.ErrFault)
				left = true
			}
			got := spentOfAll(t, l, keys)
			for start, s := range got[keys[2]] {
				require.LessOrEqual(t, s.Calls, notStored[start].Calls, "of keys that are not stored nothing is kept")
			}
			delete(got, keys[2])
			require.Equal(t, want, got)
			requireConsistent(t, l)
		}
		require.Zero(t, recordsBefore(t, l, floor))
		require.NoError(t, l.Close())
		l, engineFails = open(t, dir, o)
	}
	clock = clock.Add(bucketsKept + defaultWindow + time.Hour)
	_, _, err = retires(t, l, testStart.Add(50*time.Minute+time.Second))
	require.NoError(t, err)
	got := spentOfAll(t, l, keys)
	for fingerprint, sums := range want {
		var all, joined store.Spent
		for start, s := range sums {
			all.Calls, all.Tokens, all.Cost = all.Calls+s.Calls, all.Tokens+s.Tokens, all.Cost+s.Cost
			require.NotZero(t, start)
		}
		for _, s := range got[fingerprint] {
			joined.Calls, joined.Tokens, joined.Cost = joined.Calls+s.Calls, joined.Tokens+s.Tokens, joined.Cost+s.Cost
		}
		require.Equal(t, all, joined)
		require.Contains(t, got[fingerprint], time.Time{})
		for start := range got[fingerprint] {
			require.True(t, start.IsZero() || !start.Before(rollup.BucketStart(rollup.BucketOf(testStart.Add(50*time.Minute)))), "what is long ago is one sum")
		}
	}
	require.NoError(t, l.Close())
}

func recordsBefore(t *testing.T, l *Ledger, floor time.Time) (n int) {
	t.Helper()
	require.NoError(t, l.engine.Scan(t.Context(), store.Filter{To: floor, Superseded: true}, func(*store.Record) error {
		n++
		return nil
	}))
	return n
}

// TestChunksOfOneStart: of records that start at one time a chunk goes at a time, too.
func TestChunksOfOneStart(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{chunk: 4})
	for i := range 10 {
		commit(t, l, testRecord{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: 1})
	}
	commit(t, l, testRecord{name: "stays", trace: "stays", out: 1, at: time.Hour / 2})
	var went []int64
	for left := true; left; {
		var n int64
		var err error
		n, left, err = retires(t, l, testStart.Add(time.Minute))
		require.NoError(t, err)
		went = append(went, n)
	}
	require.Equal(t, []int64{4, 4, 2}, went)
	require.EqualValues(t, 1, records(t, l))
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}

// bareEngine is an engine without abilities.
type bareEngine struct{ store.Engine }

// TestEngineWithoutAbilities: sums, series and relations are those of the records where an engine keeps none of them.
func TestEngineWithoutAbilities(t *testing.T) {
	dir := t.TempDir()
	reopen := func() *Ledger {
		engine, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(dir, "t.db")})
		require.NoError(t, err)
		l, err := Open(t.Context(), bareEngine{engine}, Options{Now: now})
		require.NoError(t, err)
		return l
	}
	l := reopen()
	require.NoError(t, l.Commit(t.Context(), variedCalls(200)))
	want := total(t, l)
	shown, _ := l.Series()
	for range 2 {
		require.NoError(t, l.Close())
		l = reopen()
		got := total(t, l)
		requireSums(t, &want, &got)
		series, _ := l.Series()
		require.Equal(t, shown, series)
		require.NoError(t, l.Commit(t.Context(), variedCalls(200)), "what comes again changes nothing")
		got = total(t, l)
		requireSums(t, &want, &got)
		requireConsistent(t, l)
	}
	require.NoError(t, l.Close())
}

// TestFencedLedger: a ledger whose lease another has taken commits nothing more.
func TestFencedLedger(t *testing.T) {
	l, f := open(t, t.TempDir(), Options{Holder: "a"})
	commit(t, l, testRecord{name: "1", trace: "1", out: 1})
	_, err := f.Acquire(t.Context(), store.TaskLedger, "b", time.Minute)
	require.ErrorIs(t, err, store.ErrHeld)
	require.NoError(t, f.Release(t.Context(), l.lease))
	_, err = f.Acquire(t.Context(), store.TaskLedger, "b", time.Minute)
	require.NoError(t, err)
	require.ErrorIs(t, l.Commit(t.Context(), batchOf([]testRecord{{name: "2", trace: "2", out: 1}})), store.ErrFenced)
	_, _, err = retires(t, l, testStart.Add(time.Hour))
	require.ErrorIs(t, err, store.ErrFenced)
	require.EqualValues(t, 1, records(t, l))
	require.NoError(t, l.Close())
}

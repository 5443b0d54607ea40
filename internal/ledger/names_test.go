package ledger

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// newNames are calls of ever new names on ever new days.
func newNames(first, n, perDay int) usage.Batch {
	var b usage.Batch
	for i := first; i < first+n; i++ {
		name := func(kind string) string { return fmt.Sprint(kind, " ", i) }
		c := usage.Call{
			Role: usage.RoleCall, Start: testStart.AddDate(0, 0, -i/perDay), Model: name("model"), Provider: name("provider"), User: name("user"),
			Service: name("service"), Project: name("project"), KeyFingerprint: usage.Fingerprint(name("key")), Path: "/" + name("path"),
			ErrorType: name("error"), Failed: true, Duration: time.Second,
			Tokens: usage.Tokens{InputUncached: 1, OutputText: 2, Fields: usage.HasInput | usage.HasOutput},
		}
		binary.BigEndian.PutUint32(c.Trace[:], uint32(i)+1)
		c.Span[0] = 1
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		b.Calls = append(b.Calls, c)
	}
	return b
}

// requireBounded checks that the values that have sums of their own are few, and that no sum lacks a call.
func requireBounded(t *testing.T, l *Ledger, limit, calls int) {
	t.Helper()
	status, err := l.Status(context.Background())
	require.NoError(t, err)
	for _, v := range status.Values {
		require.Equal(t, Cardinality{Dimension: v.Dimension, Count: limit + 1, Max: limit, Overflow: true}, v)
		a, err := l.Query(context.Background(), Query{By: v.Dimension, CountsOnly: true})
		require.NoError(t, err)
		require.LessOrEqual(t, len(a.Groups), limit+1)
		var sum Sums
		for _, g := range a.Groups {
			sum.MergeCounts(&g.Points[0])
		}
		require.EqualValues(t, calls, sum.Calls)
		require.EqualValues(t, 3*calls, sum.Tokens.Total())
	}
	require.LessOrEqual(t, len(l.KeysSeen()), limit)
	for _, user := range []string{"user 0", fmt.Sprint("user ", calls-1)} { // the records keep their names
		f := store.Filter{Users: []string{user}}
		a, err := l.Query(context.Background(), Query{Filter: f})
		require.NoError(t, err)
		require.EqualValues(t, 1, a.Groups[0].Points[0].Calls)
		records, _, err := l.List(context.Background(), store.Page{Filter: f, Limit: 2})
		require.NoError(t, err)
		require.Len(t, records, 1)
		require.Equal(t, user, records[0].User)
	}
}

// TestNewNames: ever new names on ever new days are bounded over all that is kept, also after a restart, and
// where a start finds sums of more.
func TestNewNames(t *testing.T) {
	const limit, calls, perDay = 100, 4_000, 150
	dir := t.TempDir()
	o := Options{MaxValues: limit, MaxAge: 1000 * 24 * time.Hour}
	l, _ := open(t, dir, o)
	for i := 0; i < calls; i += 500 {
		require.NoError(t, l.Commit(context.Background(), newNames(i, 500, perDay)))
	}
	requireBounded(t, l, limit, calls)
	requireConsistent(t, l)
	require.NoError(t, l.Close())

	s := &scans{}
	l, _ = openWith(t, dir, o, func(e fullEngine) fullEngine {
		s.fullEngine = e
		return s
	})
	require.Zero(t, s.records, "the stored sums are bounded too")
	requireBounded(t, l, limit, calls)
	require.NoError(t, l.Close())

	o.MaxValues = 30
	l, _ = open(t, dir, o)
	requireBounded(t, l, 30, calls)
	requireConsistent(t, l)
	require.NoError(t, l.Close())
	l, _ = openWith(t, dir, o, func(e fullEngine) fullEngine {
		s.fullEngine, s.records = e, 0
		return s
	})
	require.Zero(t, s.records, "they were stored again")
	requireBounded(t, l, 30, calls)
	require.NoError(t, l.Close())
}

// TestSpendingOfOthers: what a key spent that has no sums of its own is in its budget all the same.
func TestSpendingOfOthers(t *testing.T) {
	l, _ := open(t, t.TempDir(), Options{MaxValues: 5})
	require.NoError(t, l.Commit(context.Background(), newNames(0, 50, 100)))
	f := usage.Fingerprint("key 49")
	for _, more := range []int{0, 5} {
		for i := range more {
			c := testRecord{name: fmt.Sprint("x", i), trace: fmt.Sprint("x", i), out: 7, attribution: usage.Attribution{KeyFingerprint: f}}.call()
			require.NoError(t, l.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
		}
		var tokens int64
		_, err := l.Spending(context.Background(), map[string]bool{f: true}, nil, func(s store.Spent) { tokens += s.Tokens })
		require.NoError(t, err)
		a, err := l.Query(context.Background(), Query{Filter: store.Filter{Keys: []string{f}}})
		require.NoError(t, err)
		require.Equal(t, a.Groups[0].Points[0].Tokens.Total(), tokens)
		require.NotZero(t, tokens)
	}
	require.NoError(t, l.Close())
}

// slowDisk reads sums only when it is asked to.
type slowDisk struct {
	fullEngine
	reading chan struct{} // a read has begun
	proceed chan error
}

func (s *slowDisk) SumPage(ctx context.Context, k store.SumKey) ([]byte, error) {
	if s.reading != nil {
		s.reading <- struct{}{}
		select {
		case err := <-s.proceed:
			if err != nil {
				return nil, err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return s.fullEngine.SumPage(ctx, k)
}

// TestSlowDisk: while a part of the sums is being read from a slow disk, for a reader or for the writer,
// other readers are answered, and one who gives up is let go.
func TestSlowDisk(t *testing.T) {
	dir := t.TempDir()
	l, _ := open(t, dir, Options{})
	require.NoError(t, l.Commit(context.Background(), newNames(0, 100, 10)))
	require.NoError(t, l.Close())
	disk := &slowDisk{}
	l, _ = openWith(t, dir, Options{}, func(e fullEngine) fullEngine {
		disk.fullEngine = e
		return disk
	})
	disk.reading, disk.proceed = make(chan struct{}), make(chan error)
	answered := func() {
		t.Helper()
		for _, by := range []GroupBy{ByNothing, ByUser, ByKey} {
			_, err := l.Query(context.Background(), Query{By: by, CountsOnly: true})
			require.NoError(t, err)
		}
		_, err := l.Status(context.Background())
		require.NoError(t, err)
		l.LastUsed("k")
		l.KeysSeen()
	}
	from := testStart.AddDate(0, 0, -7)
	day := Query{By: ByUser, Edges: []time.Time{from, from.Add(time.Hour), from.Add(2 * time.Hour)}}
	asked := map[string]func(context.Context) error{
		"a query": func(ctx context.Context) error {
			_, err := l.Query(ctx, day)
			return err
		},
		"what keys spent": func(ctx context.Context) error {
			_, err := l.Spending(ctx, map[string]bool{usage.Fingerprint("key 70"): true, "": true}, nil, func(store.Spent) {})
			return err
		},
	}
	for name, ask := range asked {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			ctx, giveUp := context.WithCancel(context.Background())
			go func() { done <- ask(ctx) }()
			<-disk.reading
			answered()
			giveUp()
			require.ErrorIs(t, <-done, context.Canceled)
		})
	}
	t.Run("the writer merges", func(t *testing.T) {
		c := newNames(70, 1, 10).Calls[0]
		c.Span[0], c.ID = 2, usage.SpanRecordID(c.Trace, usage.SpanID{2})
		require.NoError(t, l.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
		done := make(chan error, 1)
		go func() {
			done <- l.inWriter(context.Background(), func(ctx context.Context) error {
				_, _, err := l.sums.Unsaved(ctx)
				return err
			})
		}()
		<-disk.reading
		answered()
		failed := errors.New("the disk is gone")
		disk.proceed <- failed
		require.ErrorIs(t, <-done, failed)
	})
	disk.reading = nil
	requireConsistent(t, l)
	require.NoError(t, l.Close())
}

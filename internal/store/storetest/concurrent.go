package storetest

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// testConcurrentReaders: beside a writer every read but Scan sees whole writes, each of which moves a record and adds
// one, and an acknowledged one is seen at once; Scan visits no record twice.
func testConcurrentReaders(t *testing.T, open Open) {
	const writes, readers = 60, 4
	s := fresh(t, open)
	var done atomic.Int64 // acknowledged writes
	var all sync.WaitGroup
	all.Go(func() {
		for i := range writes {
			w := store.Write{ID: store.NewWriteID(), At: start, Change: []byte{byte(i)}, Put: []store.Record{
				record(2*i+1, start.Add(time.Duration(i)*time.Minute)), record(2*i+2, start.Add(time.Duration(i)*time.Minute)),
			}}
			if i > 0 {
				w.Mark = []store.Mark{{ID: record(2*i-1, start).ID, Start: start.Add(time.Duration(i-1) * time.Minute), Reason: store.ReasonEcho}}
			}
			if !assert.NoError(t, s.Commit(ctx, w)) {
				return
			}
			done.Store(int64(i + 1))
			if i%20 == 10 {
				maintain(t, s.Engine, i%40 == 10)
			}
		}
	})
	for range readers {
		all.Go(func() {
			for done.Load() < writes && !t.Failed() {
				readWhole(t, s, &done)
			}
		})
	}
	all.Wait()
	require.Len(t, s.scan(store.Filter{Superseded: true}), 2*writes)
}

// readWhole reads in every way: after n writes there are 2n records, n+1 of which count.
func readWhole(t *testing.T, s *opened, done *atomic.Int64) {
	least := done.Load()
	check := func(what string, records, counted int64) {
		assert.Zero(t, records%2, what)
		assert.GreaterOrEqual(t, records, 2*least, what)
		if records > 0 && counted >= 0 {
			assert.Equal(t, records/2+1, counted, what)
		}
	}
	var records, counted int64
	assert.NoError(t, s.Figures(ctx, store.Filter{Superseded: true}, func(r *store.Record) error {
		records++
		addIf(&counted, r.Counted)
		return nil
	}))
	check("figures", records, counted)
	totals, err := s.Totals(ctx, store.Filter{}, nil, 1)
	assert.NoError(t, err)
	if least > 0 && assert.Len(t, totals, 1) {
		assert.Greater(t, totals[0].Calls, least)
	}
	page, _, err := s.List(ctx, store.Page{Filter: store.Filter{Superseded: true}, Limit: 1000})
	assert.NoError(t, err)
	counted = 0
	for i := range page {
		addIf(&counted, page[i].Counted)
	}
	check("list", int64(len(page)), counted)
	info, err := s.Info(ctx)
	assert.NoError(t, err)
	check("info", info.Records, -1)
	seen := map[at]bool{}
	assert.NoError(t, s.Scan(ctx, store.Filter{Superseded: true}, func(r *store.Record) error {
		assert.False(t, seen[placeOf(r)], "visited twice")
		seen[placeOf(r)] = true
		return nil
	}))
	assert.GreaterOrEqual(t, int64(len(seen)), 2*least)
	n := int64(0)
	assert.NoError(t, s.Changes(ctx, 0, func(c store.Change) error {
		assert.Equal(t, []byte{byte(n)}, c.Data, "in the order of commits")
		n++
		return nil
	}))
	assert.GreaterOrEqual(t, n, least)
}

// testStalledScans: visits that stall keep no other caller from reading or writing.
func testStalledScans(t *testing.T, open Open) {
	const n, scans = 12_000, 12
	s := fresh(t, open)
	w := store.Write{At: start}
	for i := range n {
		w.Put = append(w.Put, record(i+1, start.Add(time.Duration(i/7)*time.Second))) // some start together
	}
	require.NoError(t, s.Commit(ctx, w))
	stalled, release := make(chan struct{}, scans), make(chan struct{})
	var all sync.WaitGroup
	for range scans {
		all.Go(func() {
			seen := map[at]bool{}
			last := time.Time{}
			assert.NoError(t, s.Scan(ctx, store.Filter{}, func(r *store.Record) error {
				assert.False(t, seen[placeOf(r)], "visited twice")
				assert.False(t, r.Start.Before(last))
				if seen[placeOf(r)], last = true, r.Start; len(seen) == n/4 {
					stalled <- struct{}{}
					<-release
				}
				return nil
			}))
			assert.GreaterOrEqual(t, len(seen), n)
		})
	}
	for range scans {
		<-stalled
	}
	page, _, err := s.List(ctx, store.Page{Limit: 10})
	require.NoError(t, err)
	require.Len(t, page, 10)
	s.put(record(n+1, start.Add(time.Hour)))
	maintain(t, s.Engine, false)
	close(release)
	all.Wait()
	stop := errors.New("enough")
	require.ErrorIs(t, s.Scan(ctx, store.Filter{}, func(*store.Record) error { return stop }), stop)
}

// testRetireBesideWrites: while records come and others are retired, the retired sums and the sums of the rest always
// add up to all.
func testRetireBesideWrites(t *testing.T, open Open) {
	const n = 200
	s := fresh(t, open)
	for i := range n {
		s.put(record(1, start.Add(time.Duration(i)*time.Second))) // of one token each
	}
	end := start.Add(n * time.Second)
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		defer close(stop)
		for i := range n / 10 {
			before := start.Add(time.Duration(10*(i+1)) * time.Second)
			assert.NoError(t, s.Retire(ctx, store.Retirement{
				ID: store.NewWriteID(), Before: store.Ref{Start: before}, Watermark: before, Spent: []store.Spent{{Start: start, Calls: 10, Tokens: 10}},
			}))
		}
	})
	all.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default: // after the end: it changes nothing of what is before
				assert.NoError(t, s.Commit(ctx, store.Write{ID: store.NewWriteID(), Put: []store.Record{record(2, end.Add(time.Duration(i)))}, At: start}))
			}
		}
	})
	for done := false; !done; {
		select {
		case <-stop:
			done = true
		default:
		}
		var calls, tokens int64
		require.NoError(t, s.Retired(ctx, end, func(p store.Spent) error {
			calls, tokens = calls+p.Calls, usage.AddSat(tokens, p.Tokens)
			return nil
		}, func(r *store.Record) error {
			calls, tokens = calls+1, tokens+r.Tokens.Total()
			return nil
		}))
		require.EqualValues(t, n, calls)
		require.EqualValues(t, n, tokens)
	}
	all.Wait()
	require.Empty(t, s.scan(store.Filter{To: end, Superseded: true}))
}

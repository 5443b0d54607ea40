package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestReadersBesideTheWriter runs everything that a reader may ask beside everything that the writer
// does: commits, corrections, the saving of the sums, retention and repricing. It is for the race
// detector: what the writer reads without a lock because only it writes must be changed by no reader.
func TestReadersBesideTheWriter(t *testing.T) {
	at := &atomic.Int64{}
	at.Store(now().UnixNano())
	o := Options{
		SaveInterval: time.Millisecond, RetentionInterval: time.Millisecond, MaxRecords: 200, Prices: fixed(5), MaxValues: 20, MaxSpans: 50,
		Now: func() time.Time { return time.Unix(0, at.Load()).UTC() },
	}
	l, _ := open(t, t.TempDir(), o)
	reads := make(chan func(context.Context) error) // taken by readers, so that they keep step with the writer
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for read := range reads {
				assert.NoError(t, read(context.Background()))
			}
		})
	}
	all, next := readersOf(l), 0
	for i := range 120 {
		at.Add(int64(7 * time.Minute)) // days begin, sums are saved and let go
		start := time.Unix(0, at.Load()).Sub(testStart)
		call := testRecord{
			name: fmt.Sprint("call", i), trace: fmt.Sprint(i), at: start, in: 10, out: int64(i%7 + 2), model: fmt.Sprint("m", i%3), lasts: time.Second,
			attribution: usage.Attribution{User: fmt.Sprint("user", i%30), KeyFingerprint: fmt.Sprint("key", i%5)},
		}
		child := call // takes the call's place, so that a series holds less than it showed
		child.name, child.parent, child.out, child.model = fmt.Sprint("child", i), call.name, 1, "child"
		larger := child
		larger.out = 9
		for _, r := range []testRecord{call, child, larger} {
			for range 3 {
				reads <- all[next%len(all)]
				next++
			}
			commit(t, l, r)
		}
	}
	close(reads)
	readers.Wait()
	require.NoError(t, l.Close())
}

// readersOf lists what readers may ask at any time.
func readersOf(l *Ledger) []func(context.Context) error {
	hours := func(n int, width time.Duration) []time.Time {
		end := l.o.Now().Truncate(15 * time.Minute).Add(15 * time.Minute)
		edges := make([]time.Time, n)
		for i := range edges {
			edges[i] = end.Add(time.Duration(i-n+1) * width)
		}
		return edges
	}
	query := func(q func() Query) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := l.Query(ctx, q())
			return err
		}
	}
	return []func(context.Context) error{
		// series
		func(context.Context) error {
			sums, timings := l.Series()
			for _, s := range sums {
				_ = s.Calls
			}
			for _, s := range timings {
				_ = s.Duration.AtMost(0)
			}
			return nil
		},
		// all
		query(func() Query { return Query{} }),
		// trend by model
		query(func() Query {
			return Query{By: ByModel, Edges: hours(20, 3*time.Hour)}
		}),
		// top users of local days
		query(func() Query {
			return Query{By: ByUser, Edges: hours(4, 24*time.Hour), Top: 3, CountsOnly: true}
		}),
		// cut buckets
		query(func() Query {
			from := l.o.Now().Add(-5*time.Hour - time.Second)
			return Query{By: ByKey, Edges: []time.Time{from, from.Add(time.Hour), l.o.Now()}}
		}),
		// two dimensions
		query(func() Query {
			return Query{By: ByModel, Filter: store.Filter{Users: []string{"user3"}}}
		}),
		// breakdown
		func(ctx context.Context) error {
			_, err := l.Breakdown(ctx, BreakdownQuery{By: []GroupBy{ByModel, ByStatus}})
			return err
		},
		// spending
		func(ctx context.Context) error {
			_, err := l.Spending(ctx, map[string]bool{"": true, "key1": true}, func(time.Time, time.Time) bool { return true }, func(store.Spent) {})
			return err
		},
		// log
		func(ctx context.Context) error {
			records, _, err := l.List(ctx, store.Page{Limit: 20, Filter: store.Filter{Superseded: true}})
			for i := range records {
				if _, _, err := l.Related(ctx, &records[i]); err != nil {
					return err
				}
				if _, _, err := l.Get(ctx, records[i].ID, records[i].Start); err != nil {
					return err
				}
			}
			return err
		},
		// scan
		func(ctx context.Context) error {
			return l.Scan(ctx, store.Filter{}, func(*store.Record) error { return nil })
		},
		// small questions
		func(ctx context.Context) error {
			for _, key := range l.KeysSeen() {
				l.LastUsed(key)
			}
			_, _, _, _ = l.LastCommit(), l.SeriesLabels(), l.Retention(), l.Refuses(l.o.Now())
			l.Observe(func(Commit) {})()
			_, err := l.Status(ctx)
			return err
		},
		// repricing
		func(ctx context.Context) error {
			_, err := l.Reprice(ctx, RepriceRequest{})
			if errors.Is(err, ErrRepricing) { // another reader is at it
				return nil
			}
			return err
		},
	}
}

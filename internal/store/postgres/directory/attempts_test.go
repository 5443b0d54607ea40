package directory

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/store/postgres/database"
)

// replicas opens a database n times.
func replicas(t *testing.T, n int) (all []*Directory) {
	t.Helper()
	dsn := server.Schema(t)
	for range n {
		db, err := database.Open(t.Context(), database.Options{DSN: dsn})
		require.NoError(t, err)
		t.Cleanup(db.Close)
		all = append(all, New(db))
	}
	return all
}

// rows are the stored counts, with the transactions that wrote them.
func rows(t *testing.T, d *Directory) (all []string) {
	t.Helper()
	require.NoError(t, d.db.Each(t.Context(), func(r pgx.Rows) error {
		var row string
		err := r.Scan(&row)
		all = append(all, row)
		return err
	}, "SELECT a.xmin::text || ' ' || a::text FROM attempts a ORDER BY id"))
	return all
}

// slow are limits in which nothing is free again while a test runs.
var slow = throttle.Limits{
	Pair:   throttle.Rising{Free: 5, First: time.Hour, Most: time.Hour, Forget: 24 * time.Hour},
	Source: throttle.Limit{Burst: 10, Every: time.Hour}, SourceFresh: throttle.Limit{Burst: 30, Every: time.Hour},
	Account: throttle.Limit{Burst: 10, Every: time.Hour}, AccountFresh: throttle.Limit{Burst: 40, Every: time.Hour},
	Device: throttle.Limit{Burst: 7, Every: time.Hour},
}

// TestAttemptsOfReplicas: who spreads guesses over replicas, at the same time, gets as many through as at one process.
func TestAttemptsOfReplicas(t *testing.T) {
	for name, of := range map[string]struct {
		n    int
		who  func(i int) throttle.Attempt
		want int
	}{
		"one source at one account": {60, func(int) throttle.Attempt {
			return throttle.Attempt{Source: "192.0.2.1", Account: "alice", Known: true}
		}, 5},
		"one source at every account": {120, func(i int) throttle.Attempt {
			return throttle.Attempt{Source: "192.0.2.2", Account: fmt.Sprint("u", i)}
		}, 30},
		"every source at one account": {120, func(i int) throttle.Attempt {
			return throttle.Attempt{Source: fmt.Sprint("10.0.0.", i), Account: "bob", Known: true}
		}, 40},
		"every source at an imagined": {120, func(i int) throttle.Attempt {
			return throttle.Attempt{Source: fmt.Sprint("10.0.1.", i), Account: "nobody"}
		}, 40},
		"a device, from every source": {60, func(i int) throttle.Attempt {
			return throttle.Attempt{Source: fmt.Sprint("10.0.2.", i), Account: "carol", Known: true, Device: "d"}
		}, 7},
		"an account named as a network": {60, func(int) throttle.Attempt {
			return throttle.Attempt{Source: "192.0.2.9", Account: "192.0.2.9", Known: true}
		}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			alone, through := throttle.NewSignIns(slow), 0
			for i := range of.n {
				if wait, _, err := alone.Begin(t.Context(), of.who(i), time.Now()); err == nil && wait == 0 {
					through++
				}
			}
			require.Equal(t, of.want, through, "one process")
			var got atomic.Int64
			var all sync.WaitGroup
			for i, d := range replicas(t, 3) {
				s := throttle.NewSharedSignIns(slow, d, []byte("a key of all replicas"))
				for j := range 4 {
					all.Go(func() {
						for k := i*4 + j; k < of.n; k += 12 {
							wait, _, err := s.Begin(context.Background(), of.who(k), time.Now())
							if err != nil {
								t.Error(err)
							} else if wait == 0 {
								got.Add(1)
							}
						}
					})
				}
			}
			all.Wait()
			require.EqualValues(t, of.want, got.Load(), "three replicas")
		})
	}
}

// TestAttemptsAreBounded: attempts that are refused write nothing; right ones leave nothing; what counts no more is removed; there are
// never many more rows than are remembered, and no name is in them.
func TestAttemptsAreBounded(t *testing.T) {
	ctx := t.Context()
	both := replicas(t, 2)
	a, b := throttle.NewSharedSignIns(slow, both[0], []byte("key")), throttle.NewSharedSignIns(slow, both[1], []byte("key"))
	alice := throttle.Attempt{Source: "192.0.2.1", Account: "alice", Known: true}
	for _, s := range []*throttle.SignIns{a, b, a, b} {
		for _, who := range []throttle.Attempt{alice, {Source: "192.0.2.1", Account: "alice", Known: true, Device: "d"}} {
			wait, right, err := s.Begin(ctx, who, time.Now())
			require.NoError(t, err)
			require.Zero(t, wait)
			require.NoError(t, right(ctx))
		}
	}
	require.Empty(t, rows(t, both[0]), "right attempts leave nothing")
	for range 6 {
		_, _, err := a.Begin(ctx, alice, time.Now())
		require.NoError(t, err)
	}
	before := rows(t, both[0])
	require.Len(t, before, 3)
	for range 50 {
		wait, right, err := b.Begin(ctx, alice, time.Now())
		require.NoError(t, err)
		require.Positive(t, wait)
		require.NoError(t, right(ctx), "it was not counted")
	}
	require.Equal(t, before, rows(t, both[0]), "what is refused writes nothing")
	for _, row := range before {
		require.NotContains(t, row, "alice")
		require.NotContains(t, row, fmt.Sprintf("%x", "alice"))
	}

	// As after a flood of sources, some of which count no more.
	_, err := both[0].db.Exec(ctx, `INSERT INTO attempts (id, kind, failures, last, often, rare, until, changed_at)
SELECT decode(lpad(to_hex(n), 32, '0'), 'hex'), $1, 1, 1, 1, 1, CASE WHEN n % 5 = 0 THEN 1 ELSE 9000000000000000000 END, n FROM generate_series(1, 3 * $2::int) n`,
		throttle.OfPair, throttle.MaxKept)
	require.NoError(t, err)
	for i := range sweepAfter {
		_, _, err := a.Begin(ctx, throttle.Attempt{Source: fmt.Sprint("10.0.0.", i), Account: fmt.Sprint("u", i), Known: true}, time.Now())
		require.NoError(t, err)
	}
	var pairs, others, newest int
	require.NoError(t, both[1].db.QueryRow(ctx, "SELECT count(*) FILTER (WHERE kind = $1), count(*) FILTER (WHERE kind <> $1), count(*) FILTER (WHERE kind = $1 AND changed_at > 40000) FROM attempts",
		throttle.OfPair).Scan(&pairs, &others, &newest))
	require.LessOrEqual(t, pairs, throttle.MaxKept+sweepAfter)
	require.GreaterOrEqual(t, pairs, throttle.MaxKept-sweepAfter)
	require.LessOrEqual(t, others, 4*sweepAfter)
	require.GreaterOrEqual(t, newest, 40, "what was changed last stays")
	wait, _, err := b.Begin(ctx, alice, time.Now())
	require.NoError(t, err)
	require.Positive(t, wait, "it still counts")
}

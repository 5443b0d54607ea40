package ledger

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/store/storetest/checks"
	"github.com/tokenboard/tokenboard/internal/store/transfer"
)

// server is the PostgreSQL of these tests.
var server pgtest.Server

// withoutBackup is a PostgreSQL engine, which other programs back up.
type withoutBackup struct{ *postgres.Engine }

func (withoutBackup) Backup(context.Context, string) error { return errors.ErrUnsupported }

// anyHistory draws a history of one of the kinds.
func anyHistory(t *rapid.T) []testRecord {
	return rapid.SampledFrom([]func(*rapid.T) []testRecord{traceHistory, noiseHistory}).Draw(t, "history")(t)
}

// TestEveryOrderOnPostgres is TestEveryOrder on the other engine.
func TestEveryOrderOnPostgres(t *testing.T) {
	checks.Fewer(t, "15")
	everyOrderOnPostgres(t, func(dsn string) string { return dsn })
}

// TestEveryOrderThroughPgBouncer is TestEveryOrder through PgBouncer in transaction mode.
func TestEveryOrderThroughPgBouncer(t *testing.T) {
	checks.Fewer(t, "15")
	everyOrderOnPostgres(t, server.Bouncer(t))
}

func everyOrderOnPostgres(t *testing.T, by func(dsn string) string) {
	t.Helper()
	server.Start(t)
	on := func(_ require.TestingT, _ tempDir, texts int) func() fullEngine {
		o := postgres.Options{MaxTexts: texts}
		o.DSN, o.MaxConnections = by(server.Schema(t)), 8
		return func() fullEngine {
			e, err := postgres.Open(context.Background(), o)
			require.NoError(t, err)
			return withoutBackup{e}
		}
	}
	rapid.Check(t, func(t *rapid.T) { requireReference(t, on, anyHistory(t), rapid.Uint64().Draw(t, "seed")) })
}

// TestMovedHistories is TestEveryOrder with a store that moves to the other engine at each restart: records that come
// after a move are correlated with those from before it, and every sum stays that of the reference accountant.
func TestMovedHistories(t *testing.T) {
	checks.Fewer(t, "15")
	server.Start(t)
	moves := 0
	on := func(_ require.TestingT, dir tempDir, texts int) func() fullEngine {
		m := &moving{t: t, file: filepath.Join(dir.sub("moved"), "t.db"), texts: texts}
		return func() fullEngine {
			if m.opened {
				m.move()
				moves++
			}
			m.opened = true
			return m.open()
		}
	}
	rapid.Check(t, func(t *rapid.T) { requireReference(t, on, anyHistory(t), rapid.Uint64().Draw(t, "seed")) })
	require.Positive(t, moves)
}

// moving is a store that moves between the engines.
type moving struct {
	t      *testing.T
	file   string
	texts  int
	opened bool
	there  *postgres.Options // nil: in the file
}

func (m *moving) open() fullEngine {
	if m.there != nil {
		e, err := postgres.Open(context.Background(), *m.there)
		require.NoError(m.t, err)
		return withoutBackup{e}
	}
	e, err := sqlite.Open(context.Background(), sqlite.Options{Path: m.file, MaxTexts: m.texts})
	require.NoError(m.t, err)
	return e
}

func (m *moving) move() {
	ctx := context.Background()
	into := func(target transfer.Target) func(transfer.Source) error {
		return func(source transfer.Source) error {
			_, err := transfer.Move(ctx, source, target, func(transfer.Progress) {})
			return err
		}
	}
	if m.there != nil {
		from, err := postgres.Open(ctx, *m.there)
		require.NoError(m.t, err)
		err = sqlite.Import(ctx, m.file, nil, func(target transfer.Target) error { return from.Export(ctx, into(target)) })
		require.NoError(m.t, errors.Join(err, from.Close()))
		m.there = nil
		return
	}
	m.there = &postgres.Options{MaxTexts: m.texts}
	m.there.DSN, m.there.MaxConnections = server.Schema(m.t), 4
	from, err := sqlite.Open(ctx, sqlite.Options{Path: m.file, MaxTexts: m.texts})
	require.NoError(m.t, err)
	err = postgres.Import(ctx, *m.there, func(target transfer.Target) error { return from.Export(ctx, into(target)) })
	require.NoError(m.t, errors.Join(err, from.Close(), os.Remove(m.file)))
}

// TestCutConnections is TestEveryOrder over connections that end at random moments, by the server (pg_terminate_backend) and
// by a network that loses a piece of data, or half of it, in either direction: senders try again until they get an
// answer, and in the end nothing is missing and nothing counts twice.
func TestCutConnections(t *testing.T) {
	checks.Fewer(t, "2")
	proxy := server.Proxy(t)
	refused := 0
	rapid.Check(t, func(rt *rapid.T) {
		dsn, err := url.Parse(server.Schema(t))
		require.NoError(t, err)
		c := &cutHistory{t: rt, rng: rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 0)), user: dsn.User.Username()}
		dsn.Host, dsn.RawQuery = proxy.Address(), "sslmode=disable"
		c.dsn = dsn.String()
		c.restart() // it makes the tables
		records := anyHistory(rt)
		proxy.Break(rapid.Int64Range(5, 30).Draw(rt, "cuts"))
		c.play(records)
		proxy.Break(0)
		c.restart()
		requireVerdicts(rt, c.ledger, batchOf(records))
		require.NoError(rt, c.ledger.Close())
		refused += c.refused
	})
	require.Positive(t, proxy.Cuts())
	t.Logf("%d connections were cut by the network; %d commits were refused and tried again", proxy.Cuts(), refused)
}

// terminate ends all connections of the user after a moment, once: who tries again is left alone, however slow it is.
func (c *cutHistory) terminate(after time.Duration) {
	time.Sleep(after)
	_, err := server.Query(context.Background(), "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = $1", c.user)
	assert.NoError(c.t, err)
}

// cutHistory plays a history over connections that end.
type cutHistory struct {
	t         *rapid.T
	dsn, user string
	rng       *rand.Rand
	ledger    *Ledger
	refused   int
}

// restart opens the ledger, again where it was open, until that succeeds.
func (c *cutHistory) restart() {
	if c.ledger != nil {
		_ = c.ledger.Close() // the sums that it could not store are computed again
	}
	var o postgres.Options
	o.DSN, o.MaxConnections = c.dsn, 8
	for tries := 1; ; tries++ {
		e, err := postgres.Open(context.Background(), o)
		if err == nil {
			if c.ledger, err = Open(context.Background(), e, Options{Now: now}); err == nil {
				return
			}
			_ = e.Close()
		}
		require.Less(c.t, tries, 10_000, "it does not start: %v", err)
	}
}

// play sends all records, some of them several times, by two senders at once, each of which tries until it has an answer.
func (c *cutHistory) play(records []testRecord) {
	shuffled := slices.Clone(records)
	for _, r := range records {
		if c.rng.IntN(3) == 0 {
			shuffled = append(shuffled, r)
		}
	}
	c.rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for len(shuffled) > 0 {
		n := 1 + c.rng.IntN(min(len(shuffled), 10))
		cut := c.rng.IntN(n + 1)
		var senders sync.WaitGroup
		var refused [2]int
		for i, part := range [][]testRecord{shuffled[:cut], shuffled[cut:n]} {
			senders.Go(func() { refused[i] = c.send(part) })
		}
		after := time.Duration(c.rng.IntN(10)) * time.Millisecond
		if c.rng.IntN(2) == 0 {
			senders.Go(func() { c.terminate(after) })
		}
		senders.Wait()
		c.refused += refused[0] + refused[1]
		shuffled = shuffled[n:]
		if c.rng.IntN(10) == 0 {
			c.restart()
		}
	}
}

// send commits records, and returns how often that was refused before.
func (c *cutHistory) send(part []testRecord) (refused int) {
	for {
		err := c.ledger.Commit(context.Background(), batchOf(part))
		if err == nil || !assert.NotErrorIs(c.t, err, store.ErrFenced) || !assert.Less(c.t, refused, 10_000) {
			return refused
		}
		refused++
	}
}

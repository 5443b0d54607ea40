package database

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

var (
	server pgtest.Server
	ctx    = context.Background()
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m, &server)) }

func open(t *testing.T, dsn string) *DB {
	d, err := Open(ctx, Options{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(d.Close)
	return d
}

// with returns a DSN with another part.
func with(t *testing.T, dsn string, change func(*url.URL)) string {
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	change(u)
	return u.String()
}

// TestMigrateTogether: of processes that start together one makes the schema, and all can use it.
func TestMigrateTogether(t *testing.T) {
	dsn := server.Schema(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			d, err := Open(ctx, Options{DSN: dsn, MaxConnections: 4})
			if assert.NoError(t, err) {
				assert.NoError(t, d.Write(ctx, Write{Kind: Ledger}, func(*Tx) error { return nil }))
				d.Close()
			}
		})
	}
	all.Wait()
	d := open(t, dsn)
	var n int
	require.NoError(t, d.QueryRow(ctx, "SELECT count(*) FROM "+versionsTable+" WHERE version_id = 1").Scan(&n))
	require.Equal(t, 1, n)
	require.NoError(t, d.Write(ctx, Write{Kind: Ledger}, func(tx *Tx) error {
		require.EqualValues(t, 9, tx.Seq)
		return nil
	}))
	_, err := d.write.Exec(ctx, "INSERT INTO "+versionsTable+" (version_id, is_applied) VALUES (1, true)")
	require.True(t, hasCode(err, codeUnique), "a migration is made once")
}

// TestWrites: a write is made as a whole or not at all, and once.
func TestWrites(t *testing.T) {
	d := open(t, server.Schema(t))
	count := func() (n int) {
		require.NoError(t, d.QueryRow(ctx, "SELECT count(*) FROM meta WHERE name LIKE 'test%'").Scan(&n))
		return n
	}
	insert := func(tx *Tx) error {
		tx.Queue("insert", "INSERT INTO meta (name, value) VALUES ('test1', 1)")
		_, err := tx.Exec(ctx, "INSERT INTO meta (name, value) VALUES ('test2', 1)")
		return err
	}
	boom := errors.New("boom")
	require.ErrorIs(t, d.Write(ctx, Write{Kind: Ledger}, func(tx *Tx) error { return errors.Join(insert(tx), boom) }), boom)
	require.Zero(t, count())
	err := d.Write(ctx, Write{Kind: Ledger}, func(tx *Tx) error {
		tx.Queue("insert twice", "INSERT INTO meta (name, value) VALUES ('test2', 1)")
		return insert(tx)
	})
	require.ErrorContains(t, err, "insert twice")
	require.Zero(t, count())
	w := Write{Kind: Ledger, ID: store.NewWriteID()}
	for range 2 {
		require.NoError(t, d.Write(ctx, w, insert))
		require.Equal(t, 2, count())
	}
	require.ErrorIs(t, d.Write(ctx, Write{Kind: Ledger, Epoch: 7}, insert), store.ErrFenced)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, d.Write(cancelled, Write{Kind: Ledger}, insert), context.Canceled)
}

// TestCutConnections: whichever moment a connection of a write ends at, its outcome is found, and it is made once.
func TestCutConnections(t *testing.T) {
	dsn := server.Schema(t)
	d := open(t, dsn)
	killer := open(t, server.URL("postgres", "search_path", "t1"))
	user := strings.Split(strings.TrimPrefix(dsn, "postgres://"), ":")[0]
	stop := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(1+rand.IntN(3<<rand.IntN(6))) * time.Millisecond): // some are long: a slow machine gets on too
			}
			if _, err := killer.write.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", user); !assert.NoError(t, err) {
				return
			}
		}
	})
	const writes = 150
	failures := 0
	for i := range writes {
		w := Write{Kind: Ledger, ID: store.NewWriteID()}
		for {
			err := d.Write(ctx, w, func(tx *Tx) error {
				tx.Queue("insert", "INSERT INTO forgotten (fingerprint, start, calls, tokens, cost) VALUES ($1, $2, 0, 0, 0)", "x", i)
				return nil
			})
			if err == nil {
				break
			}
			failures++
			committed, asked := d.Committed(ctx, Ledger, w.ID)
			for ; asked != nil; committed, asked = d.Committed(ctx, Ledger, w.ID) {
				require.ErrorIs(t, asked, store.ErrOutcomeUnknown)
			}
			if committed {
				break
			}
		}
	}
	close(stop)
	all.Wait()
	require.Positive(t, failures, "no connection was cut")
	var n, seq int
	require.NoError(t, open(t, dsn).QueryRow(ctx, "SELECT count(*), (SELECT seq FROM state WHERE task = 'ledger') FROM forgotten").Scan(&n, &seq))
	require.Equal(t, []int{writes, writes}, []int{n, seq})
}

// TestStoppedWriter: a process that stops in the middle of a write holds up others for seconds only, and what it sent is
// not stored.
func TestStoppedWriter(t *testing.T) {
	d := open(t, server.Schema(t))
	began := time.Now()
	w := Write{Kind: Ledger, ID: store.NewWriteID()}
	err := d.Write(ctx, w, func(*Tx) error {
		committed, err := d.Committed(ctx, Ledger, w.ID) // waits until the server ends the transaction
		require.NoError(t, err)
		require.False(t, committed)
		return d.Write(ctx, Write{Kind: Ledger}, func(*Tx) error { return nil })
	})
	require.Error(t, err)
	require.Less(t, time.Since(began), idleTimeout+10*time.Second)
	committed, err := d.Committed(ctx, Ledger, w.ID)
	require.NoError(t, err)
	require.False(t, committed)
}

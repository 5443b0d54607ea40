package database

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
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

// refusal opens a database that cannot be used, and returns the one line that says why.
func refusal(t *testing.T, o Options) string {
	t.Helper()
	began := time.Now()
	d, err := Open(ctx, o)
	if err == nil {
		d.Close()
	}
	require.Error(t, err)
	require.NotContains(t, err.Error(), "\n")
	require.NotContains(t, err.Error(), pgtest.Password)
	require.Less(t, time.Since(began), 30*time.Second)
	return err.Error()
}

// TestRefusals: whatever is wrong with the database is said in one line that says what to do, without a password.
func TestRefusals(t *testing.T) {
	dsn := server.Schema(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for name, tc := range map[string]struct {
		change func(*url.URL)
		want   []string
	}{
		"nobody listens":  {func(u *url.URL) { u.Host = closed.Addr().String() }, []string{"cannot be reached at " + closed.Addr().String(), "refused"}},
		"an unknown host": {func(u *url.URL) { u.Host = "no-such-host.invalid:5432" }, []string{"no-such-host.invalid:5432", "host name is not known"}},
		"several, none of them": {
			func(u *url.URL) { u.Host = closed.Addr().String() + ",no-such-host.invalid:5432" },
			[]string{"cannot be reached at " + closed.Addr().String() + ", no-such-host.invalid:5432"},
		},
		"a wrong password":   {func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "hidden"+pgtest.Password) }, []string{"the password is wrong"}},
		"an unknown user":    {func(u *url.URL) { u.User = url.UserPassword("nobody-here", pgtest.Password) }, []string{"the password is wrong"}},
		"a wrong database":   {func(u *url.URL) { u.Path = "/nowhere" }, []string{"does not exist", "nowhere"}},
		"no schema":          {func(u *url.URL) { u.RawQuery = "search_path=nothing" }, []string{"search_path", "no schema"}},
		"a read-only host":   {func(u *url.URL) { u.RawQuery = "default_transaction_read_only=on" }, []string{"read only"}},
		"a wrong TLS issuer": {func(u *url.URL) { u.RawQuery = "sslmode=verify-full" }, []string{"certificate"}},
	} {
		line := refusal(t, Options{DSN: with(t, dsn, tc.change)})
		for _, part := range tc.want {
			require.Contains(t, line, part, name)
		}
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	line := refusal(t, Options{DSN: with(t, dsn, func(u *url.URL) { u.Host = silent.Addr().String() }), ConnectTimeout: 300 * time.Millisecond})
	require.Contains(t, line, "no answer in time")
	for _, bad := range []string{"", "postgres://u:" + pgtest.Password + "@h:port/d", "host='" + pgtest.Password, "host=h sslmode=" + pgtest.Password} {
		require.Contains(t, refusal(t, Options{DSN: bad}), "dsn")
	}
	require.Contains(t, refusal(t, Options{DSN: dsn, PasswordFile: filepath.Join(t.TempDir(), "none")}), "password_file")
	require.Contains(t, refusal(t, Options{DSN: dsn, MaxConnections: 1}), "max_connections")
}

// TestForeignDatabases: a schema of another program is left as it is, and one of a newer version too.
func TestForeignDatabases(t *testing.T) {
	name := server.Database(t)
	server.Exec(t, name, "CREATE TABLE customers (id int)")
	_, err := Open(ctx, Options{DSN: server.URL(name)})
	require.ErrorIs(t, err, store.ErrCorrupt)
	require.ErrorContains(t, err, "customers")
	require.ErrorContains(t, err, "database "+name)
	server.Exec(t, name, "DROP TABLE customers") // nothing else was made
	d := open(t, server.URL(name))
	server.Exec(t, name, fmt.Sprintf("INSERT INTO %s (version_id, is_applied) VALUES (%d, true)", versionsTable, Newest()+1))
	_, err = Open(ctx, Options{DSN: server.URL(name)})
	require.ErrorIs(t, err, store.ErrNewer)
	require.NoError(t, d.Write(ctx, Write{Kind: Directory}, func(*Tx) error { return nil }), "who has it open goes on")

	weak := server.Database(t)
	server.Exec(t, weak, "CREATE ROLE weak LOGIN PASSWORD '"+pgtest.Password+"'", "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
	line := refusal(t, Options{DSN: with(t, server.URL(weak), func(u *url.URL) { u.User = url.UserPassword("weak", pgtest.Password) })})
	require.Contains(t, line, "lacks a permission")

	require.NoError(t, checkServer(15_00_06, oldestServer))
	var version int
	require.NoError(t, d.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version))
	require.ErrorContains(t, checkServer(version, version+1), "or newer is needed")
	require.EqualError(t, checkServer(9_06_24, oldestServer), "the server is PostgreSQL 9; version 13 or newer is needed")
}

// TestConnections: the password comes from the DSN, a file or the environment; TLS is verified; of several hosts the one
// that can be written to is taken; connections have a name.
func TestConnections(t *testing.T) {
	dsn := server.Schema(t)
	without := with(t, dsn, func(u *url.URL) { u.User = url.User(u.User.Username()) })
	file := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(file, []byte("wrong\n"), 0o600))
	require.Contains(t, refusal(t, Options{DSN: without, PasswordFile: file}), "the password is wrong")
	require.NoError(t, os.WriteFile(file, []byte(pgtest.Password+"\n"), 0o600))
	d, err := Open(ctx, Options{DSN: without, PasswordFile: file, ApplicationName: "named"})
	require.NoError(t, err)
	var name, encrypted string
	require.NoError(t, d.QueryRow(ctx, "SELECT application_name, backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid()").Scan(&name, &encrypted))
	require.Equal(t, "named", name)
	d.Close()

	t.Setenv("PGPASSWORD", pgtest.Password)
	d = open(t, with(t, without, func(u *url.URL) { u.RawQuery = "sslmode=verify-full&sslrootcert=" + server.Certificate() }))
	var tls bool
	require.NoError(t, d.QueryRow(ctx, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&tls))
	require.True(t, tls)

	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	open(t, with(t, dsn, func(u *url.URL) { u.Host = closed.Addr().String() + "," + u.Host }))
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
			case <-time.After(3 * time.Millisecond):
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

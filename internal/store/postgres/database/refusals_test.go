package database

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/freeport"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

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
	closed := freeport.Address(t)
	another := filepath.Join(t.TempDir(), "another.crt")
	require.NoError(t, pgtest.WriteAuthority(another))
	elsewhere := listen(t, "127.0.0.2:0", forward(server.Address()))
	plain := listen(t, "127.0.0.1:0", func(c net.Conn) { answer(c, "N") })
	other := listen(t, "127.0.0.1:0", func(c net.Conn) { answer(c, "HTTP/1.1 400 Bad Request\r\n\r\n") })
	old := server.Proxy(t)
	old.Rewrite = func(piece []byte) []byte { return serverVersion.ReplaceAll(piece, []byte("120022")) }
	private, taken := server.Database(t), server.Database(t)
	server.Exec(t, private, "REVOKE CONNECT ON DATABASE "+private+" FROM PUBLIC",
		"CREATE ROLE nologin PASSWORD '"+pgtest.Password+"'", "CREATE ROLE crowded LOGIN CONNECTION LIMIT 0 PASSWORD '"+pgtest.Password+"'")
	server.Exec(t, taken, "CREATE TABLE customers (id int)", "CREATE ROLE guest LOGIN PASSWORD '"+pgtest.Password+"'", "GRANT CREATE, USAGE ON SCHEMA public TO guest")
	for name, tc := range map[string]struct {
		change func(*url.URL)
		want   []string
	}{
		"nobody listens":  {func(u *url.URL) { u.Host = closed }, []string{"cannot be reached at " + closed, "refused"}},
		"an unknown host": {func(u *url.URL) { u.Host = "no-such-host.invalid:5432" }, []string{"no-such-host.invalid:5432", "host name is not known"}},
		"several, none of them": {
			func(u *url.URL) { u.Host = closed + ",no-such-host.invalid:5432" },
			[]string{"cannot be reached at " + closed + ", no-such-host.invalid:5432"},
		},
		"a wrong password":  {func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "hidden"+pgtest.Password) }, []string{"the password is wrong"}},
		"an unknown user":   {func(u *url.URL) { u.User = url.UserPassword("nobody-here", pgtest.Password) }, []string{"the password is wrong"}},
		"a wrong database":  {func(u *url.URL) { u.Path = "/nowhere" }, []string{"does not exist", "nowhere"}},
		"no schema":         {func(u *url.URL) { u.RawQuery = "search_path=nothing" }, []string{"search_path", "no schema"}},
		"a read-only host":  {func(u *url.URL) { u.RawQuery = "default_transaction_read_only=on" }, []string{"read only"}},
		"no authority":      {func(u *url.URL) { u.RawQuery = "sslmode=verify-full" }, []string{"cannot be trusted", "unknown authority", "sslrootcert"}},
		"another authority": {func(u *url.URL) { u.RawQuery = "sslmode=verify-full&sslrootcert=" + another }, []string{"cannot be trusted", "unknown authority", "sslrootcert"}},
		"another host name": {
			func(u *url.URL) {
				u.Host, u.RawQuery = elsewhere, "sslmode=verify-full&sslrootcert="+server.Authority()
			},
			[]string{"cannot be trusted", "not 127.0.0.2", "host name"},
		},
		"no file of authorities": {func(u *url.URL) { u.RawQuery = "sslmode=verify-full&sslrootcert=/no/such.pem" }, []string{"/no/such.pem", "no such file"}},
		"no TLS":                 {func(u *url.URL) { u.Host, u.RawQuery = plain, "sslmode=require" }, []string{"takes no TLS", "sslmode"}},
		"no PostgreSQL":          {func(u *url.URL) { u.Host = other }, []string{other, "cannot be used"}},
		"an old version":         {func(u *url.URL) { u.Host, u.RawQuery = old.Address(), "sslmode=disable" }, []string{"PostgreSQL 12; version 13 or newer is needed"}},
		"no right to connect": {
			func(u *url.URL) { u.Path = "/" + private }, []string{"lacks a permission", "CONNECT", private},
		},
		"no right to log in":    {func(u *url.URL) { u.User = url.UserPassword("nologin", pgtest.Password) }, []string{"does not let this user in"}},
		"no connection left":    {func(u *url.URL) { u.User = url.UserPassword("crowded", pgtest.Password) }, []string{"no connection left", "too many connections"}},
		"the tables of another": {func(u *url.URL) { u.Path, u.User = "/"+taken, url.UserPassword("guest", pgtest.Password) }, []string{"another program", "customers"}},
	} {
		t.Run(name, func(t *testing.T) {
			line := refusal(t, Options{DSN: with(t, dsn, tc.change)})
			for _, part := range tc.want {
				require.Contains(t, line, part)
			}
		})
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	line := refusal(t, Options{DSN: with(t, dsn, func(u *url.URL) { u.Host = silent.Addr().String() }), ConnectTimeout: 300 * time.Millisecond})
	require.Contains(t, line, "no answer in time")
	for _, bad := range []string{"", "postgres://u:" + pgtest.Password + "@h:port/d", "host='" + pgtest.Password, "host=h sslmode=" + pgtest.Password} {
		require.Contains(t, refusal(t, Options{DSN: bad}), "dsn")
	}
	for _, unescaped := range []string{"postgres://ann:12#" + pgtest.Password + "@h/d", "postgresql://ann:12?" + pgtest.Password + "@h/d", "postgres://ann:12/" + pgtest.Password + "@h/d"} {
		line := refusal(t, Options{DSN: unescaped})
		require.Contains(t, line, "%23")
		require.NotContains(t, line, "12")
	}
	require.Contains(t, refusal(t, Options{DSN: dsn, PasswordFile: filepath.Join(t.TempDir(), "none")}), "password_file")
	require.Contains(t, refusal(t, Options{DSN: dsn, MaxConnections: 1}), "max_connections")
}

var serverVersion = regexp.MustCompile(`1[3-9]00[0-9]{2}`)

// listen serves connections until the test ends.
func listen(t *testing.T, at string, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Skip("this system has no further addresses of the loopback")
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = c.Close() }()
				serve(c)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		serving.Wait()
	})
	return l.Addr().String()
}

// answer answers the first message.
func answer(c net.Conn, with string) {
	_, _ = c.Read(make([]byte, 512))
	_, _ = c.Write([]byte(with))
}

// forward copies both directions until one ends.
func forward(to string) func(net.Conn) {
	return func(c net.Conn) {
		s, err := net.Dial("tcp", to)
		if err != nil {
			return
		}
		var back sync.WaitGroup
		back.Go(func() {
			_, _ = io.Copy(c, s)
			_ = c.Close()
		})
		_, _ = io.Copy(s, c)
		_ = s.Close()
		back.Wait()
	}
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
	ours := server.Database(t)
	open(t, server.URL(ours))
	server.Exec(t, ours, "GRANT CREATE, USAGE ON SCHEMA public TO weak")
	line = refusal(t, Options{DSN: with(t, server.URL(ours), func(u *url.URL) { u.User = url.UserPassword("weak", pgtest.Password) })})
	require.Contains(t, line, "lacks a permission", "for tables that are another user's")
	require.NoError(t, checkServer(15_00_06, oldestServer))
	var version int
	require.NoError(t, d.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version))
	require.ErrorContains(t, checkServer(version, version+1), "or newer is needed")
	require.EqualError(t, checkServer(9_06_24, oldestServer), "the server is PostgreSQL 9; version 13 or newer is needed")
}

// TestExtensions: what belongs to an extension of PostgreSQL is no program's table.
func TestExtensions(t *testing.T) {
	name := server.Database(t)
	pgtest.Program(t, "pg_dump") // a PostgreSQL without it has no extensions either
	server.Exec(t, name, "CREATE EXTENSION pg_stat_statements")
	open(t, server.URL(name))
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
	d = open(t, with(t, without, func(u *url.URL) { u.RawQuery = "sslmode=verify-full&sslrootcert=" + server.Authority() }))
	var tls bool
	require.NoError(t, d.QueryRow(ctx, "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").Scan(&tls))
	require.True(t, tls)
}

// TestHosts: of several hosts one that accepts writes is used, whatever the first ones are: one that is down, a standby. When the
// primary fails, the standby that is promoted is found by who has the database open and by who opens it; and
// target_session_attrs of the DSN holds.
func TestHosts(t *testing.T) {
	var primary pgtest.Server
	t.Cleanup(primary.End)
	dsn := primary.Schema(t)
	standby := primary.Standby(t)
	down := freeport.Address(t)
	all := with(t, dsn, func(u *url.URL) { u.Host = down + "," + standby.Address() + "," + primary.Address() })
	d := open(t, all)
	port := func(d *DB) (port int) {
		require.NoError(t, d.QueryRow(ctx, "SELECT current_setting('port')::int").Scan(&port))
		return port
	}
	write := func() error {
		return d.Write(ctx, Write{Kind: Ledger}, func(*Tx) error { return nil })
	}
	require.NoError(t, write())
	require.Equal(t, primary.Port(), port(d))
	require.Contains(t, refusal(t, Options{DSN: with(t, dsn, func(u *url.URL) { u.Host = standby.Address() })}), "read only")
	require.Contains(t, refusal(t, Options{DSN: with(t, all, func(u *url.URL) { u.Host = down + "," + standby.Address() })}), standby.Address())
	require.Contains(t, refusal(t, Options{DSN: with(t, all, func(u *url.URL) { u.RawQuery = "target_session_attrs=standby" })}), "read only")

	var seq, replayed int64
	require.NoError(t, d.QueryRow(ctx, "SELECT seq FROM state WHERE task = 'ledger'").Scan(&seq))
	reading, err := pgx.Connect(ctx, with(t, dsn, func(u *url.URL) { u.Host = standby.Address() }))
	require.NoError(t, err)
	require.Eventually(t, func() bool { // the standby is asynchronous
		return reading.QueryRow(ctx, "SELECT seq FROM state WHERE task = 'ledger'").Scan(&replayed) == nil && replayed == seq
	}, time.Minute, 10*time.Millisecond)
	require.NoError(t, reading.Close(ctx))
	primary.Stop()
	require.Error(t, write())
	standby.Promote(t)
	require.Eventually(t, func() bool { return write() == nil }, time.Minute, 10*time.Millisecond)
	require.Equal(t, standby.Port(), port(d))
	require.Equal(t, standby.Port(), port(open(t, all)))
}

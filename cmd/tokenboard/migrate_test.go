package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

var server pgtest.Server

// asCommand makes this program of tests the command itself, so that tests can kill it.
const asCommand = "TOKENBOARD_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(pgtest.Main(m, &server))
}

// tokenboard runs the command, and returns what it prints.
func tokenboard(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := command(t, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	require.NotContains(t, out.String()+errs.String(), pgtest.Password)
	return out.String(), errs.String(), err
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1", "GOMEMLIMIT=512MiB")
	return cmd
}

// migrated is a pair of databases between which tests move.
type migrated struct {
	dir    string // of the SQLite database
	dsn    string
	config string // file
}

const migratedCalls = 3000

func newMigrated(t *testing.T) *migrated {
	t.Helper()
	m := &migrated{dir: t.TempDir(), dsn: server.Schema(t), config: filepath.Join(t.TempDir(), "config.yaml")}
	ctx := context.Background()
	e, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(m.dir, "tokenboard.db"), Keyed: true})
	require.NoError(t, err)
	l, err := ledger.Open(ctx, e, ledger.Options{KeySecret: e.KeySecret()})
	require.NoError(t, err)
	at := time.Now().Add(-48 * time.Hour)
	for from := 0; from < migratedCalls; from += 500 {
		var b usage.Batch
		for i := from; i < from+500; i++ {
			b.Calls = append(b.Calls, usage.Call{
				ID: usage.SpanRecordID(usage.TraceID{1, byte(i >> 8), byte(i)}, usage.SpanID{1}), Trace: usage.TraceID{1, byte(i >> 8), byte(i)}, Span: usage.SpanID{1},
				Role: usage.RoleCall, Start: at.Add(time.Duration(i) * time.Minute / 2), Model: fmt.Sprint("m", i%7), KeyFingerprint: usage.Fingerprint("sk"),
				Path:   fmt.Sprint("/v1/", i, "/", strings.Repeat("long", 20)),
				Tokens: usage.Tokens{InputUncached: int64(i), OutputText: 1, Fields: usage.HasInput | usage.HasOutput},
			})
		}
		require.NoError(t, l.Commit(ctx, b))
	}
	require.NoError(t, e.Directory().AddUser(ctx, store.User{ID: "usr_1", Name: "ann", Role: "admin", Password: "h", CreatedAt: at}, store.AuditEntry{Action: "user.create", Time: at}))
	secret := e.KeySecret()
	require.NoError(t, l.Close())
	require.NoError(t, os.WriteFile(m.config, fmt.Appendf(nil, `extensions:
  tokenstore:
    engine: postgres
    postgres:
      dsn: %s
      key_secret: %s
`, m.dsn, hex.EncodeToString(secret)), 0o600))
	return m
}

func (m *migrated) migrate(t *testing.T, to string) (stdout, stderr string, err error) {
	t.Helper()
	return tokenboard(t, m.args(to)...)
}

func (m *migrated) args(to string) []string {
	return []string{"migrate", "--to", to, "--config", m.config, "--data-dir", m.dir}
}

// TestMigrate: everything moves there and back; the report says what, standard error how far it is; a target that has
// something is refused, and what is there stays.
func TestMigrate(t *testing.T) {
	m := newMigrated(t)
	stdout, stderr, err := m.migrate(t, "postgres")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "moved to postgres: 3000 records (3000 count: 4501500 tokens")
	require.Contains(t, stdout, "1 users")
	require.Contains(t, stderr, "verified sums")

	_, stderr, err = m.migrate(t, "postgres")
	require.Error(t, err)
	require.Contains(t, stderr, "is not empty")
	_, stderr, err = m.migrate(t, "sqlite")
	require.Error(t, err)
	require.Contains(t, stderr, "is not empty")

	stdout, stderr, err = tokenboard(t, "user", "list", "--config", m.config)
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "ann")

	m.dir = t.TempDir()
	stdout, stderr, err = m.migrate(t, "sqlite")
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "moved to sqlite: 3000 records (3000 count: 4501500 tokens")
	info, err := os.Stat(filepath.Join(m.dir, "tokenboard.db.secret"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	stdout, stderr, err = tokenboard(t, "user", "list", "--data-dir", m.dir)
	require.NoError(t, err, stderr)
	require.Contains(t, stdout, "ann")
}

// TestMigrateRefuses: what would not work afterwards is refused before anything is moved, in a line that says what to do.
func TestMigrateRefuses(t *testing.T) {
	m := newMigrated(t)
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no engine":        {[]string{"migrate", "--config", m.config}, "set --to"},
		"another engine":   {m.args("mysql"), "set --to"},
		"no database":      {[]string{"migrate", "--to", "postgres", "--config", m.config, "--data-dir", t.TempDir()}, "find the database"},
		"no configuration": {[]string{"migrate", "--to", "postgres"}, "set --config"},
	} {
		_, stderr, err := tokenboard(t, tc.args...)
		require.Error(t, err, name)
		require.Contains(t, stderr, tc.want, name)
		require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	}
	e, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(m.dir, "tokenboard.db")})
	require.NoError(t, err)
	_, stderr, err := m.migrate(t, "postgres")
	require.Error(t, err)
	require.Contains(t, stderr, "stop every tokenboard")
	require.NoError(t, e.Close())

	text, err := os.ReadFile(m.config)
	require.NoError(t, err)
	i := bytes.Index(text, []byte("key_secret: "))
	require.NoError(t, os.WriteFile(m.config, append(text[:i:i], "key_secret: "+strings.Repeat("0a", 32)+"\n"...), 0o600))
	_, stderr, err = m.migrate(t, "postgres")
	require.Error(t, err)
	require.Contains(t, stderr, "tokenboard.db.secret")
}

// TestMigrateKilled: a move that is killed at any moment leaves a target without anything, and is done as a whole when
// the command is run again.
func TestMigrateKilled(t *testing.T) {
	m := newMigrated(t)
	began := time.Now()
	_, stderr, err := m.migrate(t, "postgres")
	require.NoError(t, err, stderr)
	took := time.Since(began)
	for _, to := range []string{"sqlite", "postgres"} {
		if to == "sqlite" {
			m.dir = t.TempDir()
		} else {
			m.dsn = server.Schema(t)
			text, err := os.ReadFile(m.config)
			require.NoError(t, err)
			from := bytes.Index(text, []byte("dsn: ")) + len("dsn: ")
			end := from + bytes.IndexByte(text[from:], '\n')
			require.NoError(t, os.WriteFile(m.config, []byte(string(text[:from])+m.dsn+string(text[end:])), 0o600))
		}
		killed, done := 0, false
		const tries = 12
		for i := range tries {
			cmd := command(t, m.args(to)...)
			var out bytes.Buffer
			cmd.Stderr = &out
			require.NoError(t, cmd.Start())
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait() }()
			select {
			case err = <-ended:
			case <-time.After(took * time.Duration(i+1) / tries):
				_ = cmd.Process.Kill()
				err = <-ended
			}
			switch {
			case err == nil:
				done = true
			case strings.Contains(err.Error(), "killed"):
				killed++
			case strings.Contains(out.String(), "is not empty"): // it was killed after it had stored all
				done = true
			case strings.Contains(out.String(), "stop every tokenboard"): // the lease of the one that was killed
				time.Sleep(time.Second)
			default:
				require.NoError(t, err, out.String())
			}
			if done {
				break
			}
		}
		require.Positive(t, killed)
		if !done {
			require.Eventually(t, func() bool {
				_, stderr, err = m.migrate(t, to)
				return !strings.Contains(stderr, "stop every tokenboard")
			}, time.Minute, time.Second)
			if err != nil {
				require.Contains(t, stderr, "is not empty")
			}
		}
	}
	// What arrived in the end is all.
	m.dir = t.TempDir()
	require.Eventually(t, func() bool {
		_, stderr, err = m.migrate(t, "sqlite")
		return !strings.Contains(stderr, "stop every tokenboard")
	}, time.Minute, time.Second)
	require.NoError(t, err, stderr)
	ctx := context.Background()
	e, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(m.dir, "tokenboard.db")})
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	info, err := e.Info(ctx)
	require.NoError(t, err)
	require.EqualValues(t, migratedCalls, info.Records)
}

// TestBackupOnPostgres: the command says how PostgreSQL is backed up, without a password.
func TestBackupOnPostgres(t *testing.T) {
	config := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(config, []byte(`extensions:
  tokenstore:
    engine: postgres
    postgres:
      dsn: postgres://ann:`+pgtest.Password+`@db1,db2:5433/token%20board
      key_secret: `+strings.Repeat("0a", 32)+"\n"), 0o600))
	_, stderr, err := tokenboard(t, "backup", "--config", config, "it's.dump")
	require.Error(t, err)
	require.Contains(t, stderr, `pg_dump --format=custom --file='it'\''s.dump' --host=db1,db2 --port=5432,5433 --username=ann --dbname='token board'`)
}

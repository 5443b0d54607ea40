package cli

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/notify/seal"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // times are shown in the local zone
	leaktest.Main(m)
}

var update = flag.Bool("update", false, "update the golden files")

var now = time.Date(2026, 11, 3, 18, 20, 0, 0, time.UTC)

// serve runs a real server with some calls, and makes the commands ask it.
func serve(t *testing.T) *ledger.Ledger {
	t.Helper()
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	book, err := pricing.Default()
	require.NoError(t, err)
	clock := func() time.Time { return now }
	l, err := ledger.Open(ctx, engine, ledger.Options{Now: clock, Prices: book})
	require.NoError(t, err)
	sealer, err := seal.New([]byte(strings.Repeat("k", 32)))
	require.NoError(t, err)
	c := console.New(console.Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: clock, Sealer: sealer})
	s := httptest.NewServer(c.Handler())
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		c.Close()
		s.Close()
		require.NoError(t, l.Close())
	})
	t.Setenv(serverVariable, s.URL)
	t.Setenv(tokenVariable, "")
	for n := range 12 {
		add(t, l, n)
	}
	return l
}

func add(t *testing.T, l *ledger.Ledger, n int) {
	t.Helper()
	c := usage.Call{
		Role: usage.RoleCall, Start: now.Add(-time.Duration(n) * 5 * time.Hour), Model: []string{"gpt-4o", "claude-sonnet-4-5", "own-model"}[n%3],
		Provider: []string{"openai", "anthropic", ""}[n%3], User: []string{"alice", "bob"}[n%2], Duration: 1234 * time.Millisecond, Operation: "chat",
		KeyFingerprint: usage.Fingerprint("k"), KeyDisplay: "sk-ab…wxyz", Status: 200,
		Tokens: usage.Tokens{InputUncached: int64(1000 * (n + 1)), OutputText: int64(n), Fields: usage.HasInput | usage.HasOutput},
	}
	if n == 4 {
		c.Status, c.Failed, c.ErrorType, c.Tokens = 429, true, "rate\u202elimit", usage.Tokens{}
	}
	c.Trace, c.Span = usage.TraceID{7, byte(n)}, usage.SpanID{8, byte(n)}
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	require.NoError(t, l.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
}

// commands returns what runs a command line that succeeds, and returns what it prints, and one that fails with an exit code.
func commands(ctx context.Context, t *testing.T) (ok func(args ...string) string, fails func(code int, args ...string)) {
	t.Helper()
	ok = func(args ...string) string {
		t.Helper()
		out, errs, err := run(ctx, args...)
		require.NoError(t, err, errs)
		return out
	}
	fails = func(code int, args ...string) {
		t.Helper()
		_, _, err := run(ctx, args...)
		require.Error(t, err)
		require.Equal(t, code, ExitCode(err), err)
	}
	return ok, fails
}

// run runs a command line.
func run(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	return runWith(ctx, "", args...)
}

// runWith is run with a standard input.
func runWith(ctx context.Context, stdin string, args ...string) (stdout, stderr string, err error) {
	root := &cobra.Command{Use: "tokenboard", SilenceErrors: true}
	root.AddCommand(Commands()...)
	var out, errs bytes.Buffer
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&errs)
	root.SetArgs(args)
	err = root.ExecuteContext(ctx)
	return out.String(), errs.String(), err
}

func TestOutput(t *testing.T) {
	serve(t)
	for name, args := range map[string]string{
		"stats": "stats --from 2026-11-01", "stats-json": "stats --json --model gpt-4o", "stats-none": "stats --model nothing",
		"trend": "trend --days 3 --interval day", "trend-by-model": "trend --days 3 --interval day --group-by model",
		"breakdown": "breakdown --by model,user --sort cost_usd", "logs": "logs -n 5", "logs-found": "logs -q status:429", "logs-json": "logs -n 1 --json",
		"keys-none": "keys", "export": "export --format csv -o - --user alice",
	} {
		t.Run(name, func(t *testing.T) {
			got, errs, err := run(context.Background(), strings.Fields(args)...)
			require.NoError(t, err)
			require.Empty(t, errs)
			golden := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o755))
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func TestExitCodes(t *testing.T) {
	serve(t)
	closed := httptest.NewServer(nil)
	closed.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer refusing.Close()
	open := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(open, []byte("tbt-x"), 0o644))
	for args, want := range map[string]int{
		"stats": 0, "stats --colour": exitWrong, "stats extra": exitWrong, "stats --from yesterday": exitWrong, "stats --status fine": exitWrong,
		"logs -q \"": exitWrong, "logs -n 0": exitWrong, "keys revoke": exitWrong, "keys revoke nobody": exitNotThere, "import x": exitWrong,
		"import --format ndjson /does/not/exist": exitWrong, "stats --server nonsense": exitWrong, "stats --token-file /does/not/exist": exitWrong,
		"stats --token-file " + open: exitWrong, "stats --server " + closed.URL: exitFailed, "stats --server " + refusing.URL: exitNotAllowed,
	} {
		_, _, err := run(context.Background(), strings.Fields(args)...)
		require.Equal(t, want, ExitCode(err), "%s: %v", args, err)
	}
}

func TestKeyCommands(t *testing.T) {
	serve(t)
	ctx := context.Background()
	secret, told, err := run(ctx, "keys", "create", "laptop", "--owner", "alice", "--expires", "2027-01-01")
	require.NoError(t, err)
	require.Regexp(t, `^tb-\S{43}\n$`, secret, "the secret alone, to be piped")
	require.Contains(t, told, "shown this once")
	list, _, err := run(ctx, "keys", "list")
	require.NoError(t, err)
	require.Contains(t, list, "laptop")
	require.NotContains(t, list, strings.TrimSpace(secret))
	out, _, err := run(ctx, "keys", "revoke", "laptop")
	require.NoError(t, err)
	require.Equal(t, "laptop is revoked\n", out)
	_, _, err = run(ctx, "keys", "revoke", "laptop")
	require.Equal(t, exitNotThere, ExitCode(err))
}

func TestFiles(t *testing.T) {
	serve(t)
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "calls.ndjson")
	out, _, err := run(ctx, "export", "--format", "ndjson", "-o", path)
	require.NoError(t, err)
	require.Contains(t, out, "written to "+path)
	_, _, err = run(ctx, "export", "--format", "ndjson", "-o", path)
	require.ErrorIs(t, err, os.ErrExist, "no file is written over")
	out, _, err = run(ctx, "import", "--format", "ndjson", path)
	require.NoError(t, err)
	require.Equal(t, "12 rows: 0 accepted, 12 there already, 0 refused\n", out)
	past := filepath.Join(t.TempDir(), "logs.csv")
	csv := fmt.Sprintf("created_at,type,model_name,prompt_tokens,completion_tokens\n%d,2,gpt-4o,10,5\n", now.Add(-time.Hour).Unix())
	require.NoError(t, os.WriteFile(past, []byte(csv), 0o600))
	for _, want := range []string{"1 rows: 1 would be accepted, 0 there already, 0 refused\n", "1 rows: 1 accepted, 0 there already, 0 refused\n"} {
		args := []string{"import", "--format", "newapi", past}
		if strings.Contains(want, "would") {
			args = append(args, "--dry-run")
		}
		out, _, err = run(ctx, args...)
		require.NoError(t, err)
		require.Equal(t, want, out)
	}
	parquet := filepath.Join(t.TempDir(), "calls.parquet")
	_, _, err = run(ctx, "export", "--format", "parquet", "-o", parquet)
	require.NoError(t, err)
	b, err := os.ReadFile(parquet)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(b, []byte("PAR1")))
	out, _, err = run(ctx, "export", "--format", "focus-csv", "-o", "-")
	require.NoError(t, err)
	require.Contains(t, out, "BilledCost,BillingAccountId,")
	_, _, err = run(ctx, "export", "--format", "focus-csv", "--query", "gpt", "-o", "-")
	require.ErrorContains(t, err, "--query")
}

func TestTokenFile(t *testing.T) {
	got := ""
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Get("Authorization")
		_, _ = fmt.Fprint(w, `{"code":0,"data":{}}`)
	}))
	defer s.Close()
	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte("tbt-from-file\n"), 0o600))
	t.Setenv(tokenVariable, "tbt-from-environment")
	_, _, err := run(context.Background(), "stats", "--server", s.URL)
	require.NoError(t, err)
	require.Equal(t, "Bearer tbt-from-environment", got)
	_, _, err = run(context.Background(), "stats", "--server", s.URL, "--token-file", path)
	require.NoError(t, err)
	require.Equal(t, "Bearer tbt-from-file", got)
	http.DefaultClient.CloseIdleConnections()
}

func TestCompletion(t *testing.T) {
	serve(t)
	ctx := context.Background()
	_, _, err := run(ctx, "keys", "create", "laptop")
	require.NoError(t, err)
	for args, want := range map[string]string{
		"stats --model cl": "claude-sonnet-4-5\t4 calls", "stats --status ": "ok", "trend --group-by mo": "model", "keys revoke la": "laptop",
		"export --format pa": "parquet",
	} {
		out, _, err := run(ctx, append([]string{"__complete"}, strings.Split(args, " ")...)...)
		require.NoError(t, err)
		require.Contains(t, out, want, args)
	}
	t.Setenv(serverVariable, "http://127.0.0.1:1")
	out, _, err := run(ctx, "__complete", "stats", "--model", "")
	require.NoError(t, err)
	require.Equal(t, ":4\n", out, "without a server there is nothing to offer")
}

// shown cancels when something has been written.
type shown struct {
	bytes.Buffer
	wrote func(string)
}

func (s *shown) Write(p []byte) (int, error) {
	n, err := s.Buffer.Write(p)
	s.wrote(s.String())
	return n, err
}

func TestFollowing(t *testing.T) {
	l := serve(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	root := &cobra.Command{Use: "tokenboard"}
	root.AddCommand(Commands()...)
	out := &shown{wrote: func(s string) {
		if strings.Contains(s, "\n") {
			cancel()
		}
	}}
	root.SetOut(out)
	root.SetErr(&bytes.Buffer{})
	root.SetArgs([]string{"logs", "--follow", "-q", "model:claude"})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() { // the stream begins with what comes after it was opened
		defer close(done)
		for n := 13; ; n += 3 {
			add(t, l, n)
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	require.NoError(t, root.ExecuteContext(ctx))
	close(stop)
	<-done
	require.Contains(t, out.String(), "claude-sonnet-4-5")
}

func TestTimes(t *testing.T) {
	for text, want := range map[string]time.Time{
		"": {}, "24h": now.Add(-24 * time.Hour), "90m": now.Add(-90 * time.Minute), "7d": now.AddDate(0, 0, -7), "2026-11-01": time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC),
		"2026-11-01T10:00:00+08:00": time.Date(2026, 11, 1, 2, 0, 0, 0, time.UTC), "2026-11-01 10:30": time.Date(2026, 11, 1, 10, 30, 0, 0, time.UTC),
	} {
		got, err := readTime(text, now)
		require.NoError(t, err, text)
		require.True(t, want.Equal(got), "%s: %s", text, got)
	}
	for _, text := range []string{"yesterday", "-5h", "0d", "d", "5", "7dd", "2026-13-01"} {
		_, err := readTime(text, now)
		require.Error(t, err, text)
	}
	require.Equal(t, "1,234,567", count(1234567))
	require.Equal(t, "-1,000", count(-1000))
	require.Equal(t, "999", count(999))
	require.Equal(t, "a\uFFFD[31mb", printable("a\x1b[31mb"))
}

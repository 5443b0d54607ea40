package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store/postgres/pgtest"
)

// onPostgres returns the arguments by which the binary keeps its data in a database.
func onPostgres(t *testing.T, dsn string) []string {
	t.Helper()
	t.Setenv("TOKENBOARD_TEST_DSN", dsn)
	file := filepath.Join(t.TempDir(), "postgres.yaml")
	require.NoError(t, os.WriteFile(file, []byte(`extensions:
  tokenstore:
    engine: postgres
    postgres:
      dsn: ${env:TOKENBOARD_TEST_DSN}
      key_secret: "`+strings.Repeat("0a", 32)+`"
`), 0o600))
	return []string{"--config", filepath.Join("..", "examples", "quickstart", "config.yaml"), "--config", file}
}

// TestKillOnPostgres is TestKill with the data in PostgreSQL. A process that starts leads when the lease of the one that was
// killed ends.
func TestKillOnPostgres(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	args := onPostgres(t, server.Schema(t))
	killUnderLoad(t, max(kills(t)/5, 2), func() *process {
		p := run(t, t.TempDir(), args...)
		p.waitFor(p.leads) // until then it takes requests into the inbox
		return p
	})
}

// TestDatabaseCrashes: the database crashes while requests are being acknowledged, again and again. The process goes on when
// it is back; no acknowledged request is lost, and none counts twice when all are sent again.
func TestDatabaseCrashes(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	args := onPostgres(t, server.Schema(t))
	p := run(t, t.TempDir(), args...)
	k := killed{start: time.Now().Add(-time.Hour).UnixNano()}
	var sent atomic.Int64
	var mu sync.Mutex
	acknowledged := map[int]bool{}
	count := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(acknowledged)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() {
			for ctx.Err() == nil {
				i := int(sent.Add(1)) - 1
				for ctx.Err() == nil && !p.send(ctx, "traces", k.body(i)) { // as senders do
					time.Sleep(20 * time.Millisecond)
				}
				mu.Lock()
				acknowledged[i] = acknowledged[i] || ctx.Err() == nil
				mu.Unlock()
			}
		})
	}
	answers := p.readAll(ctx, t, &senders)
	for range 5 {
		more := count() + 100
		require.Eventually(t, func() bool { return count() > more }, time.Minute, time.Millisecond)
		server.Stop()
		time.Sleep(200 * time.Millisecond)
		server.Start(t)
	}
	more := count() + 100
	require.Eventually(t, func() bool { return count() > more }, time.Minute, time.Millisecond, "it goes on")
	cancel()
	senders.Wait()
	require.Empty(t, answers(), "a read is answered, or says that the database cannot be reached now")
	mu.Lock()
	maps.DeleteFunc(acknowledged, func(_ int, yes bool) bool { return !yes })
	want := k.sum(maps.Keys(acknowledged))
	mu.Unlock()
	got := get[stats](p, "/stats")
	require.GreaterOrEqual(t, got.Calls, want.Calls, "an acknowledged call was lost")
	for i := range int(sent.Load()) {
		require.True(t, p.send(context.Background(), "traces", k.body(i)))
	}
	all := k.sum(upTo(int(sent.Load())))
	require.Equal(t, all, get[stats](p, "/stats").sums, "after sending all again")
	requireSameSums(t, p, get[stats](p, "/stats"))
	p.stop(syscall.SIGTERM)
	p = run(t, t.TempDir(), args...)
	require.Equal(t, all, get[stats](p, "/stats").sums, "after a restart")
	p.stop(syscall.SIGTERM)
	t.Logf("%d requests sent", sent.Load())
}

// readAll reads every route of the console that needs no more than its path, /metrics and PromQL, again and again until
// ctx ends. What it returns lists the kinds of answers that are neither those of a database that is up nor 503 with the
// reason of one that cannot be reached.
func (p *process) readAll(ctx context.Context, t *testing.T, readers *sync.WaitGroup) (unexpected func() []string) {
	t.Helper()
	read := func(path string) (status int, body string) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.console+path, nil)
		if err != nil {
			return 0, ""
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return 0, ""
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			return 0, ""
		}
		return res.StatusCode, string(b)
	}
	var description struct {
		Paths map[string]map[string]struct {
			Responses map[string]struct{ Content map[string]any }
		}
	}
	_, body := read("/api/console/openapi.json")
	require.NoError(t, json.Unmarshal([]byte(body), &description))
	usual := map[string]int{}
	paths := []string{"/metrics", "/prometheus/api/v1/query?query=tokenboard_calls_total", "/prometheus/api/v1/labels"}
	for path, methods := range description.Paths {
		get, reads := methods["get"]
		if _, streams := get.Responses["200"].Content["text/event-stream"]; reads && !streams && !strings.Contains(path, "{") {
			paths = append(paths, path)
		}
	}
	for _, path := range paths {
		usual[path], _ = read(path)
		require.NotZero(t, usual[path], path)
		require.Less(t, usual[path], http.StatusInternalServerError, path)
	}
	require.Greater(t, len(paths), 30, "%v", paths)
	var mu sync.Mutex
	answers := map[int]int{}
	kinds := map[string]bool{}
	for range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				path := paths[rand.IntN(len(paths))]
				status, body := read(path)
				mu.Lock()
				answers[status]++
				down := status == http.StatusServiceUnavailable && (strings.Contains(body, "store_unavailable") || strings.Contains(body, "try again") || path == "/metrics")
				if status != 0 && status != usual[path] && !down {
					kinds[fmt.Sprintf("%s: %d %s", path, status, body)] = true
				}
				mu.Unlock()
			}
		})
	}
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		t.Logf("%d routes, answers by status: %v", len(paths), answers)
		return slices.Sorted(maps.Keys(kinds))
	}
}

// TestPostgresRefusals: a database that cannot be used is said in one line, without the password.
func TestPostgresRefusals(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	dsn := server.Schema(t)
	for bad, want := range map[string]string{
		strings.Replace(dsn, pgtest.Password, "wrong-"+pgtest.Password, 1): "the password is wrong",
		strings.Replace(dsn, "/postgres", "/nowhere", 1):                   "does not exist",
		"postgres://u:" + pgtest.Password + "@127.0.0.1:1/d":               "cannot be reached at 127.0.0.1:1",
		"postgres://u:" + pgtest.Password + "@127.0.0.1:x/d":               "dsn cannot be read",
	} {
		args := onPostgres(t, bad)
		line := failedStart(t, environment(t.TempDir(), freeAddress(t), freeAddress(t), freeAddress(t)), args...)
		require.Contains(t, line, want)
		require.NotContains(t, line, pgtest.Password)
	}
}

// TestCommandsOnPostgres: the commands find the database by the configuration, also while the server runs.
func TestCommandsOnPostgres(t *testing.T) {
	var server pgtest.Server
	t.Cleanup(server.End)
	args := onPostgres(t, server.Schema(t))
	command := func(stdin string, of ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), binary, append(of, args...)...)
		cmd.Env = environment(t.TempDir(), "127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:1")
		cmd.Stdin = strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	p := run(t, t.TempDir(), args...)
	out, err := command(adminPassword, "user", "add", "alice", "--role", "viewer", "--password-stdin")
	require.NoError(t, err, out)
	out, err = command("", "user", "list")
	require.NoError(t, err, out)
	require.Contains(t, out, "alice")
	out, err = command("", "reprice", "--from", "2026-01-01", "--dry-run")
	require.Error(t, err)
	require.Contains(t, out, "tokenboard runs on this database: asking it at http://127.0.0.1:1")
	p.stop(syscall.SIGTERM)
	out, err = command("", "reprice", "--from", "2026-01-01", "--dry-run")
	require.NoError(t, err, out)
}

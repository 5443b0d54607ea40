package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestDemo starts the demo with a past, sees the console fill, stops it, and looks for what is left.
func TestDemo(t *testing.T) {
	bin, temp := t.TempDir(), t.TempDir()
	for _, name := range []string{"demo", "instrumented-proxy"} {
		out, err := exec.Command("go", "build", "-C", "..", "-o", filepath.Join(bin, name), "./examples/"+name).CombinedOutput()
		require.NoError(t, err, string(out))
	}
	board, err := filepath.Abs(binary)
	require.NoError(t, err)
	cmd := exec.Command(filepath.Join(bin, "demo"), "-tokenboard", board, "-proxy", filepath.Join(bin, "instrumented-proxy"),
		"-console", freeAddress(t), "-rate", "20", "-backfill", "90d")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	out := &buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			<-exited
		}
	})
	find := func(pattern string) string {
		t.Helper()
		var found []string
		require.Eventually(t, func() bool {
			found = regexp.MustCompile(pattern).FindStringSubmatch(out.String())
			return found != nil
		}, 2*time.Minute, 20*time.Millisecond, "waiting for %s: %s", pattern, out)
		return found[1]
	}
	p := &process{t: t, console: strings.TrimSuffix(find(`console:  (http://\S+)`), "/console")}
	past, err := strconv.ParseInt(find(`back-filled (\d+) calls of 90d`), 10, 64)
	require.NoError(t, err)
	require.Greater(t, past, int64(10_000))
	require.Eventually(t, func() bool { return get[stats](p, "/stats").Calls > past+20 }, time.Minute, 50*time.Millisecond, out)
	s := get[stats](p, "/stats")
	require.GreaterOrEqual(t, len(s.Models), 8)
	type trend struct{ Points []struct{ sums } }
	days := 0
	for _, point := range get[trend](p, "/usage-trend?days=90&interval=day").Points {
		if point.Calls > 0 {
			days++
		}
	}
	require.GreaterOrEqual(t, days, 85, "days of the past")
	require.Contains(t, p.text("/api/console/logs?limit=100"), `"user":"alice"`)
	require.Contains(t, p.text("/api/console/logs?limit=100"), `"name":"alice: IDE"`)
	requireDemoShows(t, p)

	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-exited:
		require.NoError(t, err, out)
	case <-time.After(time.Minute):
		require.Fail(t, "the demo did not stop", out)
	}
	left, err := os.ReadDir(temp)
	require.NoError(t, err)
	require.Empty(t, left, "files that are left")
	_, err = http.Get(p.console + "/ready")
	require.Error(t, err, "the console has ended")
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, c := range commands {
		line, _ := os.ReadFile(c)
		require.NotContains(t, string(line), bin, "a process that is left")
	}
}

// requireDemoShows requires what the demo is there to show: speeds that models have, teams, budgets in
// every state, failures of several kinds, and a model without a price.
func requireDemoShows(t *testing.T, p *process) {
	t.Helper()
	type row struct {
		sums
		Project string
	}
	teams := get[struct{ Rows []row }](p, "/breakdown?by=project").Rows
	require.Len(t, teams, 2)
	for _, r := range teams {
		require.Contains(t, []string{"product", "support"}, r.Project)
	}
	require.Positive(t, get[stats](p, "/stats?model=acme-coder-32b").Unpriced)
	require.Greater(t, get[stats](p, "/stats?status=529").Calls, int64(20))
	require.Greater(t, get[stats](p, "/stats?status=400").Calls, int64(20))
	require.Greater(t, get[stats](p, "/stats?status=429&user=nightly").Calls, int64(20))

	type call struct {
		TokensPerSecond *float64 `json:"tokens_per_second"`
		DurationMS      float64  `json:"duration_ms"`
		Failed          bool
	}
	page := get[struct{ Items []call }](p, "/logs?limit=1000")
	require.NotEmpty(t, page.Items)
	for _, c := range page.Items {
		require.GreaterOrEqual(t, c.DurationMS, 40.0)
		if c.TokensPerSecond != nil {
			require.Less(t, *c.TokensPerSecond, 1000.0)
		}
	}
	states := map[string]bool{}
	for _, k := range get[[]struct {
		Left *struct {
			Tokens, USD map[string]*struct{ Limit, Left float64 }
		}
	}](p, "/keys") {
		if k.Left == nil {
			states["no budget"] = true
			continue
		}
		for _, periods := range []map[string]*struct{ Limit, Left float64 }{k.Left.Tokens, k.Left.USD} {
			for _, l := range periods {
				if l != nil {
					states[map[bool]string{true: "nearly used up", false: "left"}[l.Left < l.Limit/50]] = true
				}
			}
		}
	}
	require.Equal(t, map[string]bool{"no budget": true, "nearly used up": true, "left": true}, states)
}

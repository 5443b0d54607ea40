package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
)

const cpaKey = "management-key-of-the-tests"

// cpaConfig is the example's configuration for a proxy, with shorter intervals.
func cpaConfig(t *testing.T, proxy *cliproxytest.Proxy) string {
	t.Helper()
	raw, err := os.ReadFile("../examples/cliproxyapi/config.yaml")
	require.NoError(t, err)
	text := string(raw)
	for from, to := range map[string]string{
		"${env:CPA_ENDPOINT:-http://127.0.0.1:8317}": proxy.URL(),
		"${env:CPA_MANAGEMENT_KEY}":                  cpaKey,
		"retention: 60s":                             "retention: 60s\n        min_interval: 10ms\n        max_interval: 30ms\n        max_events: 200",
	} {
		require.Contains(t, text, from)
		text = strings.ReplaceAll(text, from, to)
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// TestCLIProxyKeys makes and revokes keys in the console: they open the proxy, and do not. Their secrets
// are in no file and no output.
func TestCLIProxyKeys(t *testing.T) {
	proxy := cliproxytest.Start(t, cliproxytest.Options{Key: cpaKey, Keys: []string{"sk-before-0123456789abcdef"}})
	dir := t.TempDir()
	p := start(t, dir, "--config", cpaConfig(t, proxy))
	p.waitFor(p.ready)
	opens := func(key string) bool {
		req, err := http.NewRequest(http.MethodGet, proxy.URL()+"/v1/models", nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Bearer "+key)
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode == http.StatusOK
	}
	ask := func(method, path, body string) (made struct{ ID, Key string }) {
		req, err := http.NewRequest(method, p.console+"/api/console"+path, strings.NewReader(body))
		require.NoError(t, err)
		if body != "" {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Less(t, res.StatusCode, 300)
		answer := struct{ Data *struct{ ID, Key string } }{&made}
		require.NoError(t, json.NewDecoder(res.Body).Decode(&answer))
		return made
	}
	alice, bob := ask("POST", "/keys", `{"name":"alice"}`), ask("POST", "/keys", `{"name":"bob"}`)
	p.waitFor(func() bool { return opens(alice.Key) && opens(bob.Key) && opens("sk-before-0123456789abcdef") })
	ask("DELETE", "/keys/"+alice.ID, "")
	p.waitFor(func() bool { return !opens(alice.Key) })
	ask("POST", "/key-sync/repair", `{"remove_unknown":true}`)
	require.False(t, opens("sk-before-0123456789abcdef"))
	ask("DELETE", "/keys/"+bob.ID, "")
	p.waitFor(func() bool { return !opens(bob.Key) })
	require.False(t, opens(""), "without keys the proxy would let everybody in")
	require.NotContains(t, proxy.Changes(), "0")
	p.stop(syscall.SIGTERM)
	secrets := []string{alice.Key, bob.Key, "sk-before-0123456789abcdef", cpaKey}
	for _, s := range secrets {
		require.False(t, strings.Contains(p.stderr.String(), s))
	}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, s := range secrets {
			require.False(t, strings.Contains(string(b), s), path)
		}
		return err
	}))
}

// cpaEvent is the event of attempt i, whose time nobody else has.
func cpaEvent(begin time.Time, i int) string {
	return fmt.Sprintf(`{"timestamp":%q,"latency_ms":5,"source":"up-key-0123456789abcdef","auth_index":"552621c7783b2593","client_ip":"198.51.100.77",`+
		`"tokens":{"input_tokens":%d,"output_tokens":7,"total_tokens":%d},"provider":"openai","model":"gpt-4o-mini","endpoint":"POST /v1/chat/completions",`+
		`"api_key":"sk-clientkey-0123456789abcdef","request_id":"r%d"}`, begin.Add(time.Duration(i)*time.Millisecond).Format(time.RFC3339Nano), i+1, i+8, i)
}

// cpaCalls counts the stored calls by the number of their event.
func cpaCalls(p *process, begin time.Time) map[int]int {
	type page struct {
		Items []struct{ Time time.Time }
		Next  string `json:"next_cursor"`
	}
	got := map[int]int{}
	for cursor := ""; ; {
		logs := get[page](p, "/logs?limit=1000&cursor="+url.QueryEscape(cursor))
		for _, item := range logs.Items {
			got[int(item.Time.Sub(begin)/time.Millisecond)]++
		}
		if cursor = logs.Next; cursor == "" {
			return got
		}
	}
}

// requireNoSecrets looks for what stands in every event and must be kept nowhere.
func requireNoSecrets(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{"sk-clientkey-0123456789abcdef", "up-key-0123456789abcdef", "198.51.100.77", cpaKey} {
		require.False(t, strings.Contains(text, secret), "%s in %s", secret, where)
	}
}

// TestCLIProxyKill kills the binary with SIGKILL while it takes usage from a proxy. Everything that it
// took is counted, once, except at most what the very last pull before a death took: that answer may
// not have been written yet. What was taken before is on disk, because a pull begins after the answer
// of the one before is written.
func TestCLIProxyKill(t *testing.T) {
	proxy := cliproxytest.Start(t, cliproxytest.Options{Key: cpaKey, StatisticsOff: true})
	begin := time.Now().UTC().Truncate(time.Second).Add(-time.Hour)
	config, dir := cpaConfig(t, proxy), t.TempDir()
	ready := func(p *process) { p.waitFor(p.ready) }

	var mu sync.Mutex
	sent := 0
	emit := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		for range n {
			proxy.Emit(cpaEvent(begin, sent))
			sent++
		}
	}
	p := start(t, dir, "--config", config)
	ready(p)
	require.Eventually(t, func() bool { emit(1); time.Sleep(10 * time.Millisecond); return len(proxy.Pops()) > 0 }, 30*time.Second, time.Millisecond)
	unsure := map[string]bool{} // events of the last pull before a death
	for range 6 {
		done, stop := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
					emit(1 + rand.IntN(5))
				}
			}
		}()
		before := len(proxy.Pops())
		require.Eventually(t, func() bool { return len(proxy.Pops()) > before+3+rand.IntN(5) }, 30*time.Second, time.Millisecond, p.stderr)
		time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
		p.stop(syscall.SIGKILL)
		close(stop)
		<-done
		pops := proxy.Pops()
		for _, e := range pops[len(pops)-1] {
			unsure[e] = true
		}
		p = start(t, dir, "--config", config)
		ready(p)
	}
	p.waitFor(func() bool { return proxy.Queued() == 0 })
	missing := func() (n, sure int, twice bool) {
		got := cpaCalls(p, begin)
		for _, events := range proxy.Pops() {
			for _, e := range events {
				var number int
				_, err := fmt.Sscanf(e[strings.LastIndex(e, `"r`):], `"r%d"`, &number)
				require.NoError(t, err)
				if twice = twice || got[number] > 1; got[number] == 0 {
					if n++; !unsure[e] {
						sure++
					}
				}
			}
		}
		return n, sure, twice
	}
	p.waitFor(func() bool { _, sure, _ := missing(); return sure == 0 })
	n, _, twice := missing()
	require.False(t, twice)
	requireNoSecrets(t, "standard error", p.stderr.String())
	p.stop(syscall.SIGTERM)
	p = start(t, dir, "--config", config)
	ready(p)
	again, _, twice := missing()
	require.False(t, twice)
	require.Equal(t, n, again, "after SIGTERM")
	s := get[stats](p, "/stats")
	require.EqualValues(t, len(cpaCalls(p, begin)), s.Calls)
	p.waitFor(func() bool {
		q := get[struct {
			Sources []struct {
				Kind, Name, Trouble string
				Up                  bool
				Waiting             int `json:"waiting_events"`
			}
		}](p, "/quality")
		return len(q.Sources) == 1 && q.Sources[0].Kind == "cliproxy" && q.Sources[0].Name == "cliproxyapi" && q.Sources[0].Up &&
			q.Sources[0].Trouble == "" && q.Sources[0].Waiting == 0
	})
	t.Logf("%d events taken in %d pulls over 6 deaths; %d missing, of the %d that a last pull before a death took", len(cpaCalls(p, begin))+n, len(proxy.Pops()), n, len(unsure))
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		requireNoSecrets(t, path, string(b))
		return err
	}))
	requireNoSecrets(t, "standard error", p.stderr.String())
	requireNoSecrets(t, "the logs", p.text("/api/console/logs?limit=10"))
	p.stop(syscall.SIGTERM)
}

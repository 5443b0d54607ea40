package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// upstream is a proxy behind the one that checks keys: it returns whose call it is, by the headers that it gets.
func upstream(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Say-Headers") != "" {
			_ = json.NewEncoder(w).Encode(r.Header)
			return
		}
		_, _ = io.WriteString(w, r.Header.Get("X-Tokenboard-Key-Id")+" "+r.Header.Get("X-Tokenboard-Key-Owner"))
	}))
	t.Cleanup(s.Close)
	return s
}

// aKey makes a key in the console of a process.
func (p *process) aKey(body string) (id, secret string) {
	p.t.Helper()
	r, err := http.Post(p.console+"/api/console/keys", "application/json", strings.NewReader(body))
	require.NoError(p.t, err)
	defer r.Body.Close()
	require.Equal(p.t, 201, r.StatusCode)
	var made struct{ Data struct{ ID, Key string } }
	require.NoError(p.t, json.NewDecoder(r.Body).Decode(&made))
	return made.Data.ID, made.Data.Key
}

// runs starts a program until the test ends, and waits until it answers.
func runs(t *testing.T, address string, cmd *exec.Cmd) {
	t.Helper()
	out := &buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		r, err := http.Get("http://" + address + "/")
		if err == nil {
			_ = r.Body.Close()
		}
		return err == nil
	}, 30*time.Second, 20*time.Millisecond, "%s", out)
}

// checkedCalls makes calls through a proxy that checks keys.
func checkedCalls(t *testing.T, p *process, address string, namesModel bool) {
	t.Helper()
	id, good := p.aKey(`{"name":"good","owner":"alice"}`)
	_, limited := p.aKey(`{"name":"limited","limits":{"requests_per_minute":1}}`)
	_, models := p.aKey(`{"name":"models","models":["gpt-*"]}`)
	call := func(path string, header map[string]string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, "http://"+address+path, strings.NewReader(`{"model":"gpt-5"}`))
		require.NoError(t, err)
		r.Header.Set("Content-Type", "application/json")
		for k, v := range header {
			r.Header.Set(k, v)
		}
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		return answer, string(body)
	}
	bearer := func(key string) map[string]string { return map[string]string{"Authorization": "Bearer " + key} }
	status := func(want int, path string, header map[string]string) *http.Response {
		t.Helper()
		answer, body := call(path, header)
		require.Equal(t, want, answer.StatusCode, body)
		return answer
	}
	status(401, "/v1/chat", nil)
	status(401, "/v1/chat", bearer("tb-wrong"))
	status(401, "/v1/chat", map[string]string{"X-Tokenboard-Key-Id": id, "X-Tokenboard-Outcome": "good"})
	answer, body := call("/v1/chat", map[string]string{"X-Api-Key": good, "X-Tokenboard-Key-Owner": "mallory", "Origin": "https://app.example"})
	require.Equal(t, 200, answer.StatusCode, body)
	require.Equal(t, id+" alice", body, "who calls is what the check says")
	status(200, "/v1/chat", bearer(limited))
	over := status(429, "/v1/chat", bearer(limited))
	require.NotEmpty(t, over.Header.Get("Retry-After"))
	status(403, "/v1/chat?model=gpt-5", bearer(models))
	if namesModel {
		status(200, "/openai/deployments/gpt-5/chat/completions", bearer(models))
		status(403, "/openai/deployments/claude/chat/completions?model=gpt-5", bearer(models))
	}
	for _, path := range []string{
		"/models/gpt-5/%2e%2e/%2e%2e/v1/chat/completions", "/openai/deployments/gpt-5/chat/completions/%2e%2e/%2e%2e/x", "/v1/chat/completions;/models/gpt-5",
		"/v1/chat/completions%3b/models/gpt-5", "/v1/chat%2fcompletions", "/v1/chat/completions/v1beta/models/gpt-5:generateContent",
	} {
		answer, _ := call(path, bearer(models))
		require.Contains(t, []int{400, 403}, answer.StatusCode, path)
	}
	onlyTheCheckedKey(t, p, address, good)
}

// keyHeaders are the headers in which proxies look for keys.
var keyHeaders = []string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key", "X-Litellm-Api-Key", "X-Bf-Vk", "Ocp-Apim-Subscription-Key", "Mj-Api-Secret"}

// onlyTheCheckedKey sends two keys in all ways through the proxy: none of the calls comes through. Of a call with
// one key, the upstream sees the header that brought it, no other one, and not the proxy's own token.
func onlyTheCheckedKey(t *testing.T, p *process, address, good string) {
	t.Helper()
	_, over := p.aKey(`{"name":"over","limits":{"tokens":{"total":1}}}`)
	ask := func(path string, header http.Header) (int, http.Header) {
		t.Helper()
		r, err := http.NewRequest(http.MethodPost, "http://"+address+path, strings.NewReader("{}"))
		require.NoError(t, err)
		r.Header = header
		r.Header.Set("X-Say-Headers", "yes")
		answer, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer answer.Body.Close()
		var seen http.Header
		if answer.StatusCode == http.StatusOK {
			require.NoError(t, json.NewDecoder(answer.Body).Decode(&seen))
		}
		return answer.StatusCode, seen
	}
	for _, name := range keyHeaders {
		status, seen := ask("/v1/chat", http.Header{name: {good}, "X-Tokenboard-Token": {"of the client"}})
		require.Equal(t, 200, status, name)
		require.Equal(t, []string{good}, seen[name])
		require.NotContains(t, seen, "X-Tokenboard-Token")
		for _, other := range keyHeaders {
			require.True(t, other == name || len(seen[other]) == 0, "%s beside %s", other, name)
			two := http.Header{name: {good}}
			two[other] = append(two[other], over)
			status, _ := ask("/v1/chat", two)
			require.Contains(t, []int{400, 401}, status, "%s and %s", name, other) // nginx refuses some repeated headers itself
		}
		status, _ = ask("/v1beta/models/m:generateContent?key="+over, http.Header{name: {good}})
		require.Equal(t, 401, status, "%s and the query", name)
	}
	status, seen := ask("/v1/chat", http.Header{"Authorization": {"Bearer " + good}, "X-Api-Key": {good}})
	require.Equal(t, 200, status, "one key in two headers is one key")
	require.Empty(t, seen["X-Api-Key"])
	status, _ = ask("/v1beta/models/m:generateContent?key="+good, http.Header{})
	require.Equal(t, 200, status)
	for what, header := range map[string]http.Header{
		"no scheme":   {"X-Api-Key": {good}, "Authorization": {over}},
		"basic":       {"X-Api-Key": {good}, "Authorization": {"Basic " + over}},
		"repeated":    {"Authorization": {"Bearer " + good, "Bearer " + over}},
		"the same":    {"X-Api-Key": {good, good}},
		"a list":      {"Authorization": {"Bearer " + good + ", Bearer " + over}},
		"a websocket": {"Authorization": {"Bearer " + good}, "Sec-Websocket-Protocol": {"realtime, openai-insecure-api-key." + over}},
	} {
		status, _ := ask("/v1/chat", header)
		require.Contains(t, []int{400, 401}, status, what)
	}
}

func TestForwardAuthNginx(t *testing.T) {
	if _, err := exec.LookPath("nginx"); err != nil {
		t.Skip("nginx is not installed: tools/install-test-packages.sh installs it")
	}
	p := run(t, t.TempDir())
	run := t.TempDir()
	require.NoError(t, os.Chmod(run, 0o755))
	address := freeAddress(t)
	config, err := os.ReadFile(filepath.Join("..", "examples", "forward-auth", "nginx", "nginx.conf"))
	require.NoError(t, err)
	path := filepath.Join(run, "nginx.conf")
	filled := strings.NewReplacer("${RUN}", run, "${LISTEN}", address, "${UPSTREAM}", upstream(t).URL, "${TOKENBOARD}", p.console, "${TOKEN}", "tbt-of-the-proxy").Replace(string(config))
	require.NoError(t, os.WriteFile(path, []byte(filled), 0o600))
	runs(t, address, exec.Command("nginx", "-c", path, "-g", "daemon off; master_process off;"))
	checkedCalls(t, p, address, true)
}

func TestForwardAuthCaddy(t *testing.T) {
	if _, err := exec.LookPath("caddy"); err != nil {
		t.Skip("caddy is not installed")
	}
	p := run(t, t.TempDir())
	address := freeAddress(t)
	cmd := exec.Command("caddy", "run", "--config", filepath.Join("..", "examples", "forward-auth", "caddy", "Caddyfile"), "--adapter", "caddyfile")
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "LISTEN=http://"+address, "UPSTREAM="+strings.TrimPrefix(upstream(t).URL, "http://"),
		"TOKENBOARD="+strings.TrimPrefix(p.console, "http://"), "TOKEN=tbt-of-the-proxy", "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home)
	runs(t, address, cmd)
	checkedCalls(t, p, address, false)
}

// TestForwardAuthTraefik runs the example where there is a binary of Traefik: no package of Debian has it.
func TestForwardAuthTraefik(t *testing.T) {
	if _, err := exec.LookPath("traefik"); err != nil {
		t.Skip("traefik is not installed: put a binary of version 3 into a folder of PATH")
	}
	p := run(t, t.TempDir())
	example, err := os.ReadFile(filepath.Join("..", "examples", "forward-auth", "traefik", "dynamic.yaml"))
	require.NoError(t, err)
	filled := string(example)
	for was, is := range map[string]string{"http://127.0.0.1:8317": p.console, "http://127.0.0.1:4000": upstream(t).URL, "tbt-...": "tbt-of-the-proxy", "PathPrefix(`/v1`)": "PathPrefix(`/`)"} {
		require.Contains(t, filled, was)
		filled = strings.ReplaceAll(filled, was, is)
	}
	dynamic := filepath.Join(t.TempDir(), "dynamic.yaml")
	require.NoError(t, os.WriteFile(dynamic, []byte(filled), 0o600))
	address := freeAddress(t)
	runs(t, address, exec.Command("traefik", "--entrypoints.web.address="+address, "--providers.file.filename="+dynamic,
		"--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=INFO"))
	require.Eventually(t, func() bool { // the routers are there when the file has been read
		r, err := http.Get("http://" + address + "/v1/ready")
		if err == nil {
			_ = r.Body.Close()
		}
		return err == nil && r.StatusCode != http.StatusNotFound
	}, 30*time.Second, 20*time.Millisecond)
	checkedCalls(t, p, address, false)
}

// TestForwardAuthFiles: what is not run here is well-formed.
func TestForwardAuthFiles(t *testing.T) {
	for _, file := range []string{"traefik/dynamic.yaml", "envoy/envoy.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "examples", "forward-auth", file))
		require.NoError(t, err)
		var any map[string]any
		require.NoError(t, yaml.Unmarshal(text, &any), file)
		require.Contains(t, string(text), "/api/console/keys/verify/forward-auth")
	}
	var traefik struct {
		HTTP struct {
			Routers     map[string]struct{ Middlewares []string }
			Middlewares map[string]struct {
				Headers struct {
					Request map[string]string `yaml:"customRequestHeaders"`
				}
				ForwardAuth *struct{ AuthRequestHeaders []string } `yaml:"forwardAuth"`
			}
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "examples", "forward-auth", "traefik", "dynamic.yaml"))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(text, &traefik))
	for name, r := range traefik.HTTP.Routers {
		token, checked := "", false
		for _, m := range r.Middlewares { // in the order in which Traefik applies them
			if set, ok := traefik.HTTP.Middlewares[m].Headers.Request["X-Tokenboard-Token"]; ok {
				token = set
			}
			if f := traefik.HTTP.Middlewares[m].ForwardAuth; f != nil {
				require.NotEmpty(t, token, "the check carries the proxy's token")
				require.Empty(t, f.AuthRequestHeaders, "the check sees all headers")
				checked = true
			}
		}
		require.True(t, checked, name)
		require.Empty(t, token, "an empty value takes the header away: the upstream never sees the token")
	}
	envoy, err := os.ReadFile(filepath.Join("..", "examples", "forward-auth", "envoy", "envoy.yaml"))
	require.NoError(t, err)
	for _, h := range append([]string{"Sec-Websocket-Protocol"}, keyHeaders...) {
		require.Contains(t, string(envoy), "exact: "+strings.ToLower(h)+",", "the check sees every header that can hold a key")
	}
}

package e2e

import (
	"bytes"
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

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
)

// proxied is the example proxy between clients, the upstream and a running Tokenboard.
type proxied struct {
	board    *process
	upstream *fakeupstream.Upstream
	url      string
	cmd      *exec.Cmd
	exited   chan error
}

// startProxied starts all of them until the test ends.
func startProxied(t *testing.T) *proxied {
	t.Helper()
	p := &proxied{board: run(t, t.TempDir()), upstream: &fakeupstream.Upstream{Gzip: true}, exited: make(chan error, 1)}
	up := httptest.NewServer(p.upstream)
	t.Cleanup(up.Close)
	path := filepath.Join(t.TempDir(), "instrumented-proxy")
	out, err := exec.Command("go", "build", "-C", "..", "-o", path, "./examples/instrumented-proxy").CombinedOutput()
	require.NoError(t, err, string(out))
	listen := freeAddress(t)
	p.url = "http://" + listen
	p.cmd = exec.Command(path, "-listen", listen, "-openai", up.URL, "-anthropic", up.URL, "-gemini", up.URL, "-console", p.board.console, "-fresh", "0")
	p.cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT="+p.board.otlp, "OPENAI_API_KEY=sk-up", "ANTHROPIC_API_KEY=sk-up", "GEMINI_API_KEY=sk-up")
	log := &buffer{}
	p.cmd.Stderr = log
	require.NoError(t, p.cmd.Start())
	go func() { p.exited <- p.cmd.Wait() }()
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			<-p.exited
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	require.Eventually(t, func() bool {
		res, err := http.Get(p.url + "/healthz")
		return err == nil && res.Body.Close() == nil
	}, 30*time.Second, 10*time.Millisecond, log)
	return p
}

// key makes a client key in the console.
func (p *proxied) key(t *testing.T, name string) (key string) {
	body, err := json.Marshal(map[string]string{"name": name})
	require.NoError(t, err)
	res, err := http.Post(p.board.console+"/api/console/keys", "application/json", bytes.NewReader(body))
	require.NoError(t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, res.StatusCode, string(raw))
	var answer struct{ Data struct{ Key string } }
	require.NoError(t, json.Unmarshal(raw, &answer))
	return answer.Data.Key
}

// stop ends the proxy, so that all its spans are sent.
func (p *proxied) stop(t *testing.T) {
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	select {
	case err := <-p.exited:
		require.NoError(t, err)
	case <-time.After(30 * time.Second):
		require.Fail(t, "the proxy did not stop")
	}
}

// inConsole returns an account as the console reports it.
func inConsole(t fakeupstream.Totals) sums {
	return sums{
		Calls: t.Calls, Errors: t.Failed, NoUsage: t.NoUsage, Input: t.Input, Output: t.Output,
		CacheRead: t.CacheRead, CacheWrite: t.CacheWrite, Reasoning: t.Reasoning,
	}
}

// TestSDKs runs the official SDKs through the example proxy: the console's figures are those that the
// upstream would bill. It installs the SDKs from npm, which is why only make asks for it.
func TestSDKs(t *testing.T) {
	if os.Getenv("TOKENBOARD_SDKS") == "" {
		t.Skip("make test-sdks runs it")
	}
	dir := t.TempDir()
	for _, name := range []string{"package.json", "package-lock.json", ".npmrc", "run.mjs"} {
		b, err := os.ReadFile(filepath.Join("sdks", name))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
	}
	install := exec.Command("npm", "ci", "--ignore-scripts")
	install.Dir = dir
	out, err := install.CombinedOutput()
	require.NoError(t, err, string(out))

	p := startProxied(t)
	alice, bob := p.key(t, "alice"), p.key(t, "bob")
	client := exec.Command("node", "run.mjs")
	client.Dir = dir
	client.Env = append(os.Environ(), "PROXY="+p.url, "KEYS="+alice+","+bob)
	var stderr bytes.Buffer
	client.Stderr = &stderr
	out, err = client.Output()
	require.NoError(t, err, stderr.String())
	var received []struct {
		API   string
		Usage map[string]any
	}
	require.NoError(t, json.Unmarshal(out, &received), string(out))
	require.Len(t, received, 28, "what the SDKs received")
	unknown, err := http.NewRequest(http.MethodPost, p.url+"/v1/chat/completions", strings.NewReader(`{"model":"gpt-4o"}`))
	require.NoError(t, err)
	unknown.Header.Set("Authorization", "Bearer tb-a-key-that-nobody-made")
	res, err := http.DefaultClient.Do(unknown)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	p.stop(t)

	require.Eventually(t, func() bool { return len(p.upstream.Served()) == 48 }, 30*time.Second, 10*time.Millisecond)
	served := p.upstream.Served()
	want := inConsole(fakeupstream.Sum(served))
	want.Errors += 2 // the streams that were given up are no errors of the upstream's
	got := get[stats](p.board, "/stats")
	models := got.Models
	got.Cost, got.Unpriced = 0, 0
	require.Equal(t, want, got.sums)
	byModel := map[string]fakeupstream.Totals{}
	for _, s := range served {
		byModel[s.Model] = fakeupstream.Sum(only(served, func(o fakeupstream.Served) bool { return o.Model == s.Model }))
	}
	require.Len(t, models, len(byModel))
	for _, m := range models {
		m.Cost, m.Unpriced = 0, 0
		want := inConsole(byModel[m.Model])
		if m.Model == "gpt-4o" {
			want.Errors += 2
		}
		require.Equal(t, want, m.sums, m.Model)
	}
	logs := p.board.text("/api/console/logs?limit=1000")
	for _, name := range []string{"alice", "bob"} {
		require.Equal(t, 24, strings.Count(logs, `"name":"`+name+`"`), "calls of the key %s", name)
	}
	requireCallByCall(t, logs, served)
	for _, secret := range []string{alice, bob, "sk-up", "say hello"} {
		require.NotContains(t, logs, secret)
	}
	p.board.stop(syscall.SIGTERM)
}

// requireCallByCall compares each call of the console's log with what the upstream has sent of it.
func requireCallByCall(t *testing.T, logs string, served []fakeupstream.Served) {
	t.Helper()
	type figures struct{ Input, Output, CacheRead, Reasoning, Audio, AudioOutput, Image, ImageOutput int64 }
	var page struct {
		Data struct {
			Items []struct {
				RequestID  string `json:"request_id"`
				ResponseID string `json:"response_id"`
				Operation  string
				Counted    bool
				Input      *int64 `json:"input_tokens"`
				Output     *int64 `json:"output_tokens"`
				CacheRead  int64  `json:"cache_read_tokens"`
				Reasoning  int64  `json:"reasoning_tokens"`
				Modalities struct {
					Audio       int64 `json:"audio_input_tokens"`
					AudioOutput int64 `json:"audio_output_tokens"`
					Image       int64 `json:"image_input_tokens"`
					ImageOutput int64 `json:"image_output_tokens"`
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal([]byte(logs), &page), logs)
	got := map[string]*figures{} // nil: no usage
	operations := map[string]int{}
	for i := range page.Data.Items {
		c := &page.Data.Items[i]
		if !c.Counted {
			continue
		}
		operations[c.Operation]++
		id := strings.TrimPrefix(c.RequestID, "req_")
		if c.Operation == "batch" {
			id = c.ResponseID
		}
		require.NotContains(t, got, id, "a call counts twice")
		got[id] = nil
		if c.Input != nil && c.Output != nil || c.Operation == "embeddings" && c.Input != nil {
			got[id] = &figures{Input: *c.Input, CacheRead: c.CacheRead, Reasoning: c.Reasoning, Audio: c.Modalities.Audio,
				AudioOutput: c.Modalities.AudioOutput, Image: c.Modalities.Image, ImageOutput: c.Modalities.ImageOutput}
			if c.Output != nil {
				got[id].Output = *c.Output
			}
		}
	}
	want := map[string]*figures{}
	for _, s := range served {
		want[s.ID] = nil
		if b := s.Bill; s.Reported {
			want[s.ID] = &figures{b.Input, b.Output, b.CacheRead, b.Reasoning, b.Audio, b.AudioOutput, b.Image, b.ImageOutput}
		}
	}
	require.Equal(t, want, got)
	require.Equal(t, map[string]int{
		"chat": 22, "embeddings": 2, "image_generation": 8, "transcription": 8, "speech": 4, "moderation": 2, "batch": 2,
	}, operations)
}

func only(all []fakeupstream.Served, keep func(fakeupstream.Served) bool) (some []fakeupstream.Served) {
	for _, s := range all {
		if keep(s) {
			some = append(some, s)
		}
	}
	return some
}

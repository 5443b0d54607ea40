package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
	"github.com/tokenboard/tokenboard/internal/freeport"
	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// console answers /keys/verify in the shape of docs/api.md.
type console struct {
	mu      sync.Mutex
	down    bool
	revoked bool
	asked   []map[string]string
	tokens  []string
}

const (
	good    = "tb-good-key-of-alice-000000000001"
	limited = "tb-key-over-its-limit-00000000002"
)

func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer := func(status int, outcome, message string, data any) {
		if outcome != "" {
			w.Header().Set("X-Tokenboard-Outcome", outcome)
		}
		w.WriteHeader(status)
		code := status
		if status == http.StatusOK {
			code = 0
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": message, "data": data})
	}
	if c.down || r.URL.Path != "/api/console/keys/verify" {
		answer(http.StatusServiceUnavailable, "", "not ready", nil)
		return
	}
	c.tokens = append(c.tokens, r.Header.Get("X-Tokenboard-Token"))
	q := map[string]string{}
	_ = json.NewDecoder(r.Body).Decode(&q)
	c.asked = append(c.asked, q)
	switch {
	case q["key"] == limited:
		w.Header().Set("Retry-After", "17")
		answer(http.StatusTooManyRequests, "over_limit", "this API key has reached its limit: tokens per day", nil)
	case q["key"] != good || c.revoked:
		answer(http.StatusUnauthorized, "unknown", "this API key is not known", nil)
	case q["model"] == "gpt-forbidden":
		answer(http.StatusForbidden, "model_refused", "this API key is not for this model", nil)
	default:
		answer(http.StatusOK, "good", "", map[string]any{"id": "1", "name": "alice's laptop", "owner": "alice", "display": "tb-go…0001", "left": nil})
	}
}

func (c *console) set(change func(*console)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(c)
}

func (c *console) questions() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.asked)
}

// bench is a proxy between its neighbours.
type bench struct {
	console  *console
	upstream *fakeupstream.Upstream
	spans    *tracetest.SpanRecorder
	url      string
	close    func()
}

func start(t *testing.T, change func(*settings)) *bench {
	b := &bench{console: &console{}, upstream: &fakeupstream.Upstream{}, spans: tracetest.NewSpanRecorder()}
	serve := func(h http.Handler) *httptest.Server {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s
	}
	c, up := serve(b.console), serve(b.upstream)
	s, err := readSettings([]string{"-console", c.URL, "-openai", up.URL, "-anthropic", up.URL, "-gemini", up.URL}, func(string) string { return "tbt-verifier" })
	require.NoError(t, err)
	if change != nil {
		change(&s)
	}
	traces := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(b.spans))
	h, err := newProxy(s, func(name string) string { return "sk-upstream-" + name }, traces)
	require.NoError(t, err)
	front := serve(h)
	b.url, b.close = front.URL, front.Close
	t.Cleanup(func() { http.DefaultTransport.(*http.Transport).CloseIdleConnections() })
	return b
}

func (b *bench) post(t *testing.T, path, body string, header ...string) (int, string, http.Header) {
	r, err := http.NewRequest(http.MethodPost, b.url+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, string(raw), res.Header
}

// TestCalls: each API goes to its provider with the provider's key; the span has the client's.
func TestCalls(t *testing.T) {
	b := start(t, nil)
	calls := []struct{ path, body, header, value, key string }{
		{"/v1/chat/completions", `{"model":"gpt-4o"}`, "Authorization", "Bearer " + good, "sk-upstream-OPENAI_API_KEY"},
		{"/v1/responses", `{"model":"gpt-5","stream":true}`, "Authorization", "Bearer " + good, "sk-upstream-OPENAI_API_KEY"},
		{"/v1/messages", `{"model":"claude-sonnet-4-5","stream":true}`, "X-Api-Key", good, "sk-upstream-ANTHROPIC_API_KEY"},
		{"/v1beta/models/gemini-2.5-flash:generateContent", `{}`, "X-Goog-Api-Key", good, "sk-upstream-GEMINI_API_KEY"},
		{"/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=" + good, `{}`, "X-None", "", "sk-upstream-GEMINI_API_KEY"},
	}
	for i, c := range calls {
		status, body, _ := b.post(t, c.path, c.body, c.header, c.value)
		require.Equal(t, http.StatusOK, status, body)
		require.Equal(t, c.key, b.upstream.Served()[i].Key)
	}
	b.close()
	ended := b.spans.Ended()
	require.Len(t, ended, 2*len(calls), "the proxy's and the transport's")
	for _, s := range ended {
		recorded := map[string]string{}
		for _, a := range s.Attributes() {
			recorded[string(a.Key)] = a.Value.String()
		}
		require.Equal(t, usage.Fingerprint(good), recorded["tokenboard.key.fingerprint"])
		require.Equal(t, "alice", recorded["user.id"])
		require.NotEmpty(t, recorded["gen_ai.usage.input_tokens"])
		require.NotContains(t, fmt.Sprint(recorded), good)
		require.NotContains(t, fmt.Sprint(recorded), "sk-upstream")
	}
	require.Equal(t, "gemini-2.5-flash", b.console.asked[len(b.console.asked)-1]["model"])
	require.Equal(t, "127.0.0.1", b.console.asked[0]["source_ip"])
	require.Equal(t, "tbt-verifier", b.console.tokens[0])
}

// TestRefusals: what the console refuses does not reach a provider, and the client's SDK can read why.
func TestRefusals(t *testing.T) {
	b := start(t, func(s *settings) { s.maxBody = 1000 })
	bearer := func(key string) []string { return []string{"Authorization", "Bearer " + key} }
	for _, c := range []struct {
		name, path, body string
		header           []string
		status           int
		has              string
	}{
		{"no key", "/v1/chat/completions", `{}`, nil, 401, `"authentication_error"`},
		{"an unknown key", "/v1/chat/completions", `{}`, bearer("tb-nobody"), 401, "not known"},
		{"a key of Anthropic's form", "/v1/messages", `{}`, []string{"X-Api-Key", "tb-nobody"}, 401, `"type":"error"`},
		{"a key of Google's form", "/v1beta/models/g:generateContent", `{}`, []string{"X-Goog-Api-Key", "tb-nobody"}, 401, `"UNAUTHENTICATED"`},
		{"another model", "/v1/chat/completions", `{"model":"gpt-forbidden"}`, bearer(good), 403, "not for this model"},
		{"a limit", "/v1/chat/completions", `{"model":"m"}`, bearer(limited), 429, "tokens per day"},
		{"too long", "/v1/chat/completions", `{"model":"` + strings.Repeat("m", 2000) + `"}`, bearer(good), 413, "longer than 1000"},
	} {
		status, body, header := b.post(t, c.path, c.body, c.header...)
		require.Equal(t, c.status, status, c.name)
		require.Contains(t, body, c.has, c.name)
		if c.status == http.StatusTooManyRequests {
			require.Equal(t, "17", header.Get("Retry-After"))
		}
	}
	require.Empty(t, b.upstream.Served())
	require.Empty(t, b.spans.Started(), "what was refused is no call")
}

// TestVerdicts: how long a verdict holds, and what happens while the console does not answer.
func TestVerdicts(t *testing.T) {
	ask := func(b *bench) int {
		status, _, _ := b.post(t, "/v1/chat/completions", `{"model":"m"}`, "Authorization", "Bearer "+good)
		return status
	}
	t.Run("fresh", func(t *testing.T) {
		b := start(t, func(s *settings) { s.verify.fresh = time.Hour })
		for range 3 {
			require.Equal(t, http.StatusOK, ask(b))
		}
		require.Equal(t, 1, b.console.questions())
		status, _, _ := b.post(t, "/v1/chat/completions", `{"model":"gpt-forbidden"}`, "Authorization", "Bearer "+good)
		require.Equal(t, http.StatusForbidden, status, "a verdict is on a key and a model")
	})
	t.Run("asked for every call", func(t *testing.T) {
		b := start(t, func(s *settings) { s.verify.fresh = 0 })
		require.Equal(t, http.StatusOK, ask(b))
		b.console.set(func(c *console) { c.revoked = true })
		require.Equal(t, http.StatusUnauthorized, ask(b))
		b.console.set(func(c *console) { c.down = true })
		require.Equal(t, http.StatusServiceUnavailable, ask(b), "it was not valid at the last check")
	})
	t.Run("stale", func(t *testing.T) {
		b := start(t, func(s *settings) { s.verify.fresh = 0 })
		require.Equal(t, http.StatusOK, ask(b))
		b.console.set(func(c *console) { c.down = true })
		require.Equal(t, http.StatusOK, ask(b))
	})
	t.Run("closed", func(t *testing.T) {
		b := start(t, func(s *settings) { s.verify.stale = 0 })
		b.console.set(func(c *console) { c.down = true })
		require.Equal(t, http.StatusServiceUnavailable, ask(b))
		require.Empty(t, b.upstream.Served())
	})
	t.Run("open", func(t *testing.T) {
		b := start(t, func(s *settings) { s.verify.failOpen = true })
		b.console.set(func(c *console) { c.down = true })
		require.Equal(t, http.StatusOK, ask(b))
		status, _, _ := b.post(t, "/v1/chat/completions", `{}`)
		require.Equal(t, http.StatusUnauthorized, status, "without any key nobody comes in")
	})
	t.Run("no console", func(t *testing.T) {
		b := start(t, func(s *settings) { s.verify.console = "" })
		require.Equal(t, http.StatusOK, ask(b))
	})
}

// TestStreams: each event of a slow stream arrives when it is sent.
func TestStreams(t *testing.T) {
	b := start(t, nil)
	r, err := http.NewRequest(http.MethodPost, b.url+"/v1/messages", strings.NewReader(`{"model":"claude","stream":true}`))
	require.NoError(t, err)
	r.Header.Set("X-Api-Key", good)
	r.Header.Set(fakeupstream.HeaderDelay, "2s")
	began := time.Now()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	res, err := http.DefaultClient.Do(r.WithContext(ctx))
	require.NoError(t, err)
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "event: message_start\n", line)
	require.Empty(t, b.upstream.Served(), "the stream has not ended: %s", time.Since(began))
	cancel()
	require.NoError(t, res.Body.Close())
	require.Eventually(t, func() bool { return len(b.spans.Ended()) == 2 }, 2*time.Minute, time.Millisecond)
}

// TestRun starts the program, calls it, and stops it.
func TestRun(t *testing.T) {
	received := make(chan string, 10)
	otlp := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		received <- string(raw)
	}))
	defer otlp.Close()
	up := httptest.NewServer(&fakeupstream.Upstream{})
	defer up.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", otlp.URL)
	address := freeport.Address(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"-listen", address, "-console", "", "-openai", up.URL}, func(string) string { return "" })
	}()
	defer http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	require.Eventually(t, func() bool {
		res, err := http.Get("http://" + address + "/healthz")
		return err == nil && res.Body.Close() == nil
	}, 2*time.Minute, 5*time.Millisecond)
	res, err := http.Post("http://"+address+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"gpt-4o"}`))
	require.NoError(t, err)
	_, err = io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	stop()
	require.NoError(t, <-ended)
	require.Contains(t, <-received, "gen_ai.usage.input_tokens", "spans are sent before the end")

	require.ErrorContains(t, run(context.Background(), []string{"-listen", "nowhere"}, func(string) string { return "" }), "-listen")
	require.ErrorContains(t, run(context.Background(), []string{"-listen", "127.0.0.1:0", "-openai", "::"}, func(string) string { return "" }), "no URL")
	require.ErrorContains(t, run(context.Background(), []string{"surplus"}, func(string) string { return "" }), "surplus")
}

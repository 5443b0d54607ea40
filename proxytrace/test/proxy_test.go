package test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/proxytrace"
)

// proxy is a reverse proxy as it should be run: over HTTP/1 the server must not close a request's body
// when the answer begins, while the transport may still read it.
type proxy struct{ *httputil.ReverseProxy }

func (p proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/2 always is
	p.ReverseProxy.ServeHTTP(w, r)
}

// reverse is a proxy to an upstream, as people write it.
func reverse(t testing.TB, upstream string, transport http.RoundTripper) proxy {
	to, err := url.Parse(upstream)
	require.NoError(t, err)
	return proxy{&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("Authorization", "Bearer sk-upstream-key-of-the-proxy")
		},
		Transport: transport, FlushInterval: -1,
	}}
}

func base(t testing.TB) *http.Transport {
	b := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	t.Cleanup(b.CloseIdleConnections)
	return b
}

const clientKey = "tb-client-key-0123456789abcdef"

func post(t testing.TB, c *http.Client, address, body string, header ...string) *http.Response {
	r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+clientKey)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := c.Do(r)
	require.NoError(t, err)
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

// calls are requests of every API, whole and streamed.
var calls = []struct{ path, body string }{
	{"/v1/chat/completions", `{"model":"gpt-4o","messages":[{"role":"user","content":"a"}]}`},
	{"/v1/chat/completions", `{"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true}}`},
	{"/v1/completions", `{"model":"gpt-3.5-turbo-instruct","prompt":"b"}`},
	{"/v1/responses", `{"model":"gpt-5","input":"c"}`},
	{"/v1/responses", `{"model":"gpt-5","stream":true,"input":"d"}`},
	{"/v1/embeddings", `{"model":"text-embedding-3-small","input":"e"}`},
	{"/v1/messages", `{"model":"claude-sonnet-4-5","max_tokens":10}`},
	{"/v1/messages", `{"model":"claude-sonnet-4-5","max_tokens":10,"stream":true}`},
	{"/v1beta/models/gemini-2.5-flash:generateContent", `{"contents":[]}`},
	{"/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", `{"contents":[1]}`},
	{"/v1beta/models/gemini-2.5-flash:streamGenerateContent", `{"contents":[2]}`},
}

// sumOf adds up the figures of the spans of a kind.
func sumOf(ended []sdktrace.ReadOnlySpan, kind trace.SpanKind) (t fakeupstream.Totals) {
	for _, s := range ended {
		if s.SpanKind() != kind {
			continue
		}
		got := recordedBy(s)
		t.Calls++
		if got.Failure != "" {
			t.Failed++
		}
		if got.Input == answers.Unknown {
			t.NoUsage++
			continue
		}
		t.Input += got.Input
		t.Output += max(0, got.Output)
		t.CacheRead += max(0, got.Read)
		t.CacheWrite += max(0, got.Write)
		t.Reasoning += max(0, got.Reasoning)
	}
	return t
}

// comparable leaves out what spans have no name of the conventions for.
func comparable(t fakeupstream.Totals) fakeupstream.Totals {
	t.CacheWrite1h = 0
	return t
}

// TestFrameworks puts the library into the usual routers around a reverse proxy: bodies pass as
// without it, and both layers report what the upstream billed.
func TestFrameworks(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	routers := map[string]func(http.Handler, ...proxytrace.Option) http.Handler{
		"net/http": func(p http.Handler, o ...proxytrace.Option) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/v1/", p)
			mux.Handle("/v1beta/", p)
			return proxytrace.Middleware(mux, o...)
		},
		"gin": func(p http.Handler, o ...proxytrace.Option) http.Handler {
			g := gin.New()
			g.Any("/*path", gin.WrapH(p))
			return proxytrace.Middleware(g, o...)
		},
		"chi": func(p http.Handler, o ...proxytrace.Option) http.Handler {
			r := chi.NewRouter()
			r.Use(func(next http.Handler) http.Handler { return proxytrace.Middleware(next, o...) })
			r.Handle("/*", p)
			return r
		},
	}
	for name, router := range routers {
		t.Run(name, func(t *testing.T) {
			s := newSpans(t)
			o := proxytrace.WithTracerProvider(s.provider)
			up := &fakeupstream.Upstream{Gzip: true}
			upstream := server(t, up)
			front := server(t, router(reverse(t, upstream.URL, proxytrace.NewTransport(base(t), o)), o))
			c := client(t, nil)
			for _, coding := range []string{"identity", "gzip"} {
				for _, call := range calls {
					direct := post(t, c, upstream.URL+call.path, call.body, "Accept-Encoding", coding)
					want, err := io.ReadAll(direct.Body)
					require.NoError(t, err)
					res := post(t, c, front.URL+call.path, call.body, "Accept-Encoding", coding)
					got, err := io.ReadAll(res.Body)
					require.NoError(t, err)
					require.Equal(t, direct.StatusCode, res.StatusCode)
					require.Equal(t, direct.Header.Get("Content-Encoding"), res.Header.Get("Content-Encoding"))
					require.Equal(t, withoutIDs(t, coding, direct, want), withoutIDs(t, coding, res, got))
				}
			}
			front.Close() // every handler has returned
			served := up.Served()
			var through []fakeupstream.Served
			for i := 1; i < len(served); i += 2 {
				through = append(through, served[i])
			}
			want := comparable(fakeupstream.Sum(through))
			require.EqualValues(t, 2*len(calls), want.Calls)
			require.Equal(t, want, sumOf(s.Ended(), trace.SpanKindServer))
			require.Equal(t, want, sumOf(s.Ended(), trace.SpanKindClient))
			for _, span := range s.Ended() {
				m := attributes(span)
				require.Equal(t, usage.Fingerprint(clientKey), m["tokenboard.key.fingerprint"].AsString(), "the client's key on both layers")
				require.NotContains(t, fmt.Sprint(m), clientKey)
				require.NotContains(t, fmt.Sprint(m), "sk-upstream")
				require.Equal(t, "call", m["tokenboard.role"].AsString())
				require.NotEmpty(t, m["tokenboard.request.id"].AsString())
			}
		})
	}
}

// withoutIDs takes out of an answer what differs from one answer to the next.
func withoutIDs(t *testing.T, coding string, res *http.Response, body []byte) string {
	if coding == "gzip" && res.Header.Get("Content-Encoding") == "gzip" {
		z, err := newGzip(body)
		require.NoError(t, err)
		body = z
	}
	text := string(body)
	id, ok := strings.CutPrefix(res.Header.Get("X-Request-Id")+res.Header.Get("Request-Id"), "req_")
	require.True(t, ok)
	text = strings.ReplaceAll(text, id, "ID")
	for _, name := range []string{`"created":`, `"created_at":`} {
		for {
			before, after, found := strings.Cut(text, name)
			if !found {
				break
			}
			text = before + "TIME" + strings.TrimLeft(after, "0123456789")
		}
	}
	return text
}

// TestUntouched: what is no model call passes with the very writer and request that came.
func TestUntouched(t *testing.T) {
	s := newSpans(t)
	for _, target := range []string{
		"GET /v1/chat/completions", "GET /v1/responses", "GET /v1/batches", "GET /batches/12", "GET /v1/responses/resp_1/input_items", "PUT /v1/batches/batch_1",
		"POST /api/chat/rooms", "POST /app/api/chat", "GET /v1/images/generations", "POST /v1/models/m:predict", "POST /model/m/describe",
		"POST /v1/threads/t/messages", "POST /rooms/7/messages", "POST /surveys/1/responses", "POST /v1/batches/batch_1/cancel", "POST /v1/files",
		"POST /v1/responses/resp_1/cancel", "POST /v1/projects/p/locations/l/publishers/acme/models/m:rawPredict", "GET /v1/models",
	} {
		method, path, _ := strings.Cut(target, " ")
		r := httptest.NewRequest(method, path, strings.NewReader("x"))
		w := httptest.NewRecorder()
		proxytrace.Middleware(http.HandlerFunc(func(gotW http.ResponseWriter, gotR *http.Request) {
			require.Same(t, w, gotW, target)
			require.Same(t, r, gotR, target)
		}), proxytrace.WithTracerProvider(s.provider)).ServeHTTP(w, r)
	}
	require.Empty(t, s.Started())
}

func TestRecognize(t *testing.T) {
	for path, want := range map[string]proxytrace.API{
		"/v1/chat/completions": proxytrace.OpenAIChat, "/api/paas/v4/chat/completions": proxytrace.OpenAIChat, "/chat/completions/": proxytrace.OpenAIChat,
		"/openai/deployments/d/chat/completions": proxytrace.OpenAIChat, "/v1/completions": proxytrace.OpenAICompletions,
		"/backend-api/codex/responses": proxytrace.OpenAIResponses, "/openai/responses": proxytrace.OpenAIResponses, "/v1/responses/compact": proxytrace.OpenAIResponses,
		"/messages": proxytrace.AnthropicMessages, "/v1beta/models/g:embedContent": proxytrace.GeminiEmbed,
		"/v1/publishers/anthropic/models/c:rawPredict": proxytrace.AnthropicMessages,
	} {
		require.Equal(t, want, proxytrace.Recognize(httptest.NewRequest(http.MethodPost, path, nil)), path)
	}
}

// TestFirstByte: each event reaches the client while the handler has the next not even begun.
// TestHTTPDetails: trailers, Content-Length, answers before the answer, HTTP/2, expectations.
// TestHijack: a handler may take the connection.
// TestUpgrade: WebSockets to a path of a model pass through a reverse proxy.
// TestEnds: clients that go, streams that break, retries, upstreams that do not answer.
// TestRetry: a transport that retries under one request makes a span for each attempt, below one of the middleware.
// TestRedirect: a body that is sent again by GetBody is read again.
// TestOptions: users, providers, routes, propagation.
// TestKeys: keys are found wherever the APIs take them, and only their fingerprints are recorded.
// TestRequestID: an id that the client brought is no id of the call's.
// TestManyStreams: 1,000 streams at once, through both layers.
// TestHugeBodies: what is looked at is not kept.

package test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/proxytrace"
)

func TestOptions(t *testing.T) {
	ask := func(t *testing.T, r *http.Request, h http.HandlerFunc, opts ...proxytrace.Option) sdktrace.ReadOnlySpan {
		s := newSpans(t)
		proxytrace.Middleware(h, append(opts, proxytrace.WithTracerProvider(s.provider))...).ServeHTTP(httptest.NewRecorder(), r)
		return s.only(t, 1)
	}
	request := func(path, body string) *http.Request {
		return httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	}
	drain := func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }
	user := func(s sdktrace.ReadOnlySpan) string {
		require.Equal(t, attributes(s)["tokenboard.user"], attributes(s)["user.id"])
		return attributes(s)["user.id"].AsString()
	}
	anthropic := `{"metadata":{"user_id":"from-body"},"user":"no"}`
	require.Empty(t, user(ask(t, request("/v1/messages", anthropic), drain)), "users are read from bodies only on request")
	require.Equal(t, "from-body", user(ask(t, request("/v1/messages", anthropic), drain, proxytrace.WithBodyUser())))
	require.Equal(t, "u", user(ask(t, request("/v1/responses", `{"user":"u"}`), drain, proxytrace.WithBodyUser())))
	require.Equal(t, "s", user(ask(t, request("/v1/responses", `{"user":"u","safety_identifier":"s"}`), drain, proxytrace.WithBodyUser())))
	named := proxytrace.WithUser(func(r *http.Request) string { return r.Header.Get("X-User") })
	r := request("/v1/messages", anthropic)
	r.Header.Set("X-User", "ali\x00ce")
	require.Equal(t, "ali ce", user(ask(t, r, drain, named, proxytrace.WithBodyUser())))
	require.Equal(t, "late", user(ask(t, request("/v1/messages", anthropic), func(_ http.ResponseWriter, r *http.Request) {
		proxytrace.SetUser(r.Context(), "late")
	})))
	proxytrace.SetUser(context.Background(), "nobody's")

	s := ask(t, request("/v1/chat/completions", `{"model":"m"}`), drain,
		proxytrace.WithProvider(func(*http.Request) string { return "groq" }), proxytrace.WithRoute(func(*http.Request) string { return "/v1/{rest}" }))
	m := attributes(s)
	require.Equal(t, "groq", m["gen_ai.provider.name"].AsString())
	require.Equal(t, "/v1/{rest}", m["http.route"].AsString())
	require.Equal(t, "/v1/chat/completions", m["url.path"].AsString())
	require.Equal(t, "chat m", s.Name())
	require.Equal(t, "example.com", m["server.address"].AsString())

	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/{rest...}", drain)
	r = request("/v1/messages", "{}")
	require.Equal(t, "POST /v1/{rest...}", attributes(ask(t, r, mux.ServeHTTP))["http.route"].AsString())
	require.Equal(t, "POST /v1/{rest...}", r.Pattern, "who looks at it outside sees it too")

	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	r = request("/v1/messages", "{}")
	r.Header.Set("Traceparent", parent)
	require.False(t, ask(t, r, drain).Parent().IsValid())
	require.Equal(t, "00f067aa0ba902b7", ask(t, r, drain, proxytrace.WithPropagator(propagation.TraceContext{})).Parent().SpanID().String())

	recorded := newSpans(t)
	var sent http.Header
	out := proxytrace.NewTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r.Header
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}, nil
	}), proxytrace.WithTracerProvider(recorded.provider), proxytrace.WithPropagator(propagation.TraceContext{}))
	r = httptest.NewRequest(http.MethodPost, "https://api.deepseek.com/v1/chat/completions", nil)
	_, err := out.RoundTrip(r)
	require.NoError(t, err)
	span := recorded.only(t, 1)
	require.Contains(t, sent.Get("Traceparent"), span.SpanContext().SpanID().String())
	require.Empty(t, r.Header.Get("Traceparent"), "the caller's request is not changed")
	require.Equal(t, "deepseek", attributes(span)["gen_ai.provider.name"].AsString())

	off := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	w := httptest.NewRecorder()
	proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }),
		proxytrace.WithTracerProvider(off)).ServeHTTP(w, request("/v1/messages", "{}"))
	require.Equal(t, "x", w.Body.String())
}

func TestKeys(t *testing.T) {
	const key = "sk-a-key-that-nobody-may-see-0001"
	for place, set := range map[string]func(*http.Request){
		"bearer":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+key) },
		"authorization":  func(r *http.Request) { r.Header.Set("Authorization", key) },
		"x-api-key":      func(r *http.Request) { r.Header.Set("X-Api-Key", key) },
		"api-key":        func(r *http.Request) { r.Header.Set("Api-Key", key) },
		"x-goog-api-key": func(r *http.Request) { r.Header.Set("X-Goog-Api-Key", key) },
		"query":          func(r *http.Request) { r.URL.RawQuery = "alt=sse&key=" + key },
	} {
		s := newSpans(t)
		r := httptest.NewRequest(http.MethodPost, "/v1beta/models/g:generateContent", strings.NewReader("{}"))
		set(r)
		proxytrace.Middleware(http.NotFoundHandler(), proxytrace.WithTracerProvider(s.provider)).ServeHTTP(httptest.NewRecorder(), r)
		m := attributes(s.only(t, 1))
		require.Equal(t, usage.Fingerprint(key), m["tokenboard.key.fingerprint"].AsString(), place)
		require.Equal(t, "sk-a-…0001", m["tokenboard.key.display"].AsString(), place)
		require.NotContains(t, fmt.Sprint(m), "nobody-may-see", place)
	}
}

func TestRequestID(t *testing.T) {
	echo := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get("X-Request-Id"); id != "" {
			w.Header().Set("X-Request-Id", id)
		}
		w.Header().Set("Request-Id", "req_011")
	})
	s := newSpans(t)
	r := httptest.NewRequest(http.MethodPost, "/v1/messages", nil)
	r.Header.Set("X-Request-Id", "shared-by-many")
	proxytrace.Middleware(echo, proxytrace.WithTracerProvider(s.provider)).ServeHTTP(httptest.NewRecorder(), r)
	require.Equal(t, "req_011", attributes(s.only(t, 1))["tokenboard.request.id"].AsString())
}

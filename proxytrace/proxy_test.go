package proxytrace_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/textproto"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/propagation"
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

// sumOf adds up what spans of a kind tell.
func sumOf(ended []sdktrace.ReadOnlySpan, kind trace.SpanKind) (t fakeupstream.Totals) {
	for _, s := range ended {
		if s.SpanKind() != kind {
			continue
		}
		got := toldBy(s)
		t.Calls++
		if got.failure != "" {
			t.Failed++
		}
		if got.input == unknown {
			t.NoUsage++
			continue
		}
		t.Input += got.input
		t.Output += max(0, got.output)
		t.CacheRead += max(0, got.read)
		t.CacheWrite += max(0, got.write)
		t.Reasoning += max(0, got.reasoning)
	}
	return t
}

// comparable leaves out what spans have no name of the conventions for.
func comparable(t fakeupstream.Totals) fakeupstream.Totals {
	t.CacheWrite1h = 0
	return t
}

// TestFrameworks puts the library into the usual routers around a reverse proxy: bodies pass as
// without it, and both layers tell what the upstream billed.
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
		"GET /v1/chat/completions", "POST /v1/messages/count_tokens", "POST /v1beta/models/g:countTokens", "GET /v1/responses/resp_1",
		"POST /v1/threads/t/messages", "POST /rooms/7/messages", "POST /surveys/1/responses", "POST /v1/messages/batches", "POST /v1/files",
		"POST /v1/responses/resp_1/cancel", "POST /v1/projects/p/locations/l/publishers/mistralai/models/m:rawPredict", "GET /v1/models",
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
func TestFirstByte(t *testing.T) {
	s := newSpans(t)
	o := proxytrace.WithTracerProvider(s.provider)
	next := make(chan struct{})
	upstream := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush() // the head goes out alone
		for i := range 5 {
			<-next
			_, _ = fmt.Fprintf(w, "data: {\"id\":\"%d\"}\n\n", i)
			w.(http.Flusher).Flush()
		}
		<-next
		_, _ = io.WriteString(w, "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
	}))
	front := server(t, proxytrace.Middleware(reverse(t, upstream.URL, proxytrace.NewTransport(base(t), o)), o))
	res := post(t, client(t, nil), front.URL+"/v1/chat/completions", `{"stream":true}`)
	lines := bufio.NewReader(res.Body)
	for i := range 5 {
		next <- struct{}{}
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("data: {\"id\":\"%d\"}\n", i), line)
		_, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	next <- struct{}{}
	_, err := io.Copy(io.Discard, lines)
	require.NoError(t, err)
	front.Close()
	for _, span := range s.Ended() {
		m := attributes(span)
		ttfc := m["gen_ai.response.time_to_first_chunk"].AsFloat64()
		require.Positive(t, ttfc)
		require.Less(t, ttfc, span.EndTime().Sub(span.StartTime()).Seconds())
		require.Empty(t, toldBy(span).failure)
	}
}

// TestHTTPDetails: trailers, Content-Length, answers before the answer, HTTP/2, expectations.
func TestHTTPDetails(t *testing.T) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprint("HTTP/", version), func(t *testing.T) {
			s := newSpans(t)
			o := proxytrace.WithTracerProvider(s.provider)
			body := `{"id":"x","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`
			h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				require.Equal(t, version, r.ProtoMajor)
				_, _ = io.Copy(io.Discard, r.Body)
				_, pushes := w.(http.Pusher)
				require.Equal(t, version == 2, pushes)
				_, hijacks := w.(http.Hijacker)
				require.Equal(t, version == 1, hijacks)
				w.Header().Set("Link", "</x>; rel=preload")
				w.WriteHeader(http.StatusEarlyHints)
				w.Header().Set("Trailer", "X-Sum")
				if r.URL.Query().Has("length") {
					w.Header().Set("Content-Length", fmt.Sprint(len(body)))
					w.Header().Del("Trailer")
				}
				w.WriteHeader(http.StatusCreated)
				_, _ = io.WriteString(w, body)
				w.Header().Set("X-Sum", "42")
			})
			srv := httptest.NewUnstartedServer(proxytrace.Middleware(h, o))
			srv.EnableHTTP2 = version == 2
			srv.StartTLS()
			t.Cleanup(srv.Close)
			c := srv.Client()
			c.Transport = proxytrace.NewTransport(c.Transport, o)
			hints := 0
			ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
				Got1xxResponse: func(int, textproto.MIMEHeader) error { hints++; return nil },
			})
			for _, query := range []string{"", "?length"} {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/v1/chat/completions"+query, strings.NewReader(`{"model":"m"}`))
				require.NoError(t, err)
				res, err := c.Do(r)
				require.NoError(t, err)
				got, err := io.ReadAll(res.Body)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				require.Equal(t, body, string(got))
				require.Equal(t, http.StatusCreated, res.StatusCode)
				require.Same(t, r, res.Request)
				if query == "" {
					require.Equal(t, "42", res.Trailer.Get("X-Sum"))
				} else {
					require.EqualValues(t, len(body), res.ContentLength)
				}
			}
			require.Equal(t, 2, hints)
			c.CloseIdleConnections()
			srv.Close()
			for _, span := range s.Ended() {
				require.EqualValues(t, http.StatusCreated, attributes(span)["http.response.status_code"].AsInt64())
				require.EqualValues(t, 3, toldBy(span).input+toldBy(span).output)
			}
			require.Len(t, s.Ended(), 4)
		})
	}
}

// TestHijack: a handler may take the connection.
func TestHijack(t *testing.T) {
	s := newSpans(t)
	front := server(t, proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
		_ = rw.Flush()
	}), proxytrace.WithTracerProvider(s.provider)))
	res := post(t, client(t, nil), front.URL+"/v1/responses", `{}`)
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, "hi", string(b))
	require.Eventually(t, func() bool { return len(s.Ended()) == 1 }, 10*time.Second, time.Millisecond)
}

// TestUpgrade: WebSockets to a path of a model pass through a reverse proxy.
func TestUpgrade(t *testing.T) {
	s := newSpans(t)
	o := proxytrace.WithTracerProvider(s.provider)
	upstream := server(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_ = rw.Flush()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString("echo " + line)
		_ = rw.Flush()
	}))
	front := server(t, proxytrace.Middleware(reverse(t, upstream.URL, proxytrace.NewTransport(base(t), o)), o))
	r, err := http.NewRequest(http.MethodGet, front.URL+"/v1/responses", nil)
	require.NoError(t, err)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	res, err := client(t, nil).Do(r)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	conn := res.Body.(io.ReadWriteCloser)
	defer conn.Close()
	_, err = io.WriteString(conn, "hello\n")
	require.NoError(t, err)
	line, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "echo hello\n", line)
}

// TestEnds: clients that go, streams that break, retries, upstreams that do not answer.
func TestEnds(t *testing.T) {
	up := &fakeupstream.Upstream{}
	upstream := server(t, up)
	anthropic := `{"model":"claude","stream":true}`
	run := func(t *testing.T, path, body string, header []string, read func(*http.Response)) (server, client told) {
		s := newSpans(t)
		o := proxytrace.WithTracerProvider(s.provider)
		proxy := reverse(t, upstream.URL, proxytrace.NewTransport(base(t), o))
		proxy.ErrorLog = quiet
		front := httptest.NewUnstartedServer(proxytrace.Middleware(proxy, o))
		front.Config.ErrorLog = quiet
		front.Start()
		res := post(t, plainClient(t), front.URL+path, body, header...)
		read(res)
		require.Eventually(t, func() bool { return len(s.Ended()) == 2 }, 10*time.Second, time.Millisecond)
		front.Close()
		for _, span := range s.Ended() {
			if span.SpanKind() == trace.SpanKindServer {
				server = toldBy(span)
			} else {
				client = toldBy(span)
			}
		}
		return server, client
	}
	all := func(res *http.Response) { _, _ = io.Copy(io.Discard, res.Body) }

	t.Run("a stream that the upstream cuts", func(t *testing.T) {
		s, c := run(t, "/v1/messages", anthropic, []string{fakeupstream.HeaderCut, "5"}, all)
		require.Equal(t, "stream_cut", s.failure)
		require.Equal(t, "stream_cut", c.failure)
		require.Equal(t, []string{"estimated"}, s.quality)
		require.Equal(t, []string{"estimated"}, c.quality)
		require.Positive(t, c.input, "what was seen so far")
		require.EqualValues(t, 1, c.output)
	})
	t.Run("a stream cut before its usage", func(t *testing.T) {
		_, c := run(t, "/v1/chat/completions", `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`, []string{fakeupstream.HeaderCut, "2"}, all)
		require.Equal(t, "stream_cut", c.failure)
		require.Equal(t, unknown, c.input)
		require.Empty(t, c.quality)
	})
	t.Run("a client that goes", func(t *testing.T) {
		s, c := run(t, "/v1/messages", anthropic, []string{fakeupstream.HeaderDelay, "30ms"}, func(res *http.Response) {
			_, err := bufio.NewReader(res.Body).ReadString('\n')
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
		})
		require.Equal(t, "canceled", s.failure)
		require.Equal(t, "canceled", c.failure)
		require.Equal(t, []string{"estimated"}, s.quality)
		require.Positive(t, s.input)
	})
	t.Run("a client that stops reading after the end", func(t *testing.T) {
		s, c := run(t, "/v1/messages", anthropic, nil, func(res *http.Response) {
			lines := bufio.NewReader(res.Body)
			for line := ""; !strings.Contains(line, "message_stop"); {
				var err error
				line, err = lines.ReadString('\n')
				require.NoError(t, err)
			}
			require.NoError(t, res.Body.Close())
		})
		require.Empty(t, s.failure)
		require.Empty(t, c.failure)
	})
	t.Run("an error", func(t *testing.T) {
		s, c := run(t, "/v1/messages", anthropic, []string{fakeupstream.HeaderStatus, "429"}, all)
		require.Equal(t, nothing("claude", "rate_limit_error", true), s)
		require.Equal(t, nothing("claude", "rate_limit_error", true), c)
	})
	t.Run("no upstream", func(t *testing.T) {
		s := newSpans(t)
		c := &http.Client{Transport: proxytrace.NewTransport(base(t), proxytrace.WithTracerProvider(s.provider))}
		_, err := c.Post("http://127.0.0.1:1/v1/messages", "application/json", strings.NewReader(anthropic)) //nolint:bodyclose // none
		require.Error(t, err)
		require.Equal(t, "connection_error", toldBy(s.only(t, 1)).failure)
	})
	t.Run("a deadline", func(t *testing.T) {
		s := newSpans(t)
		c := &http.Client{Transport: proxytrace.NewTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), proxytrace.WithTracerProvider(s.provider)), Timeout: 20 * time.Millisecond}
		_, err := c.Post("http://upstream.example/v1/messages", "application/json", strings.NewReader(anthropic)) //nolint:bodyclose // none
		require.Error(t, err)
		require.Equal(t, "timeout", toldBy(s.only(t, 1)).failure)
	})
	t.Run("a handler that panics", func(t *testing.T) {
		s := newSpans(t)
		h := proxytrace.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("mine") }), proxytrace.WithTracerProvider(s.provider))
		require.PanicsWithValue(t, "mine", func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/messages", nil))
		})
		require.Equal(t, "aborted", toldBy(s.only(t, 1)).failure)
	})
	t.Run("a writer that fails", func(t *testing.T) {
		s := newSpans(t)
		h := proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, `{"id":"x",`)
			require.Error(t, err)
		}), proxytrace.WithTracerProvider(s.provider))
		h.ServeHTTP(&failing{httptest.NewRecorder()}, httptest.NewRequest(http.MethodPost, "/v1/messages", nil))
		require.Equal(t, "canceled", toldBy(s.only(t, 1)).failure)
	})
}

type failing struct{ *httptest.ResponseRecorder }

func (f *failing) Write(p []byte) (int, error) { return len(p) / 2, errors.New("broken pipe") }

// TestRetry: a transport that retries under one request makes a span for each attempt, below one of the middleware.
func TestRetry(t *testing.T) {
	s := newSpans(t)
	o := proxytrace.WithTracerProvider(s.provider)
	up := &fakeupstream.Upstream{}
	upstream := server(t, up)
	tries := 0
	inner := proxytrace.NewTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
		if tries++; tries == 1 {
			r.Header.Set(fakeupstream.HeaderStatus, "500")
		} else {
			r.Header.Del(fakeupstream.HeaderStatus)
		}
		return base(t).RoundTrip(r)
	}), o)
	retrying := roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		for {
			again := r.Clone(r.Context())
			again.Body = io.NopCloser(bytes.NewReader(body))
			res, err := inner.RoundTrip(again)
			if err != nil || res.StatusCode < 500 {
				return res, err
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
		}
	})
	front := server(t, proxytrace.Middleware(reverse(t, upstream.URL, retrying), o))
	res := post(t, plainClient(t), front.URL+"/v1/messages", `{"model":"claude"}`)
	_, err := io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	front.Close()
	ended := s.Ended()
	require.Len(t, ended, 3)
	require.Equal(t, "server_error", toldBy(ended[0]).failure)
	require.Empty(t, toldBy(ended[1]).failure)
	require.Equal(t, ended[2].SpanContext().SpanID(), ended[0].Parent().SpanID())
	require.Equal(t, ended[2].SpanContext().SpanID(), ended[1].Parent().SpanID())
}

// TestRedirect: a body that is sent again by GetBody is read anew.
func TestRedirect(t *testing.T) {
	s := newSpans(t)
	srv := server(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err == nil && r.URL.Path == "/old/v1/messages" {
			http.Redirect(w, r, "/v1/messages", http.StatusTemporaryRedirect)
			return
		}
		_, _ = io.WriteString(w, `{"model":"claude-1","usage":{"input_tokens":1,"output_tokens":1}}`)
	}))
	c := client(t, func(b http.RoundTripper) http.RoundTripper {
		return proxytrace.NewTransport(b, proxytrace.WithTracerProvider(s.provider))
	})
	res := post(t, c, srv.URL+"/old/v1/messages", `{"model":"claude"}`)
	_, err := io.Copy(io.Discard, res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Len(t, s.Ended(), 2)
	for _, span := range s.Ended() {
		require.Equal(t, "claude", toldBy(span).request)
	}
}

// TestOptions: users, providers, routes, propagation.
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
	require.Empty(t, user(ask(t, request("/v1/messages", anthropic), drain)), "bodies tell users only on request")
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
	_, err := out.RoundTrip(r) //nolint:bodyclose // none
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

// TestKeys: keys are found wherever the APIs take them, and only their fingerprints are told.
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

// TestRequestID: an id that the client brought is no id of the call's.
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

// TestManyStreams: 1,000 streams at once, through both layers.
func TestManyStreams(t *testing.T) {
	s := newSpans(t)
	o := proxytrace.WithTracerProvider(s.provider)
	up := &fakeupstream.Upstream{}
	upstream := server(t, up)
	front := server(t, proxytrace.Middleware(reverse(t, upstream.URL, proxytrace.NewTransport(base(t), o)), o))
	c := plainClient(t)
	const streams = 1000
	var all sync.WaitGroup
	begin := make(chan struct{})
	failures := make(chan error, streams)
	for i := range streams {
		all.Go(func() {
			<-begin
			call := calls[i%len(calls)]
			r, err := http.NewRequest(http.MethodPost, front.URL+call.path, strings.NewReader(strings.Replace(call.body, "{", fmt.Sprintf(`{"n":%d,`, i), 1)))
			if err != nil {
				failures <- err
				return
			}
			r.Header.Set("Authorization", fmt.Sprint("Bearer key-number-", i))
			res, err := c.Do(r)
			if err != nil {
				failures <- err
				return
			}
			defer res.Body.Close()
			if _, err = io.Copy(io.Discard, res.Body); err != nil {
				failures <- err
			}
		})
	}
	close(begin)
	all.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	front.Close()
	want := comparable(up.Totals())
	require.EqualValues(t, streams, want.Calls)
	require.Equal(t, want, sumOf(s.Ended(), trace.SpanKindServer))
	require.Equal(t, want, sumOf(s.Ended(), trace.SpanKindClient))
}

// TestHugeBodies: what is looked at is not kept.
func TestHugeBodies(t *testing.T) {
	s := newSpans(t)
	const size = 64 << 20
	huge := func(before, after string) io.Reader {
		return io.MultiReader(strings.NewReader(before), io.LimitReader(endless('a'), size), strings.NewReader(after))
	}
	h := proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.Copy(w, huge(`{"choices":[{"message":{"content":"`, `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`))
	}), proxytrace.WithTracerProvider(s.provider))
	var before, after runtimeMemory
	before.read()
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", huge(`{"messages":[{"content":"`, `"}],"model":"m"}`))
	h.ServeHTTP(&discarding{header: http.Header{}}, r)
	after.read()
	require.Less(t, after.allocated-before.allocated, uint64(8<<20), "allocated in all while 128 MiB passed")
	require.Equal(t, told{input: 3, output: 4, read: unknown, write: unknown, reasoning: unknown, request: "m", model: "m"}, toldBy(s.only(t, 1)))
}

// TestDependencies: nothing of the collector comes with the library.
func TestDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	require.NoError(t, err)
	require.Contains(t, string(out), "go.opentelemetry.io/otel/trace")
	require.NotContains(t, string(out), "go.opentelemetry.io/collector")
	require.NotContains(t, string(out), "go.opentelemetry.io/otel/sdk")
}

package test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"
	"go.opentelemetry.io/otel/trace"

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
	"github.com/tokenboard/tokenboard/proxytrace"
)

func TestEnds(t *testing.T) {
	up := &fakeupstream.Upstream{}
	upstream := server(t, up)
	anthropic := `{"model":"claude","stream":true}`
	run := func(t *testing.T, path, body string, header []string, read func(*http.Response)) (server, client answers.Recorded) {
		s := newSpans(t)
		o := proxytrace.WithTracerProvider(s.provider)
		proxy := reverse(t, upstream.URL, proxytrace.NewTransport(base(t), o))
		proxy.ErrorLog = quiet
		front := httptest.NewUnstartedServer(proxytrace.Middleware(proxy, o))
		front.Config.ErrorLog = quiet
		front.Start()
		res := post(t, plainClient(t), front.URL+path, body, header...)
		read(res)
		require.Eventually(t, func() bool { return len(s.Ended()) == 2 }, 2*time.Minute, time.Millisecond)
		front.Close()
		for _, span := range s.Ended() {
			if span.SpanKind() == trace.SpanKindServer {
				server = recordedBy(span)
			} else {
				client = recordedBy(span)
			}
		}
		return server, client
	}
	all := func(res *http.Response) { _, _ = io.Copy(io.Discard, res.Body) }

	t.Run("a stream that the upstream cuts", func(t *testing.T) {
		s, c := run(t, "/v1/messages", anthropic, []string{fakeupstream.HeaderCut, "5"}, all)
		require.Equal(t, "stream_cut", s.Failure)
		require.Equal(t, "stream_cut", c.Failure)
		require.Equal(t, []string{"estimated"}, s.Quality)
		require.Equal(t, []string{"estimated"}, c.Quality)
		require.Positive(t, c.Input, "what was seen so far")
		require.EqualValues(t, 1, c.Output)
	})
	t.Run("a stream cut before its usage", func(t *testing.T) {
		_, c := run(t, "/v1/chat/completions", `{"model":"m","stream":true,"stream_options":{"include_usage":true}}`, []string{fakeupstream.HeaderCut, "2"}, all)
		require.Equal(t, "stream_cut", c.Failure)
		require.Equal(t, answers.Unknown, c.Input)
		require.Empty(t, c.Quality)
	})
	t.Run("a client that goes", func(t *testing.T) {
		s, c := run(t, "/v1/messages", anthropic, []string{fakeupstream.HeaderDelay, "300ms"}, func(res *http.Response) {
			_, err := bufio.NewReader(res.Body).ReadString('\n')
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
		})
		require.Equal(t, "canceled", s.Failure)
		require.Equal(t, "canceled", c.Failure)
		require.Equal(t, []string{"estimated"}, s.Quality)
		require.Positive(t, s.Input)
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
		require.Empty(t, s.Failure)
		require.Empty(t, c.Failure)
	})
	t.Run("an error", func(t *testing.T) {
		s, c := run(t, "/v1/messages", anthropic, []string{fakeupstream.HeaderStatus, "429"}, all)
		require.Equal(t, answers.Nothing("claude", "rate_limit_error", true), s)
		require.Equal(t, answers.Nothing("claude", "rate_limit_error", true), c)
	})
	t.Run("no upstream", func(t *testing.T) {
		s := newSpans(t)
		c := &http.Client{Transport: proxytrace.NewTransport(base(t), proxytrace.WithTracerProvider(s.provider))}
		_, err := c.Post("http://127.0.0.1:1/v1/messages", "application/json", strings.NewReader(anthropic))
		require.Error(t, err)
		require.Equal(t, "connection_error", recordedBy(s.only(t, 1)).Failure)
	})
	t.Run("a deadline", func(t *testing.T) {
		s := newSpans(t)
		c := &http.Client{Transport: proxytrace.NewTransport(roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}), proxytrace.WithTracerProvider(s.provider)), Timeout: 20 * time.Millisecond}
		_, err := c.Post("http://upstream.example/v1/messages", "application/json", strings.NewReader(anthropic))
		require.Error(t, err)
		require.Equal(t, "timeout", recordedBy(s.only(t, 1)).Failure)
	})
	t.Run("a handler that panics", func(t *testing.T) {
		s := newSpans(t)
		h := proxytrace.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("mine") }), proxytrace.WithTracerProvider(s.provider))
		require.PanicsWithValue(t, "mine", func() {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/v1/messages", nil))
		})
		require.Equal(t, "aborted", recordedBy(s.only(t, 1)).Failure)
	})
	t.Run("a writer that fails", func(t *testing.T) {
		s := newSpans(t)
		h := proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := io.WriteString(w, `{"id":"x",`)
			require.Error(t, err)
		}), proxytrace.WithTracerProvider(s.provider))
		h.ServeHTTP(&failing{httptest.NewRecorder()}, httptest.NewRequest(http.MethodPost, "/v1/messages", nil))
		require.Equal(t, "canceled", recordedBy(s.only(t, 1)).Failure)
	})
}

type failing struct{ *httptest.ResponseRecorder }

func (f *failing) Write(p []byte) (int, error) { return len(p) / 2, errors.New("broken pipe") }

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
	require.Equal(t, "server_error", recordedBy(ended[0]).Failure)
	require.Empty(t, recordedBy(ended[1]).Failure)
	require.Equal(t, ended[2].SpanContext().SpanID(), ended[0].Parent().SpanID())
	require.Equal(t, ended[2].SpanContext().SpanID(), ended[1].Parent().SpanID())
}

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
		require.Equal(t, "claude", recordedBy(span).Request)
	}
}

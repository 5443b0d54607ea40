package test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/proxytrace"
)

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
		require.Empty(t, recordedBy(span).Failure)
	}
}

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
				require.EqualValues(t, 3, recordedBy(span).Input+recordedBy(span).Output)
			}
			require.Len(t, s.Ended(), 4)
		})
	}
}

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
	require.Eventually(t, func() bool { return len(s.Ended()) == 1 }, 2*time.Minute, time.Millisecond)
}

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

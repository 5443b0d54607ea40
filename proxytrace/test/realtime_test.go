package test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/tokenboard/tokenboard/proxytrace"
)

// frame is a WebSocket frame of a server: kind is its first byte.
func frame(kind byte, payload string) []byte {
	b := []byte{kind}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

const (
	textFrame, textBegins, continues, pong = 0x81, 0x01, 0x80, 0x8a
	compressed                             = 0xc1
)

// session is what a realtime server sends: two responses, of which the first is sent twice, one that has no end.
var session = bytes.Join([][]byte{
	frame(textFrame, `{"type":"session.created","session":{"object":"realtime.session","model":"gpt-realtime-2025-08-28"}}`),
	frame(textFrame, `{"type":"response.created","response":{"id":"resp_1","status":"in_progress","usage":null}}`),
	frame(textFrame, `{"type":"response.output_audio.delta","response_id":"resp_1","delta":"`+strings.Repeat("A", 70000)+`"}`),
	frame(textBegins, `{"type":"response.done","response":{"id":"resp_1","status":"completed","usage":{"total_tokens":253,"input_tokens":132,`),
	frame(pong, "x"),
	frame(continues, `"output_tokens":121,"input_token_details":{"text_tokens":32,"audio_tokens":100,"cached_tokens":64,"cached_tokens_details":{"text_tokens":0,"audio_tokens":64}},"output_token_details":{"text_tokens":30,"audio_tokens":91}}}}`),
	frame(textFrame, `{"type":"response.done","response":{"id":"resp_1","status":"completed","usage":{"total_tokens":253,"input_tokens":132,"output_tokens":121}}}`),
	frame(textFrame, `{"type":"response.created","response":{"id":"resp_2","status":"in_progress"}}`),
	frame(textFrame, `{"type":"response.done","response":{"id":"resp_2","status":"cancelled","usage":{"total_tokens":12,"input_tokens":10,"output_tokens":2}}}`),
	frame(textFrame, `{"type":"response.done","response":{"id":"resp_3","status":"failed","status_details":{"type":"failed","error":{"type":"server_error","code":"x"}},"usage":null}}`),
	frame(textFrame, `{"type":"response.created","response":{"id":"resp_4","status":"in_progress"}}`),
}, nil)

// realtime is a server that sends a session in pieces, after a line of the client's, which it sends back.
func realtime(sent []byte, size int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, _ := rw.ReadString('\n')
		_, _ = conn.Write(frame(textFrame, line))
		for rest := sent; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			_, _ = conn.Write(rest[:min(size, len(rest))])
		}
	})
}

// dial asks for a WebSocket, sends a line and returns all that comes back.
func dial(t *testing.T, address string) []byte {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	require.NoError(t, err)
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Authorization", "Bearer "+clientKey)
	res, err := client(t, nil).Do(r)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusSwitchingProtocols {
		return nil
	}
	conn := res.Body.(io.ReadWriteCloser)
	_, err = io.WriteString(conn, "hello\n")
	require.NoError(t, err)
	got, err := io.ReadAll(bufio.NewReader(conn))
	require.NoError(t, err)
	return got
}

// TestRealtime: each response of a session is one call, of whichever layer sees it; the bytes are the server's.
func TestRealtime(t *testing.T) {
	for _, layers := range []string{"both", "middleware", "transport"} {
		for _, size := range []int{1 << 20, 4093} {
			t.Run(layers, func(t *testing.T) {
				s := newSpans(t)
				o := proxytrace.WithTracerProvider(s.provider)
				var transport http.RoundTripper = base(t)
				if layers != "middleware" {
					transport = proxytrace.NewTransport(transport, o)
				}
				var h http.Handler = reverse(t, server(t, realtime(session, size)).URL, transport)
				if layers != "transport" {
					h = proxytrace.Middleware(h, o)
				}
				got := dial(t, server(t, h).URL+"/v1/realtime?model=gpt-realtime")
				require.Equal(t, string(frame(textFrame, "hello\n"))+string(session), string(got), "bytes changed")
				require.Eventually(t, func() bool { return len(s.Ended()) == 4 }, time.Minute, time.Millisecond)
				spans := map[string]sdktrace.ReadOnlySpan{}
				for _, span := range s.Ended() {
					require.Equal(t, map[bool]trace.SpanKind{true: trace.SpanKindServer, false: trace.SpanKindClient}[layers == "middleware"], span.SpanKind())
					spans[recordedBy(span).ID] = span
				}
				first := recordedBy(spans["resp_1"])
				require.Equal(t, []int64{132, 121, 64, 100, 64, 91}, []int64{first.Input, first.Output, first.Read, first.AudioInput, first.AudioRead, first.AudioOutput})
				require.Equal(t, "gpt-realtime", first.Request)
				require.Equal(t, "gpt-realtime-2025-08-28", first.Model)
				require.False(t, first.Unspent)
				second := recordedBy(spans["resp_2"])
				require.Equal(t, []any{int64(10), int64(2), ""}, []any{second.Input, second.Output, second.Failure})
				require.Equal(t, "server_error", recordedBy(spans["resp_3"]).Failure)
				require.Equal(t, "stream_cut", recordedBy(spans["resp_4"]).Failure)
				if layers != "transport" {
					for _, span := range spans {
						require.NotEmpty(t, attributes(span)["tokenboard.key.fingerprint"].AsString())
					}
				}
			})
		}
	}
}

// TestRealtimeRefused: a session that does not come about is one failed call.
func TestRealtimeRefused(t *testing.T) {
	s := newSpans(t)
	o := proxytrace.WithTracerProvider(s.provider)
	up := server(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	front := server(t, proxytrace.Middleware(reverse(t, up.URL, proxytrace.NewTransport(base(t), o)), o))
	require.Nil(t, dial(t, front.URL+"/v1/realtime?model=gpt-realtime"))
	require.Eventually(t, func() bool { return len(s.Ended()) == 1 }, time.Minute, time.Millisecond)
	require.Equal(t, "401", recordedBy(s.Ended()[0]).Failure)
}

// TestRealtimeGarbage: what is no WebSocket, compressed or without an end passes as it is.
func TestRealtimeGarbage(t *testing.T) {
	for _, sent := range [][]byte{
		[]byte("no frames at all\r\n\r\n\x00\xff"), frame(compressed, "\x01\x02"), append([]byte{0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "x"...),
		{0x81, 0xfe, 1, 2, 3}, bytes.Repeat([]byte{0}, 9999), bytes.Repeat(frame(textFrame, `{"type":"response.done","response":{"id":"`), 99),
	} {
		s := newSpans(t)
		o := proxytrace.WithTracerProvider(s.provider)
		front := server(t, proxytrace.Middleware(reverse(t, server(t, realtime(sent, 7)).URL, proxytrace.NewTransport(base(t), o)), o))
		require.Equal(t, string(frame(textFrame, "hello\n"))+string(sent), string(dial(t, front.URL+"/v1/realtime")))
		require.Empty(t, s.Started())
	}
}

// TestHalfClosed: a client that has sent all still receives the rest.
func TestHalfClosed(t *testing.T) {
	s := newSpans(t)
	o := proxytrace.WithTracerProvider(s.provider)
	up := server(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		all, _ := io.ReadAll(rw)
		_, _ = conn.Write(frame(textFrame, string(all)))
	}))
	front := server(t, proxytrace.Middleware(reverse(t, up.URL, proxytrace.NewTransport(base(t), o)), o))
	conn, err := net.Dial("tcp", strings.TrimPrefix(front.URL, "http://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	require.NoError(t, err)
	back := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		line, err = back.ReadString('\n')
		require.NoError(t, err)
	}
	_, err = io.WriteString(conn, "hello")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	got, err := io.ReadAll(back)
	require.NoError(t, err)
	require.Equal(t, string(frame(textFrame, "hello")), string(got))
}

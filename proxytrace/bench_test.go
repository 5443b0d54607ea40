package proxytrace_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/tokenboard/tokenboard/proxytrace"
)

// dropping takes spans and forgets them, so that a benchmark measures the making of them.
type dropping struct{}

func (dropping) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (dropping) Shutdown(context.Context) error                             { return nil }

// benchAnswers are a whole answer of 2 KB and a stream of 200 events.
func benchAnswers() map[string]*answerCase {
	var stream strings.Builder
	for i := range 200 {
		fmt.Fprintf(&stream, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1694268190,\"model\":\"gpt-4o\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word%d\"},\"logprobs\":null,\"finish_reason\":null}],\"usage\":null}\n\n", i)
	}
	stream.WriteString("data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4o\",\"choices\":[],\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":200,\"total_tokens\":1200}}\n\ndata: [DONE]\n\n")
	return map[string]*answerCase{
		"whole":  {kind: asJSON, body: `{"id":"chatcmpl-1","model":"gpt-4o","choices":[{"message":{"content":"` + strings.Repeat("word ", 400) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200}}`},
		"stream": {kind: asSSE, body: stream.String()},
	}
}

// BenchmarkMiddleware measures a handler alone and behind Middleware: the difference is what a call
// costs. A stream is written and flushed event by event.
func BenchmarkMiddleware(b *testing.B) {
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(dropping{}))
	b.Cleanup(func() { require.NoError(b, p.Shutdown(context.Background())) })
	request := `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("word ", 800) + `"}]}`
	for name, c := range benchAnswers() {
		pieces := bytes.SplitAfter([]byte(c.body), []byte("\n\n"))
		bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", c.kind)
			for _, p := range pieces {
				_, _ = w.Write(p)
				w.(http.Flusher).Flush()
			}
		})
		for layer, h := range map[string]http.Handler{"bare": bare, "proxytrace": proxytrace.Middleware(bare, proxytrace.WithTracerProvider(p))} {
			b.Run(name+"/"+layer, func(b *testing.B) {
				b.ReportAllocs()
				defer cpu(b)()
				for b.Loop() {
					r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(request))
					r.Header.Set("Authorization", "Bearer "+clientKey)
					h.ServeHTTP(&flushed{discarding{http.Header{}}}, r)
				}
			})
		}
	}
}

// cpu reports the processor time of an operation, which other work on the machine does not change.
func cpu(b *testing.B) func() {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	before := used()
	return func() { b.ReportMetric(float64(used()-before)/float64(b.N), "cpu-ns/op") }
}

type flushed struct{ discarding }

func (f *flushed) Flush() {}

// BenchmarkFirstByte measures the time from a request to the first event of a stream over a real
// connection, through a reverse proxy alone and with both layers on it.
func BenchmarkFirstByte(b *testing.B) {
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(dropping{}))
	b.Cleanup(func() { require.NoError(b, p.Shutdown(context.Background())) })
	c := benchAnswers()["stream"]
	upstream := server(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", c.kind)
		_, _ = io.WriteString(w, c.body[:200])
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, c.body[200:])
	}))
	o := proxytrace.WithTracerProvider(p)
	for layer, front := range map[string]http.Handler{
		"bare":       reverse(b, upstream.URL, base(b)),
		"proxytrace": proxytrace.Middleware(reverse(b, upstream.URL, proxytrace.NewTransport(base(b), o)), o),
	} {
		b.Run(layer, func(b *testing.B) {
			s := server(b, front)
			cl := plainClient(b)
			first := make([]byte, 1)
			for b.Loop() {
				res, err := cl.Post(s.URL+"/v1/chat/completions", "application/json", strings.NewReader(`{"model":"gpt-4o","stream":true}`))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(res.Body, first); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if _, err := io.Copy(io.Discard, res.Body); err != nil {
					b.Fatal(err)
				}
				_ = res.Body.Close()
				b.StartTimer()
			}
		})
	}
}

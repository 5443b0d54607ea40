package test

import (
	"bytes"
	"context"

	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/tokenboard/tokenboard/proxytrace"
)

// dropping takes spans and forgets them, so that a benchmark measures the making of them.
type dropping struct{}

func (dropping) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (dropping) Shutdown(context.Context) error                             { return nil }

// BenchmarkMiddleware measures a handler alone and behind Middleware, by turns: what a call costs is
// the difference of the processor time, whose median over the rounds is reported. A stream has 200
// events and is written and flushed event by event.
func BenchmarkMiddleware(b *testing.B) {
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(dropping{}))
	b.Cleanup(func() { require.NoError(b, p.Shutdown(context.Background())) })
	request := `{"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"` + strings.Repeat("word ", 800) + `"}]}`
	answers := answers.Long(200)
	for _, name := range slices.Sorted(maps.Keys(answers)) {
		c := answers[name]
		pieces := bytes.SplitAfter([]byte(c.Body), []byte("\n\n"))
		bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", c.Kind)
			for _, p := range pieces {
				_, _ = w.Write(p)
				w.(http.Flusher).Flush()
			}
		})
		layered := proxytrace.Middleware(bare, proxytrace.WithTracerProvider(p))
		const calls = 200 // of a round, as processor time has a resolution of microseconds
		serve := func(h http.Handler) (cpu, allocs float64) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			user, system := processorTime(b)
			for range calls {
				r := httptest.NewRequest(http.MethodPost, c.Path, strings.NewReader(request))
				r.Header.Set("Authorization", "Bearer "+clientKey)
				h.ServeHTTP(&flushed{discarding{http.Header{}}}, r)
			}
			u, s := processorTime(b)
			runtime.ReadMemStats(&after)
			return float64(u-user+s-system) / calls, float64(after.Mallocs-before.Mallocs) / calls
		}
		b.Run(name, func(b *testing.B) {
			var without, with, more, allocs []float64
			for b.Loop() {
				w, wa := serve(bare)
				l, la := serve(layered)
				without, with, more, allocs = append(without, w), append(with, l), append(more, l-w), append(allocs, la-wa)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(without), "bare-cpu-ns/call")
			b.ReportMetric(median(with), "proxytrace-cpu-ns/call")
			b.ReportMetric(median(more), "more-cpu-ns/call")
			b.ReportMetric(median(allocs), "more-allocs/call")
			b.ReportMetric(float64(len(c.Body)), "body-bytes")
		})
	}
}

// processorTime returns the processor time of the process, which other work on the machine changes little.
func processorTime(b *testing.B) (user, system int64) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano(), u.Stime.Nano()
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

type flushed struct{ discarding }

func (f *flushed) Flush() {}

// BenchmarkFirstByte measures, over real connections, through a reverse proxy alone and with both
// layers on it, by turns: how long a call takes to its first byte, and how long that byte is on its way
// from the upstream's hand to the client's. The medians are reported.
func BenchmarkFirstByte(b *testing.B) {
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(dropping{}))
	b.Cleanup(func() { require.NoError(b, p.Shutdown(context.Background())) })
	c := answers.Long(200)["chat"]
	written, proceed := make(chan time.Time, 1), make(chan struct{})
	upstream := server(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", c.Kind)
		written <- time.Now()
		_, _ = io.WriteString(w, c.Body[:1])
		w.(http.Flusher).Flush()
		select { // not before the client has the first
		case <-proceed:
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, c.Body[1:])
	}))
	o := proxytrace.WithTracerProvider(p)
	bare := server(b, reverse(b, upstream.URL, base(b)))
	layered := server(b, proxytrace.Middleware(reverse(b, upstream.URL, proxytrace.NewTransport(base(b), o)), o))
	cl := plainClient(b)
	call := func(url string) (whole, way float64) {
		begun := time.Now()
		res, err := cl.Post(url+c.Path, "application/json", strings.NewReader(`{"model":"gpt-4o","stream":true}`))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(res.Body, make([]byte, 1)); err != nil {
			b.Fatal(err)
		}
		read := time.Now()
		proceed <- struct{}{}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			b.Fatal(err)
		}
		_ = res.Body.Close()
		return float64(read.Sub(begun)), float64(read.Sub(<-written))
	}
	var whole, way [2][]float64
	for b.Loop() {
		for i, s := range []string{bare.URL, layered.URL} {
			a, w := call(s)
			whole[i], way[i] = append(whole[i], a), append(way[i], w)
		}
	}
	b.ReportMetric(0, "ns/op")
	for i, name := range []string{"bare", "proxytrace"} {
		b.ReportMetric(median(whole[i]), name+"-call-ns")
		b.ReportMetric(median(way[i]), name+"-way-ns")
	}
}

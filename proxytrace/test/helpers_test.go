package test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// spans keeps the spans of a test.
type spans struct {
	*tracetest.SpanRecorder
	provider *sdktrace.TracerProvider
}

func newSpans(t testing.TB) *spans {
	r := tracetest.NewSpanRecorder()
	p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r))
	t.Cleanup(func() { require.NoError(t, p.Shutdown(context.Background())) })
	return &spans{r, p}
}

// only returns the one span of a kind.
func (s *spans) only(t testing.TB, n int) sdktrace.ReadOnlySpan {
	t.Helper()
	ended := s.Ended()
	require.Len(t, ended, n)
	require.Len(t, s.Started(), n, "every span that began has ended")
	return ended[0]
}

func attributes(s sdktrace.ReadOnlySpan) map[string]attribute.Value {
	m := map[string]attribute.Value{}
	for _, a := range s.Attributes() {
		m[string(a.Key)] = a.Value
	}
	return m
}

// recordedBy returns what a span records.
func recordedBy(s sdktrace.ReadOnlySpan) answers.Recorded {
	m := attributes(s)
	figure := func(name string) int64 {
		if v, ok := m[name]; ok {
			return v.AsInt64()
		}
		return answers.Unknown
	}
	part := func(name string) int64 { return max(0, figure(name)) }
	_, role := m["tokenboard.role"]
	operation := m["gen_ai.operation.name"].AsString()
	if operation == "chat" || operation == "text_completion" || operation == "embeddings" || operation == "generate_content" {
		operation = ""
	}
	return answers.Recorded{
		AudioInput: part("gen_ai.usage.audio.input_tokens"), AudioRead: part("gen_ai.usage.audio.cache_read.input_tokens"),
		AudioOutput: part("gen_ai.usage.audio.output_tokens"), ImageInput: part("gen_ai.usage.image.input_tokens"),
		ImageRead: part("gen_ai.usage.image.cache_read.input_tokens"), ImageOutput: part("gen_ai.usage.image.output_tokens"),
		Seconds: m["tokenboard.usage.audio.input_seconds"].AsFloat64(), Operation: operation, Unspent: !role,
		Input: figure("gen_ai.usage.input_tokens"), Output: figure("gen_ai.usage.output_tokens"),
		Read: figure("gen_ai.usage.cache_read.input_tokens"), Write: figure("gen_ai.usage.cache_write.input_tokens"),
		Reasoning: figure("gen_ai.usage.reasoning.output_tokens"), Request: m["gen_ai.request.model"].AsString(),
		Model: m["gen_ai.response.model"].AsString(), ID: m["gen_ai.response.id"].AsString(), Failure: m["error.type"].AsString(),
		Stream: m["gen_ai.request.stream"].AsBool(), Quality: m["tokenboard.quality"].AsStringSlice(),
	}
}

// packed compresses as an HTTP content coding says.
func packed(t testing.TB, coding, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser
	var err error
	switch coding {
	case "":
		return []byte(body)
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	case "raw deflate":
		w, err = flate.NewWriter(&b, flate.DefaultCompression)
	case "br":
		w = brotli.NewWriter(&b)
	case "zstd":
		w, err = zstd.NewWriter(&b)
	}
	require.NoError(t, err)
	_, err = io.WriteString(w, body)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func header(coding string) string {
	if coding == "raw deflate" {
		return "deflate"
	}
	return coding
}

var codings = []string{"", "gzip", "deflate", "raw deflate", "br", "zstd"}

// server serves until the test ends.
func server(t testing.TB, h http.Handler) *httptest.Server {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

// client returns a client whose connections end with the test.
func client(t testing.TB, wrap func(http.RoundTripper) http.RoundTripper) *http.Client {
	base := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100}
	t.Cleanup(base.CloseIdleConnections)
	if wrap == nil {
		return &http.Client{Transport: base}
	}
	return &http.Client{Transport: wrap(base)}
}

func plainClient(t testing.TB) *http.Client { return client(t, nil) }

// quiet drops what servers say of connections that a test breaks.
var quiet = log.New(io.Discard, "", 0)

func newGzip(b []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

// endless reads one letter for ever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

type discarding struct{ header http.Header }

func (d *discarding) Header() http.Header         { return d.header }
func (d *discarding) WriteHeader(int)             {}
func (d *discarding) Write(p []byte) (int, error) { return len(p), nil }

type runtimeMemory struct{ allocated uint64 }

func (m *runtimeMemory) read() {
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	m.allocated = s.TotalAlloc
}

package otlpguardextension

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/tokenboard/tokenboard/extension/otlpguardextension/internal/metadata"
	"github.com/tokenboard/tokenboard/extension/otlpguardextension/internal/metadatatest"
)

// newTestGuard makes a guard whose configuration is changed.
func newTestGuard(t *testing.T, change func(*Config)) (*guard, *componenttest.Telemetry) {
	t.Helper()
	telemetry := componenttest.NewTelemetry()
	t.Cleanup(func() { require.NoError(t, telemetry.Shutdown(context.Background())) })
	set := extensiontest.NewNopSettings(metadata.Type)
	set.TelemetrySettings = telemetry.NewTelemetrySettings()
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	e, err := create(t.Context(), set, cfg)
	require.NoError(t, err)
	require.NoError(t, e.Start(t.Context(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(context.Background())) })
	return e.(*guard), telemetry
}

// before puts a guard before a handler that remembers what it read, and answers 200.
func before(t *testing.T, g *guard, got *[]byte) http.Handler {
	t.Helper()
	wrap, err := g.GetHTTPHandler(t.Context())
	require.NoError(t, err)
	h, err := wrap(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
			return
		}
		*got = b
	}))
	require.NoError(t, err)
	return h
}

func ask(h http.Handler, path, contentType string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, body)
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// idle fails the test where shares are still held.
func idle(t *testing.T, g *guard) {
	t.Helper()
	c := createDefaultConfig().(*Config)
	require.True(t, g.receiving.TryAcquire(c.MaxReceivingMiB<<20), "a share of what is received is still held")
	require.True(t, g.decoding.TryAcquire(c.MaxMemoryMiB<<20), "a share of the memory is still held")
	require.True(t, g.calls.TryAcquire(c.MaxReceivingCalls), "a call is still received")
	g.messages.Range(func(any, any) bool {
		require.Fail(t, "a message is still known")
		return false
	})
}

// toProtobuf reads a request in JSON and writes it in protobuf.
func toProtobuf(t *testing.T, signal string, body []byte) []byte {
	t.Helper()
	var r interface {
		UnmarshalJSON(data []byte) error
		MarshalProto() ([]byte, error)
	}
	switch signal {
	case "traces":
		r = ptraceotlp.NewExportRequest()
	case "logs":
		r = plogotlp.NewExportRequest()
	default:
		r = pmetricotlp.NewExportRequest()
	}
	require.NoError(t, r.UnmarshalJSON(body))
	out, err := r.MarshalProto()
	require.NoError(t, err)
	return out
}

// TestCaptures passes what real applications send, byte by byte.
func TestCaptures(t *testing.T) {
	g, _ := newTestGuard(t, nil)
	var got []byte
	h := before(t, g, &got)
	files, err := filepath.Glob("../../testdata/captures/*/*.jsonl")
	require.NoError(t, err)
	passed := 0
	for _, file := range files {
		signal := strings.TrimSuffix(filepath.Base(file), ".jsonl")
		raw, err := os.ReadFile(file)
		require.NoError(t, err)
		for line := range bytes.Lines(raw) {
			body := bytes.TrimSpace(line)
			if len(body) == 0 {
				continue
			}
			for contentType, body := range map[string][]byte{contentJSON: body, contentProtobuf: toProtobuf(t, signal, body)} {
				got = nil
				w := ask(h, "/v1/"+signal, contentType, bytes.NewReader(body))
				require.Equal(t, http.StatusOK, w.Code, "%s: %s", file, w.Body)
				require.Equal(t, body, got, "%s: the body is another one", file)
				passed++
			}
		}
	}
	require.Greater(t, passed, 200)
	t.Log(passed, "requests")
	idle(t, g)
}

// batch has spans of so many attributes each, and of names and texts as real ones have.
func batch(t *testing.T, spans, attributes int) (asJSON, asProtobuf []byte) {
	t.Helper()
	r := ptraceotlp.NewExportRequest()
	to := r.Traces().ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
	for i := range spans {
		s := to.AppendEmpty()
		s.SetName("chat gpt-4o-mini")
		s.SetTraceID([16]byte{1, byte(i), byte(i >> 8)})
		s.SetSpanID([8]byte{1, byte(i), byte(i >> 8)})
		for a := range attributes {
			s.Attributes().PutStr(fmt.Sprintf("gen_ai.attribute.%d", a), fmt.Sprintf("a value of some length, %d", i))
		}
	}
	var err error
	asJSON, err = r.MarshalJSON()
	require.NoError(t, err)
	asProtobuf, err = r.MarshalProto()
	require.NoError(t, err)
	return asJSON, asProtobuf
}

// TestRealBatches passes the largest batches that applications and collectors send.
func TestRealBatches(t *testing.T) {
	g, _ := newTestGuard(t, nil)
	var got []byte
	h := before(t, g, &got)
	longText := []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"gen_ai.input.messages","value":{"stringValue":"` +
		strings.Repeat(`[{\"role\":\"user\",\"content\":\"Hello, {world}\\n\"}],`, 8_000_000/55) + `"}}]}]}]}]}`)
	inJSON, inProtobuf := batch(t, 512, 60)
	many, manyInProtobuf := batch(t, 4096, 5)
	for name, c := range map[string]struct {
		contentType string
		body        []byte
	}{
		"512 spans of 60 attributes, JSON":      {contentJSON, inJSON},
		"512 spans of 60 attributes, protobuf":  {contentProtobuf, inProtobuf},
		"4,096 spans of 5 attributes, JSON":     {contentJSON, many},
		"4,096 spans of 5 attributes, protobuf": {contentProtobuf, manyInProtobuf},
		"a prompt of 8 MB":                      {contentJSON, longText},
	} {
		w := ask(h, "/v1/traces", c.contentType, bytes.NewReader(c.body))
		require.Equal(t, http.StatusOK, w.Code, "%s, %d bytes: %s", name, len(c.body), w.Body)
		require.True(t, bytes.Equal(c.body, got), name)
	}
	idle(t, g)
}

func TestRefusals(t *testing.T) {
	g, telemetry := newTestGuard(t, func(c *Config) { c.MaxRequestMemoryMiB, c.MaxDepth = 2, 20 })
	var got []byte
	h := before(t, g, &got)
	spans := `{"resourceSpans":[{"scopeSpans":[{"spans":[`
	for _, c := range []struct {
		name, path, contentType string
		body                    io.Reader
		status                  int
		says                    []string
	}{
		{"too many spans", "/v1/traces", contentJSON, strings.NewReader(spans + strings.Repeat("{},", 10_000)), 413, []string{"2 MiB", "max_request_memory_mib", "otlpguard"}},
		{"too many spans in protobuf", "/v1/traces", contentProtobuf, strings.NewReader(strings.Repeat("\x0a\x00", 100_000)), 413, []string{"2 MiB", "max_request_memory_mib"}},
		{"a text that is too long", "/v1/logs", contentJSON, strings.NewReader(`{"x":"` + strings.Repeat("x", 1<<20)), 413, []string{"2 MiB"}},
		{"nested", "/v1/traces", contentJSON, strings.NewReader(`{"x":` + strings.Repeat("[", 100)), 400, []string{"more than 20 deep", "max_depth"}},
		{"malformed", "/v1/metrics", contentJSON, strings.NewReader(`{"resourceMetrics":[`), 400, []string{"JSON ends too early"}},
		{"another path", "/v1development/profiles", contentProtobuf, strings.NewReader(""), 404, []string{"/traces, /logs and /metrics"}},
		{"larger than the receiver takes", "/v1/traces", contentJSON, http.MaxBytesReader(nil, io.NopCloser(strings.NewReader(`{"x":"`+strings.Repeat("x", 1000))), 100), 413, []string{"max_request_body_size"}},
		{"unreadable", "/v1/traces", contentJSON, iotest.ErrReader(errors.New("gzip: invalid header")), 400, []string{"gzip: invalid header"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got = nil
			w := ask(h, c.path, c.contentType, c.body)
			require.Equal(t, c.status, w.Code)
			require.Nil(t, got, "the receiver got it")
			require.Equal(t, c.contentType, w.Header().Get("Content-Type"))
			var status spb.Status
			if c.contentType == contentProtobuf {
				require.NoError(t, proto.Unmarshal(w.Body.Bytes(), &status))
			} else {
				require.NoError(t, json.Unmarshal(w.Body.Bytes(), &status))
			}
			for _, part := range c.says {
				require.Contains(t, status.Message, part)
			}
		})
	}
	idle(t, g)
	point := func(reason string, n int64) metricdata.DataPoint[int64] {
		return metricdata.DataPoint[int64]{Attributes: attribute.NewSet(attribute.String("reason", reason)), Value: n}
	}
	metadatatest.AssertEqualExtensionOtlpguardRefusedRequests(t, telemetry, []metricdata.DataPoint[int64]{
		point("memory", 4), point("depth", 1), point("malformed", 2), point("unknown", 1),
	}, metricdatatest.IgnoreTimestamp())
}

// TestOthers leaves what is no OTLP to the receiver, without a body.
func TestOthers(t *testing.T) {
	g, _ := newTestGuard(t, nil)
	got := []byte("?")
	h := before(t, g, &got)
	require.Equal(t, http.StatusOK, ask(h, "/v1/traces", "text/plain", strings.NewReader("x")).Code)
	require.Empty(t, got)
	require.Equal(t, http.StatusOK, ask(h, "/v1/traces", "", strings.NewReader("x")).Code)
	require.Empty(t, got)
}

// TestBusy refuses for the time being what finds no memory, and serves when there is some again.
func TestBusy(t *testing.T) {
	g, _ := newTestGuard(t, func(c *Config) { c.Wait = 20 * time.Millisecond })
	var got []byte
	h := before(t, g, &got)
	const whole = defaultMemory << 20
	for name, of := range map[string]interface {
		TryAcquire(n int64) bool
		Release(n int64)
	}{"decoding": g.decoding, "receiving": g.receiving} {
		n := int64(whole)
		if name == "receiving" {
			n = defaultReceiving << 20
		}
		require.True(t, of.TryAcquire(n))
		w := ask(h, "/v1/traces", contentJSON, strings.NewReader("{}"))
		require.Equal(t, http.StatusServiceUnavailable, w.Code, name)
		require.Equal(t, "1", w.Header().Get("Retry-After"))
		require.Contains(t, w.Body.String(), "later")
		of.Release(n)
		require.Equal(t, http.StatusOK, ask(h, "/v1/traces", contentJSON, strings.NewReader("{}")).Code, name)
	}
	idle(t, g)
}

// TestGrowing has a long body, whose length is not known, find no more memory in the middle: it returns
// what it had.
func TestGrowing(t *testing.T) {
	g, _ := newTestGuard(t, nil)
	var got []byte
	h := before(t, g, &got)
	most := int64(defaultReceiving << 20)
	require.True(t, g.receiving.TryAcquire(most-firstPiece))
	w := ask(h, "/v1/traces", contentJSON, io.MultiReader(strings.NewReader(`{"x":"`+strings.Repeat("x", 20_000)+`"}`)))
	require.Equal(t, http.StatusServiceUnavailable, w.Code)
	g.receiving.Release(most - firstPiece)
	idle(t, g)
}

// TestBodiesAreApart: the memory of bodies is used again, and no receiver sees bytes of another request.
func TestBodiesAreApart(t *testing.T) {
	g, _ := newTestGuard(t, nil)
	wrap, err := g.GetHTTPHandler(t.Context())
	require.NoError(t, err)
	h, err := wrap(t.Context(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(w, r.Body)
		assert.NoError(t, err)
	}))
	require.NoError(t, err)
	var all sync.WaitGroup
	for sender := range 8 {
		all.Go(func() {
			for i := range 15 {
				n := 1000 + (sender*15+i)*9973%(3*largestPiece)
				sent := `{"x":"` + strings.Repeat(string(rune('a'+sender)), n) + `"}`
				if i%5 == 4 {
					sent = sent[:len(sent)-1] // refused
				}
				var body io.Reader = strings.NewReader(sent)
				if i%2 == 0 {
					body = io.MultiReader(body) // of unknown length
				}
				w := ask(h, "/v1/traces", contentJSON, body)
				if i%5 == 4 {
					assert.Equal(t, http.StatusBadRequest, w.Code)
				} else {
					assert.True(t, w.Body.String() == sent, "what arrived is not what was sent")
				}
			}
		})
	}
	all.Wait()
	idle(t, g)
}

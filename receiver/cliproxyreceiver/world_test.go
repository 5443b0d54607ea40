package cliproxyreceiver

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/receiver/cliproxyreceiver/internal/metadata"
)

const managementKey = "management-key-of-the-tests"

// pipeline is the consumer behind the receiver: it counts what it accepts, and fails on demand.
type pipeline struct {
	mu       sync.Mutex
	accepted map[string]int // by span id
	traces   []ptrace.Traces
	fail     func(ptrace.Traces) error
}

func newPipeline() *pipeline { return &pipeline{accepted: map[string]int{}} }

func (p *pipeline) Capabilities() consumer.Capabilities {
	return consumer.Capabilities{MutatesData: true}
}

func (p *pipeline) ConsumeTraces(_ context.Context, td ptrace.Traces) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		if err := p.fail(td); err != nil {
			td.ResourceSpans().RemoveIf(func(ptrace.ResourceSpans) bool { return true }) // as a consumer may that mutates
			return err
		}
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				p.accepted[s.SpanID().String()]++
			}
		}
	}
	p.traces = append(p.traces, td)
	return nil
}

func (p *pipeline) set(fail func(ptrace.Traces) error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = fail
}
func (p *pipeline) len() int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.accepted) }

// mostOften is how often the span came that came most often.
func (p *pipeline) mostOften() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, times := range p.accepted {
		n = max(n, times)
	}
	return n
}

// world is a receiver with what is around it.
type world struct {
	t      *testing.T
	proxy  *cliproxytest.Proxy
	next   *pipeline
	config *Config
	dir    string // of the storage
	tel    *componenttest.Telemetry
	logs   *observer.ObservedLogs

	r    receiver.Traces
	exts map[component.ID]component.Component
	also map[component.ID]component.Component // extensions besides the storage

	mu       sync.Mutex
	statuses []*componentstatus.Event
}

var storageID = component.MustNewID("file_storage")

func newWorld(t *testing.T, o cliproxytest.Options) *world {
	if o.Key == "" {
		o.Key = managementKey
	}
	w := &world{t: t, proxy: cliproxytest.Start(t, o), next: newPipeline(), dir: t.TempDir(), tel: componenttest.NewTelemetry()}
	t.Cleanup(func() { _ = w.tel.Shutdown(context.Background()) })
	p := defaultProxy()
	p.HTTP.Endpoint, p.ManagementKey, p.Name = w.proxy.URL(), managementKey, "main"
	p.MinInterval, p.MaxInterval = 5*time.Millisecond, 20*time.Millisecond
	p.CheckInterval = 10 * time.Millisecond
	w.config = createDefaultConfig().(*Config)
	w.config.Proxies = []ProxyConfig{p}
	w.config.Storage = &storageID
	w.config.Retry = RetryConfig{InitialInterval: time.Millisecond, MaxInterval: 5 * time.Millisecond}
	return w
}

func (w *world) GetExtensions() map[component.ID]component.Component { return w.exts }

func (w *world) Report(e *componentstatus.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.statuses = append(w.statuses, e)
}

func (w *world) lastStatus() *componentstatus.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.statuses) == 0 {
		return componentstatus.NewEvent(componentstatus.StatusOK)
	}
	return w.statuses[len(w.statuses)-1]
}

// start starts the receiver on the storage's folder, as a new process does.
func (w *world) start() {
	w.t.Helper()
	f := filestorage.NewFactory()
	cfg := f.CreateDefaultConfig().(*filestorage.Config)
	cfg.Directory = w.dir
	cfg.Compaction.Directory = w.dir
	ext, err := f.Create(context.Background(), extensiontest.NewNopSettings(f.Type()), cfg)
	require.NoError(w.t, err)
	w.startWith(ext)
}

func (w *world) startWith(ext extension.Extension) {
	w.t.Helper()
	require.NoError(w.t, w.config.Validate())
	w.exts = map[component.ID]component.Component{storageID: ext}
	maps.Copy(w.exts, w.also)
	w.mu.Lock()
	w.statuses = nil
	w.mu.Unlock()
	set := receivertest.NewNopSettings(metadata.Type)
	set.ID = component.NewID(metadata.Type)
	set.TelemetrySettings = w.tel.NewTelemetrySettings()
	core, logs := observer.New(zapcore.DebugLevel)
	w.logs = logs
	set.Logger = zap.New(core)
	r, err := NewFactory().CreateTraces(context.Background(), set, w.config, w.next)
	require.NoError(w.t, err)
	require.NoError(w.t, r.Start(context.Background(), w))
	w.r = r
	w.t.Cleanup(w.stop)
}

func (w *world) stop() {
	if w.r != nil {
		require.NoError(w.t, w.r.Shutdown(context.Background()))
		w.r = nil
	}
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); !is(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			var said string
			for _, l := range w.logs.All() {
				said += l.Message + fmt.Sprint(l.ContextMap()) + "\n"
			}
			require.Fail(w.t, "not in time: "+what, "accepted %d; %s", w.next.len(), said)
		}
	}
}

// metric sums a metric's points that have the attributes.
func (w *world) metric(name string, with ...string) (sum int64) {
	w.t.Helper()
	m, err := w.tel.GetMetric("otelcol_" + name)
	if err != nil {
		return 0
	}
	var points []metricdata.DataPoint[int64]
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		points = d.DataPoints
	case metricdata.Gauge[int64]:
		points = d.DataPoints
	}
	for _, p := range points {
		fits := true
		for i := 0; i < len(with); i += 2 {
			v, _ := p.Attributes.Value(attributeKey(with[i]))
			fits = fits && v.AsString() == with[i+1]
		}
		if fits {
			sum += p.Value
		}
	}
	return sum
}

// events makes n events with ids from first on.
func events(first, n int) (out []string) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for i := first; i < first+n; i++ {
		out = append(out, fmt.Sprintf(`{"timestamp":%q,"latency_ms":5,"auth_index":"552621c7783b2593","tokens":{"input_tokens":%d,"output_tokens":7,"total_tokens":%d},`+
			`"provider":"openai","model":"gpt-4o-mini","endpoint":"POST /v1/chat/completions","api_key":"sk-alice-0123456789","request_id":"r%d"}`,
			at.Add(time.Duration(i)*time.Millisecond).Format(time.RFC3339Nano), i+1, i+8, i))
	}
	return out
}

package cliproxyreceiver

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/storage/filestorage"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/receiver/cliproxyreceiver/internal/metadata"
)

const managementKey = "management-key-of-the-tests"

// pipeline is what stands behind the receiver: it counts what it accepts, and fails when told to.
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

func TestEventsArriveOnce(t *testing.T) {
	for name, o := range map[string]cliproxytest.Options{
		"v7": {Release: "7.2.140"}, "v6": {NoCounters: true, NoRESP: true}, "v8": {OnlyV8: true}, "slow bcrypt": {Delay: 30 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, o)
			w.config.Proxies[0].MaxEvents = 40
			w.start()
			w.proxy.Emit(events(0, 150)...)
			w.eventually("all events", func() bool { return w.next.len() == 150 })
			w.eventually("an empty backlog", func() bool { return w.metric("receiver_cliproxy_backlog_events") == 0 })
			require.Equal(t, 1, w.next.mostOften())
			require.EqualValues(t, 150, w.metric("receiver_cliproxy_events", "proxy", "main"))
			require.EqualValues(t, 1, w.metric("receiver_cliproxy_up"))
			require.EqualValues(t, 150, w.metric("receiver_accepted_spans"))
			require.Zero(t, w.metric("receiver_cliproxy_gaps"))
			w.stop()
			require.Zero(t, w.proxy.Queued())
		})
	}
}

func TestPullsSeldomWhenIdle(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	p := &w.config.Proxies[0]
	p.MinInterval, p.MaxInterval, p.CheckInterval = 10*time.Millisecond, 10*time.Second, 0
	began := time.Now()
	w.start()
	w.eventually("the first pulls", func() bool { return w.proxy.Pulls() >= 3 })
	time.Sleep(300 * time.Millisecond)
	pulls := w.proxy.Pulls()
	took := time.Since(began) // however long that is
	most, at := 3, time.Duration(0)
	for pause := p.MinInterval; at < took; pause += pause / 2 { // 10, 15, 22, 34, 51, 76, 114 ms ... between them
		at += pause
		most++
	}
	require.LessOrEqual(t, pulls, most)
}

// TestDownstreamErrors: a pipeline that fails again and again loses nothing and sees nothing twice.
func TestDownstreamErrors(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	w.config.Proxies[0].MaxEvents = 10
	n := 0
	w.next.set(func(ptrace.Traces) error {
		if n++; n%3 != 0 {
			return errors.New("busy")
		}
		return nil
	})
	w.start()
	w.proxy.Emit(events(0, 200)...)
	w.eventually("all events", func() bool { return w.next.len() == 200 })
	require.Equal(t, 1, w.next.mostOften())
}

// TestRefusedForGood: what the pipeline refuses for good takes no other events with it, and is kept: the
// fault may be the pipeline's.
func TestRefusedForGood(t *testing.T) {
	for name, bad := range map[string]func(input int64) bool{
		"one event":  func(input int64) bool { return input == 5 },
		"all events": func(int64) bool { return true },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, cliproxytest.Options{})
			w.next.set(func(td ptrace.Traces) error {
				for _, s := range td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().All() {
					if v, _ := s.Attributes().Get("gen_ai.usage.input_tokens"); bad(v.Int()) {
						return consumererror.NewPermanent(errors.New("not this one"))
					}
				}
				return nil
			})
			w.proxy.Emit(events(0, 20)...)
			w.start()
			w.eventually("refusals", func() bool { return w.metric("receiver_cliproxy_refused_events") > 40 })
			if name == "one event" {
				require.Equal(t, 19, w.next.len())
				w.proxy.Emit(events(100, 1)...)
				w.eventually("what comes later", func() bool { return w.next.len() == 20 })
				require.EqualValues(t, 1, w.metric("receiver_cliproxy_backlog_events"))
			} else {
				require.EqualValues(t, 20, w.metric("receiver_cliproxy_backlog_events"))
				w.proxy.Emit(events(100, 1)...)
			}
			w.stop()
			require.LessOrEqual(t, w.logs.FilterMessage("events wait to be delivered").Len(), 10, "said when it changes")
			w.next.set(nil)
			w.start()
			w.eventually("all events", func() bool { return w.next.len() == 21 })
			require.Equal(t, 1, w.next.mostOften())
			w.eventually("an empty backlog", func() bool { return w.metric("receiver_cliproxy_backlog_events") == 0 })
		})
	}
}

// TestRestart: what was popped and not accepted survives restarts of the receiver.
func TestRestart(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	w.config.Proxies[0].MaxEvents = 7
	w.next.set(func(ptrace.Traces) error { return errors.New("down") })
	total := 0
	for range 5 {
		w.start()
		w.proxy.Emit(events(total, 30)...)
		total += 30
		w.eventually("the queue's end", func() bool { return w.proxy.Queued() == 0 })
		w.stop()
	}
	require.Zero(t, w.next.len())
	w.next.set(nil)
	w.start()
	w.eventually("all events", func() bool { return w.next.len() == total })
	require.Equal(t, 1, w.next.mostOften())
	w.stop()
	w.start()
	w.eventually("two more pulls", func() bool { return w.proxy.Pulls() > 2 })
	require.Equal(t, 1, w.next.mostOften(), "what was accepted is not delivered again")
}

// TestShutdownDuringPull: an answer that is on its way when the receiver stops is kept.
func TestShutdownDuringPull(t *testing.T) {
	for range 20 {
		w := newWorld(t, cliproxytest.Options{Delay: 3 * time.Millisecond})
		w.start()
		w.proxy.Emit(events(0, 10)...)
		w.stop()
		w.start()
		w.eventually("all events", func() bool { return w.next.len() == 10 })
		require.Equal(t, 1, w.next.mostOften())
		w.stop()
	}
}

// TestWrongKey: one refusal ends it; the address is not banned.
func TestWrongKey(t *testing.T) {
	for _, mode := range []string{modeAuto, modePull, modeSubscribe} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, cliproxytest.Options{Key: "another-key"})
			w.config.Proxies[0].Mode = mode
			w.proxy.Emit(events(0, 3)...)
			w.start()
			w.eventually("the final status", func() bool { return w.lastStatus().Status() == componentstatus.StatusPermanentError })
			require.ErrorContains(t, w.lastStatus().Err(), "check management_key")
			require.NotContains(t, w.lastStatus().Err().Error(), managementKey)
			time.Sleep(50 * time.Millisecond)
			require.Equal(t, 1, w.proxy.Asked(), "requests with a wrong key")
			require.False(t, w.proxy.Banned())
			require.Equal(t, 3, w.proxy.Queued())
		})
	}
}

// TestManagementDisabled: a proxy without a management key is asked on, for it may get one.
func TestManagementDisabled(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	w.proxy.Set(func(o *cliproxytest.Options) { o.Key = "" })
	w.start()
	w.eventually("the status", func() bool { return w.lastStatus().Status() == componentstatus.StatusRecoverableError })
	require.ErrorContains(t, w.lastStatus().Err(), "remote-management::secret-key")
	require.Zero(t, w.metric("receiver_cliproxy_up"))
	w.proxy.Set(func(o *cliproxytest.Options) { o.Key = managementKey })
	w.proxy.Emit(events(0, 3)...)
	w.eventually("events", func() bool { return w.next.len() == 3 })
	w.eventually("good health", func() bool { return w.lastStatus().Status() == componentstatus.StatusOK })
}

func TestStatistics(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{StatisticsOff: true})
	w.start()
	w.eventually("the status", func() bool { return w.lastStatus().Status() == componentstatus.StatusRecoverableError })
	require.ErrorContains(t, w.lastStatus().Err(), "usage-statistics-enabled")
	w.stop()
	w.config.Proxies[0].EnableUsageStatistics = true
	w.start()
	w.eventually("statistics turned on", func() bool { w.proxy.Emit(events(0, 1)...); return w.next.len() == 1 })
	w.eventually("good health", func() bool { return w.lastStatus().Status() == componentstatus.StatusOK })
}

// TestProxyRestarts: what its queue held is lost, and that is said; what comes later is not.
func TestProxyRestarts(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{Release: "7.2.1"})
	w.start()
	w.proxy.Emit(events(0, 3)...)
	w.eventually("events", func() bool { return w.next.len() == 3 })
	w.proxy.Down()
	w.eventually("the status", func() bool { return w.lastStatus().Status() == componentstatus.StatusRecoverableError })
	require.Zero(t, w.metric("receiver_cliproxy_up"))
	w.proxy.Up()
	w.proxy.Emit(events(10, 3)...)
	w.eventually("events", func() bool { return w.next.len() == 6 })
	w.eventually("good health", func() bool { return w.lastStatus().Status() == componentstatus.StatusOK })
	require.EqualValues(t, 1, w.metric("receiver_cliproxy_gaps", "reason", gapUnreachable))
	require.EqualValues(t, 1, w.metric("receiver_cliproxy_reconnects"))
	w.proxy.Set(func(o *cliproxytest.Options) { o.Release = "7.2.2" })
	w.eventually("another version", func() bool { return w.metric("receiver_cliproxy_gaps", "reason", gapRestarted) == 1 })
}

func TestLateAfterOwnDowntime(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	p := &w.config.Proxies[0]
	p.Retention, p.MinInterval, p.MaxInterval = 200*time.Millisecond, time.Millisecond, 2*time.Millisecond
	w.start()
	w.eventually("pulls", func() bool { return w.proxy.Pulls() > 3 })
	w.stop()
	before := w.metric("receiver_cliproxy_gaps", "reason", gapLate)
	time.Sleep(250 * time.Millisecond)
	w.start()
	w.eventually("the gap", func() bool { return w.metric("receiver_cliproxy_gaps", "reason", gapLate) > before })
}

// TestCutAnswer: of an answer that breaks off, the events that came whole are kept.
func TestCutAnswer(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	all := events(0, 5)
	w.proxy.CutNext(len(all[0]) + len(all[1]) + len(all[2])/2)
	w.proxy.Emit(all...)
	w.start()
	w.eventually("the whole ones", func() bool { return w.next.len() == 2 })
	w.eventually("the gap", func() bool { return w.metric("receiver_cliproxy_gaps", "reason", gapAnswerCut) == 1 })
	w.proxy.Emit(events(10, 2)...)
	w.eventually("what comes later", func() bool { return w.next.len() == 4 })
}

func TestUnreadableEvents(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	w.proxy.Emit(events(0, 1)[0], `{"no":"time"}`, `17`, events(1, 1)[0])
	w.start()
	w.eventually("the good ones", func() bool { return w.next.len() == 2 })
	require.EqualValues(t, 2, w.metric("receiver_cliproxy_unreadable_events"))
}

// TestBacklogFull: a receiver that cannot deliver leaves the events in the proxy.
func TestBacklogFull(t *testing.T) {
	for _, mode := range []string{modePull, modeSubscribe} {
		t.Run(mode, func(t *testing.T) {
			w := newWorld(t, cliproxytest.Options{})
			w.config.MaxBacklog = 20
			w.config.Proxies[0].MaxEvents, w.config.Proxies[0].Mode = 10, mode
			w.next.set(func(ptrace.Traces) error { return errors.New("down") })
			w.proxy.Emit(events(0, 50)...)
			w.start()
			if mode == modePull {
				w.eventually("the status", func() bool {
					err := w.lastStatus().Err()
					return err != nil && errors.Is(err, errBacklogFull)
				})
				time.Sleep(30 * time.Millisecond)
				require.Equal(t, 30, w.proxy.Queued(), "they stay where they are")
			} else { // the queue must be emptied before a subscription, and is queued again when that ends
				w.eventually("the end of the subscription", func() bool { return w.metric("receiver_cliproxy_backlog_events") >= 20 && w.proxy.Subscribers() == 0 })
				w.proxy.Emit(events(50, 5)...)
				require.GreaterOrEqual(t, w.proxy.Queued(), 5)
			}
			w.next.set(nil)
			want := map[string]int{modePull: 50, modeSubscribe: 55}[mode]
			w.eventually("all", func() bool { return w.next.len() == want })
			require.Equal(t, 1, w.next.mostOften())
		})
	}
}

func TestTwoProxies(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	other := cliproxytest.Start(t, cliproxytest.Options{Key: "wrong for us"})
	third := cliproxytest.Start(t, cliproxytest.Options{Key: managementKey})
	for name, p := range map[string]*cliproxytest.Proxy{"other": other, "third": third} {
		c := w.config.Proxies[0]
		c.Name, c.HTTP.Endpoint = name, p.URL()
		w.config.Proxies = append(w.config.Proxies, c)
	}
	w.start()
	w.proxy.Emit(events(0, 10)...)
	third.Emit(events(0, 10)...) // the same events of another proxy are others
	w.eventually("all", func() bool { return w.next.len() == 20 })
	w.eventually("the final status", func() bool { return w.lastStatus().Status() == componentstatus.StatusPermanentError })
	require.EqualValues(t, 2, w.metric("receiver_cliproxy_up"))
	require.Equal(t, 1, other.Asked())
}

// brokenStorage fails when told to.
type brokenStorage struct {
	component.StartFunc
	component.ShutdownFunc
	memory
	broken func() bool
}

func (s *brokenStorage) GetClient(context.Context, component.Kind, component.ID, string) (storage.Client, error) {
	return s, nil
}

func (s *brokenStorage) Batch(ctx context.Context, ops ...*storage.Operation) error {
	if s.broken() {
		return errors.New("no space left on device")
	}
	return s.memory.Batch(ctx, ops...)
}

// TestStorageFails: what cannot be stored is delivered at once.
func TestStorageFails(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	var mu sync.Mutex
	broken := true
	s := &brokenStorage{memory: memory{entries: map[string][]byte{}}, broken: func() bool { mu.Lock(); defer mu.Unlock(); return broken }}
	w.proxy.Emit(events(0, 10)...)
	w.startWith(s)
	w.eventually("events", func() bool { return w.next.len() == 10 })
	mu.Lock()
	broken = false
	mu.Unlock()
	w.proxy.Emit(events(10, 10)...)
	w.eventually("events", func() bool { return w.next.len() == 20 })
	require.Equal(t, 1, w.next.mostOften())
	require.Zero(t, w.metric("receiver_cliproxy_lost_events"))
}

func TestStorageMissing(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	other := component.MustNewID("elsewhere")
	w.config.Storage = &other
	r, err := NewFactory().CreateTraces(context.Background(), receivertest.NewNopSettings(metadata.Type), w.config, w.next)
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(context.Background(), w), "there is no extension elsewhere")
	w.exts = map[component.ID]component.Component{other: w.r}
	require.ErrorContains(t, r.Start(context.Background(), w), "is no storage")
	require.NoError(t, r.Shutdown(context.Background()))
}

// TestShownToTheConsole: the store's board tells how each proxy fares, while the receiver runs.
func TestShownToTheConsole(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{Release: "7.2.1"})
	id := component.MustNewID("tokenstore")
	w.config.Quality = &id
	r, err := NewFactory().CreateTraces(context.Background(), receivertest.NewNopSettings(metadata.Type), w.config, w.next)
	require.NoError(t, err)
	ext := &brokenStorage{memory: memory{entries: map[string][]byte{}}, broken: func() bool { return false }}
	w.exts = map[component.ID]component.Component{storageID: ext}
	require.ErrorContains(t, r.Start(context.Background(), w), `quality: no tokenstore extension "tokenstore" is running`)
	store := &tokenstoreextension.Store{}
	w.exts[id] = store
	r, err = NewFactory().CreateTraces(context.Background(), receivertest.NewNopSettings(metadata.Type), w.config, w.next)
	require.NoError(t, err)
	w.proxy.Emit(append(events(0, 3), "17")...)
	require.NoError(t, r.Start(context.Background(), w))
	_, w.logs = observer.New(zapcore.DebugLevel)
	shown := func() sources.State {
		if all := store.Sources().States(); len(all) == 1 {
			return all[0]
		}
		return sources.State{}
	}
	w.eventually("the state", func() bool { return shown().Events == 4 && shown().Waiting == 0 && shown().Up })
	s := shown()
	require.Equal(t, []any{"cliproxy", "main", "7.2.1", int64(1), ""}, []any{s.Kind, s.Name, s.Version, s.Unreadable, s.Trouble})
	require.False(t, s.LastContact.IsZero() || s.LastEvent.IsZero())
	w.proxy.Down()
	w.eventually("the trouble", func() bool { return !shown().Up && shown().Trouble != "" })
	require.NoError(t, r.Shutdown(context.Background()))
	require.Empty(t, store.Sources().States())
}

func TestStorageFiles(t *testing.T) {
	w := newWorld(t, cliproxytest.Options{})
	w.config.Proxies[0].Name = "../../etc/passwd"
	w.start()
	w.stop()
	files, err := filepath.Glob(filepath.Join(w.dir, "*"))
	require.NoError(t, err)
	require.Len(t, files, 1, "the name of a proxy is no path")
}

package cliproxyreceiver

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/receiver/cliproxyreceiver/internal/metadata"
)

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
	w.eventually("both up", func() bool { return w.metric("receiver_cliproxy_up") == 2 }) // an answer's events come before it is noted
	require.Equal(t, 1, other.Asked())
}

// brokenStorage fails on demand.
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

// TestShownToTheConsole: the store's board has the state of each proxy, while the receiver runs.
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

package cliproxyreceiver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/extension/xextension/storage"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/receiver/cliproxyreceiver/internal/metadata"
)

// cliproxyReceiver runs a feed for each proxy from Start to Shutdown.
type cliproxyReceiver struct {
	set       receiver.Settings
	config    *Config
	next      consumer.Traces
	telemetry *metadata.TelemetryBuilder
	obs       *receiverhelper.ObsReport
	health    *health

	feeds   []*feed
	cancel  context.CancelFunc
	running sync.WaitGroup
	hide    []func() // end what the console shows
}

func newReceiver(set receiver.Settings, c *Config, next consumer.Traces) (*cliproxyReceiver, error) {
	tb, err := metadata.NewTelemetryBuilder(set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up the receiver's own metrics: %w", err)
	}
	obs, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{ReceiverID: set.ID, Transport: "http", ReceiverCreateSettings: set})
	if err != nil {
		return nil, fmt.Errorf("set up the receiver's own metrics: %w", err)
	}
	return &cliproxyReceiver{set: set, config: c, next: next, telemetry: tb, obs: obs}, nil
}

// Start opens the storage and begins to take events. It does not wait for the proxies. Where it fails, it
// releases what it has taken.
func (r *cliproxyReceiver) Start(ctx context.Context, host component.Host) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, r.release(ctx))
		}
	}()
	r.health = &health{host: host, troubles: map[string]error{}}
	for i := range r.config.Proxies {
		f, err := r.newFeed(ctx, host, &r.config.Proxies[i])
		if err != nil {
			return fmt.Errorf("proxy %s: %w", r.config.Proxies[i].name(), err)
		}
		r.feeds = append(r.feeds, f)
	}
	if err := errors.Join(r.observe(), r.show(host)); err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	for _, f := range r.feeds {
		r.running.Add(2)
		go func() {
			defer r.running.Done()
			f.run(running)
		}()
		go func() {
			defer r.running.Done()
			f.deliver(running)
		}()
	}
	return nil
}

func (r *cliproxyReceiver) newFeed(ctx context.Context, host component.Host, p *ProxyConfig) (*feed, error) {
	httpClient, err := p.HTTP.ToClient(ctx, host.GetExtensions(), r.set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up the HTTP client: %w", err)
	}
	probes, err := p.HTTP.ToClient(ctx, host.GetExtensions(), r.set.TelemetrySettings)
	if err != nil {
		return nil, fmt.Errorf("set up the HTTP client: %w", err)
	}
	client, err := cliproxy.New(p.options(httpClient, probes))
	if err != nil {
		return nil, err
	}
	var secure *tls.Config
	if strings.HasPrefix(p.HTTP.Endpoint, "https://") {
		if secure, err = p.HTTP.TLS.LoadTLSConfig(ctx); err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
	}
	store, err := r.storage(ctx, host, p.name())
	if err != nil {
		return nil, err
	}
	waiting, err := openBacklog(ctx, store)
	if err != nil {
		return nil, errors.Join(err, store.Close(ctx))
	}
	f := &feed{
		config: p, retry: r.config.Retry, maxBacklog: r.config.MaxBacklog, name: p.name(), client: client, tls: secure, backlog: waiting,
		turns: tokenstoreextension.Turns(host, r.task(p)), next: r.next, obs: r.obs, account: newAccount(r.telemetry, p.name()), health: r.health, logger: r.set.Logger.With(zap.String("proxy", p.name())),
	}
	f.loadQuotas(ctx)
	return f, nil
}

// task names the taking of a proxy's events, by the receiver and the proxy's address.
func (r *cliproxyReceiver) task(p *ProxyConfig) string {
	at := p.name()
	if u, err := url.Parse(p.HTTP.Endpoint); err == nil { // without what may be secret
		at = u.Host + u.Path
	}
	return "cliproxy/" + r.set.ID.String() + "/" + at
}

// storage opens the storage of one proxy.
func (r *cliproxyReceiver) storage(ctx context.Context, host component.Host, name string) (storage.Client, error) {
	if r.config.Storage == nil {
		return &memory{entries: map[string][]byte{}}, nil
	}
	ext, known := host.GetExtensions()[*r.config.Storage]
	if !known {
		return nil, fmt.Errorf("storage: there is no extension %s; add it under extensions and to service::extensions", r.config.Storage)
	}
	s, ok := ext.(storage.Extension)
	if !ok {
		return nil, fmt.Errorf("storage: extension %s is no storage; use file_storage", r.config.Storage)
	}
	client, err := s.GetClient(ctx, component.KindReceiver, r.set.ID, name)
	if err != nil {
		return nil, fmt.Errorf("storage: open %s: %w", r.config.Storage, err)
	}
	return client, nil
}

// observe serves the gauges.
func (r *cliproxyReceiver) observe() error {
	each := func(value func(*feed) int64) metric.Int64Callback {
		return func(_ context.Context, o metric.Int64Observer) error {
			for _, f := range r.feeds {
				o.Observe(value(f), f.account.label)
			}
			return nil
		}
	}
	return errors.Join(
		r.telemetry.RegisterReceiverCliproxyUpCallback(each(func(f *feed) int64 { return oneIf(f.account.shown().Up) })),
		r.telemetry.RegisterReceiverCliproxyOtherConsumerCallback(each(func(f *feed) int64 { return oneIf(f.account.shown().OtherConsumer) })),
		r.telemetry.RegisterReceiverCliproxyBacklogEventsCallback(each(func(f *feed) int64 { return int64(f.backlog.events()) })),
	)
}

func oneIf(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// show lets the console see how the proxies fare.
func (r *cliproxyReceiver) show(host component.Host) error {
	if r.config.Quality == nil {
		return nil
	}
	board, err := tokenstoreextension.Sources(*r.config.Quality, host)
	if err != nil {
		return fmt.Errorf("quality: %w", err)
	}
	for _, f := range r.feeds {
		r.hide = append(r.hide, board.Add(func() sources.State {
			s := f.account.shown()
			s.Waiting = int64(f.backlog.events())
			return s
		}))
	}
	return nil
}

// Shutdown stops taking events. A pull that is under way is waited for: the proxy has forgotten what
// is in its answer.
func (r *cliproxyReceiver) Shutdown(ctx context.Context) error {
	if r.cancel == nil {
		return nil
	}
	r.cancel()
	r.running.Wait()
	return r.release(ctx)
}

// release ends what is shown of the proxies and closes their storage. No feed runs any more, or yet.
func (r *cliproxyReceiver) release(ctx context.Context) error {
	for _, hide := range r.hide {
		hide()
	}
	r.hide = nil
	r.telemetry.Shutdown()
	var errs []error
	for _, f := range r.feeds {
		f.client.Close()
		errs = append(errs, f.backlog.client.Close(ctx))
	}
	r.feeds = nil
	return errors.Join(errs...)
}

// options say how to reach a proxy.
func (p *ProxyConfig) options(client, probes *http.Client) cliproxy.Options {
	return cliproxy.Options{Endpoint: p.HTTP.Endpoint, Key: string(p.ManagementKey), API: cliproxy.API(p.API), HTTP: client, Probes: probes}
}

// health makes one status of the component from the states of its proxies.
type health struct {
	host component.Host

	mu       sync.Mutex
	troubles map[string]error // by proxy
	final    bool
}

// report says that a proxy is well (nil), in trouble, or, where final, that nothing but a restart helps.
func (h *health) report(proxy string, err error, final bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before := len(h.troubles)
	if err == nil {
		delete(h.troubles, proxy)
	} else {
		err = fmt.Errorf("proxy %s: %w", proxy, err)
		h.troubles[proxy] = err
	}
	switch {
	case h.final: // no status comes after that
	case final:
		h.final = true
		componentstatus.ReportStatus(h.host, componentstatus.NewPermanentErrorEvent(err))
	case err != nil:
		componentstatus.ReportStatus(h.host, componentstatus.NewRecoverableErrorEvent(err))
	case before > 0 && len(h.troubles) == 0:
		componentstatus.ReportStatus(h.host, componentstatus.NewEvent(componentstatus.StatusOK))
	}
}

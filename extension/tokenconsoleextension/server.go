package tokenconsoleextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/alerting"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/alerts"
	"github.com/tokenboard/tokenboard/internal/console/keycheck"
	"github.com/tokenboard/tokenboard/internal/hangup"
	"github.com/tokenboard/tokenboard/internal/keysync"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/notify/queue"
	"github.com/tokenboard/tokenboard/internal/store"
)

// server is the extension: an HTTP server from Start to Shutdown.
type server struct {
	config   *Config
	set      extension.Settings
	http     *http.Server
	listener net.Listener
	console  *console.Console
	provided *http.Client     // asks the OpenID Connect provider; nil where there is none
	sync     *keysync.Sync    // nil where no proxy is configured
	alerts   *alerting.Engine // evaluates rules, and sends what they say
	serving  sync.WaitGroup

	receiving atomic.Bool // the receivers of the pipelines listen
}

var _ extensioncapabilities.Dependent = (*server)(nil)

// Dependencies makes the collector start the store and the authenticator first.
func (s *server) Dependencies() []component.ID {
	ids := []component.ID{s.config.Storage}
	if s.config.HTTP.Auth.HasValue() {
		ids = append(ids, s.config.HTTP.Auth.Get().Config.AuthenticatorID)
	}
	return ids
}

var _ extensioncapabilities.PipelineWatcher = (*server)(nil)

// Ready is called by the collector when the receivers of all pipelines have started, and listen. The console listens
// before that: it answers /ready with 503 until then.
func (s *server) Ready() error {
	s.receiving.Store(true)
	return nil
}

// NotReady is called before the receivers stop, so that load balancers stop sending to them.
func (s *server) NotReady() error {
	s.receiving.Store(false)
	return nil
}

// Start listens. Where it fails, it releases what it has taken.
func (s *server) Start(ctx context.Context, host component.Host) (err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, s.release())
		}
	}()
	l, err := tokenstoreextension.Get(s.config.Storage, host)
	if err != nil {
		return err
	}
	directory, err := tokenstoreextension.Directory(s.config.Storage, host)
	if err != nil {
		return err
	}
	options, err := s.options(ctx, host, l, directory)
	if err != nil {
		return err
	}
	if s.sync, err = s.keySync(ctx, l, directory); err != nil {
		return err
	}
	options.KeySync = s.sync
	notifications, err := s.notifications(l, directory, &options)
	if err != nil {
		return err
	}
	s.console = console.New(options)
	s.alerts = s.alerting(&options, notifications)
	s.http, err = s.config.HTTP.ToServer(ctx, host.GetExtensions(), s.set.TelemetrySettings, s.console.Handler())
	if err != nil {
		return fmt.Errorf("set up the console's server: %w", err)
	}
	s.http.ConnContext = hangup.Context
	s.listener, err = s.config.HTTP.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("console: listen on %s: %w; stop what uses the address, or set another endpoint", s.config.HTTP.NetAddr.Endpoint, err)
	}
	if options.SignIn != nil {
		if err := s.firstAdmin(ctx, os.Stderr); err != nil {
			return err
		}
	}
	if s.sync != nil {
		s.sync.Start()
	}
	s.alerts.Start()
	s.set.Logger.Info("console is open", zap.String("address", s.address()+"/console"))
	s.serving.Add(1)
	go func() {
		defer s.serving.Done()
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(fmt.Errorf("serve the console: %w", err)))
		}
	}()
	return nil
}

// options are the console's options, as configured.
func (s *server) options(ctx context.Context, host component.Host, l *ledger.Ledger, d store.Directory) (o console.Options, err error) {
	location, err := time.LoadLocation(s.config.Timezone)
	if err != nil {
		return o, fmt.Errorf("load the time zone: %w", err)
	}
	quota, err := s.config.Quota.read()
	if err != nil {
		return o, err
	}
	budgets, err := s.config.readBudgets()
	if err != nil {
		return o, err
	}
	o = console.Options{
		Budgets: budgets, Ledger: l, Directory: d, Logger: s.set.Logger, Version: s.set.BuildInfo.Version, Location: location,
		MaxKeys: s.config.Keys.Max, AuditMaxAge: s.config.Audit.MaxAge, AuditMax: s.config.Audit.MaxEntries,
		TraceURL: s.config.Links.TraceURL, GrafanaURL: s.config.Links.GrafanaURL, Quota: quota,
		Verify: keycheck.Options{
			Anonymous: s.config.Verify.Anonymous, Reservation: s.config.Verify.Reservation, Estimate: s.config.Verify.Estimate,
			Failures: s.config.Verify.FailuresPerMinute,
		},
		Receiving: s.receiving.Load,
	}
	if s.config.HTTP.CORS.HasValue() {
		o.Origins = s.config.HTTP.CORS.Get().AllowedOrigins
	}
	if err := s.signsPeopleIn(ctx, &o); err != nil {
		return o, err
	}
	o.Sources, err = tokenstoreextension.Sources(s.config.Storage, host)
	return o, err
}

// alerting makes the evaluation of alert rules. The process that evaluates them sends what they say.
func (s *server) alerting(o *console.Options, notifications *queue.Queue) *alerting.Engine {
	e := alerts.Evaluation(o.Ledger, o.Directory, s.console.Keys, s.console.Budgets, o.Location)
	e.Logger, e.Sources, e.Budgets = s.set.Logger, o.Sources, alerts.Budgets(s.console.Budgets)
	e.Beside, e.Wake = notifications.Run, notifications.Wake
	return alerting.New(e)
}

// release frees what Start allocated before it failed. Nothing is served yet.
func (s *server) release() (err error) {
	if s.listener != nil {
		err = s.listener.Close()
		s.listener = nil // Shutdown has nothing to do
	}
	if s.console != nil {
		s.console.Close()
	}
	if s.sync != nil {
		s.sync.Close()
	}
	if s.provided != nil {
		s.provided.CloseIdleConnections()
	}
	return err
}

// shutdownPatience is how long requests under way may take to end.
const shutdownPatience = 5 * time.Second

// Shutdown ends the requests under way and stops listening.
func (s *server) Shutdown(ctx context.Context) error {
	if s.listener == nil {
		return nil
	}
	s.alerts.Close()  // it asks the console for keys and budgets
	s.console.Close() // live streams would never end by themselves
	ctx, cancel := context.WithTimeout(ctx, shutdownPatience)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close() // an export that nobody reads must not hold up the rest
	}
	s.serving.Wait()
	if s.sync != nil {
		s.sync.Close()
	}
	if s.provided != nil {
		s.provided.CloseIdleConnections()
	}
	return err
}

package tokenconsoleextension

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensioncapabilities"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/console"
)

// server is the extension: an HTTP server from Start to Shutdown.
type server struct {
	config   *Config
	set      extension.Settings
	http     *http.Server
	listener net.Listener
	console  *console.Console
	serving  sync.WaitGroup
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

// Start listens.
func (s *server) Start(ctx context.Context, host component.Host) error {
	ledger, err := tokenstoreextension.Get(s.config.Storage, host)
	if err != nil {
		return err
	}
	location, err := time.LoadLocation(s.config.Timezone)
	if err != nil {
		return fmt.Errorf("load the time zone: %w", err)
	}
	var origins []string
	if s.config.HTTP.CORS.HasValue() {
		origins = s.config.HTTP.CORS.Get().AllowedOrigins
	}
	s.console = console.New(console.Options{
		Ledger: ledger, Logger: s.set.Logger, Version: s.set.BuildInfo.Version, Location: location,
		MaxKeys: s.config.Keys.Max, Open: !s.config.HTTP.Auth.HasValue(), Origins: origins,
		TraceURL: s.config.Links.TraceURL,
	})
	s.http, err = s.config.HTTP.ToServer(ctx, host.GetExtensions(), s.set.TelemetrySettings, s.console.Handler())
	if err != nil {
		return fmt.Errorf("set up the console's server: %w", err)
	}
	s.listener, err = s.config.HTTP.ToListener(ctx)
	if err != nil {
		return fmt.Errorf("console: listen on %s: %w; stop what uses the address, or set another endpoint", s.config.HTTP.NetAddr.Endpoint, err)
	}
	s.set.Logger.Info("console is open", zap.String("address", "http://"+s.listener.Addr().String()+"/console"))
	s.serving.Add(1)
	go func() {
		defer s.serving.Done()
		if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
			componentstatus.ReportStatus(host, componentstatus.NewFatalErrorEvent(fmt.Errorf("serve the console: %w", err)))
		}
	}()
	return nil
}

// shutdownPatience is how long requests under way may take to end.
const shutdownPatience = 5 * time.Second

// Shutdown ends the requests under way and stops listening.
func (s *server) Shutdown(ctx context.Context) error {
	if s.listener == nil {
		return nil
	}
	s.console.Close() // live streams would never end by themselves
	ctx, cancel := context.WithTimeout(ctx, shutdownPatience)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = s.http.Close() // an export that nobody reads must not hold up the rest
	}
	s.serving.Wait()
	return err
}

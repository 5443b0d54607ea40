package cliproxyreceiver

import (
	"context"
	"maps"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/receiver/cliproxyreceiver/internal/metadata"
)

// account counts what happens to a proxy's events, for the collector's metrics and for the console.
type account struct {
	telemetry *metadata.TelemetryBuilder
	proxy     string
	label     metric.MeasurementOption

	quotas sources.Quotas

	mu    sync.Mutex
	state sources.State
}

func newAccount(tb *metadata.TelemetryBuilder, proxy string) *account {
	return &account{
		telemetry: tb, proxy: proxy, label: metric.WithAttributeSet(attribute.NewSet(attribute.String("proxy", proxy))),
		state: sources.State{Kind: "cliproxy", Name: proxy, Gaps: map[string]int64{}},
	}
}

// note changes what the console shows.
func (a *account) note(change func(*sources.State)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(&a.state)
}

func (a *account) shown() sources.State {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.state
	s.Gaps = maps.Clone(s.Gaps)
	s.Accounts = a.quotas.All()
	return s
}

func (a *account) taken(ctx context.Context, n int) {
	a.telemetry.ReceiverCliproxyEvents.Add(ctx, int64(n), a.label)
	a.note(func(s *sources.State) { s.Events, s.LastEvent = s.Events+int64(n), time.Now() })
}

func (a *account) unreadable(ctx context.Context, n int) {
	a.telemetry.ReceiverCliproxyUnreadableEvents.Add(ctx, int64(n), a.label)
	a.note(func(s *sources.State) { s.Unreadable += int64(n) })
}

func (a *account) refused(ctx context.Context, n int) {
	a.telemetry.ReceiverCliproxyRefusedEvents.Add(ctx, int64(n), a.label)
}

func (a *account) lost(ctx context.Context, n int) {
	a.telemetry.ReceiverCliproxyLostEvents.Add(ctx, int64(n), a.label)
	a.note(func(s *sources.State) { s.Lost += int64(n) })
}

func (a *account) reconnected(ctx context.Context) {
	a.telemetry.ReceiverCliproxyReconnects.Add(ctx, 1, a.label)
}

func (a *account) gap(ctx context.Context, reason string) {
	a.telemetry.ReceiverCliproxyGaps.Add(ctx, 1, metric.WithAttributes(attribute.String("proxy", a.proxy), attribute.String("reason", reason)))
	a.note(func(s *sources.State) { s.Gaps[reason]++ })
}

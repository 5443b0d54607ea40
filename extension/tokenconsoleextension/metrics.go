package tokenconsoleextension

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/component"
)

// MetricsSource reads what a scrape of a console reads.
type MetricsSource struct {
	Gatherer prometheus.Gatherer
	Started  time.Time // of the console: counters of the process count since then
	// Leading reports whether this process leads those that share the store, all of which have the same series of calls.
	Leading func() bool
}

// Metrics finds the metrics of the console that is configured under an id, for components that emit them. Every call gives a
// source of its own, which notes by itself which series are new.
func Metrics(id component.ID, host component.Host) (MetricsSource, error) {
	ext, ok := host.GetExtensions()[id]
	if !ok {
		return MetricsSource{}, fmt.Errorf("no extension %q is running; add it to extensions and to service::extensions", id)
	}
	s, ok := ext.(interface{ metrics() (MetricsSource, bool) })
	if !ok {
		return MetricsSource{}, fmt.Errorf("extension %q is not a tokenconsole", id)
	}
	source, started := s.metrics()
	if !started {
		return MetricsSource{}, fmt.Errorf("extension %q has not started", id)
	}
	return source, nil
}

// metrics returns a source of the console's metrics, once it has started.
func (s *server) metrics() (MetricsSource, bool) {
	if s.console == nil {
		return MetricsSource{}, false
	}
	scrapes := s.console.Metrics()
	leading := func() bool { return scrapes.Ledger.Role().Leading }
	return MetricsSource{Gatherer: scrapes.Gatherer(), Started: scrapes.Started, Leading: leading}, true
}

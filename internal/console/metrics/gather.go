package metrics

import "github.com/prometheus/client_golang/prometheus"

// Gatherer returns what reads the metrics of a scrape, for those that are sent metrics. It sees series come and go by itself,
// apart from scrapes.
func (c *Handlers) Gatherer() prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(c))
	return registry
}

// SinceStart reports whether a metric, by its whole name, is a counter of the process. The other counters and the histograms
// are the ledger's: they go on after a restart.
func SinceStart(name string) bool {
	for _, d := range Defs {
		if MetricPrefix+d.Name == name {
			return d.Kind == counter && !d.Histogram && !d.Series
		}
	}
	return false
}

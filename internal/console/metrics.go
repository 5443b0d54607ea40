package console

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/ledger"
)

// scrapeLimit bounds the work for one scrape.
const scrapeLimit = 10 * time.Second

// metrics serves the ledger's sums to Prometheus. They come from the ledger, so that they survive
// restarts and equal what the API says.
func (c *Console) metrics() http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(newCollector(c))
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError, ErrorLog: zap.NewStdLog(c.o.Logger),
	})
}

type collector struct {
	console                                       *Console
	calls, errors, tokens, cost, noUsage, noPrice *prometheus.Desc
	records, bytes, lastCommit, events            *prometheus.Desc
}

func newCollector(c *Console) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("tokenboard_"+name, help, labels, nil)
	}
	model := []string{"provider", "model"}
	return &collector{
		console:    c,
		calls:      desc("calls_total", "Model calls, failed ones included.", model...),
		errors:     desc("errors_total", "Model calls that failed.", model...),
		tokens:     desc("tokens_total", "Tokens in disjoint kinds: their sum is the total.", append(model, "kind")...),
		cost:       desc("cost_usd_total", "Cost in US dollars of the calls whose cost is known.", model...),
		noUsage:    desc("calls_without_usage_total", "Model calls that told no token figures.", model...),
		noPrice:    desc("unpriced_calls_total", "Model calls with tokens whose cost is not known.", model...),
		records:    desc("store_records", "Stored call records, superseded ones included."),
		bytes:      desc("store_size_bytes", "Size of the database on disk."),
		lastCommit: desc("store_last_commit_timestamp_seconds", "Time of the last write."),
		events: desc("ledger_records_total", "Records since the start, by what became of them: duplicate, fuller (replaced an earlier delivery), "+
			"superseded (counted, then another stood for it), refused_old, refused_future, refused_bad, evicted (forgotten for lack of memory), dropped (by retention).", "outcome"),
	}
}

// Describe names the metrics.
func (m *collector) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

// Collect reads the ledger.
func (m *collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeLimit)
	defer cancel()
	l := m.console.o.Ledger
	status, err := l.Status(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.records, err)
		return
	}
	a, err := l.Query(ctx, ledger.Query{By: ledger.ByModel})
	if err != nil {
		ch <- prometheus.NewInvalidMetric(m.calls, err)
		return
	}
	for i := range a.Groups {
		m.model(ch, &a.Groups[i])
	}
	value := func(d *prometheus.Desc, t prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, t, v, labels...)
	}
	value(m.records, prometheus.GaugeValue, float64(status.Info.Records))
	value(m.bytes, prometheus.GaugeValue, float64(status.Info.Bytes))
	if !status.LastCommit.IsZero() {
		value(m.lastCommit, prometheus.GaugeValue, float64(status.LastCommit.UnixMilli())/1e3)
	}
	n := status.Counters
	for _, e := range []struct {
		outcome string
		n       int64
	}{
		{"duplicate", n.Duplicates}, {"fuller", n.Fuller}, {"superseded", n.Superseded}, {"refused_old", n.RefusedOld},
		{"refused_future", n.RefusedNew}, {"refused_bad", n.RefusedBad}, {"evicted", n.Evicted}, {"dropped", n.Dropped},
	} {
		value(m.events, prometheus.CounterValue, float64(e.n), e.outcome)
	}
}

func (m *collector) model(ch chan<- prometheus.Metric, g *ledger.Group) {
	s := &g.Points[0]
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, append([]string{g.Provider, g.Value}, labels...)...)
	}
	counter(m.calls, float64(s.Calls))
	counter(m.errors, float64(s.Errors))
	counter(m.cost, float64(s.Cost)/1e9)
	counter(m.noUsage, float64(s.NoUsage))
	counter(m.noPrice, float64(s.Unpriced))
	for kind, n := range map[string]int64{
		"input_uncached": s.Tokens.InputUncached, "cache_read": s.Tokens.CacheRead, "cache_write": s.Tokens.CacheWrite,
		"output_text": s.Tokens.OutputText, "reasoning": s.Tokens.Reasoning,
	} {
		counter(m.tokens, float64(n), kind)
	}
}

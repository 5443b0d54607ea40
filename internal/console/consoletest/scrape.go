package consoletest

import (
	"errors"
	"io"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/metrics"
)

// scraped is the answer to a scrape, as Prometheus asks for it where it wants native histograms too.
type scraped map[string]*dto.MetricFamily

// Scrape returns what a scrape of the metrics answers.
func (b *Bench) Scrape() scraped {
	b.T.Helper()
	const wanted = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	w := b.Do("GET", "/metrics", "", map[string]string{"Accept": wanted})
	require.Equal(b.T, 200, w.Code, w.Body.String())
	out := scraped{}
	d := expfmt.NewDecoder(w.Body, expfmt.ResponseFormat(w.Header()))
	for {
		f := &dto.MetricFamily{}
		err := d.Decode(f)
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(b.T, err)
		out[strings.TrimPrefix(f.GetName(), metrics.MetricPrefix)] = f
	}
}

// Labelled returns the metrics of a family that have labels, as name, value, ...
func (s scraped) Labelled(name string, labels ...string) (some []*dto.Metric) {
	for _, m := range s[name].GetMetric() {
		all := map[string]string{}
		for _, l := range m.Label {
			all[l.GetName()] = l.GetValue()
		}
		match := true
		for i := 0; i < len(labels); i += 2 {
			v, there := all[labels[i]]
			match = match && there && v == labels[i+1]
		}
		if match {
			some = append(some, m)
		}
	}
	return some
}

// Sum adds up the metrics that have labels.
func (s scraped) Sum(name string, labels ...string) (total float64) {
	for _, m := range s.Labelled(name, labels...) {
		total += m.GetCounter().GetValue() + m.GetGauge().GetValue()
	}
	return total
}

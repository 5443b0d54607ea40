package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// metricsSink is a backend that takes metrics over OTLP/HTTP.
type metricsSink struct {
	mu   sync.Mutex
	got  []pmetric.Metrics
	errs []error
}

func (s *metricsSink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	b, err := io.ReadAll(body)
	req := pmetricotlp.NewExportRequest()
	if err == nil {
		err = req.UnmarshalProto(b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil || r.URL.Path != "/v1/metrics" {
		s.errs = append(s.errs, fmt.Errorf("%s: %w", r.URL.Path, err))
	}
	s.got = append(s.got, req.Metrics())
	w.Header().Set("Content-Type", "application/x-protobuf")
	out, _ := pmetricotlp.NewExportResponse().MarshalProto()
	_, _ = w.Write(out)
}

// sums returns the sum over the series of a counter: of the last collection, and of all that came.
func (s *metricsSink) sums(name string, temporality pmetric.AggregationTemporality) (last, all float64, collections int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.got {
		last = 0
		for _, rm := range m.ResourceMetrics().All() {
			for _, sm := range rm.ScopeMetrics().All() {
				for _, one := range sm.Metrics().All() {
					if one.Name() != name || one.Sum().AggregationTemporality() != temporality {
						continue
					}
					for _, p := range one.Sum().DataPoints().All() {
						last += p.DoubleValue()
						all += p.DoubleValue()
					}
				}
			}
		}
	}
	return last, all, len(s.got)
}

// TestMetricsOverOTLP runs the example's configuration over the quickstart's, with backends that decode OTLP: cumulative sums
// are those of /metrics, also after a restart, and deltas add up to what came since the start.
func TestMetricsOverOTLP(t *testing.T) {
	whole, added := &metricsSink{}, &metricsSink{}
	cumulative, delta := httptest.NewServer(whole), httptest.NewServer(added)
	defer cumulative.Close()
	defer delta.Close()
	raw, err := os.ReadFile("../examples/otlp-metrics/metrics.yaml")
	require.NoError(t, err)
	text := string(raw)
	for name, value := range map[string]string{
		"${env:METRICS_INTERVAL:-60s}": "1s", "${env:METRICS_ENDPOINT:-http://127.0.0.1:9009/otlp}": cumulative.URL, "${env:DELTA_METRICS_ENDPOINT:-http://127.0.0.1:4328}": delta.URL,
	} {
		require.Contains(t, text, name)
		text = strings.ReplaceAll(text, name, value)
	}
	config := filepath.Join(t.TempDir(), "metrics.yaml")
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	dir := t.TempDir()
	begin := func() *process {
		return run(t, dir, "--config", "../examples/quickstart/config.yaml", "--config", config)
	}
	collected := func(n int) { // n collections from now on
		_, _, before := whole.sums("", 0)
		require.Eventually(t, func() bool { _, _, now := whole.sums("", 0); return now >= before+n }, time.Minute, 20*time.Millisecond)
	}
	p := begin()
	collected(2)
	require.True(t, p.send(t.Context(), "traces", []byte(mcpCall(time.Now()))))
	collected(3)
	for name, want := range map[string]float64{"tokenboard_calls_total": 1, "tokenboard_tokens_total": 1500, "tokenboard_cost_usd_total": 0.006} {
		last, _, _ := whole.sums(name, pmetric.AggregationTemporalityCumulative)
		require.Equal(t, want, last, name)
		require.Eventually(t, func() bool {
			_, all, _ := added.sums(name, pmetric.AggregationTemporalityDelta)
			return all == want
		}, time.Minute, 20*time.Millisecond, name)
	}
	p.stop(syscall.SIGTERM)

	p = begin()
	collected(3)
	second := strings.ReplaceAll(mcpCall(time.Now()), "eee19b7ec3c1b174", "eee19b7ec3c1b175")
	require.True(t, p.send(t.Context(), "traces", []byte(strings.ReplaceAll(second, "5b8efff798038103d269b633813fc60c", "5b8efff798038103d269b633813fc60d"))))
	collected(3)
	last, _, _ := whole.sums("tokenboard_calls_total", pmetric.AggregationTemporalityCumulative)
	require.Equal(t, 2.0, last, "the counters go on")
	require.Eventually(t, func() bool {
		_, all, _ := added.sums("tokenboard_calls_total", pmetric.AggregationTemporalityDelta)
		return all == 2
	}, time.Minute, 20*time.Millisecond, "nothing of before the restart comes again")
	p.stop(syscall.SIGTERM)
	require.Empty(t, whole.errs)
	require.Empty(t, added.errs)
}

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/stretchr/testify/require"
)

// counters are what a real Prometheus and the ledger's PromQL have to agree on, series by series. Histograms are not:
// a scrape keeps the times of calls that were superseded later, the ledger counts them once.
var counters = []string{
	"tokenboard_calls_total", "tokenboard_errors_total", "tokenboard_tokens_total", "tokenboard_cost_usd_total",
	"tokenboard_calls_without_usage_total", "tokenboard_unpriced_calls_total", "tokenboard_budget_limit_tokens",
	"tokenboard_budget_used_tokens", "tokenboard_budget_limit_usd", "tokenboard_budget_used_usd",
}

// requireSameCounters checks that a Prometheus that scraped a process and the PromQL of that process answer the same.
func (s *prometheusServer) requireSameCounters(p *process) {
	s.t.Helper()
	ledger := &prometheusServer{name: "ledger", t: s.t, url: p.console + "/prometheus"}
	values := func(from *prometheusServer, metric string) map[string]string {
		all, err := from.query("sum without (instance, job) ("+metric+")", false)
		require.NoError(s.t, err, metric)
		out := map[string]string{}
		for _, one := range all {
			name := ""
			for _, label := range slices.Sorted(maps.Keys(one.Metric)) {
				name += fmt.Sprintf("%s=%q ", label, one.Metric[label])
			}
			v, err := strconv.ParseFloat(fmt.Sprint(one.Value[1]), 64)
			require.NoError(s.t, err, metric)
			if v == 0 {
				continue // of a series whose calls were all superseded a scrape has a zero, the ledger has no series
			}
			out[name] = strconv.FormatFloat(v, 'f', 9, 64)
		}
		return out
	}
	for _, metric := range counters {
		want := values(s, metric)
		require.NotEmpty(s.t, want, metric)
		require.Equal(s.t, want, values(ledger, metric), metric)
	}
}

package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/stretchr/testify/require"
)

// counters are what a real Prometheus and the ledger's PromQL have to agree on, series by series.
var counters = []string{
	"tokenboard_calls_total", "tokenboard_errors_total", "tokenboard_tokens_total", "tokenboard_cost_usd_total", "tokenboard_calls_without_usage_total",
	"tokenboard_unpriced_calls_total", "tokenboard_call_duration_seconds_bucket", "tokenboard_call_duration_seconds_count",
	"tokenboard_time_to_first_token_seconds_bucket", "tokenboard_output_tokens_per_second_bucket", "tokenboard_budget_limit_tokens",
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
			if le, err := strconv.ParseFloat(one.Metric["le"], 64); err == nil {
				one.Metric["le"] = strconv.FormatFloat(le, 'g', -1, 64) // versions write bounds differently
			}
			name := ""
			for _, label := range slices.Sorted(maps.Keys(one.Metric)) {
				name += fmt.Sprintf("%s=%q ", label, one.Metric[label])
			}
			v, err := strconv.ParseFloat(fmt.Sprint(one.Value[1]), 64)
			require.NoError(s.t, err, metric)
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

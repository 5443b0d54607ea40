package boards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/tokenboard/tokenboard/dashboards/panels"
	"github.com/tokenboard/tokenboard/dashboards/queries"
)

func health() Board {
	selector := queries.ByInstance
	return Board{
		Name:        "collector-health",
		Title:       "Collector health",
		Description: "Whether telemetry arrives, and what limits the accuracy of the figures.",
		Sections: []Section{
			{
				Title: "Now",
				Panels: []panels.Panel{
					panels.Figures(panels.Look{Title: "Since the last write", Description: "Time since the last commit. It is long where no model is called, or where telemetry does not arrive.", Unit: units.DurationSeconds, Width: 6}, []panels.Query{{Expr: "time() - max(" + queries.Last("store_last_commit_timestamp_seconds", queries.ByInstance) + ")", Legend: "lag"}}, panels.Warning(3600, 86400)),
					panels.Figures(panels.Look{Title: "Records", Description: "Stored call records, superseded ones included.", Unit: units.Short, Width: 6}, []panels.Query{{Expr: "sum(" + queries.Last("store_records", queries.ByInstance) + ")", Legend: "records"}}, nil),
					panels.Figures(panels.Look{Title: "Database", Description: "Size of the database on disk.", Unit: units.BytesIEC, Width: 6}, []panels.Query{{Expr: "sum(" + queries.Last("store_size_bytes", queries.ByInstance) + ")", Legend: "size"}}, nil),
					panels.Figures(panels.Look{Title: "Series", Description: "Label combinations of the counters. Above series::max of the store (default 2,000) new ones are counted as other.", Unit: units.Short, Width: 6}, []panels.Query{{Expr: "max(" + queries.Last("series", queries.ByInstance) + ")", Legend: "series"}}, nil),
					panels.Figures(panels.Look{Title: "Calls without usage", Description: "Share of the calls in the range without token figures, failed ones included.", Unit: units.PercentUnit, Width: 6}, []panels.Query{{Expr: queries.Share(queries.InRange("calls_without_usage_total", queries.Of{Selector: selector}), queries.InRange("calls_total", queries.Of{Selector: selector})), Legend: "share"}}, panels.Warning(0.05, 0.2)),
					panels.Figures(panels.Look{Title: "Unpriced calls", Description: "Share of the calls in the range with tokens whose cost is not known.", Unit: units.PercentUnit, Width: 6}, []panels.Query{{Expr: queries.Share(queries.InRange("unpriced_calls_total", queries.Of{Selector: selector}), queries.InRange("calls_total", queries.Of{Selector: selector})), Legend: "share"}}, panels.Warning(0.01, 0.1)),
					panels.Figures(panels.Look{Title: "Refused records", Description: "Rejected records in the range: too old, from the future, or without identity or time.", Unit: units.Short, Width: 6}, []panels.Query{{Expr: queries.Counted("refused_records_total", queries.Of{Selector: selector}), Legend: "refused"}}, panels.Warning(1, 100)),
					panels.Figures(panels.Look{Title: "Answer to a scrape", Description: "How long Prometheus waited for the metrics.", Unit: units.Seconds, Width: 6}, []panels.Query{{Expr: "max(scrape_duration_seconds{" + selector + "} and on (instance, job) " + queries.Last("store_records", queries.ByInstance) + ")", Legend: "duration"}}, panels.Warning(1, 5)),
				},
			},
			{
				Title: "Arrivals",
				Panels: []panels.Panel{
					panels.Stacked(panels.Look{Title: "Calls received a minute, by service", Description: "Calls that count, by the service that reported them.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("calls_total", queries.Of{Selector: selector, By: []string{"service"}}) + " * 60", Legend: "{{service}}"}),
					panels.Graph(panels.Look{Title: "Batches written a minute", Description: "Requests with telemetry that were committed and acknowledged.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("commits_total", queries.Of{Selector: selector, By: []string{"instance"}}) + " * 60", Legend: "{{instance}}"}),
					panels.Graph(panels.Look{Title: "Records refused a minute, by reason", Description: "Too old: older than the retention. Future: further in the future than clocks usually deviate. Unusable: without identity or time.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("refused_records_total", queries.Of{Selector: selector, By: []string{"reason"}}) + " * 60", Legend: "{{reason}}"}),
					panels.Graph(panels.Look{Title: "Duplicate deliveries a minute", Description: "Duplicates changed nothing; more complete ones replaced an earlier delivery; superseded ones counted until another record of the same call arrived.", Unit: units.Short, Width: 12},
						panels.Query{Expr: queries.Rate("duplicate_records_total", queries.Of{Selector: selector}) + " * 60", Legend: "duplicate"},
						panels.Query{Expr: queries.Rate("fuller_records_total", queries.Of{Selector: selector}) + " * 60", Legend: "more complete"},
						panels.Query{Expr: queries.Rate("superseded_records_total", queries.Of{Selector: selector}) + " * 60", Legend: "superseded"},
					),
				},
			},
			{
				Title: "Limits",
				Panels: []panels.Panel{
					panels.Graph(panels.Look{Title: "Time since the last write", Description: "It grows while no telemetry arrives.", Unit: units.Seconds, Width: 12}, panels.Query{Expr: "time() - " + queries.Last("store_last_commit_timestamp_seconds", queries.ByInstance), Legend: "{{instance}}"}),
					panels.Graph(panels.Look{Title: "Database size", Description: "Size of the database on disk.", Unit: units.BytesIEC, Width: 12}, panels.Query{Expr: queries.Last("store_size_bytes", queries.ByInstance), Legend: "{{instance}}"}),
					panels.Graph(panels.Look{Title: "Records removed a minute", Description: "Records that retention removed. The counters keep what they counted.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("dropped_records_total", queries.Of{Selector: selector}) + " * 60", Legend: "removed"}),
					panels.Graph(panels.Look{Title: "Limits of memory reached, a minute", Description: "Evicted: spans that were removed from the correlation index, so that late records of their calls are not recognised (correlation::max_spans). Overflow: calls that some sums show as (other) (sums::max_values).", Unit: units.Short, Width: 12},
						panels.Query{Expr: queries.Rate("forgotten_spans_total", queries.Of{Selector: selector}) + " * 60", Legend: "evicted"},
						panels.Query{Expr: queries.Rate("folded_calls_total", queries.Of{Selector: selector}) + " * 60", Legend: "overflow"},
					),
				},
			},
		},
	}
}

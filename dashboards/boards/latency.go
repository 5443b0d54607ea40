package boards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/tokenboard/tokenboard/dashboards/panels"
	"github.com/tokenboard/tokenboard/dashboards/queries"
)

func latency() Board {
	quantiles := func(metric string) []panels.Query {
		return []panels.Query{
			{Expr: queries.Quantile(0.5, metric), Legend: "median"},
			{Expr: queries.Quantile(0.95, metric), Legend: "95 %"},
			{Expr: queries.Quantile(0.99, metric), Legend: "99 %"},
		}
	}
	return Board{
		Name:        "latency",
		Title:       "Latency",
		Description: "How long calls take, how long until the first token, and how fast models generate tokens. Works with classic and with native histograms.",
		Variables:   []string{"provider", "model"},
		Sections: []Section{
			{
				Title: "Time to first token",
				Panels: []panels.Panel{
					panels.Graph(panels.Look{Title: "Time to first token", Description: "The median, the 95th and the 99th percentile of the streamed calls.", Unit: units.Seconds, Width: 12}, quantiles("time_to_first_token_seconds")...),
					panels.Heat(panels.Look{Title: "Time to first token, all calls", Description: "How many calls a second had their first token after this time.", Unit: units.Seconds, Width: 12}, queries.Buckets("time_to_first_token_seconds")),
					panels.Graph(panels.Look{Title: "Time to first token, 95 % by model", Description: "95 % of the streamed calls of each model had their first token within this time.", Unit: units.Seconds, Width: 24}, panels.Query{Expr: queries.Quantile(0.95, "time_to_first_token_seconds", "model"), Legend: "{{model}}"}),
				},
			},
			{
				Title: "Duration",
				Panels: []panels.Panel{
					panels.Graph(panels.Look{Title: "Duration", Description: "The median, the 95th and the 99th percentile of the calls.", Unit: units.Seconds, Width: 12}, quantiles("call_duration_seconds")...),
					panels.Heat(panels.Look{Title: "Duration, all calls", Description: "How many calls a second took this time.", Unit: units.Seconds, Width: 12}, queries.Buckets("call_duration_seconds")),
					panels.Graph(panels.Look{Title: "Duration, 95 % by model", Description: "95 % of the calls of each model ended within this time.", Unit: units.Seconds, Width: 24}, panels.Query{Expr: queries.Quantile(0.95, "call_duration_seconds", "model"), Legend: "{{model}}"}),
				},
			},
			{
				Title: "Speed",
				Panels: []panels.Panel{
					panels.Graph(panels.Look{Title: "Output tokens a second", Description: "The 5th percentile, the median and the 95th percentile of the speed of a call, from its first token on.", Unit: panels.TokensPerSecond, Width: 12},
						panels.Query{Expr: queries.Quantile(0.05, "output_tokens_per_second"), Legend: "5 %"},
						panels.Query{Expr: queries.Quantile(0.5, "output_tokens_per_second"), Legend: "median"},
						panels.Query{Expr: queries.Quantile(0.95, "output_tokens_per_second"), Legend: "95 %"},
					),
					panels.Heat(panels.Look{Title: "Output tokens a second, all calls", Description: "How many calls a second wrote this fast.", Unit: panels.TokensPerSecond, Width: 12}, queries.Buckets("output_tokens_per_second")),
					panels.Graph(panels.Look{Title: "Output tokens a second, median by model", Description: "The median of each model.", Unit: panels.TokensPerSecond, Width: 24}, panels.Query{Expr: queries.Quantile(0.5, "output_tokens_per_second", "model"), Legend: "{{model}}"}),
				},
			},
		},
	}
}

package boards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/tokenboard/tokenboard/dashboards/panels"
	"github.com/tokenboard/tokenboard/dashboards/queries"
)

func models() Board {
	of := []string{"provider", "model"}
	return Board{
		Name:        "models",
		Title:       "Models",
		Description: "Usage, cost and speed of each model.",
		Variables:   allVariables,
		Sections: []Section{
			{
				Title: "In the range of time",
				Panels: []panels.Panel{
					panels.Rows(panels.Look{Title: "Models", Description: "All models in the range. A click leads to the calls in the console's log.", Unit: units.Short, Width: 24}, of, []panels.Column{
						{Name: "Cost", Expr: queries.InRange("cost_usd_total", queries.Of{By: of}), Unit: units.Dollars},
						{Name: "Calls", Expr: queries.Counted("calls_total", queries.Of{By: of}), Unit: units.Short},
						{Name: "Tokens", Expr: queries.Counted("tokens_total", queries.Of{By: of}), Unit: units.Short},
						{Name: "USD per million tokens", Expr: "1e6 * " + queries.InRange("cost_usd_total", queries.Of{By: of}) + " / (" + queries.InRange("tokens_total", queries.Of{By: of}) + " > 0)", Unit: units.Dollars},
						{Name: "Error share", Expr: queries.InRange("errors_total", queries.Of{By: of}) + " / (" + queries.InRange("calls_total", queries.Of{By: of}) + " > 0)", Unit: units.PercentUnit},
						{Name: "Without usage", Expr: queries.Counted("calls_without_usage_total", queries.Of{By: of}), Unit: units.Short},
						{Name: "Unpriced", Expr: queries.Counted("unpriced_calls_total", queries.Of{By: of}), Unit: units.Short},
					}, panels.ToLog(of, allVariables)),
				},
			},
			{
				Title: "Over time",
				Panels: []panels.Panel{
					panels.Stacked(panels.Look{Title: "Calls a minute, by model", Description: "Model calls, failed ones included.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("calls_total", queries.Of{By: []string{"model"}}) + " * 60", Legend: "{{model}}"}),
					panels.Stacked(panels.Look{Title: "Output tokens a minute, by model", Description: "Generated tokens, reasoning included.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("tokens_total", queries.Of{More: `kind=~"output_text|reasoning"`, By: []string{"model"}}) + " * 60", Legend: "{{model}}"}),
					panels.Stacked(panels.Look{Title: "Input tokens a minute, by model", Description: "Prompt tokens, from a cache or not.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("tokens_total", queries.Of{More: `kind=~"input_uncached|cache_read|cache_write"`, By: []string{"model"}}) + " * 60", Legend: "{{model}}"}),
					panels.Graph(panels.Look{Title: "Reasoning share of the output", Description: "Share of the output tokens that was reasoning, where the emitter reports it.", Unit: units.PercentUnit, Width: 12},
						panels.Query{Expr: queries.Share(queries.Rate("tokens_total", queries.Of{More: `kind="reasoning"`}), queries.Rate("tokens_total", queries.Of{More: `kind=~"output_text|reasoning"`})), Legend: "reasoning"},
					),
					panels.Graph(panels.Look{Title: "Error share, by model", Description: "Share of the calls of each model that failed.", Unit: units.PercentUnit, Width: 12}, panels.Query{Expr: queries.Rate("errors_total", queries.Of{By: []string{"model"}}) + " / " + queries.Rate("calls_total", queries.Of{By: []string{"model"}}), Legend: "{{model}}"}),
					panels.Graph(panels.Look{Title: "Output tokens a second, median by model", Description: "Speed of a call from its first token on. The histogram has the labels provider and model only: other filters do not apply.", Unit: panels.TokensPerSecond, Width: 12}, panels.Query{Expr: queries.Quantile(0.5, "output_tokens_per_second", "model"), Legend: "{{model}}"}),
				},
			},
		},
	}
}

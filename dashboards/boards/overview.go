package boards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/tokenboard/tokenboard/dashboards/panels"
	"github.com/tokenboard/tokenboard/dashboards/queries"
)

func overview() Board {
	return Board{
		Name:        "overview",
		Title:       "Overview",
		Description: "How many tokens were used, on which model, at what cost.",
		Variables:   allVariables,
		Sections:    []Section{ofRange(), allTime(), overTime(), largest()},
	}
}

// ofRange has the sums of the time range.
func ofRange() Section {
	const extrapolated = " The change is shown once Prometheus has watched the range before, too. Prometheus extrapolates from its scrapes; the console's figure is exact."
	pair := func(current string) []panels.Query {
		return []panels.Query{{Expr: current, Legend: "in the range"}, {Expr: queries.Change(current), Legend: "change"}}
	}
	counted := func(metric string) []panels.Query { return pair(queries.Counted(metric, queries.Of{})) }
	return Section{
		Title: "In the time range, and the change against the range before",
		Panels: []panels.Panel{
			panels.Figures(panels.Look{Title: "Calls", Description: "Model calls, failed ones included." + extrapolated, Unit: units.Short, Width: 6}, counted("calls_total"), nil),
			panels.Figures(panels.Look{Title: "Tokens", Description: "Input, output, cached and reasoning tokens, each counted once." + extrapolated, Unit: units.Short, Width: 6}, counted("tokens_total"), nil),
			panels.Figures(panels.Look{Title: "Cost", Description: "Cost of the calls whose cost is known." + extrapolated, Unit: units.Dollars, Width: 6}, pair(queries.InRange("cost_usd_total", queries.Of{})), nil),
			panels.Figures(panels.Look{Title: "Errors", Description: "Calls that failed." + extrapolated, Unit: units.Short, Width: 6}, counted("errors_total"), nil),
		},
	}
}

// allTime has the sums of all that was ever stored.
func allTime() Section {
	return Section{
		Title: "All time",
		Panels: []panels.Panel{
			panels.Figures(panels.Look{Title: "Calls, all time", Description: "All calls since the beginning: the last value of a counter that survives restarts, as the console shows it.", Unit: units.Short, Width: 6}, []panels.Query{{Expr: queries.AllTime("calls_total", queries.Of{}), Legend: "calls"}}, nil),
			panels.Figures(panels.Look{Title: "Tokens, all time", Description: "All tokens since the beginning: the last value of a counter that survives restarts, as the console shows it.", Unit: units.Short, Width: 6}, []panels.Query{{Expr: queries.AllTime("tokens_total", queries.Of{}), Legend: "tokens"}}, nil),
			panels.Figures(panels.Look{Title: "Cost, all time", Description: "Cost of all calls since the beginning whose cost is known.", Unit: units.Dollars, Width: 6}, []panels.Query{{Expr: queries.AllTime("cost_usd_total", queries.Of{}), Legend: "cost"}}, nil),
			panels.Figures(panels.Look{Title: "Errors, all time", Description: "All failed calls since the beginning.", Unit: units.Short, Width: 6}, []panels.Query{{Expr: queries.AllTime("errors_total", queries.Of{}), Legend: "errors"}}, nil),
		},
	}
}

// overTime has the graphs.
func overTime() Section {
	return Section{
		Title: "Over time",
		Panels: []panels.Panel{
			panels.Stacked(panels.Look{Title: "Cost an hour, by model", Description: "Cost of an hour at the current rate.", Unit: units.Dollars, Width: 12}, panels.Query{Expr: queries.Rate("cost_usd_total", queries.Of{By: []string{"model"}}) + " * 3600", Legend: "{{model}}"}),
			panels.Stacked(panels.Look{Title: "Tokens a minute, by model", Description: "Tokens of all kinds.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("tokens_total", queries.Of{By: []string{"model"}}) + " * 60", Legend: "{{model}}"}),
			panels.Stacked(panels.Look{Title: "Tokens a minute, by kind", Description: "The kinds are disjoint: together they are all tokens.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("tokens_total", queries.Of{By: []string{"kind"}}) + " * 60", Legend: "{{kind}}"}),
			panels.Graph(panels.Look{Title: "Cache-hit share", Description: "Share of the input tokens that was read from the provider's cache.", Unit: units.PercentUnit, Width: 12},
				panels.Query{Expr: queries.Share(queries.Rate("tokens_total", queries.Of{More: `kind="cache_read"`}), queries.Rate("tokens_total", queries.Of{More: `kind=~"input_uncached|cache_read|cache_write"`})), Legend: "cache hits"},
			),
			panels.Graph(panels.Look{Title: "Error share", Description: "Share of the calls that failed.", Unit: units.PercentUnit, Width: 12}, panels.Query{Expr: queries.Share(queries.Rate("errors_total", queries.Of{}), queries.Rate("calls_total", queries.Of{})), Legend: "errors"}),
			panels.Stacked(panels.Look{Title: "Failed calls a minute, by status", Description: "Failed calls by the class of their HTTP status; error where there is none.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("errors_total", queries.Of{By: []string{"status"}}) + " * 60", Legend: "{{status}}"}),
		},
	}
}

// largest has the models and keys with the highest cost.
func largest() Section {
	return Section{
		Title: "Highest cost",
		Panels: []panels.Panel{
			panels.Rows(panels.Look{Title: "Models", Description: "Models by their cost in the range. A click leads to the calls in the console's log.", Unit: units.Short, Width: 12}, []string{"provider", "model"}, []panels.Column{
				{Name: "Cost", Expr: queries.InRange("cost_usd_total", queries.Of{By: []string{"provider", "model"}}), Unit: units.Dollars},
				{Name: "Tokens", Expr: queries.Counted("tokens_total", queries.Of{By: []string{"provider", "model"}}), Unit: units.Short},
				{Name: "Calls", Expr: queries.Counted("calls_total", queries.Of{By: []string{"provider", "model"}}), Unit: units.Short},
			}, panels.ToLog([]string{"provider", "model"}, allVariables)),
			panels.Rows(panels.Look{Title: "Keys", Description: "Keys by their cost in the range. A click leads to the calls in the console's log.", Unit: units.Short, Width: 12}, []string{"key"}, []panels.Column{
				{Name: "Cost", Expr: queries.InRange("cost_usd_total", queries.Of{By: []string{"key"}}), Unit: units.Dollars},
				{Name: "Tokens", Expr: queries.Counted("tokens_total", queries.Of{By: []string{"key"}}), Unit: units.Short},
				{Name: "Calls", Expr: queries.Counted("calls_total", queries.Of{By: []string{"key"}}), Unit: units.Short},
			}, panels.ToLog([]string{"key"}, allVariables)),
		},
	}
}

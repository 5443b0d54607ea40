package boards

import (
	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/tokenboard/tokenboard/dashboards/panels"
	"github.com/tokenboard/tokenboard/dashboards/queries"
)

func keys() Board {
	of := []string{"key"}
	return Board{
		Name:        "keys-and-users",
		Title:       "Keys and users",
		Description: "Usage by API key. Users are not a label, because their number is unlimited: the console, to which the link above leads, shows them.",
		Variables:   allVariables,
		Sections: []Section{
			{
				Title: "Now",
				Panels: []panels.Panel{
					panels.Named(panels.Look{Title: "Keys by status", Description: "API keys by status.", Unit: units.Short, Width: 12}, panels.Query{Expr: "sum by (status) (" + queries.Last("keys", queries.ByInstance) + ")", Legend: "{{status}}"}),
					panels.Figures(panels.Look{Title: "Keys in use", Description: "Keys with calls in the range, external keys included.", Unit: units.Short, Width: 6}, []panels.Query{{Expr: "count(" + queries.InRange("calls_total", queries.Of{By: of, More: `key!=""`}) + " > 0) or vector(0)", Legend: "keys"}}, nil),
					panels.Figures(panels.Look{Title: "Calls without a key", Description: "Calls in the range without a key.", Unit: units.Short, Width: 6}, []panels.Query{{Expr: queries.Counted("calls_total", queries.Of{More: `key=""`}) + " or vector(0)", Legend: "calls"}}, nil),
				},
			},
			{
				Title: "In the range of time",
				Panels: []panels.Panel{
					panels.Rows(panels.Look{Title: "Keys", Description: "All keys in the range. A click leads to the calls in the console's log.", Unit: units.Short, Width: 24}, of, []panels.Column{
						{Name: "Cost", Expr: queries.InRange("cost_usd_total", queries.Of{By: of}), Unit: units.Dollars},
						{Name: "Calls", Expr: queries.Counted("calls_total", queries.Of{By: of}), Unit: units.Short},
						{Name: "Tokens", Expr: queries.Counted("tokens_total", queries.Of{By: of}), Unit: units.Short},
						{Name: "Errors", Expr: queries.Counted("errors_total", queries.Of{By: of}), Unit: units.Short},
						{Name: "Without usage", Expr: queries.Counted("calls_without_usage_total", queries.Of{By: of}), Unit: units.Short},
					}, panels.ToLog(of, allVariables)),
				},
			},
			{
				Title: "Over time",
				Panels: []panels.Panel{
					panels.Stacked(panels.Look{Title: "Cost an hour, the ten keys with the highest cost", Description: "Cost of an hour at the current rate. The ten are those of the whole range.", Unit: units.Dollars, Width: 12}, panels.Query{Expr: queries.Top(10, queries.Rate("cost_usd_total", queries.Of{By: of})+" * 3600", "cost_usd_total", queries.Of{By: of}), Legend: "{{key}}"}),
					panels.Stacked(panels.Look{Title: "Tokens a minute, the ten keys with most", Description: "Tokens of all kinds.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Top(10, queries.Rate("tokens_total", queries.Of{By: of})+" * 60", "tokens_total", queries.Of{By: of}), Legend: "{{key}}"}),
					panels.Stacked(panels.Look{Title: "Calls a minute, the ten keys with most", Description: "Model calls, failed ones included.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Top(10, queries.Rate("calls_total", queries.Of{By: of})+" * 60", "calls_total", queries.Of{By: of}), Legend: "{{key}}"}),
					panels.Stacked(panels.Look{Title: "Failed calls a minute, the ten keys with most", Description: "Calls that failed.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Top(10, queries.Rate("errors_total", queries.Of{By: of})+" * 60", "errors_total", queries.Of{By: of}), Legend: "{{key}}"}),
				},
			},
			{
				Title: "Services",
				Panels: []panels.Panel{
					panels.Stacked(panels.Look{Title: "Tokens a minute, by service", Description: "Tokens of all kinds, by the service that made the calls.", Unit: units.Short, Width: 12}, panels.Query{Expr: queries.Rate("tokens_total", queries.Of{By: []string{"service"}}) + " * 60", Legend: "{{service}}"}),
					panels.Rows(panels.Look{Title: "Services", Description: "Services by their cost in the range. A click leads to the calls in the console's log.", Unit: units.Short, Width: 12}, []string{"service"}, []panels.Column{
						{Name: "Cost", Expr: queries.InRange("cost_usd_total", queries.Of{By: []string{"service"}}), Unit: units.Dollars},
						{Name: "Tokens", Expr: queries.Counted("tokens_total", queries.Of{By: []string{"service"}}), Unit: units.Short},
						{Name: "Calls", Expr: queries.Counted("calls_total", queries.Of{By: []string{"service"}}), Unit: units.Short},
					}, panels.ToLog([]string{"service"}, allVariables)),
				},
			},
		},
	}
}

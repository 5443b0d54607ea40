package boards

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/units"

	"github.com/tokenboard/tokenboard/dashboards/panels"
	"github.com/tokenboard/tokenboard/dashboards/queries"
)

func cost() Board {
	budget := []string{"instance", "scope", "key", "period", "budget"}
	of := func(metric string) string {
		return "sum by (" + strings.Join(budget, ", ") + ") (" + queries.Last(metric, queries.ByInstance+`,key=~"$key"`) + ")"
	}
	// left is how many seconds a budget lasts at the rate of the range.
	left := func(unit, counter string) string {
		return "clamp_min(" + of("budget_limit_"+unit) + " - " + of("budget_used_"+unit) + ", 0) / on (instance, key) group_left () (sum by (instance, key) (rate(tokenboard_" + counter + "{" + queries.All + "}[$__range])) > 0)"
	}
	return Board{
		Name:        "cost-and-budgets",
		Title:       "Cost and budgets",
		Description: "Cost, its rate, and how much of the budgets is left. A budget is of a key, (scope console) of all calls, or one of its own, with its name in budget; filters other than instance and key do not apply to them.",
		Variables:   allVariables,
		Sections: []Section{
			{
				Title: "Spending",
				Panels: []panels.Panel{
					panels.Figures(panels.Look{Title: "Cost in the range", Description: "Cost of the calls whose cost is known.", Unit: units.Dollars, Width: 6}, []panels.Query{{Expr: queries.InRange("cost_usd_total", queries.Of{}), Legend: "cost"}}, nil),
					panels.Figures(panels.Look{Title: "Projected cost, one day", Description: "Cost of a day at the rate of the selected range.", Unit: units.Dollars, Width: 6}, []panels.Query{{Expr: "sum(rate(tokenboard_cost_usd_total{" + queries.All + "}[$__range])) * 86400", Legend: "one day"}}, nil),
					panels.Figures(panels.Look{Title: "Projected cost, 30 days", Description: "Cost of 30 days at the rate of the selected range.", Unit: units.Dollars, Width: 6}, []panels.Query{{Expr: "sum(rate(tokenboard_cost_usd_total{" + queries.All + "}[$__range])) * 86400 * 30", Legend: "30 days"}}, nil),
					panels.Figures(panels.Look{Title: "Unpriced calls", Description: "Calls in the range with tokens whose cost is not known: the cost is too low by these.", Unit: units.Short, Width: 6}, []panels.Query{{Expr: queries.Counted("unpriced_calls_total", queries.Of{}), Legend: "calls"}}, nil),
					panels.Stacked(panels.Look{Title: "Cost an hour, by provider", Description: "Cost of an hour at the current rate.", Unit: units.Dollars, Width: 12}, panels.Query{Expr: queries.Rate("cost_usd_total", queries.Of{By: []string{"provider"}}) + " * 3600", Legend: "{{provider}}"}),
					panels.Stacked(panels.Look{Title: "Cost an hour, by service", Description: "Cost of an hour at the current rate.", Unit: units.Dollars, Width: 12}, panels.Query{Expr: queries.Rate("cost_usd_total", queries.Of{By: []string{"service"}}) + " * 3600", Legend: "{{service}}"}),
				},
			},
			{
				Title: "Budgets",
				Panels: []panels.Panel{
					panels.Shares(panels.Look{Title: "Money used", Description: "Share of each budget of money that is used in its period.", Unit: units.PercentUnit, Width: 12, Empty: "no budgets"}, panels.Query{Expr: of("budget_used_usd") + " / " + of("budget_limit_usd"), Legend: "{{scope}} {{key}}{{budget}} / {{period}}"}),
					panels.Shares(panels.Look{Title: "Tokens used", Description: "Share of each budget of tokens that is used in its period.", Unit: units.PercentUnit, Width: 12, Empty: "no budgets"}, panels.Query{Expr: of("budget_used_tokens") + " / " + of("budget_limit_tokens"), Legend: "{{scope}} {{key}}{{budget}} / {{period}}"}),
					panels.Rows(panels.Look{Title: "Budgets of money", Description: "Time left is how long the budget lasts at the rate of the range; where that is longer than until its reset, it lasts.", Unit: units.Dollars, Width: 24, Empty: "no budgets"}, budget, []panels.Column{
						{Name: "Used", Expr: of("budget_used_usd"), Unit: units.Dollars},
						{Name: "Limit", Expr: of("budget_limit_usd"), Unit: units.Dollars},
						{Name: "Resets in", Expr: of("budget_reset_timestamp_seconds") + " - time() and " + of("budget_limit_usd"), Unit: units.DurationSeconds},
						{Name: "Time left", Expr: left("usd", "cost_usd_total"), Unit: units.DurationSeconds},
					}),
					panels.Rows(panels.Look{Title: "Budgets of tokens", Description: "Time left is how long the budget lasts at the rate of the range; where that is longer than until its reset, it lasts.", Unit: units.Short, Width: 24, Empty: "no budgets"}, budget, []panels.Column{
						{Name: "Used", Expr: of("budget_used_tokens"), Unit: units.Short},
						{Name: "Limit", Expr: of("budget_limit_tokens"), Unit: units.Short},
						{Name: "Resets in", Expr: of("budget_reset_timestamp_seconds") + " - time() and " + of("budget_limit_tokens"), Unit: units.DurationSeconds},
						{Name: "Time left", Expr: left("tokens", "tokens_total"), Unit: units.DurationSeconds},
					}),
					panels.Graph(panels.Look{Title: "Money used over time", Description: "Used of each budget of money; it falls at each reset.", Unit: units.Dollars, Width: 12, Empty: "no budgets"}, panels.Query{Expr: of("budget_used_usd"), Legend: "{{scope}} {{key}}{{budget}} / {{period}}"}),
					panels.Graph(panels.Look{Title: "Tokens used over time", Description: "Used of each budget of tokens; it falls at each reset.", Unit: units.Short, Width: 12, Empty: "no budgets"}, panels.Query{Expr: of("budget_used_tokens"), Legend: "{{scope}} {{key}}{{budget}} / {{period}}"}),
				},
			},
		},
	}
}

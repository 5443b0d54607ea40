// Package rules describes the alert rules once and writes them in two forms: Grafana's file provisioning
// and Prometheus' rule files.
package rules

// Alert is a rule: it fires where its query is above a value for a while.
type Alert struct {
	Name                 string
	Query                string
	Above                float64
	For                  string
	Severity             string // "warning" or "critical"
	Summary, Description string
	Absent               string // a metric without which the rule fires, too
	Board, Panel         string // the panel that shows what the rule compares
}

const used = `label_replace(tokenboard_budget_used_usd / tokenboard_budget_limit_usd, "unit", "usd", "", "") or ` +
	`label_replace(tokenboard_budget_used_tokens / tokenboard_budget_limit_tokens, "unit", "tokens", "", "")`

func increase(metric, over string) string {
	return "sum by (instance) (increase(tokenboard_" + metric + "[" + over + "]))"
}

// Alerts returns the rules.
func Alerts() []Alert {
	return []Alert{
		{
			Name: "TokenboardBudgetNearlyUsed", Query: used, Above: 0.8, For: "0s", Severity: "warning",
			Summary:     "80 % of a budget is used",
			Description: "The {{ .Labels.period }} budget of {{ .Labels.scope }} {{ .Labels.key }}{{ .Labels.budget }} in {{ .Labels.unit }} is used by more than 80 %.",
			Board:       "cost-and-budgets", Panel: "Money used",
		},
		{
			Name: "TokenboardBudgetUsedUp", Query: used, Above: 0.9999999, For: "0s", Severity: "critical",
			Summary: "A budget is used up", Description: "The {{ .Labels.period }} budget of {{ .Labels.scope }} {{ .Labels.key }}{{ .Labels.budget }} in {{ .Labels.unit }} is used up.",
			Board: "cost-and-budgets", Panel: "Money used",
		},
		{
			Name: "TokenboardSpendSpike", Above: 4, For: "10m", Severity: "warning",
			// rate divides by the whole range, however short the history is: on the first day the last hour would be up to
			// 24 times the mean hour. So the rule needs a sample of a day ago, with room for a gap in scraping.
			Query: "sum by (instance) (rate(tokenboard_cost_usd_total[1h])) / (sum by (instance) (rate(tokenboard_cost_usd_total[1d])) > 0) and on (instance) " +
				increase("cost_usd_total", "1h") + " > 1 and on (instance) present_over_time(tokenboard_store_records[2h] offset 23h)",
			Summary: "Spending is unusually high", Description: "The last hour cost more than four times the mean hour of the last day, and more than 1 USD.",
			Board: "overview", Panel: "Cost an hour, by model",
		},
		{
			Name: "TokenboardCallsWithoutUsage", Above: 0.05, For: "15m", Severity: "warning",
			Query:   "(" + increase("calls_without_usage_total", "1h") + " - " + increase("errors_total", "1h") + ") / (" + increase("calls_total", "1h") + " > 20)",
			Summary: "Calls report no usage", Description: "More than 5 % of the calls of the last hour, beyond those that failed, reported no usage: their tokens are not counted.",
			Board: "collector-health", Panel: "Calls without usage",
		},
		{
			Name: "TokenboardErrorRatio", Above: 0.1, For: "10m", Severity: "warning",
			Query:   increase("errors_total", "10m") + " / (" + increase("calls_total", "10m") + " > 20)",
			Summary: "Many model calls fail", Description: "More than 10 % of the calls of the last ten minutes failed.",
			Board: "overview", Panel: "Error share",
		},
		{
			Name: "TokenboardNothingReceived", Above: 3600, For: "5m", Severity: "warning",
			Query: "time() - tokenboard_store_last_commit_timestamp_seconds", Absent: "tokenboard_store_records",
			Summary: "No telemetry arrives", Description: "Nothing was written for an hour, or Tokenboard is not scraped.",
			Board: "collector-health", Panel: "Time since the last write",
		},
	}
}

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
			Description: "The {{ .Labels.period }} budget of {{ .Labels.scope }} {{ .Labels.key }} in {{ .Labels.unit }} is used by more than 80 %.",
		},
		{
			Name: "TokenboardBudgetUsedUp", Query: used, Above: 0.9999999, For: "0s", Severity: "critical",
			Summary: "A budget is used up", Description: "The {{ .Labels.period }} budget of {{ .Labels.scope }} {{ .Labels.key }} in {{ .Labels.unit }} is used up.",
		},
		{
			Name: "TokenboardSpendSpike", Above: 4, For: "10m", Severity: "warning",
			Query: "sum by (instance) (rate(tokenboard_cost_usd_total[1h])) / (sum by (instance) (rate(tokenboard_cost_usd_total[1d])) > 0) and on (instance) " +
				increase("cost_usd_total", "1h") + " > 1",
			Summary: "Spending is unusually high", Description: "The last hour cost more than four times the mean hour of the last day, and more than 1 USD.",
		},
		{
			Name: "TokenboardCallsWithoutUsage", Above: 0.05, For: "15m", Severity: "warning",
			Query:   "(" + increase("calls_without_usage_total", "1h") + " - " + increase("errors_total", "1h") + ") / (" + increase("calls_total", "1h") + " > 20)",
			Summary: "Calls tell no token figures", Description: "More than 5 % of the calls of the last hour, beyond those that failed, told no token figures: what they used is not counted.",
		},
		{
			Name: "TokenboardErrorRatio", Above: 0.1, For: "10m", Severity: "warning",
			Query:   increase("errors_total", "10m") + " / (" + increase("calls_total", "10m") + " > 20)",
			Summary: "Many model calls fail", Description: "More than 10 % of the calls of the last ten minutes failed.",
		},
		{
			Name: "TokenboardNothingReceived", Above: 3600, For: "5m", Severity: "warning",
			Query: "time() - tokenboard_store_last_commit_timestamp_seconds", Absent: "tokenboard_store_records",
			Summary: "No telemetry arrives", Description: "Nothing was written for an hour, or Tokenboard is not scraped.",
		},
	}
}

package alert

// Template is a rule that is ready to be switched on. Its name is an id for translations.
type Template struct {
	Name  string
	Title string // in English
	Rule  Rule
}

// Templates lists the rules that most installations want.
func Templates() []Template {
	const hour, day = 3600, 24 * 3600
	return []Template{
		{"budget_80", "A budget is used to 80 per cent", Rule{Kind: BudgetUsed, Severity: Warning, Limit: 80, Resolved: false}},
		{"budget_100", "A budget is used up", Rule{Kind: BudgetUsed, Severity: Critical, Limit: 100, Repeat: day}},
		{"budget_projected", "A budget will be used up before its end", Rule{Kind: BudgetProjected, Severity: Warning, Limit: 100, For: hour, Repeat: day, Resolved: true}},
		{"spend_unusual", "Spend is three times what is usual at this hour", Rule{Kind: SpendUnusual, Severity: Warning, Limit: 3, Repeat: day, Resolved: true}},
		{"errors", "One call in ten fails", Rule{Kind: ErrorShare, Severity: Critical, Limit: 10, Window: "15m", MinCalls: 20, For: 300, Repeat: 4 * hour, Resolved: true}},
		{"no_usage", "One call in twenty comes without usage", Rule{Kind: NoUsageShare, Severity: Warning, Limit: 5, Window: "24h", MinCalls: 100, Repeat: 7 * day, Resolved: true}},
		{"unpriced", "Calls have no price", Rule{Kind: Unpriced, Severity: Warning, Limit: 1, Window: "24h", Repeat: 7 * day, Resolved: true}},
		{"latency", "One call in twenty takes more than a minute", Rule{Kind: LatencyP95, Severity: Warning, Limit: 60_000, Window: "15m", MinCalls: 20, For: 600, Repeat: day, Resolved: true}},
		{"silence", "Nothing was received for an hour", Rule{Kind: Silence, Severity: Warning, Limit: hour, Repeat: day, Resolved: true}},
		{"source_gap", "A receiver is down or missed calls", Rule{Kind: SourceGap, Severity: Critical, Limit: 300, Repeat: day, Resolved: true}},
		{"key_expiry", "A key expires in a week", Rule{Kind: KeyExpiry, Severity: Info, Limit: 7}},
		{"key_new_model", "A key is used with a model for the first time", Rule{Kind: KeyFirstUse, Severity: Info, Dimension: "model"}},
		{"key_new_user", "A key is used by a user for the first time", Rule{Kind: KeyFirstUse, Severity: Info, Dimension: "user"}},
		{"store_trouble", "The store has trouble", Rule{Kind: StoreTrouble, Severity: Critical, For: 60, Repeat: hour, Resolved: true}},
	}
}

package alert

// Kind is what a rule watches.
type Kind string

// The kinds. Each says what Rule.Limit is compared with.
const (
	BudgetUsed      Kind = "budget_used"      // per cent of a budget that are used
	BudgetProjected Kind = "budget_projected" // per cent of a budget that will be used when its period ends
	Spend           Kind = "spend"            // USD in the window
	Tokens          Kind = "tokens"           // tokens in the window
	SpendUnusual    Kind = "spend_unusual"    // spend of the last hour, as a multiple of what the same hour of other weeks had
	ErrorShare      Kind = "error_share"      // per cent of the window's calls that failed
	NoUsageShare    Kind = "no_usage_share"   // per cent of the window's calls that came without usage
	Unpriced        Kind = "unpriced"         // calls in the window for which no price is known
	LatencyP95      Kind = "latency_p95"      // 95th percentile of the durations of the window's calls, ms
	TTFTP95         Kind = "ttft_p95"         // 95th percentile of the times to the first token of the window's calls, ms
	Silence         Kind = "silence"          // seconds since the last call was received
	SourceGap       Kind = "source_gap"       // seconds in which a receiver missed or may have missed something
	KeyExpiry       Kind = "key_expiry"       // days until a key expires
	KeyFirstUse     Kind = "key_first_use"    // a key is used with a model, by a user or by a service for the first time; no limit
	StoreTrouble    Kind = "store_trouble"    // the store cannot be written, or lags; no limit
)

// Kinds lists all kinds.
func Kinds() []Kind {
	return []Kind{
		BudgetUsed, BudgetProjected, Spend, Tokens, SpendUnusual, ErrorShare, NoUsageShare, Unpriced, LatencyP95, TTFTP95, Silence,
		SourceGap, KeyExpiry, KeyFirstUse, StoreTrouble,
	}
}

// Unit is what a value and its limit are measured in.
type Unit string

// The units.
const (
	USD          Unit = "USD"
	TokenCount   Unit = "tokens"
	CallCount    Unit = "calls"
	Percent      Unit = "percent"
	Multiple     Unit = "multiple" // 2 is twice as much as usual
	Milliseconds Unit = "ms"
	Seconds      Unit = "s"
	Days         Unit = "days"
	NoUnit       Unit = "" // there is no value
)

// Unit is the unit of the kind's limit.
func (k Kind) Unit() Unit {
	switch k {
	case Spend:
		return USD
	case Tokens:
		return TokenCount
	case Unpriced:
		return CallCount
	case BudgetUsed, BudgetProjected, ErrorShare, NoUsageShare:
		return Percent
	case SpendUnusual:
		return Multiple
	case LatencyP95, TTFTP95:
		return Milliseconds
	case Silence, SourceGap:
		return Seconds
	case KeyExpiry:
		return Days
	case KeyFirstUse, StoreTrouble:
	}
	return NoUnit
}

// Severity is how bad it is.
type Severity string

// The severities, from the least.
const (
	Info     Severity = "info"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// Severities lists all severities, from the least.
func Severities() []Severity { return []Severity{Info, Warning, Critical} }

// Filter is what a rule is limited to, with the names and the meaning of the API's filters: several values of one are
// alternatives, different ones must all match.
type Filter struct {
	Model    []string `json:"model,omitempty" maxItems:"100"`
	Provider []string `json:"provider,omitempty" maxItems:"100"`
	Key      []string `json:"key,omitempty" maxItems:"100" doc:"ids or names of keys"`
	User     []string `json:"user,omitempty" maxItems:"100"`
	Service  []string `json:"service,omitempty" maxItems:"100"`
	Project  []string `json:"project,omitempty" maxItems:"100"`
	Tier     []string `json:"service_tier,omitempty" maxItems:"100"`
	Account  []string `json:"account,omitempty" maxItems:"100" doc:"upstream accounts, as answers show them"`
	Team     []string `json:"team,omitempty" maxItems:"100" doc:"ids or names of teams"`
	Status   []string `json:"status,omitempty" maxItems:"100"` // ok, error, or an HTTP status code
}

// Quiet is a time of the week in which nothing is sent: what fires is sent at its end, if it fires then.
type Quiet struct {
	Days     []int  `json:"days,omitempty" maxItems:"7" doc:"days of the week on which it begins, 0 is Sunday; every day where none is named"`
	From     string `json:"from" maxLength:"5" doc:"time of day, such as 22:00"`
	To       string `json:"to" maxLength:"5" doc:"time of day; one that is not after from is of the next day"`
	TimeZone string `json:"timezone" maxLength:"64" doc:"IANA name"`
}

// SchemaName is the name in the description of the API.
func (Filter) SchemaName() string { return "AlertFilter" }

// SchemaName is the name in the description of the API.
func (Quiet) SchemaName() string { return "AlertQuietTime" }

// Rule says when an alert fires, and what is sent then. It is stored as JSON.
type Rule struct {
	Kind     Kind     `json:"kind" doc:"what the rule watches" enum:"budget_used,budget_projected,spend,tokens,spend_unusual,error_share,no_usage_share,unpriced,latency_p95,ttft_p95,silence,source_gap,key_expiry,key_first_use,store_trouble"`
	Severity Severity `json:"severity" enum:"info,warning,critical"`
	Enabled  bool     `json:"enabled"`
	Filter   Filter   `json:"filter,omitempty,omitzero" doc:"calls that the rule looks at; all where nothing is set"`
	// Limit is what the value is compared with, see Kind.
	Limit float64 `json:"limit,omitempty" doc:"what the value is compared with; its unit follows from the kind"`
	// Window is the time that is looked at: 5m, 15m, 30m, 1h, 6h, 24h, 7d or 30d until now, or the current day, week or month
	// of TimeZone.
	Window   string `json:"window,omitempty" enum:"5m,15m,30m,1h,6h,24h,7d,30d,day,week,month" doc:"time until now, or the current day, week or month"`
	TimeZone string `json:"timezone,omitempty" maxLength:"64" doc:"IANA name; the console's where it is not set"`
	// MinCalls is how many calls a window must have before a share or a percentile of it says something.
	MinCalls int64 `json:"min_calls,omitempty" doc:"calls that a window must have before a share or a percentile of it is looked at"`
	// Budget is the id of a budget; "" for each of them.
	Budget string `json:"budget,omitempty" maxLength:"256" doc:"id of a budget; each of them where it is not set"`
	// Source is the name of a receiver; "" for each of them.
	Source string `json:"source,omitempty" maxLength:"256" doc:"name of a receiver; each of them where it is not set"`
	// Dimension is what KeyFirstUse looks at: model, user or service.
	Dimension string `json:"dimension,omitempty" enum:"model,user,service" doc:"of key_first_use: what is new"`
	// For is how many seconds the condition must hold before the alert fires.
	For int64 `json:"for_seconds,omitempty" doc:"how long the condition must hold before the alert fires"`
	// Repeat is after how many seconds a notification is sent again while the alert fires; 0: never.
	Repeat int64 `json:"repeat_seconds,omitempty" doc:"after how long a notification is sent again while the alert fires; 0: never"`
	// Resolved says that a notification is sent when the alert ends.
	Resolved bool    `json:"send_resolved,omitempty" doc:"whether a notification is sent when the alert ends"`
	Quiet    []Quiet `json:"quiet,omitempty" maxItems:"10" doc:"times in which nothing is sent; what fires then is sent at their end"`
	// Channels are the ids of the channels that notifications are sent to; none: all that are enabled.
	Channels []string `json:"channels,omitempty" maxItems:"20" doc:"ids of channels; all that are enabled where none is named"`
}

// SchemaName is the name in the description of the API.
func (Rule) SchemaName() string { return "AlertRuleSpec" }

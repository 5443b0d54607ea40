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
	Unpriced        Kind = "unpriced"         // tokens in the window for which no price is known
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
	case Tokens, Unpriced:
		return TokenCount
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
	Model    []string `json:"model,omitempty"`
	Provider []string `json:"provider,omitempty"`
	Key      []string `json:"key,omitempty"` // ids of keys, or names of external ones
	User     []string `json:"user,omitempty"`
	Service  []string `json:"service,omitempty"`
	Project  []string `json:"project,omitempty"`
	Tier     []string `json:"service_tier,omitempty"`
	Status   []string `json:"status,omitempty"` // ok, error, or an HTTP status code
}

// Quiet is a time of the week in which nothing is sent: what fires is sent at its end, if it fires then.
type Quiet struct {
	Days     []int  `json:"days,omitempty"` // 0 is Sunday; on which it begins; none: every day
	From     string `json:"from"`           // time of day, 22:00
	To       string `json:"to"`             // time of day; one that is not after From is of the next day
	TimeZone string `json:"timezone"`       // IANA name
}

// Rule says when an alert fires, and what is sent then. It is stored as JSON.
type Rule struct {
	Kind     Kind     `json:"kind"`
	Severity Severity `json:"severity"`
	Enabled  bool     `json:"enabled"`
	Filter   Filter   `json:"filter,omitzero"`
	// Limit is what the value is compared with, see Kind.
	Limit float64 `json:"limit,omitempty"`
	// Window is the time that is looked at: 5m, 15m, 30m, 1h, 6h, 24h, 7d or 30d until now, or the current day, week or month
	// of TimeZone.
	Window   string `json:"window,omitempty"`
	TimeZone string `json:"timezone,omitempty"` // IANA name; UTC where none is given
	// MinCalls is how many calls a window must have before a share or a percentile of it says something.
	MinCalls int64 `json:"min_calls,omitempty"`
	// Budget is the id of a budget; "" for each of them.
	Budget string `json:"budget,omitempty"`
	// Source is the name of a receiver; "" for each of them.
	Source string `json:"source,omitempty"`
	// Dimension is what KeyFirstUse looks at: model, user or service.
	Dimension string `json:"dimension,omitempty"`
	// For is how many seconds the condition must hold before the alert fires.
	For int64 `json:"for_seconds,omitempty"`
	// Repeat is after how many seconds a notification is sent again while the alert fires; 0: never.
	Repeat int64 `json:"repeat_seconds,omitempty"`
	// Resolved says that a notification is sent when the alert ends.
	Resolved bool    `json:"send_resolved"`
	Quiet    []Quiet `json:"quiet,omitempty"`
	// Channels are the ids of the channels that notifications are sent to; none: all that are enabled.
	Channels []string `json:"channels,omitempty"`
}

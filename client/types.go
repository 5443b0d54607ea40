package client

import (
	"net/url"
	"strconv"
	"time"
)

// USD is an amount in US dollars as the server wrote it, exactly: a decimal number, or "" where it is
// not known.
type USD string

// UnmarshalJSON keeps the number as it is written.
func (u *USD) UnmarshalJSON(b []byte) error {
	if *u = USD(b); *u == "null" {
		*u = ""
	}
	return nil
}

// MarshalJSON writes the number, or null.
func (u USD) MarshalJSON() ([]byte, error) {
	if u == "" {
		return []byte("null"), nil
	}
	return []byte(u), nil
}

// Filter narrows most requests. Several values of one field are alternatives.
type Filter struct {
	From, To                                                                             time.Time // zero is open
	Models, Providers, Keys, Users, Services, Projects, Statuses, Tiers, Accounts, Teams []string
}

func (f *Filter) values() url.Values {
	v := url.Values{}
	for name, t := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	for name, list := range map[string][]string{
		"model": f.Models, "provider": f.Providers, "key": f.Keys, "user": f.Users, "service": f.Services, "project": f.Projects, "status": f.Statuses,
		"service_tier": f.Tiers, "account": f.Accounts, "team": f.Teams,
	} {
		if len(list) > 0 {
			v[name] = list
		}
	}
	return v
}

// set adds a parameter that is given.
func set(v url.Values, name, value string) {
	if value != "" && value != "0" && value != "false" {
		v.Set(name, value)
	}
}

// LogQuery asks for single calls.
type LogQuery struct {
	Filter
	Query      string // as in the API's q
	Superseded bool   // also records that do not count
	Limit      int    // calls in one page; the server's default where 0
}

func (q *LogQuery) values() url.Values {
	v := q.Filter.values()
	set(v, "q", q.Query)
	set(v, "superseded", strconv.FormatBool(q.Superseded))
	set(v, "limit", strconv.Itoa(q.Limit))
	return v
}

// Sums are of a set of calls.
type Sums struct {
	Calls      int64 `json:"api_call_count"`
	Errors     int64 `json:"error_count"`
	Input      int64 `json:"input_tokens"`
	Output     int64 `json:"output_tokens"`
	CacheRead  int64 `json:"cache_read_tokens"`
	CacheWrite int64 `json:"cache_write_tokens"`
	Reasoning  int64 `json:"reasoning_tokens"`
	Total      int64 `json:"total_tokens"`
	Cost       USD   `json:"cost_usd"`
	NoUsage    int64 `json:"no_usage_count"`
	Unpriced   int64 `json:"unpriced_count"`
}

// Quantiles are of durations in milliseconds; nil where there are none.
type Quantiles struct {
	P50, P95, P99 *float64
}

// ModelSums are the sums of one model of one provider.
type ModelSums struct {
	Model    string `json:"model"`
	Provider string `json:"provider"`
	Sums
}

// Stats are sums over a range of time.
type Stats struct {
	Quota        *int64      `json:"total_tokens"`
	Used         int64       `json:"used_tokens"`
	Remaining    *int64      `json:"remaining_tokens"`
	UsagePercent *float64    `json:"usage_percent"`
	Calls        int64       `json:"api_call_count"`
	Errors       int64       `json:"error_count"`
	ErrorRate    float64     `json:"error_rate"`
	Input        int64       `json:"input_tokens"`
	Output       int64       `json:"output_tokens"`
	CacheRead    int64       `json:"cache_read_tokens"`
	CacheWrite   int64       `json:"cache_write_tokens"`
	Reasoning    int64       `json:"reasoning_tokens"`
	Cost         USD         `json:"cost_usd"`
	NoUsage      int64       `json:"no_usage_count"`
	Unpriced     int64       `json:"unpriced_count"`
	Latency      Quantiles   `json:"latency_ms"`
	TTFT         Quantiles   `json:"ttft_ms"`
	Models       []ModelSums `json:"models"`       // the largest, at most 200
	ModelCount   int         `json:"model_count"`  // those that are not shown included
	OtherModels  *Sums       `json:"other_models"` // of those that are not shown; nil where there are none
	From         *time.Time  `json:"from"`
	To           *time.Time  `json:"to"`
	AsOf         *time.Time  `json:"as_of"`
}

// Point is the sums of one interval of time.
type Point struct {
	Time time.Time `json:"time"`
	Sums
}

// Trend is sums by interval of time.
type Trend struct {
	Days     int     `json:"days"`
	Interval string  `json:"interval"`
	Timezone string  `json:"timezone"`
	Points   []Point `json:"points"`
	Series   []struct {
		Group  string  `json:"group"`
		Other  bool    `json:"other"`
		Points []Point `json:"points"`
	} `json:"series"`
	AsOf *time.Time `json:"as_of"`
}

// TrendQuery asks for a Trend. Zero values leave the server's defaults.
type TrendQuery struct {
	Filter
	Days     int
	Interval string // 15m, hour or day
	Timezone string
	GroupBy  string
	Top      int
	Sort     string // the sum that the top groups have most of
}

func (q *TrendQuery) values() url.Values {
	v := q.Filter.values()
	set(v, "days", strconv.Itoa(q.Days))
	set(v, "interval", q.Interval)
	set(v, "sort", q.Sort)
	set(v, "timezone", q.Timezone)
	set(v, "group_by", q.GroupBy)
	set(v, "top", strconv.Itoa(q.Top))
	return v
}

// KeyRef names the key of a call.
type KeyRef struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Display string `json:"display"`
}

// Call is one call. Fields that the telemetry did not report are nil or empty.
type Call struct {
	ID              string    `json:"id"`
	Time            time.Time `json:"time"`
	TraceID         string    `json:"trace_id"`
	SpanID          string    `json:"span_id"`
	Method          string    `json:"method"`
	Path            string    `json:"path"`
	Status          *int      `json:"status"`
	ErrorType       string    `json:"error_type"`
	ErrorMessage    string    `json:"error_message"`
	Failed          bool      `json:"failed"`
	Provider        string    `json:"provider"`
	Model           string    `json:"model"`
	RequestModel    string    `json:"request_model"`
	Operation       string    `json:"operation"`
	Tier            string    `json:"service_tier"`
	Account         string    `json:"account"`
	Stream          *bool     `json:"stream"`
	Key             *KeyRef   `json:"key"`
	User            string    `json:"user"`
	Service         string    `json:"service"`
	Environment     string    `json:"environment"`
	Project         string    `json:"project"`
	Session         string    `json:"session"`
	RequestID       string    `json:"request_id"`
	ResponseID      string    `json:"response_id"`
	Input           *int64    `json:"input_tokens"`
	Output          *int64    `json:"output_tokens"`
	CacheRead       *int64    `json:"cache_read_tokens"`
	CacheWrite      *int64    `json:"cache_write_tokens"`
	CacheWrite1h    *int64    `json:"cache_write_1h_tokens"`
	Reasoning       *int64    `json:"reasoning_tokens"`
	Total           *int64    `json:"total_tokens"`
	Cost            USD       `json:"cost_usd"`
	PriceVersion    string    `json:"price_version"`
	DurationMS      *float64  `json:"duration_ms"`
	TTFTMS          *float64  `json:"ttft_ms"`
	TokensPerSecond *float64  `json:"tokens_per_second"`
	Quality         []string  `json:"quality"`
	Counted         bool      `json:"counted"`
	SupersededBy    string    `json:"superseded_by"`
	Superseded      string    `json:"superseded_reason"`
}

// Page is a page of calls.
type Page struct {
	Items      []Call `json:"items"`
	NextCursor string `json:"next_cursor"` // "" at the end
}

// BreakdownQuery asks for a Breakdown. Zero values leave the server's defaults.
type BreakdownQuery struct {
	Filter
	By          []string // one or two dimensions
	Sort, Order string
	Limit       int
	Cursor      string
}

func (q *BreakdownQuery) values() url.Values {
	v := q.Filter.values()
	if len(q.By) == 1 {
		v.Set("by", q.By[0])
	} else if len(q.By) > 1 {
		v.Set("by", q.By[0]+","+q.By[1])
	}
	set(v, "sort", q.Sort)
	set(v, "order", q.Order)
	set(v, "limit", strconv.Itoa(q.Limit))
	set(v, "cursor", q.Cursor)
	return v
}

// BreakdownRow is the sums of one combination of values; the dimensions not asked for are nil.
type BreakdownRow struct {
	Model     *string `json:"model,omitempty"`
	Provider  *string `json:"provider,omitempty"`
	Key       *string `json:"key,omitempty"`
	KeyName   *string `json:"key_name,omitempty"`
	User      *string `json:"user,omitempty"`
	Service   *string `json:"service,omitempty"`
	Project   *string `json:"project,omitempty"`
	Status    *string `json:"status,omitempty"`
	Operation *string `json:"operation,omitempty"`
	Tier      *string `json:"service_tier,omitempty"`
	Account   *string `json:"account,omitempty"`
	Team      *string `json:"team,omitempty"` // a call is in the row of each of its teams
	TeamName  *string `json:"team_name,omitempty"`
	Sums
}

// Value returns a dimension's value, of keys and teams the name.
func (r *BreakdownRow) Value(dimension string) string {
	v := map[string]*string{
		"model": r.Model, "provider": r.Provider, "key": r.KeyName, "user": r.User, "service": r.Service, "project": r.Project,
		"status": r.Status, "operation": r.Operation, "service_tier": r.Tier, "account": r.Account, "team": r.TeamName,
	}[dimension]
	if v == nil {
		return ""
	}
	return *v
}

// Breakdown is sums by one or two dimensions.
type Breakdown struct {
	By         []string       `json:"by"`
	Rows       []BreakdownRow `json:"rows"`
	Count      int            `json:"row_count"`
	Total      Sums           `json:"total"`
	NextCursor string         `json:"next_cursor"`
	AsOf       *time.Time     `json:"as_of"`
}

// DimensionValue is one value of a dimension.
type DimensionValue struct {
	Value string `json:"value"`
	Label string `json:"label"`
	Calls int64  `json:"api_call_count"`
}

// Key is a key without its secret.
type Key struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Display     string     `json:"display"`
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	LastUsedAt  *time.Time `json:"last_used_at"`
	Status      string     `json:"status"`
	Owner       string     `json:"owner"`
	Usage       Sums       `json:"usage"`
}

// NewKey is a key with its secret, which is shown once.
type NewKey struct {
	Key
	Secret string `json:"key"`
}

// KeyRequest says what key to make.
type KeyRequest struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Owner       string     `json:"owner,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	Models      []string   `json:"models,omitempty"`
}

// Import is the result of importing a file.
type Import struct {
	DryRun       bool `json:"dry_run"` // nothing was stored; Accepted are the calls that would be
	Rows         int  `json:"rows"`
	Accepted     int  `json:"accepted"`
	Duplicates   int  `json:"duplicates"`
	RefusedCount int  `json:"refused_count"`
	Refused      []struct {
		Line   int    `json:"line"`
		Reason string `json:"reason"`
	} `json:"refused"`
	LeftOut []struct {
		Reason string `json:"reason"`
		Count  int    `json:"count"`
	} `json:"left_out"`
}

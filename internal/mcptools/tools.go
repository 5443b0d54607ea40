package mcptools

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Values that arguments take.
var (
	groups    = []any{"model", "provider", "key", "user", "service", "project", "team", "status"}
	breakBy   = append([]any{"operation", "service_tier", "account"}, groups...)
	changedBy = groups[:len(groups)-1]
	sums      = []any{"api_call_count", "error_count", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "total_tokens", "cost_usd", "no_usage_count", "unpriced_count"}
	orders    = []any{"desc", "asc"}
	// budgetScopes are the kinds of things that have budgets.
	budgetScopes = []any{"all", "key", "user", "team", "model", "provider", "account"}
)

// Bounds of arguments.
const (
	maxValues = 50   // of one filter
	maxText   = 256  // bytes
	maxCursor = 4096 // bytes
	maxRows   = 100
	maxSeries = 20
	maxCalls  = 40
)

// bounds narrow a schema that is inferred from a type: without them a model has to guess, and is refused.
type bounds map[string]func(*jsonschema.Schema)

func oneOf(values []any) func(*jsonschema.Schema) {
	return func(s *jsonschema.Schema) { s.Enum = values }
}

func upTo(most float64) func(*jsonschema.Schema) {
	least := 1.0
	return func(s *jsonschema.Schema) { s.Minimum, s.Maximum = &least, &most }
}

func atLeastZero(s *jsonschema.Schema) {
	least := 0.0
	s.Minimum = &least
}

func someOf(values []any, most int) func(*jsonschema.Schema) {
	return func(s *jsonschema.Schema) {
		least := 1
		s.Items.Enum, s.MinItems, s.MaxItems, s.UniqueItems = values, &least, &most, true
		s.Type, s.Types = "array", nil // never null
	}
}

// schemaOf returns the schema of a tool's arguments. Texts and lists are bounded whatever the bounds say.
func schemaOf[In any](narrow bounds) *jsonschema.Schema {
	s, err := jsonschema.For[In](nil)
	if err != nil {
		panic(err) // the types are fixed, and a test makes the server
	}
	for name, p := range s.Properties {
		text := p
		if p.Items != nil {
			text = p.Items
			most := maxValues
			p.MaxItems = &most
		}
		if text.Type == "string" {
			most := maxText
			if name == "cursor" {
				most = maxCursor
			}
			text.MaxLength = &most
		}
	}
	for name, narrowed := range narrow {
		narrowed(s.Properties[name])
	}
	return s
}

// addTool adds a tool: its arguments are checked against their schema, and its answer is bounded in bytes and time.
func addTool[In any](t *server, s *mcp.Server, name, title, description string, narrow bounds, run func(context.Context, *caller, *In) (*Answer, error)) {
	closed := false
	tool := &mcp.Tool{
		Name: name, Title: title, Description: description, InputSchema: schemaOf[In](narrow),
		Annotations: &mcp.ToolAnnotations{Title: title, ReadOnlyHint: true, IdempotentHint: true, OpenWorldHint: &closed, DestructiveHint: &closed},
	}
	mcp.AddTool(s, tool, func(ctx context.Context, _ *mcp.CallToolRequest, in In) (*mcp.CallToolResult, any, error) {
		ctx, cancel := context.WithTimeout(ctx, MaxTime)
		defer cancel()
		who, err := t.caller(ctx)
		if err != nil {
			return nil, nil, err
		}
		answer, err := run(ctx, who, &in)
		if err != nil {
			return nil, nil, err
		}
		b, err := answer.encode()
		if err != nil {
			return nil, nil, err
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(b)}}, StructuredContent: b}, nil, nil
	})
}

func (s *server) addTools(to *mcp.Server) {
	addTool(s, to, "usage_stats", "Usage and cost",
		"Exact sums of calls, tokens and cost in a range of time, and by model: how much was used or spent. Also latency quantiles, the error rate, and the quota.",
		bounds{"top": upTo(maxRows)}, s.stats)
	addTool(s, to, "usage_breakdown", "Usage by dimension",
		"Sums grouped by one or two dimensions, sorted, in pages: who or what used most.",
		bounds{"by": someOf(breakBy, 2), "sort": oneOf(append([]any{"first", "second"}, sums...)), "order": oneOf(orders), "limit": upTo(maxRows)}, s.breakdown)
	addTool(s, to, "usage_trend", "Usage over time",
		"Sums by quarter of an hour, hour or day, with zeros where nothing was used; with group_by also one series for each value.",
		bounds{"days": upTo(90), "interval": oneOf([]any{"auto", "15m", "hour", "day"}), "group_by": oneOf(groups), "top": upTo(maxSeries), "sort": oneOf(sums)}, s.trend)
	addTool(s, to, "find_calls", "Single calls",
		"Single calls that match filters and words, newest first or sorted by a figure: failures, slow or expensive calls. They have no prompts and no answers.",
		bounds{"sort": oneOf([]any{"time", "cost_usd", "duration_ms", "ttft_ms", "total_tokens"}), "order": oneOf(orders), "limit": upTo(maxCalls)}, s.calls)
	addTool(s, to, "explain_change", "Why the cost changed",
		"What made the difference between the costs of two ranges of time: volume, mix of models, caching, prices. The parts add up exactly. Needs from.",
		bounds{"by": oneOf(changedBy), "top": upTo(maxRows)}, s.changes)
	addTool(s, to, "list_budgets", "Budgets",
		"Budgets of keys, users, teams, models, providers and of all calls, and the limits of single keys: limit, used, left, when each begins again; those used up most first.",
		bounds{"scope": someOf(budgetScopes, len(budgetScopes)), "limit": upTo(maxRows)}, s.budgets)
	addTool(s, to, "forecast", "Forecast",
		"What the current day, week or month will have used at its end, with a band, and when budgets will be used up.",
		bounds{"period": oneOf([]any{"day", "week", "month"}), "budget_usd": atLeastZero, "budget_tokens": atLeastZero}, s.forecast)
	addTool(s, to, "list_models_and_prices", "Models and prices",
		"The models in use with their prices that hold now, and the models whose price is not known. Prices need the role viewer.",
		bounds{"limit": upTo(maxRows)}, s.prices)
}

func (s *server) stats(ctx context.Context, c *caller, in *statsInput) (*Answer, error) {
	q, err := in.values(s.Now(), c)
	if err != nil {
		return nil, err
	}
	setNumber(q, "top", in.Top, 20)
	sums, r, err := read[counts](ctx, s, "/stats", q)
	if err != nil {
		return nil, err
	}
	zone, _ := zoneOf(in.TimeZone, c) // values has checked it
	a := newAnswer(c, zone, "/stats", q, sumUnits).ranged(q)
	a.Quality, a.Data = sums.quality(), r.Data
	a.Notes = []string{"In data, used_tokens is what was used; total_tokens is the quota of tokens, null where none is set."}
	return a, nil
}

func (s *server) breakdown(ctx context.Context, c *caller, in *breakdownInput) (*Answer, error) {
	q, err := in.values(s.Now(), c)
	if err != nil {
		return nil, err
	}
	q.Set("by", strings.Join(in.By, ","))
	set(q, "sort", in.Sort)
	set(q, "order", in.Order)
	set(q, "cursor", in.Cursor)
	setNumber(q, "limit", in.Limit, 20)
	b, r, err := read[struct {
		Total      counts
		NextCursor string `json:"next_cursor"`
	}](ctx, s, "/breakdown", q)
	if err != nil {
		return nil, err
	}
	zone, _ := zoneOf(in.TimeZone, c) // values has checked it
	a := newAnswer(c, zone, "/breakdown", q, sumUnits).ranged(q)
	a.Quality, a.Data = b.Total.quality(), r.Data
	if b.NextCursor != "" {
		a.Notes = append(a.Notes, "There are more rows: ask again with cursor. total has the sums of all of them.")
	}
	return a, nil
}

func (s *server) trend(ctx context.Context, c *caller, in *trendInput) (*Answer, error) {
	q, err := in.values(s.Now(), c)
	if err != nil {
		return nil, err
	}
	set(q, "interval", in.Interval)
	set(q, "timezone", in.TimeZone)
	set(q, "group_by", in.GroupBy)
	set(q, "sort", in.Sort)
	setNumber(q, "days", in.Days, 7)
	if in.GroupBy != "" {
		setNumber(q, "top", in.Top, 5)
	}
	t, r, err := read[struct {
		Points []struct {
			Time time.Time
			counts
		}
	}](ctx, s, "/usage-trend", q)
	if err != nil {
		return nil, err
	}
	var all counts
	for i := range t.Points {
		all.add(t.Points[i].counts)
	}
	zone, _ := zoneOf(in.TimeZone, c) // values has checked it
	a := newAnswer(c, zone, "/usage-trend", q, sumUnits)
	if len(t.Points) > 0 {
		begin := t.Points[0].Time.Format(time.RFC3339)
		a.Range = &Range{From: &begin}
		if to := q.Get("to"); to != "" {
			a.Range.To = &to
		}
	}
	a.Quality, a.Data = all.quality(), r.Data
	return a, nil
}

func (s *server) calls(ctx context.Context, c *caller, in *callsInput) (*Answer, error) {
	q, err := in.values(s.Now(), c)
	if err != nil {
		return nil, err
	}
	set(q, "q", in.Query)
	set(q, "sort", in.Sort)
	set(q, "order", in.Order)
	set(q, "cursor", in.Cursor)
	setNumber(q, "limit", in.Limit, 10)
	if in.Superseded {
		q.Set("superseded", "true")
	}
	page, r, err := read[struct {
		NextCursor string `json:"next_cursor"`
	}](ctx, s, "/logs", q)
	if err != nil {
		return nil, err
	}
	zone, _ := zoneOf(in.TimeZone, c) // values has checked it
	a := newAnswer(c, zone, "/logs", q, callUnits).ranged(q)
	a.Data = r.Data
	a.Notes = []string{"quality says what is wrong with a call's figures, see the resource tokenboard://figures. Do not sum pages of calls: usage_stats has the sums."}
	if page.NextCursor != "" {
		a.Notes = append(a.Notes, "There are more calls: ask again with cursor.")
	}
	return a, nil
}

func (s *server) changes(ctx context.Context, c *caller, in *changeInput) (*Answer, error) {
	q, err := in.values(s.Now(), c)
	if err != nil {
		return nil, err
	}
	zone, _ := zoneOf(in.TimeZone, c) // values has checked it
	for _, t := range []struct{ name, text string }{{"against", in.Against}, {"against_to", in.AgainstTo}} {
		if err := setTime(q, t.name, t.text, s.Now(), zone); err != nil {
			return nil, err
		}
	}
	if in.From == "" {
		return nil, fmt.Errorf("from is missing: it says when the range begins whose cost is to be explained, such as 7d")
	}
	set(q, "by", in.By)
	setNumber(q, "top", in.Top, 10)
	x, r, err := read[struct {
		All struct {
			Before, After counts
			Saturated     bool
		}
	}](ctx, s, "/changes", q)
	if err != nil {
		return nil, err
	}
	a := newAnswer(c, zone, "/changes", q, changeUnits)
	a.Data = r.Data
	all := x.All.Before
	all.add(x.All.After)
	a.Quality = all.quality()
	if all.NoUsage, err = s.noUsage(ctx, q, r.Data); err != nil {
		return nil, err
	}
	a.Quality = all.quality()
	a.Notes = []string{"No effect has the calls whose cost is not known.", "The effects of all are worked out by themselves; they are not the sums of those of the rows. Differences are."}
	if x.All.Saturated {
		a.Notes = append(a.Notes, "Sums are more than can be shown: what is marked saturated has lower bounds where amounts are as large as 9.2 thousand million USD, and differences of rows need not add up.")
	}
	return a, nil
}

// noUsage counts the calls without token figures in the two ranges of an answer about changes, which has no such count.
func (s *server) noUsage(ctx context.Context, asked url.Values, data json.RawMessage) (int64, error) {
	var x struct {
		From, To    string
		AgainstFrom string `json:"against_from"`
		AgainstTo   string `json:"against_to"`
	}
	if err := json.Unmarshal(data, &x); err != nil {
		return 0, fmt.Errorf("read the ranges of the answer: %w", err)
	}
	var n int64
	for _, span := range [][2]string{{x.AgainstFrom, x.AgainstTo}, {x.From, x.To}} {
		q := url.Values{}
		for _, name := range []string{"model", "provider", "key", "user", "service", "project", "service_tier", "account", "team", "status"} {
			q[name] = asked[name]
		}
		q.Set("from", span[0])
		q.Set("to", span[1])
		q.Set("top", "1")
		sums, _, err := read[counts](ctx, s, "/stats", q)
		if err != nil {
			return 0, err
		}
		n += sums.NoUsage
	}
	return n, nil
}

func (s *server) forecast(ctx context.Context, c *caller, in *forecastInput) (*Answer, error) {
	zone, err := zoneOf(in.TimeZone, c)
	if err != nil {
		return nil, err
	}
	q := url.Values{}
	set(q, "period", in.Period)
	set(q, "timezone", in.TimeZone)
	if in.BudgetUSD > 0 {
		q.Set("budget_usd", strconv.FormatFloat(in.BudgetUSD, 'f', -1, 64))
	}
	if in.BudgetTokens > 0 {
		q.Set("budget_tokens", strconv.FormatInt(in.BudgetTokens, 10))
	}
	only := url.Values{}
	lists(only, map[string][]string{
		"model": in.Model, "provider": in.Provider, "key": in.Key, "user": in.User, "service": in.Service, "project": in.Project, "service_tier": in.Tier,
		"account": in.Account, "team": in.Team,
	})
	for name, values := range only {
		q[name] = values
	}
	f, r, err := read[struct {
		From      string
		Estimated string `json:"estimated_from"`
		History   struct{ Enough bool }
	}](ctx, s, "/forecast", q)
	if err != nil {
		return nil, err
	}
	only.Set("from", f.From)
	only.Set("top", "1")
	sums, _, err := read[counts](ctx, s, "/stats", only)
	if err != nil {
		return nil, err
	}
	a := newAnswer(c, zone, "/forecast", q, forecastUnits)
	a.Quality, a.Data = sums.quality(), r.Data
	a.Notes = []string{"actual is exact, until now; expected, low and high are estimates for the whole period. data_quality is of the period until now."}
	if !f.History.Enough {
		a.Notes = append(a.Notes, "There is too little history for a forecast; history says when there will be enough.")
	}
	return a, nil
}

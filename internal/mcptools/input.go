package mcptools

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"time"
)

// filters are the arguments that most tools share. Several values of one are alternatives; different ones narrow.
type filters struct {
	From     string   `json:"from,omitempty" jsonschema:"start of the range: RFC 3339, a date (2026-11-24, midnight in time_zone), or so long ago: 90m, 24h, 7d, 4w. Without it: everything that is kept"`
	To       string   `json:"to,omitempty" jsonschema:"end of the range, exclusive; as from. Without it: now"`
	TimeZone string   `json:"time_zone,omitempty" jsonschema:"IANA name of the zone in which days begin, such as Europe/Berlin; by default the server's"`
	Model    []string `json:"model,omitempty" jsonschema:"models that answered"`
	Provider []string `json:"provider,omitempty" jsonschema:"providers, such as openai or anthropic"`
	Key      []string `json:"key,omitempty" jsonschema:"ids or names of API keys"`
	User     []string `json:"user,omitempty" jsonschema:"users, as reported by the telemetry"`
	Service  []string `json:"service,omitempty" jsonschema:"services that made the calls"`
	Project  []string `json:"project,omitempty" jsonschema:"projects, as reported by the telemetry"`
	Tier     []string `json:"service_tier,omitempty" jsonschema:"standard, batch, flex, priority, scale or other"`
	Account  []string `json:"account,omitempty" jsonschema:"upstream accounts that served the calls, as answers show them"`
	Team     []string `json:"team,omitempty" jsonschema:"ids or names of teams: calls with one of their keys, users or projects"`
	Status   []string `json:"status,omitempty" jsonschema:"ok, error, or an HTTP status code such as 429"`
}

type statsInput struct {
	filters
	Top int `json:"top,omitempty" jsonschema:"models to list, most tokens first; the rest is summed in other_models. Default 20"`
}

type breakdownInput struct {
	filters
	By     []string `json:"by" jsonschema:"one or two dimensions to group by"`
	Sort   string   `json:"sort,omitempty" jsonschema:"the sum to sort by; default total_tokens"`
	Order  string   `json:"order,omitempty" jsonschema:"default desc"`
	Limit  int      `json:"limit,omitempty" jsonschema:"rows in one answer; default 20. total and row_count are of all rows"`
	Cursor string   `json:"cursor,omitempty" jsonschema:"next_cursor of the page before, with otherwise the same arguments"`
}

type trendInput struct {
	filters
	Days     int    `json:"days,omitempty" jsonschema:"the last days, today included; default 7. from and to go before"`
	Interval string `json:"interval,omitempty" jsonschema:"default auto, by the length of the range"`
	GroupBy  string `json:"group_by,omitempty" jsonschema:"one series for each value of a dimension, besides the sums"`
	Top      int    `json:"top,omitempty" jsonschema:"series to show, the rest is other; default 5"`
	Sort     string `json:"sort,omitempty" jsonschema:"the sum over the whole range that the series shown have most of; default total_tokens"`
}

type callsInput struct {
	filters
	Query      string `json:"q,omitempty" jsonschema:"words to find; field:word for one of request_id, trace_id, span_id, model, path, error, message, user, service, provider, key, project, session, operation, method, status, quality, tier; -word for calls without it"`
	Sort       string `json:"sort,omitempty" jsonschema:"default time"`
	Order      string `json:"order,omitempty" jsonschema:"default desc"`
	Limit      int    `json:"limit,omitempty" jsonschema:"calls in one answer; default 10"`
	Cursor     string `json:"cursor,omitempty" jsonschema:"next_cursor of the page before, with otherwise the same arguments"`
	Superseded bool   `json:"superseded,omitempty" jsonschema:"also records that are in no sum, because another record stands for their call"`
}

type changeInput struct {
	filters
	Against   string `json:"against,omitempty" jsonschema:"start of the range to compare with; as from. Without it: the range before, as long as the other"`
	AgainstTo string `json:"against_to,omitempty" jsonschema:"end of the range to compare with; as from"`
	By        string `json:"by,omitempty" jsonschema:"the dimension that explains; default model"`
	Top       int    `json:"top,omitempty" jsonschema:"groups to show, the largest differences first; default 10"`
}

type budgetsInput struct {
	Query     string   `json:"q,omitempty" jsonschema:"a part of the name or the id, of what a budget is for, or of the owner of a key"`
	Scope     []string `json:"scope,omitempty" jsonschema:"only budgets for this kind of thing"`
	Subject   []string `json:"subject,omitempty" jsonschema:"only budgets for these: id of a key or of a team; name of a user, model or provider"`
	Projected bool     `json:"projected,omitempty" jsonschema:"also what each budget is expected to have used when it is reset, and when it will be used up; slower"`
	Limit     int      `json:"limit,omitempty" jsonschema:"budgets, and limits of keys, in one answer, those used up most first; default 20"`
}

type forecastInput struct {
	Period       string   `json:"period,omitempty" jsonschema:"the one that now lies in; default month"`
	TimeZone     string   `json:"time_zone,omitempty" jsonschema:"IANA name of the zone in which days begin; by default the server's"`
	BudgetUSD    float64  `json:"budget_usd,omitempty" jsonschema:"a budget of the period in US dollars: when will it be used up"`
	BudgetTokens int64    `json:"budget_tokens,omitempty" jsonschema:"likewise, in tokens"`
	Model        []string `json:"model,omitempty" jsonschema:"models that answered"`
	Provider     []string `json:"provider,omitempty" jsonschema:"providers"`
	Key          []string `json:"key,omitempty" jsonschema:"ids or names of API keys"`
	User         []string `json:"user,omitempty" jsonschema:"users, as reported by the telemetry"`
	Service      []string `json:"service,omitempty" jsonschema:"services that made the calls"`
	Project      []string `json:"project,omitempty" jsonschema:"projects, as reported by the telemetry"`
	Tier         []string `json:"service_tier,omitempty" jsonschema:"service tiers"`
	Account      []string `json:"account,omitempty" jsonschema:"upstream accounts"`
	Team         []string `json:"team,omitempty" jsonschema:"ids or names of teams"`
}

type pricesInput struct {
	Model    string `json:"model,omitempty" jsonschema:"only models whose name contains this, whatever the case"`
	Provider string `json:"provider,omitempty" jsonschema:"only this provider"`
	Limit    int    `json:"limit,omitempty" jsonschema:"models in one answer, most tokens first; default 20"`
}

// values returns the filters as the API's parameters.
func (f *filters) values(now time.Time, c *caller) (url.Values, error) {
	q := url.Values{}
	zone, err := zoneOf(f.TimeZone, c)
	if err != nil {
		return nil, err
	}
	for _, t := range []struct{ name, text string }{{"from", f.From}, {"to", f.To}} {
		if err := setTime(q, t.name, t.text, now, zone); err != nil {
			return nil, err
		}
	}
	lists(q, map[string][]string{
		"model": f.Model, "provider": f.Provider, "key": f.Key, "user": f.User, "service": f.Service, "project": f.Project,
		"service_tier": f.Tier, "account": f.Account, "team": f.Team, "status": f.Status,
	})
	return q, nil
}

// zoneOf finds the time zone that arguments name, else the server's.
func zoneOf(name string, c *caller) (*time.Location, error) {
	if name == "" {
		return c.location, nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return nil, fmt.Errorf("time_zone: %q is no time zone of the IANA data base, such as Europe/Berlin", cut(name))
	}
	return zone, nil
}

// relative is a time so long ago.
var relative = regexp.MustCompile(`^([1-9][0-9]{0,5})([mhdw])$`)

// setTime sets a parameter to a time that an argument names, as RFC 3339; an empty argument sets none.
func setTime(q url.Values, name, text string, now time.Time, zone *time.Location) error {
	if text == "" {
		return nil
	}
	at, err := readTime(text, now.In(zone))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	q.Set(name, at.UTC().Format(time.RFC3339Nano))
	return nil
}

func readTime(text string, now time.Time) (time.Time, error) {
	if m := relative.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1]) // at most six digits
		now = now.Truncate(time.Minute)
		switch m[2] {
		case "m":
			return now.Add(-time.Duration(n) * time.Minute), nil
		case "h":
			return now.Add(-time.Duration(n) * time.Hour), nil
		case "w":
			n *= 7
		}
		return now.AddDate(0, 0, -n), nil
	}
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	if at, err := time.ParseInLocation(time.DateOnly, text, now.Location()); err == nil {
		return at, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time such as 2026-11-24T12:00:00Z, 2026-11-24, 24h or 7d", cut(text))
}

// cut bounds what an error repeats of an argument, in bytes.
func cut(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

func lists(q url.Values, named map[string][]string) {
	for name, values := range named {
		for _, v := range values {
			q.Add(name, v)
		}
	}
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

// setNumber sets a number; where it is 0, the tool's own default.
func setNumber(q url.Values, name string, n, byDefault int) {
	if n == 0 {
		n = byDefault
	}
	q.Set(name, strconv.Itoa(n))
}

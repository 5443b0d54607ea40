package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// AlertQuery selects alerts. Fields that are not set select all.
type AlertQuery struct {
	State      string   // firing or ended
	Rules      []string // ids
	Severities []string
	From, To   time.Time // they began at From or later, and before To
	Limit      int
}

func (q *AlertQuery) values() url.Values {
	v := url.Values{}
	set(v, "state", q.State)
	for name, values := range map[string][]string{"rule": q.Rules, "severity": q.Severities} {
		for _, text := range values {
			v.Add(name, text)
		}
	}
	for name, t := range map[string]time.Time{"from": q.From, "to": q.To} {
		if !t.IsZero() {
			v.Set(name, t.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// Alert is one time that a rule fired.
type Alert struct {
	ID        string        `json:"id"`
	Rule      AlertRuleName `json:"rule"`
	Kind      string        `json:"kind"`
	Severity  string        `json:"severity"`
	State     string        `json:"state"` // firing or ended
	Subject   string        `json:"subject"`
	Value     float64       `json:"value"`
	Limit     float64       `json:"limit"`
	Unit      string        `json:"unit"`
	Window    string        `json:"window"`
	Causes    []AlertCause  `json:"causes"`
	Path      string        `json:"path"`
	StartedAt time.Time     `json:"started_at"`
	EndedAt   *time.Time    `json:"ended_at"`
}

// AlertRuleName names a rule, as it was when an alert began.
type AlertRuleName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// AlertCause is a part of what made an alert fire.
type AlertCause struct {
	Dimension string  `json:"dimension"`
	Name      string  `json:"name"`
	Value     float64 `json:"value"`
	Unit      string  `json:"unit"`
}

// AlertRuleSpec is what a rule says.
type AlertRuleSpec struct {
	Kind          string              `json:"kind"`
	Severity      string              `json:"severity"`
	Enabled       bool                `json:"enabled"`
	Filter        map[string][]string `json:"filter,omitempty"`
	Limit         float64             `json:"limit,omitempty"`
	Window        string              `json:"window,omitempty"`
	Timezone      string              `json:"timezone,omitempty"`
	MinCalls      int64               `json:"min_calls,omitempty"`
	Budget        string              `json:"budget,omitempty"`
	Source        string              `json:"source,omitempty"`
	Dimension     string              `json:"dimension,omitempty"`
	ForSeconds    int64               `json:"for_seconds,omitempty"`
	RepeatSeconds int64               `json:"repeat_seconds,omitempty"`
	SendResolved  bool                `json:"send_resolved,omitempty"`
	Quiet         []AlertQuietTime    `json:"quiet,omitempty"`
	Channels      []string            `json:"channels,omitempty"`
}

// AlertQuietTime is a time of the week in which nothing is sent.
type AlertQuietTime struct {
	Days     []int  `json:"days,omitempty"` // 0 is Sunday; none: every day
	From     string `json:"from"`
	To       string `json:"to"`
	Timezone string `json:"timezone"`
}

// AlertRule is a rule.
type AlertRule struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	AlertRuleSpec
	Unit      string    `json:"unit"` // of Limit
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int64     `json:"version"`
}

// AlertTemplate is a rule that is ready to be switched on.
type AlertTemplate struct {
	ID    string        `json:"id"`
	Title string        `json:"title"`
	Rule  AlertRuleSpec `json:"rule"`
	Unit  string        `json:"unit"`
}

// AlertDryRun tells when a rule would have fired.
type AlertDryRun struct {
	From          time.Time     `json:"from"`
	To            time.Time     `json:"to"`
	StepSeconds   int64         `json:"step_seconds"`
	Available     bool          `json:"available"`
	Firings       []AlertFiring `json:"firings"`
	More          int           `json:"more"`
	Notifications int           `json:"notifications"`
	Unit          string        `json:"unit"`
}

// AlertFiring is one time that a rule would have fired.
type AlertFiring struct {
	Subject   string     `json:"subject"`
	StartedAt time.Time  `json:"started_at"`
	EndedAt   *time.Time `json:"ended_at"`
	Peak      float64    `json:"peak"`
}

// Alerts lists alerts, newest first, at most a page of them.
func (c *Client) Alerts(ctx context.Context, q AlertQuery) ([]Alert, error) {
	return call[[]Alert](ctx, c, http.MethodGet, "/alerts", q.values(), nil)
}

// Alert returns one alert.
func (c *Client) Alert(ctx context.Context, id string) (Alert, error) {
	return call[Alert](ctx, c, http.MethodGet, "/alerts/"+url.PathEscape(id), nil, nil)
}

// AlertRules lists the rules.
func (c *Client) AlertRules(ctx context.Context) ([]AlertRule, error) {
	return call[[]AlertRule](ctx, c, http.MethodGet, "/alerts/rules", nil, nil)
}

// AlertRule returns one rule.
func (c *Client) AlertRule(ctx context.Context, id string) (AlertRule, error) {
	return call[AlertRule](ctx, c, http.MethodGet, "/alerts/rules/"+url.PathEscape(id), nil, nil)
}

// AlertTemplates lists the rules that are ready to be switched on.
func (c *Client) AlertTemplates(ctx context.Context) ([]AlertTemplate, error) {
	return call[[]AlertTemplate](ctx, c, http.MethodGet, "/alerts/rules/templates", nil, nil)
}

// CreateAlertRule makes a rule.
func (c *Client) CreateAlertRule(ctx context.Context, name string, r AlertRuleSpec) (AlertRule, error) {
	return call[AlertRule](ctx, c, http.MethodPost, "/alerts/rules", nil, struct {
		Name string `json:"name"`
		AlertRuleSpec
	}{name, r})
}

// EnableAlertRule switches a rule on, or off.
func (c *Client) EnableAlertRule(ctx context.Context, id string, enabled bool) (AlertRule, error) {
	return call[AlertRule](ctx, c, http.MethodPatch, "/alerts/rules/"+url.PathEscape(id), nil, map[string]bool{"enabled": enabled})
}

// DeleteAlertRule removes a rule.
func (c *Client) DeleteAlertRule(ctx context.Context, id string) error {
	_, err := call[json.RawMessage](ctx, c, http.MethodDelete, "/alerts/rules/"+url.PathEscape(id), nil, nil)
	return err
}

// DryRunAlertRule tells when a rule would have fired in the last 90 days.
func (c *Client) DryRunAlertRule(ctx context.Context, r AlertRuleSpec) (AlertDryRun, error) {
	return call[AlertDryRun](ctx, c, http.MethodPost, "/alerts/rules/dry-run", nil, r)
}

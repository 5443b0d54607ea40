// Package alerts answers the routes of alerts: what fires and fired, and the rules. Channels and deliveries are answered by
// package channels.
package alerts

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/alerting"
	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Handlers answer the routes of alerts and rules.
type Handlers struct {
	*api.Env
	Store   store.Directory
	Ledger  *ledger.Ledger
	Keys    *keyindex.Book
	Budgets *budget.Set // has the teams
	Audit   *audit.Log

	// Wake is called when deliveries were made; it returns at once. Nil: nothing here sends.
	Wake func()

	dryRuns atOnce
}

// Routes adds the routes.
func (h *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadAlerts, api.Operation(http.MethodGet, "/alerts", "alerts", "What fires and what fired, newest first"), h.alerts)
	api.Register(r, access.ReadAlerts, api.Operation(http.MethodGet, "/alerts/{id}", "alert", "One alert"), h.alert)
	api.Register(r, access.ReadAlerts, api.Operation(http.MethodGet, "/alerts/rules", "alert-rules", "Alert rules, oldest first"), h.rules)
	api.Register(r, access.ReadAlerts, api.Operation(http.MethodGet, "/alerts/rules/templates", "alert-rule-templates", "Rules that are ready to be switched on"), h.templates)
	api.Register(r, access.ReadAlerts, api.Operation(http.MethodGet, "/alerts/rules/{id}", "alert-rule", "One alert rule"), h.rule)
	create := api.Operation(http.MethodPost, "/alerts/rules", "create-alert-rule", "Make an alert rule")
	create.DefaultStatus = http.StatusCreated
	api.Register(r, access.ManageAlerts, create, h.create)
	api.Register(r, access.ManageAlerts, api.Operation(http.MethodPost, "/alerts/rules/dry-run", "dry-run-alert-rule", "When a rule would have fired in the last 90 days"), h.dryRun)
	api.Register(r, access.ManageAlerts, api.Operation(http.MethodPatch, "/alerts/rules/{id}", "change-alert-rule", "Change an alert rule, or switch it on or off"), h.change)
	api.Register(r, access.ManageAlerts, api.Operation(http.MethodDelete, "/alerts/rules/{id}", "delete-alert-rule", "Delete an alert rule; what it made fire ends, which is told where the rule sends ends"), h.remove)
}

// Alert is one time that a rule fired.
type Alert struct {
	ID        string         `json:"id"`
	Rule      RuleName       `json:"rule"`
	Kind      alert.Kind     `json:"kind"`
	Severity  alert.Severity `json:"severity" enum:"info,warning,critical"`
	State     string         `json:"state" enum:"firing,ended"`
	Subject   string         `json:"subject" doc:"the key, budget or receiver that it is about; empty: all that the rule looks at"`
	Value     float64        `json:"value" doc:"when it fired, was sent again, or ended, in unit; the last one known where the rule was switched off or deleted"`
	Limit     float64        `json:"limit" doc:"of the rule, in unit"`
	Unit      alert.Unit     `json:"unit" enum:"USD,tokens,calls,percent,multiple,ms,s,days,"`
	Window    string         `json:"window"`
	Causes    []alert.Cause  `json:"causes" nullable:"false" doc:"those with the most of it, at most three"`
	Path      string         `json:"path" doc:"of the page that shows it, below the console's root"`
	StartedAt time.Time      `json:"started_at"`
	EndedAt   *time.Time     `json:"ended_at"`
}

// SchemaName is the name in the description of the API.
func (Alert) SchemaName() string { return "Alert" }

// RuleName names a rule, as it was then.
type RuleName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// SchemaName is the name in the description of the API.
func (RuleName) SchemaName() string { return "AlertRuleName" }

// alertsQuery are the parameters of the list of alerts.
type alertsQuery struct {
	api.ListPage
	State    string   `query:"state" enum:"firing,ended" doc:"without it both"`
	Rule     []string `query:"rule,explode" doc:"ids of rules" maxItems:"100"`
	Severity []string `query:"severity,explode" enum:"info,warning,critical" maxItems:"3" doc:"severities of rules"`
	From     string   `query:"from" doc:"alerts that began at this time or later; RFC 3339 or Unix seconds" maxLength:"64"`
	To       string   `query:"to" doc:"alerts that began before this time" maxLength:"64"`
}

func (h *Handlers) alerts(ctx context.Context, in *alertsQuery) (*api.List[Alert], error) {
	q := store.AlertQuery{
		Rules: in.Rule, Severities: in.Severity, Firing: in.State == "firing", Ended: in.State == "ended", After: in.Cursor, Limit: in.Limit + 1,
	}
	var err error
	if q.From, q.To, err = api.ParseRange(in.From, in.To); err != nil {
		return nil, err
	}
	all, total, err := h.Store.Alerts(ctx, q)
	if err != nil {
		return nil, h.Failed("alerts", err)
	}
	out := &api.List[Alert]{}
	out.Total, out.Body.Data = total, []Alert{}
	if len(all) > in.Limit {
		all = all[:in.Limit]
		out.More("/alerts", in.ListPage, all[in.Limit-1].ID, url.Values{
			"state": {in.State}, "rule": in.Rule, "severity": in.Severity, "from": {in.From}, "to": {in.To},
		})
	}
	for i := range all {
		a, err := Of(&all[i])
		if err != nil {
			return nil, h.Failed("alerts", err)
		}
		out.Body.Data = append(out.Body.Data, a)
	}
	return out, nil
}

func (h *Handlers) alert(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
}) (*api.Envelope[Alert], error) {
	found, _, err := h.Store.Alerts(ctx, store.AlertQuery{IDs: []string{in.ID}, Limit: 1})
	if err != nil {
		return nil, h.Failed("an alert", err)
	}
	if len(found) == 0 {
		return nil, api.WithReason("alert_unknown", api.NewProblem(http.StatusNotFound, "no alert has this id; it may have been dropped by age"))
	}
	a, err := Of(&found[0])
	if err != nil {
		return nil, h.Failed("an alert", err)
	}
	return api.Answer(a), nil
}

// Of is a stored alert as the API shows it.
func Of(a *store.Alert) (Alert, error) {
	var n alert.Notification
	if err := json.Unmarshal(a.Document, &n); err != nil {
		return Alert{}, err
	}
	out := Alert{
		ID: a.ID, Rule: RuleName{a.Rule, n.RuleName}, Kind: n.Kind, Severity: alert.Severity(a.Severity), State: "firing", Subject: n.Subject, Value: n.Value,
		Limit: n.Limit, Unit: n.Unit, Window: n.Window, Causes: append([]alert.Cause{}, n.Causes...), Path: n.Path, StartedAt: a.StartedAt,
		EndedAt: api.OptionalTime(a.EndedAt),
	}
	if out.EndedAt != nil {
		out.State = "ended"
	}
	return out, nil
}

// names are the keys and teams that rules name.
type names struct {
	*keyindex.Index
	teams []store.Team
}

// Calls returns which calls a team has.
func (n *names) Calls(team string) store.AnyOf {
	if t := budget.TeamNamed(n.teams, team); t != nil {
		return n.CallsOf(t)
	}
	return store.AnyOf{}
}

// keysOf finds keys and teams for the evaluation of rules. Nobody asks, so that no key is found by its fingerprint.
func keysOf(book *keyindex.Book, budgets *budget.Set) func(context.Context) (alerting.Keys, error) {
	return func(ctx context.Context) (alerting.Keys, error) {
		index, err := book.Index(access.With(ctx, access.Principal{}))
		if err != nil {
			return nil, err
		}
		teams, err := budgets.Teams(ctx)
		return &names{index, teams}, err
	}
}

// Evaluation returns the options of the evaluation of rules that the console knows.
func Evaluation(l *ledger.Ledger, d store.Directory, keys *keyindex.Book, budgets *budget.Set, zone *time.Location) alerting.Options {
	return alerting.Options{Ledger: l, Store: d, Keys: keysOf(keys, budgets), Location: zone}
}

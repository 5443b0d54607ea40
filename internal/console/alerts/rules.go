package alerts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/alerting"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Rule is an alert rule.
type Rule struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	alert.Rule
	Unit      alert.Unit `json:"unit" enum:"USD,tokens,calls,percent,multiple,ms,s,days," doc:"of limit"`
	CreatedAt time.Time  `json:"created_at"`
	UpdatedAt time.Time  `json:"updated_at"`
	Version   int64      `json:"version" doc:"of its last change"`
}

// SchemaName is the name in the description of the API.
func (Rule) SchemaName() string { return "AlertRule" }

// NewRule is a rule to be made.
type NewRule struct {
	Name string `json:"name" maxLength:"200"`
	alert.Rule
}

// SchemaName is the name in the description of the API.
func (NewRule) SchemaName() string { return "NewAlertRule" }

// Change has what a request changes of a rule; fields that are not set keep their values.
type Change struct {
	Name    *string     `json:"name,omitempty" maxLength:"200"`
	Enabled *bool       `json:"enabled,omitempty"`
	Rule    *alert.Rule `json:"rule,omitempty" doc:"all that the rule says"`
	Version *int64      `json:"version,omitempty" doc:"the change is made only to this version"`
}

// SchemaName is the name in the description of the API.
func (Change) SchemaName() string { return "AlertRuleChange" }

// Template is a rule that is ready to be switched on.
type Template struct {
	ID    string     `json:"id"`
	Title string     `json:"title"`
	Rule  alert.Rule `json:"rule"`
	Unit  alert.Unit `json:"unit"`
}

// SchemaName is the name in the description of the API.
func (Template) SchemaName() string { return "AlertRuleTemplate" }

type ruleID struct {
	ID string `path:"id" maxLength:"100"`
}

func ruleOf(r *store.AlertRule) Rule {
	out := Rule{ID: r.ID, Name: r.Name, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version}
	_ = json.Unmarshal(r.Document, &out.Rule) // one that cannot be read is shown, can be replaced, and fires nothing
	out.Unit = out.Kind.Unit()
	return out
}

func (h *Handlers) rules(ctx context.Context, in *api.ListPage) (*api.List[Rule], error) {
	all, _, err := h.Store.AlertRules(ctx, 0)
	if err != nil {
		return nil, h.Failed("alert rules", err)
	}
	page, more, last, err := api.PageOf(all, *in, func(r *store.AlertRule) string { return r.ID })
	if err != nil {
		return nil, h.Failed("alert rules", err)
	}
	out := &api.List[Rule]{}
	out.Total, out.Body.Data = len(all), []Rule{}
	for i := range page {
		out.Body.Data = append(out.Body.Data, ruleOf(&page[i]))
	}
	if more {
		out.More("/alerts/rules", *in, last, nil)
	}
	return out, nil
}

func (h *Handlers) templates(context.Context, *struct{}) (*api.Envelope[[]Template], error) {
	out := []Template{}
	for _, t := range alert.Templates() {
		out = append(out, Template{ID: t.Name, Title: t.Title, Rule: t.Rule, Unit: t.Rule.Kind.Unit()})
	}
	return api.Answer(out), nil
}

// the finds the rule of a route.
func (h *Handlers) the(ctx context.Context, id string) (store.AlertRule, error) {
	all, _, err := h.Store.AlertRules(ctx, 0)
	if err != nil {
		return store.AlertRule{}, h.Failed("find an alert rule", err)
	}
	for i := range all {
		if all[i].ID == id {
			return all[i], nil
		}
	}
	return store.AlertRule{}, unknownRule()
}

func unknownRule() error {
	return api.WithReason("rule_unknown", api.NewProblem(http.StatusNotFound, "no alert rule has this id; "+api.Base+"/alerts/rules lists them"))
}

// failed answers for an error of a change.
func (h *Handlers) failed(what string, err error) error {
	switch {
	case errors.Is(err, store.ErrAlertUnknown):
		return unknownRule()
	case errors.Is(err, store.ErrAlertName):
		return api.WithReason("rule_name_taken", api.NewProblem(http.StatusConflict, "another alert rule has this name; choose another one"))
	case errors.Is(err, store.ErrTooManyRules):
		return api.WithReason("rules_full", api.NewProblem(http.StatusConflict, "there are as many alert rules as there can be; delete one first"), alert.MaxRules)
	case errors.Is(err, store.ErrChanged):
		return api.WithReason("changed_meanwhile", api.NewProblem(http.StatusConflict, "it was changed meanwhile; read it again"))
	}
	return h.Failed(what, err)
}

// check refuses what a rule cannot say. at is where the rule is in the body.
func check(r *alert.Rule, at string) error {
	err := r.Check()
	for _, k := range r.Filter.Key {
		if err == nil && usage.IsKeyedOrPlainFingerprint(strings.ToLower(k)) {
			err = &alert.Problem{Field: "filter.key", Message: "must have ids or names of keys, not fingerprints"}
		}
	}
	var p *alert.Problem
	if errors.As(err, &p) {
		return api.WithReason("rule_unfit", api.Invalid(at+p.Field, p.Message, nil))
	}
	return err
}

// fill writes a rule into its stored form.
func (h *Handlers) fill(into *store.AlertRule, name string, r *alert.Rule) (err error) {
	if into.Name, err = api.CleanText("name", name, api.MaxName); err != nil {
		return err
	}
	if into.Name == "" {
		return api.WithReason("name_empty", api.Invalid("body.name", "must not be empty", nil))
	}
	if into.Document, err = json.Marshal(r); err != nil {
		return h.Failed("store an alert rule", err)
	}
	into.UpdatedAt = h.Now().UTC()
	return nil
}

func target(r *store.AlertRule) store.AuditTarget {
	return store.AuditTarget{Type: "alert_rule", ID: r.ID, Name: r.Name}
}

// audited is the form of a rule in the audit log.
type audited struct {
	Name string `json:"name"`
	alert.Rule
}

func auditedRule(r *store.AlertRule) audited {
	out := audited{Name: r.Name}
	_ = json.Unmarshal(r.Document, &out.Rule) // what cannot be read is not shown
	return out
}

func (h *Handlers) create(ctx context.Context, in *struct{ Body NewRule }) (*api.Envelope[Rule], error) {
	if err := check(&in.Body.Rule, "body."); err != nil {
		return nil, err
	}
	now := h.Now().UTC()
	r := store.AlertRule{ID: "rul_" + strings.ToLower(rand.Text()[:20]), CreatedAt: now}
	if err := h.fill(&r, in.Body.Name, &in.Body.Rule); err != nil {
		return nil, err
	}
	entry, err := h.Audit.Entry(ctx, "alert_rule.create", target(&r), nil, auditedRule(&r))
	if err != nil {
		return nil, err
	}
	if r.Version, err = h.Store.PutAlertRule(ctx, r, alert.MaxRules, entry); err != nil {
		return nil, h.failed("make an alert rule", err)
	}
	return api.Answer(ruleOf(&r)), nil
}

func (h *Handlers) rule(ctx context.Context, in *ruleID) (*api.Envelope[Rule], error) {
	r, err := h.the(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return api.Answer(ruleOf(&r)), nil
}

func (h *Handlers) change(ctx context.Context, in *struct {
	ID   string `path:"id" maxLength:"100"`
	Body Change
}) (*api.Envelope[Rule], error) {
	b := &in.Body
	if b.Name == nil && b.Enabled == nil && b.Rule == nil {
		return nil, api.WithReason("change_empty", api.Invalid("body", "must name something to change: name, enabled or rule", nil))
	}
	if b.Rule != nil {
		if err := check(b.Rule, "body.rule."); err != nil {
			return nil, err
		}
	}
	var r store.AlertRule
	err := api.UntilUnchanged(ctx, func() (err error) {
		if r, err = h.the(ctx, in.ID); err != nil {
			return err
		}
		if b.Version != nil && *b.Version != r.Version {
			return h.failed("", store.ErrChanged)
		}
		return h.changeOnce(ctx, &r, b)
	})
	if err != nil {
		return nil, err
	}
	return api.Answer(ruleOf(&r)), nil
}

// changeOnce changes a rule as it is now; store.ErrChanged where somebody else changes it meanwhile.
func (h *Handlers) changeOnce(ctx context.Context, r *store.AlertRule, b *Change) error {
	before := auditedRule(r)
	name, rule := r.Name, before.Rule
	if b.Name != nil {
		name = *b.Name
	}
	if b.Rule != nil {
		rule = *b.Rule
	}
	if b.Enabled != nil {
		rule.Enabled = *b.Enabled
	}
	if err := h.fill(r, name, &rule); err != nil {
		return err
	}
	entry, err := h.Audit.Entry(ctx, "alert_rule.update", target(r), before, auditedRule(r))
	if err != nil {
		return err
	}
	version, err := h.Store.PutAlertRule(ctx, *r, alert.MaxRules, entry)
	if errors.Is(err, store.ErrChanged) {
		return err
	}
	if err != nil {
		return h.failed("change an alert rule", err)
	}
	r.Version = version
	return nil
}

// Deleted is something that was deleted.
type Deleted struct {
	ID string `json:"id"`
}

// SchemaName is the name in the description of the API.
func (Deleted) SchemaName() string { return "DeletedAlertRule" }

func (h *Handlers) remove(ctx context.Context, in *ruleID) (*api.Envelope[Deleted], error) {
	r, err := h.the(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	entry, err := h.Audit.Entry(ctx, "alert_rule.delete", target(&r), auditedRule(&r), nil)
	if err != nil {
		return nil, err
	}
	if err := alerting.Remove(ctx, h.Store, &r, h.Now().UTC(), entry); err != nil {
		return nil, h.failed("delete an alert rule", err)
	}
	if h.Wake != nil {
		h.Wake()
	}
	return api.Answer(Deleted{ID: r.ID}), nil
}

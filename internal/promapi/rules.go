package promapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// The rules are shown, with the state that they would have had a Prometheus evaluated them all the time; nobody is
// notified.

// ruleGroup is a group of a rule file.
type ruleGroup struct {
	Name  string
	Rules []rule
}

type rule struct {
	Alert               string
	Expr                string
	For                 string
	Labels, Annotations map[string]string

	wait time.Duration
}

func readRules(file []byte, p parser.Parser) ([]ruleGroup, error) {
	var all struct{ Groups []ruleGroup }
	if err := yaml.Unmarshal(file, &all); err != nil {
		return nil, fmt.Errorf("read the alert rules: %w", err)
	}
	for _, g := range all.Groups {
		for i := range g.Rules {
			r := &g.Rules[i]
			if _, err := p.ParseExpr(r.Expr); err != nil {
				return nil, fmt.Errorf("read the alert rule %s: %w", r.Alert, err)
			}
			if r.For == "" {
				continue
			}
			d, err := model.ParseDuration(r.For)
			if err != nil {
				return nil, fmt.Errorf("read the alert rule %s: %w", r.Alert, err)
			}
			r.wait = time.Duration(d)
		}
	}
	return all.Groups, nil
}

// alert is one alert that is pending or firing, as Prometheus' API has it.
type alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	State       string            `json:"state"`
	ActiveAt    time.Time         `json:"activeAt"`
	Value       string            `json:"value"`
}

type shownRule struct {
	State          string            `json:"state"`
	Name           string            `json:"name"`
	Query          string            `json:"query"`
	Duration       float64           `json:"duration"`
	KeepFiringFor  float64           `json:"keepFiringFor"`
	Labels         map[string]string `json:"labels"`
	Annotations    map[string]string `json:"annotations"`
	Alerts         []alert           `json:"alerts"`
	Health         string            `json:"health"`
	LastError      string            `json:"lastError,omitempty"`
	EvaluationTime float64           `json:"evaluationTime"`
	LastEvaluation time.Time         `json:"lastEvaluation"`
	Type           string            `json:"type"`
}

type shownGroup struct {
	Name           string      `json:"name"`
	File           string      `json:"file"`
	Rules          []shownRule `json:"rules"`
	Interval       float64     `json:"interval"`
	Limit          int         `json:"limit"`
	EvaluationTime float64     `json:"evaluationTime"`
	LastEvaluation time.Time   `json:"lastEvaluation"`
}

const (
	stateInactive = "inactive"
	statePending  = "pending"
	stateFiring   = "firing"
	// ruleSteps is at how many times within the wait of a rule its expression is evaluated.
	ruleSteps = 10
)

// evaluate returns a rule with its alerts at a time.
func (a *API) evaluate(ctx context.Context, v *View, r *rule, now time.Time) shownRule {
	began := time.Now()
	out := shownRule{
		State: stateInactive, Name: r.Alert, Query: r.Expr, Duration: r.wait.Seconds(),
		Labels: orEmpty(r.Labels), Annotations: orEmpty(r.Annotations),
		Alerts: []alert{}, Health: "ok", LastEvaluation: now, Type: "alerting",
	}
	found, err := a.active(ctx, v, r, now)
	if err != nil {
		out.Health, out.LastError = "err", classified(err).Error()
	}
	for _, one := range found {
		out.Alerts = append(out.Alerts, one)
		if out.State != stateFiring {
			out.State = one.State
		}
	}
	out.EvaluationTime = time.Since(began).Seconds()
	return out
}

// active finds the series of a rule's expression that are there now, and since when.
func (a *API) active(ctx context.Context, v *View, r *rule, now time.Time) ([]alert, error) {
	step := max(r.wait/ruleSteps, 15*time.Second)
	start := now.Add(-r.wait.Truncate(step))
	q, err := a.Range(ctx, v, r.Expr, start, now, step)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	res := q.Exec(ctx)
	m, err := res.Matrix()
	if err != nil {
		return nil, err
	}
	var out []alert
	for _, s := range m {
		points := s.Floats
		if n := len(points); n == 0 || points[n-1].T != now.UnixMilli() {
			continue // it is not there now
		}
		since := len(points) - 1
		for since > 0 && points[since].T-points[since-1].T == step.Milliseconds() {
			since--
		}
		one := alert{
			State: statePending, ActiveAt: time.UnixMilli(points[since].T).UTC(),
			Value: strconv.FormatFloat(points[len(points)-1].F, 'e', -1, 64),
		}
		if now.Sub(one.ActiveAt) >= r.wait {
			one.State = stateFiring
		}
		one.Labels, one.Annotations = r.describe(s.Metric, points[len(points)-1])
		out = append(out, one)
	}
	return out, nil
}

// describe returns the labels and the annotations of an alert.
func (r *rule) describe(metric labels.Labels, p promql.FPoint) (all, annotations map[string]string) {
	all, annotations = map[string]string{}, map[string]string{}
	metric.Range(func(l labels.Label) {
		if l.Name != model.MetricNameLabel {
			all[l.Name] = l.Value
		}
	})
	data := struct {
		Labels map[string]string
		Value  float64
	}{all, p.F}
	for name, text := range r.Annotations {
		annotations[name] = text
		if t, err := template.New(name).Option("missingkey=zero").Parse(text); err == nil {
			var b strings.Builder
			if t.Execute(&b, data) == nil {
				annotations[name] = b.String()
			}
		}
	}
	for name, value := range r.Labels {
		all[name] = value
	}
	all["alertname"] = r.Alert
	return all, annotations
}

func orEmpty(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

// groups evaluates all rules.
func (a *API) groups(ctx context.Context) ([]shownGroup, error) {
	view, err := a.view(ctx)
	if err != nil {
		return nil, err
	}
	now := a.o.Now().Truncate(time.Millisecond)
	out := []shownGroup{}
	for _, g := range a.rules {
		shown := shownGroup{
			Name: g.Name, File: "tokenboard", Rules: []shownRule{}, Interval: time.Minute.Seconds(), LastEvaluation: now,
		}
		for i := range g.Rules {
			r := a.evaluate(ctx, view, &g.Rules[i], now)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			shown.EvaluationTime += r.EvaluationTime
			shown.Rules = append(shown.Rules, r)
		}
		out = append(out, shown)
	}
	return out, nil
}

func (a *API) listRules(ctx context.Context, v url.Values, _ *http.Request) (answered, error) {
	switch v.Get("type") {
	case "", "alert":
	case "record":
		return encoded(map[string]any{"groups": []shownGroup{}})
	default:
		return answered{}, invalid("type", fmt.Errorf("not supported value %q", v.Get("type")))
	}
	groups, err := a.groups(ctx)
	if err != nil {
		return answered{}, err
	}
	if names := v["rule_name[]"]; len(names) > 0 {
		for i := range groups {
			groups[i].Rules = slices.DeleteFunc(groups[i].Rules, func(r shownRule) bool {
				return !slices.Contains(names, r.Name)
			})
		}
	}
	return encoded(map[string]any{"groups": groups})
}

func (a *API) listAlerts(ctx context.Context, _ url.Values, _ *http.Request) (answered, error) {
	groups, err := a.groups(ctx)
	if err != nil {
		return answered{}, err
	}
	all := []alert{}
	for _, g := range groups {
		for _, r := range g.Rules {
			all = append(all, r.Alerts...)
		}
	}
	return encoded(map[string]any{"alerts": all})
}

func encoded(data any) (answered, error) {
	b, err := json.Marshal(data)
	if err != nil {
		return answered{}, &problem{internal, fmt.Errorf("write the answer: %w", err)}
	}
	return answered{data: b}, nil
}

// metadata describes the metrics that a request may see.
func (a *API) metadata(ctx context.Context, v url.Values, _ *http.Request) (answered, error) {
	type entry struct {
		Type string `json:"type"`
		Help string `json:"help"`
		Unit string `json:"unit"`
	}
	limit, err := limited(v)
	if err != nil {
		return answered{}, err
	}
	view, err := a.view(ctx)
	if err != nil {
		return answered{}, err
	}
	out := map[string][]entry{}
	for _, m := range a.o.Metrics {
		name := v.Get("metric")
		visible := view.Gather != nil || fromCalls(m.Name) && m.Name != recordsMetric
		if (name == "" || name == m.Name) && len(out) < limit && visible {
			out[m.Name] = []entry{{m.Type, m.Help, ""}}
		}
	}
	return encoded(out)
}

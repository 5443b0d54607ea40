package metrics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokenboard/tokenboard/dashboards"
	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/promapi"
	"github.com/tokenboard/tokenboard/internal/store"
)

// PromQL answers questions in PromQL from the ledger.
type PromQL struct {
	*Handlers
	API *promapi.API

	gauges *prometheus.Registry // what a scrape has besides the series of calls
}

// NewPromQL makes it from what answers scrapes. Close its API before the ledger.
func NewPromQL(from *Handlers) *PromQL {
	c := &PromQL{Handlers: from, gauges: prometheus.NewRegistry()}
	m := newCollector(from)
	m.withoutSeries = true
	c.gauges.MustRegister(m)
	var metrics []promapi.Metric
	for _, d := range Defs {
		kind := "gauge"
		switch {
		case d.Histogram:
			kind = "histogram"
		case d.Kind == counter:
			kind = "counter"
		}
		metrics = append(metrics, promapi.Metric{Name: MetricPrefix + d.Name, Type: kind, Help: d.Help})
	}
	var err error
	c.API, err = promapi.New(promapi.Options{
		Ledger: from.Ledger, Version: from.Version, Now: from.Now, View: c.view, Metrics: metrics, Rules: dashboards.AlertRules(),
	})
	if err != nil {
		panic(err) // the rules are part of the binary, and a test reads them
	}
	return c
}

// Routes adds the routes.
func (c *PromQL) Routes(r *api.Router) {
	for _, one := range c.API.Routes() {
		r.Handle(one.Method, one.Path, access.ReadUsage, one.Handler)
	}
}

// view returns what a request may see: a member only calls and budgets of own keys.
func (c *PromQL) view(ctx context.Context) (*promapi.View, error) {
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return nil, err
	}
	p := access.From(ctx)
	v := &promapi.View{KeyName: index.MetricName}
	owned := index.Ring.All()
	if p.OwnOnly() {
		owned = index.Owned(p)
		v.Keys = append([]string{}, index.OwnOnly(ctx, store.Filter{}).Keys...)
	}
	v.Budgets = func(ctx context.Context) ([]promapi.Budget, error) {
		rows, err := c.rows(ctx, index)
		return append(c.budgets(index, owned, !p.OwnOnly()), rows...), err
	}
	if p.May(access.ReadMetrics) {
		v.Gather = c.gauges.Gather
	}
	return v, nil
}

// budgets returns the keys' budgets that have metrics, and the console's quota where it may be seen.
func (c *PromQL) budgets(index *keyindex.Index, of []*store.Key, console bool) []promapi.Budget {
	type owner struct {
		budgeted
		key *store.Key
	}
	var owners []owner
	now := c.Now()
	for _, k := range of {
		if keys.Status(k, now) != "revoked" && (k.Limits.Tokens != (store.Budget{}) || k.Limits.Cost != (store.Budget{})) {
			owners = append(owners, owner{budgetedOf("key", index.LabelOf(k), k.ID, index.Ring.Left(k.ID)), k})
		}
	}
	slices.SortFunc(owners, func(a, b owner) int { return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.id, b.id)) })
	var out []promapi.Budget
	for _, o := range owners[:min(len(owners), maxBudgetKeys)] {
		b := promapi.Budget{Scope: "key", Key: o.name, Fingerprints: o.key.Fingerprints(), Since: o.key.CreatedAt}
		out = append(out, c.budgetsOf(b, o.left)...)
	}
	if quota := index.Ring.Quota(); quota != nil && console {
		out = append(out, c.budgetsOf(promapi.Budget{Scope: "console", All: true}, quota)...)
	}
	return out
}

// rows returns the budgets of their own that have metrics, of those that may be seen.
func (c *PromQL) rows(ctx context.Context, index *keyindex.Index) (out []promapi.Budget, err error) {
	seen, err := c.Budgets.Seen(ctx)
	if err != nil {
		return nil, err
	}
	shown, _ := mostUsed(seen)
	for i := range shown {
		b := &shown[i]
		l := labelsOf(b, index)
		row := promapi.Budget{
			Scope: l[0], Key: l[1], Period: l[2], Name: l[3], Money: b.Cost, Limit: b.Limit, Used: b.Used, Left: b.Left(), Since: b.CreatedAt,
			All: b.Scope == store.ScopeAll,
		}
		if k := index.Ring.ID(b.Subject); b.Scope == store.ScopeKey && k != nil {
			row.Fingerprints = k.Fingerprints()
		} else if !row.All {
			row.Calls = &b.Calls
		}
		if b.Period != store.Ever {
			row.PeriodOf = func(t time.Time) (begin, end time.Time) { return b.PeriodOf(t.In(c.Location)) }
		}
		out = append(out, row)
	}
	return out, nil
}

// budgetsOf returns the budgets of a key or an owner, by period.
func (c *PromQL) budgetsOf(b promapi.Budget, left *keyring.Left) (out []promapi.Budget) {
	for p := range store.PeriodCount {
		b.Period, b.PeriodOf = p.String(), c.periodOf(p)
		for _, money := range []bool{false, true} {
			a := left.Tokens[p]
			if money {
				a = left.Cost[p]
			}
			if a == nil {
				continue
			}
			b.Money, b.Limit, b.Used, b.Left = money, a.Limit, a.Used, a.Left()
			out = append(out, b)
		}
	}
	return out
}

// periodOf returns when a period that has a time begins and ends; nil for one without an end.
func (c *PromQL) periodOf(p store.Period) func(time.Time) (begin, end time.Time) {
	if p == store.Ever {
		return nil
	}
	of := [store.Ever]func(time.Time, int) time.Time{calendar.Midnight, calendar.Week, calendar.Month}[p]
	return func(t time.Time) (begin, end time.Time) {
		t = t.In(c.Location)
		return of(t, 0), of(t, 1)
	}
}

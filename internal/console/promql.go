package console

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokenboard/tokenboard/dashboards"
	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/promapi"
	"github.com/tokenboard/tokenboard/internal/store"
)

// promqlHandlers answer PromQL from the ledger.
type promqlHandlers struct {
	*Env
	Keys *keyBook
	API  *promapi.API

	gauges *prometheus.Registry // what a scrape has besides the series of calls
}

func newPromQL(env *Env, keys *keyBook, l *ledger.Ledger, started time.Time) *promqlHandlers {
	c := &promqlHandlers{Env: env, Keys: keys, gauges: prometheus.NewRegistry()}
	m := newCollector(&metricsHandlers{Env: env, Keys: keys, Ledger: l, Started: started})
	m.withoutSeries = true
	c.gauges.MustRegister(m)
	var metrics []promapi.Metric
	for _, d := range metricDefs {
		kind := "gauge"
		switch {
		case d.hist:
			kind = "histogram"
		case d.kind == counter:
			kind = "counter"
		}
		metrics = append(metrics, promapi.Metric{Name: metricPrefix + d.name, Type: kind, Help: d.help})
	}
	var err error
	c.API, err = promapi.New(promapi.Options{
		Ledger: l, Version: env.Version, Now: env.Now, View: c.view, Metrics: metrics, Rules: dashboards.AlertRules(),
	})
	if err != nil {
		panic(err) // the rules are part of the binary, and a test reads them
	}
	return c
}

// Routes adds the routes.
func (c *promqlHandlers) Routes(r *router) {
	for _, one := range c.API.Routes() {
		r.handle(one.Method, one.Path, access.ReadUsage, one.Handler)
	}
}

// view returns what a request may see: a member only calls and budgets of own keys.
func (c *promqlHandlers) view(ctx context.Context) (*promapi.View, error) {
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return nil, err
	}
	p := access.From(ctx)
	v := &promapi.View{KeyName: index.metricName}
	keys := index.ring.All()
	if p.OwnOnly() {
		keys = index.owned(p)
		v.Keys = []string{}
		for f := range fingerprintsOf(keys) {
			v.Keys = append(v.Keys, f)
		}
	}
	v.Budgets = func(context.Context) ([]promapi.Budget, error) { return c.budgets(index, keys, !p.OwnOnly()), nil }
	if p.May(access.ReadMetrics) {
		v.Gather = c.gauges.Gather
	}
	return v, nil
}

// budgets returns those that have metrics, and that of the console where it may be seen.
func (c *promqlHandlers) budgets(index *keyIndex, keys []*store.Key, console bool) []promapi.Budget {
	type owner struct {
		budgeted
		key *store.Key
	}
	var owners []owner
	now := c.Now()
	for _, k := range keys {
		if statusOf(k, now) != "revoked" && (k.Limits.Tokens != (store.Budget{}) || k.Limits.Cost != (store.Budget{})) {
			owners = append(owners, owner{budgetedOf("key", index.labelOf(k), k.ID, index.ring.Left(k.ID)), k})
		}
	}
	slices.SortFunc(owners, func(a, b owner) int { return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.id, b.id)) })
	var out []promapi.Budget
	for _, o := range owners[:min(len(owners), maxBudgetKeys)] {
		b := promapi.Budget{Scope: "key", Key: o.name, Fingerprints: o.key.Fingerprints(), Since: o.key.CreatedAt}
		out = append(out, c.budgetsOf(b, o.left)...)
	}
	if quota := index.ring.Quota(); quota != nil && console {
		out = append(out, c.budgetsOf(promapi.Budget{Scope: "console", All: true}, quota)...)
	}
	return out
}

// budgetsOf returns the budgets of one who has some, by period.
func (c *promqlHandlers) budgetsOf(b promapi.Budget, left *keyring.Left) (out []promapi.Budget) {
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
			b.Money, b.Limit, b.Used = money, a.Limit, a.Used
			out = append(out, b)
		}
	}
	return out
}

// periodOf returns when a period that has a time begins and ends; nil for one without an end.
func (c *promqlHandlers) periodOf(p store.Period) func(time.Time) (begin, end time.Time) {
	if p == store.Ever {
		return nil
	}
	of := [store.Ever]func(time.Time, int) time.Time{calendar.Midnight, calendar.Week, calendar.Month}[p]
	return func(t time.Time) (begin, end time.Time) {
		t = t.In(c.Location)
		return of(t, 0), of(t, 1)
	}
}

package stats

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/calendar"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/forecast"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Forecast estimates the total usage of a period at its end.
type Forecast struct {
	Period    string           `json:"period" enum:"day,week,month"`
	From      time.Time        `json:"from" doc:"when the period began"`
	To        time.Time        `json:"to" doc:"when it ends"`
	Timezone  string           `json:"timezone"`
	History   ForecastHistory  `json:"history"`
	Cost      *ForecastCost    `json:"cost_usd" doc:"of the calls whose cost is known; null without enough history"`
	Tokens    *ForecastTokens  `json:"total_tokens" doc:"null without enough history"`
	Unpriced  int64            `json:"unpriced_count" doc:"calls of the period until now with tokens whose cost is not known; they are in no cost"`
	Budgets   []ForecastBudget `json:"budgets" doc:"the quota, or the budgets of the one key that the filters name, and the budget that the request names; empty without enough history"`
	AsOf      *time.Time       `json:"as_of" doc:"the last write that is in these figures; for members when they were asked for"`
	Estimated time.Time        `json:"estimated_from" doc:"the moment from which on figures are estimated"`
}

// ForecastHistory describes the history that a forecast is based on.
type ForecastHistory struct {
	Days     int        `json:"days" doc:"complete days with which the forecast was made, at most 112, since the first call that the filters match"`
	Needed   int        `json:"needed_days"`
	Enough   bool       `json:"enough" doc:"false: there is no forecast"`
	EnoughAt *time.Time `json:"enough_at" doc:"when there will be enough history; null where there is, and where there is no call yet"`
}

// ForecastCost is money in a period. The band from low to high is meant to hold in 80 of 100 cases.
type ForecastCost struct {
	Actual   api.Money `json:"actual" doc:"until now, exact"`
	Expected api.Money `json:"expected" doc:"of the whole period"`
	Low      api.Money `json:"low" doc:"of the whole period"`
	High     api.Money `json:"high" doc:"of the whole period"`
}

// ForecastTokens is tokens in a period, likewise.
type ForecastTokens struct {
	Actual   int64 `json:"actual" doc:"until now, exact"`
	Expected int64 `json:"expected" doc:"of the whole period"`
	Low      int64 `json:"low" doc:"of the whole period"`
	High     int64 `json:"high" doc:"of the whole period"`
}

// ForecastBudget is when a budget will be used up. Amounts are tokens, or nano-dollars as a number of dollars.
type ForecastBudget struct {
	Period    string          `json:"period" enum:"day,week,month,total"`
	ResetsAt  *time.Time      `json:"resets_at" doc:"null: never"`
	Tokens    *BudgetedTokens `json:"tokens" doc:"null: the budget is of money"`
	USD       *BudgetedCost   `json:"usd" doc:"null: the budget is of tokens"`
	Exhausted bool            `json:"exhausted" doc:"it is used up now"`
	Expected  *time.Time      `json:"expected_at" doc:"when it will be used up; null: not before it is reset or, without a reset, within 400 days"`
	Earliest  *time.Time      `json:"earliest_at" doc:"in 10 of 100 cases it is used up before; null likewise"`
	Latest    *time.Time      `json:"latest_at" doc:"in 90 of 100 cases it is used up before; null likewise"`
}

// BudgetedTokens are tokens of a budget.
type BudgetedTokens struct {
	Limit int64 `json:"limit"`
	Used  int64 `json:"used"`
}

// BudgetedCost is money of a budget.
type BudgetedCost struct {
	Limit api.Money `json:"limit"`
	Used  api.Money `json:"used"`
}

type forecastInput struct {
	Period   string   `query:"period" default:"month" enum:"day,week,month" doc:"the one that now lies in"`
	Weekday  string   `query:"week_begins" default:"monday" enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" doc:"first day of a week"`
	Day      int      `query:"month_begins" default:"1" minimum:"1" maximum:"31" doc:"day of the month; in a month that is shorter, its last day"`
	Timezone string   `query:"timezone" doc:"IANA name of the zone in which days begin; by default the console's" maxLength:"64"`
	USD      float64  `query:"budget_usd" minimum:"0" maximum:"1000000000" doc:"a budget of the period, of which it is estimated when it will be used up; 0: none"`
	Tokens   int64    `query:"budget_tokens" minimum:"0" doc:"likewise, of tokens"`
	Model    []string `query:"model,explode" doc:"model that answered" maxItems:"100"`
	Provider []string `query:"provider,explode" doc:"provider, by its name in the GenAI conventions" maxItems:"100"`
	Key      []string `query:"key,explode" doc:"id or name of a key, as in /stats" maxItems:"100"`
	User     []string `query:"user,explode" doc:"user, as reported by the telemetry" maxItems:"100"`
	Service  []string `query:"service,explode" doc:"service.name of what made the call" maxItems:"100"`
	Project  []string `query:"project,explode" doc:"project or team" maxItems:"100"`
	Tier     []string `query:"service_tier,explode" doc:"service tier of the answer" maxItems:"20"`
	Account  []string `query:"account,explode" doc:"upstream account" maxItems:"100"`
}

// period returns the period of a time.
func (in *forecastInput) period(now time.Time) forecast.Period {
	switch in.Period {
	case "day":
		return forecast.Day(now)
	case "week":
		first := time.Sunday
		for !strings.EqualFold(first.String(), in.Weekday) && first < time.Saturday {
			first++
		}
		return forecast.Week(now, first)
	}
	return forecast.Month(now, in.Day)
}

// historyDays is how many days before today a forecast can use.
const historyDays = 112

func (c *Handlers) forecast(ctx context.Context, in *forecastInput) (*api.Envelope[Forecast], error) {
	loc, err := c.Zone(in.Timezone)
	if err != nil {
		return nil, err
	}
	filters := &filter.Filters{
		Model: in.Model, Provider: in.Provider, Key: in.Key, User: in.User, Service: in.Service, Project: in.Project, Tier: in.Tier, Account: in.Account,
	}
	f, index, err := c.Filtered(ctx, "forecast", filters)
	if err != nil {
		return nil, err
	}
	now := c.Now().In(loc)
	p := in.period(now)
	from := calendar.Midnight(now, -historyDays)
	if p.From.Before(from) {
		from = p.From
	}
	hours, unpriced, last, err := c.hours(ctx, f, edges(from, now, "hour"), p)
	if err != nil {
		return nil, err
	}
	out := Forecast{
		Period: in.Period, From: p.From, To: p.To, Timezone: loc.String(), Unpriced: unpriced, Budgets: []ForecastBudget{},
		History: ForecastHistory{Needed: forecast.MinDays}, AsOf: asOf(ctx, now, last), Estimated: now.UTC(),
	}
	caster, err := forecast.New(forecast.Input{Hours: hours, Now: now, Zone: loc})
	if short := (*forecast.ShortHistoryError)(nil); errors.As(err, &short) {
		out.History.Days, out.History.EnoughAt = short.Days, api.OptionalTime(short.Enough)
		return api.Answer(out), nil
	}
	if err != nil {
		return nil, c.Failed("forecast", err)
	}
	out.History.Days, out.History.Enough = caster.Days(), true
	cost, tokens := caster.Period(forecast.Cost, p), caster.Period(forecast.Tokens, p)
	out.Cost = &ForecastCost{api.Money(cost.Actual), api.Money(cost.Expected), api.Money(cost.Low), api.Money(cost.High)}
	out.Tokens = &ForecastTokens{tokens.Actual, tokens.Expected, tokens.Low, tokens.High}
	for _, b := range append(c.budgetsFor(ctx, filters, index), in.budgets(p, cost.Actual, tokens.Actual)...) {
		out.Budgets = append(out.Budgets, forecastBudget(caster, b))
	}
	return api.Answer(out), nil
}

// hours sums the calls of a filter by hour, for a limited time. Besides it gives the unpriced calls of the period until
// now. Hours without calls are left out.
func (c *Handlers) hours(ctx context.Context, f store.Filter, edges []time.Time, p forecast.Period) (hours []forecast.Hour, unpriced int64, last time.Time, err error) {
	limited, cancel := context.WithTimeout(ctx, api.QueryTimeout)
	defer cancel()
	a, err := c.Ledger.Query(limited, ledger.Query{Filter: f, Edges: edges, CountsOnly: true})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, 0, last, api.TookTooLong("summing the stored calls")
	}
	if err != nil {
		return nil, 0, last, c.Failed("forecast", err)
	}
	sums := make([]ledger.Sums, len(edges)-1)
	for i := range a.Groups {
		for j := range a.Groups[i].Points {
			sums[j].MergeCounts(&a.Groups[i].Points[j])
		}
	}
	for i := range sums {
		s := &sums[i]
		if s.Calls == 0 {
			continue
		}
		hours = append(hours, forecast.Hour{Start: edges[i], Cost: s.Cost, Tokens: s.Tokens.Total()})
		if !edges[i].Before(p.From) {
			unpriced = usage.AddSat(unpriced, s.Unpriced)
		}
	}
	return hours, unpriced, a.AsOf, nil
}

// namedBudget is a budget with the name of its period.
type namedBudget struct {
	period string
	forecast.Budget
}

// budgets are those that the request names, of the period itself.
func (in *forecastInput) budgets(p forecast.Period, cost, tokens int64) []namedBudget {
	var out []namedBudget
	if in.USD > 0 {
		limit, _ := usage.USD(in.USD) // within the maximum
		out = append(out, namedBudget{in.Period, forecast.Budget{Measure: forecast.Cost, Limit: int64(limit), Used: cost, Resets: p.To}})
	}
	if in.Tokens > 0 {
		out = append(out, namedBudget{in.Period, forecast.Budget{Measure: forecast.Tokens, Limit: in.Tokens, Used: tokens, Resets: p.To}})
	}
	return out
}

// budgetsFor returns the budgets that filters ask for: the quota where there are none, a key's where they name just that
// key and the principal may see it.
func (c *Handlers) budgetsFor(ctx context.Context, f *filter.Filters, index *keyindex.Index) []namedBudget {
	only := *f
	only.Key = nil
	if only.IsSet() {
		return nil
	}
	var left *keyring.Left
	if len(f.Key) == 0 {
		if access.From(ctx).OwnOnly() {
			return nil // of all calls, which a member does not see
		}
		left = c.Keys.Ring.Quota()
	} else if key := oneKey(ctx, f.Key, index); key != nil {
		left = c.Keys.Ring.Left(key.ID)
	}
	if left == nil {
		return nil
	}
	var out []namedBudget
	for period := range store.PeriodCount {
		for _, of := range []struct {
			measure forecast.Measure
			a       *keyring.Allowance
		}{{forecast.Cost, left.Cost[period]}, {forecast.Tokens, left.Tokens[period]}} {
			if of.a != nil {
				out = append(out, namedBudget{period.String(), forecast.Budget{Measure: of.measure, Limit: of.a.Limit, Used: of.a.Used, Resets: of.a.ResetsAt}})
			}
		}
	}
	return out
}

func forecastBudget(caster *forecast.Forecaster, b namedBudget) ForecastBudget {
	x := caster.Exhaustion(b.Budget)
	out := ForecastBudget{
		Period: b.period, ResetsAt: api.OptionalTime(b.Resets), Exhausted: x.Now,
		Expected: api.OptionalTime(x.Expected), Earliest: api.OptionalTime(x.Earliest), Latest: api.OptionalTime(x.Latest),
	}
	if b.Measure == forecast.Cost {
		out.USD = &BudgetedCost{api.Money(b.Limit), api.Money(b.Used)}
	} else {
		out.Tokens = &BudgetedTokens{b.Limit, b.Used}
	}
	return out
}

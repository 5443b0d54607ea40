package stats

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/changes"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Changes explains the difference between the costs of two time ranges.
type Changes struct {
	By          string      `json:"by" enum:"model,provider,key,user,service,project,team"`
	From        time.Time   `json:"from"`
	To          time.Time   `json:"to"`
	AgainstFrom time.Time   `json:"against_from" doc:"the range before, that the other is compared with"`
	AgainstTo   time.Time   `json:"against_to"`
	All         Change      `json:"all" doc:"everything as one group; its effects are computed by themselves and are not the sums of those of the rows"`
	Rows        []Change    `json:"rows" doc:"the groups with the largest differences in either direction, the largest first"`
	Other       *ChangeRest `json:"other" doc:"the groups beyond top; null where there are none. Differences of rows and other add up to that of all, exactly, but for teams: a call is in the row of each team that has it"`
	AsOf        *time.Time  `json:"as_of"`
}

// Change describes how a group changed. volume_usd, mix_usd, cache_usd and price_usd add up exactly to difference_usd.
type Change struct {
	Group  string      `json:"group" doc:"a value of the dimension, as the filters take it; empty where the telemetry has none, and for all"`
	Label  string      `json:"label" doc:"of a key or a team its name, else as group"`
	Before ChangedSums `json:"before"`
	After  ChangedSums `json:"after"`
	Effects
	Appeared    bool `json:"appeared" doc:"it had no calls before"`
	Disappeared bool `json:"disappeared" doc:"it has no calls any more"`
}

// ChangeRest describes how several groups changed together.
type ChangeRest struct {
	Groups int         `json:"group_count"`
	Before ChangedSums `json:"before"`
	After  ChangedSums `json:"after"`
	Effects
}

// Effects are a difference and its parts, see docs/changes.md.
type Effects struct {
	Difference api.Money `json:"difference_usd" doc:"after less before"`
	Volume     api.Money `json:"volume_usd" doc:"more or fewer tokens"`
	Mix        api.Money `json:"mix_usd" doc:"other models; another split between input and output"`
	Cache      api.Money `json:"cache_usd" doc:"another part of the input read from a cache or written to one"`
	Price      api.Money `json:"price_usd" doc:"other prices"`
	Saturated  bool      `json:"saturated" doc:"a sum is more than can be shown (9.2 thousand million USD), and costs and effects that are as large as that are lower bounds; the effects still add up to the difference, but differences of rows need not to that of all"`
}

// ChangedSums are the sums of a group in one range.
type ChangedSums struct {
	Calls     int64     `json:"api_call_count"`
	Errors    int64     `json:"error_count"`
	NoUsage   int64     `json:"no_usage_count"`
	Input     int64     `json:"input_tokens"`
	Output    int64     `json:"output_tokens"`
	CacheRead int64     `json:"cache_read_tokens"`
	Total     int64     `json:"total_tokens"`
	Cost      api.Money `json:"cost_usd" doc:"of the calls whose cost is known"`
	Unpriced  int64     `json:"unpriced_count" doc:"calls with tokens whose cost is not known; no effect has them"`
}

type changesInput struct {
	By        string `query:"by" default:"model" enum:"model,provider,key,user,service,project,team"`
	Against   string `query:"against" doc:"when the range before begins; RFC 3339 or Unix seconds. Without it: the range that ends where from begins and is as long" maxLength:"64"`
	AgainstTo string `query:"against_to" doc:"when the range before ends; without it, it is as long as the other" maxLength:"64"`
	Top       int    `query:"top" default:"10" minimum:"1" maximum:"1000" doc:"groups shown; the rest is other"`
	filter.Filters
}

// ranges reads the two ranges. f has the later one.
func (c *Handlers) ranges(in *changesInput, f store.Filter) (before, after store.Filter, err error) {
	if f.From.IsZero() {
		return f, f, api.WithReason("time_unreadable", api.Invalid("query.from", "is missing: it says when the range begins whose cost is explained", nil))
	}
	if f.To.IsZero() {
		if f.To = c.Now(); !f.From.Before(f.To) {
			return f, f, api.WithReason("range_empty", api.Invalid("query.from", "must lie before now, or before to", in.From))
		}
	}
	before, after = f, f
	length := f.To.Sub(f.From)
	before.From, before.To = f.From.Add(-length), f.From
	if in.Against != "" {
		if before.From, err = api.ParseTime(in.Against); err != nil {
			return f, f, api.WithReason("time_unreadable", api.Invalid("query.against", err.Error(), in.Against))
		}
		before.To = before.From.Add(length)
	}
	if in.AgainstTo != "" {
		if before.To, err = api.ParseTime(in.AgainstTo); err != nil {
			return f, f, api.WithReason("time_unreadable", api.Invalid("query.against_to", err.Error(), in.AgainstTo))
		}
		if !before.From.Before(before.To) {
			return f, f, api.WithReason("range_empty", api.Invalid("query.against_to", "must be later than against", in.AgainstTo))
		}
	}
	return before, after, nil
}

func (c *Handlers) changes(ctx context.Context, in *changesInput) (*api.Envelope[Changes], error) {
	f, index, err := c.Filtered(ctx, "changes", &in.Filters)
	if err != nil {
		return nil, err
	}
	before, after, err := c.ranges(in, f)
	if err != nil {
		return nil, err
	}
	by := breakdownDimensions[in.By]
	asked := c.Now()
	cellsBefore, _, err := c.changeCells(ctx, before, by, index)
	if err != nil {
		return nil, err
	}
	cellsAfter, last, err := c.changeCells(ctx, after, by, index)
	if err != nil {
		return nil, err
	}
	var wholeBefore, wholeAfter []changes.Cell // of teams, which have calls in common
	if by == ledger.ByTeam {
		if wholeBefore, _, err = c.changeCells(ctx, before, ledger.ByModel, index); err != nil {
			return nil, err
		}
		if wholeAfter, _, err = c.changeCells(ctx, after, ledger.ByModel, index); err != nil {
			return nil, err
		}
	}
	shown, err := c.named(ctx, index, by)
	if err != nil {
		return nil, err
	}
	rates, err := c.ratesAt(ctx, before, after, index)
	if err != nil {
		return nil, err
	}
	e, err := changes.ExplainOverlapping(cellsBefore, cellsAfter, wholeBefore, wholeAfter, rates, in.Top)
	if err != nil {
		return nil, c.Failed("changes", err)
	}
	out := Changes{
		By: in.By, From: after.From, To: after.To, AgainstFrom: before.From, AgainstTo: before.To,
		All: changeOf(&e.All, ledger.ByNothing, shown), Rows: make([]Change, len(e.Rows)), AsOf: asOf(ctx, asked, last),
	}
	for i := range e.Rows {
		out.Rows[i] = changeOf(&e.Rows[i], by, shown)
	}
	if e.Others > 0 {
		out.Other = &ChangeRest{e.Others, changedSums(&e.Rest.Before), changedSums(&e.Rest.After), effectsOf(&e.Rest)}
	}
	return api.Answer(out), nil
}

// changeCells sums a range by a dimension and by model. The model of a cell has no provider: prices go by the name.
func (c *Handlers) changeCells(ctx context.Context, f store.Filter, by ledger.GroupBy, index *keyindex.Index) ([]changes.Cell, time.Time, error) {
	q := ledger.BreakdownQuery{Filter: f, By: []ledger.GroupBy{by, ledger.ByModel}}
	if by == ledger.ByModel {
		q.By = q.By[:1]
	}
	b, err := c.broken(ctx, q, index)
	if err != nil {
		return nil, time.Time{}, err
	}
	cells := make([]changes.Cell, len(b.Rows))
	for i := range b.Rows {
		r := &b.Rows[i]
		cells[i] = changes.Cell{Group: r.Values[0], Model: r.Values[len(r.Values)-1], Sums: changes.Sums{
			Calls: r.Calls, Errors: r.Errors, NoUsage: r.NoUsage, Unpriced: r.Unpriced, Tokens: r.Tokens, Cost: r.Cost,
		}}
	}
	return cells, b.AsOf, nil
}

// ratesAt returns the list prices that held for models when a range began. Where several providers answered for a
// model, the prices of the one with the most tokens count. For a model that is only in the range after, its first
// prices there count.
func (c *Handlers) ratesAt(ctx context.Context, before, after store.Filter, index *keyindex.Index) (func(model string) (changes.Rates, bool), error) {
	book, _ := c.Ledger.Prices().(*pricing.Book)
	if book == nil {
		return func(string) (changes.Rates, bool) { return changes.Rates{}, false }, nil
	}
	type source struct {
		provider string
		tokens   int64
		at       time.Time
	}
	models := map[string]source{}
	for _, f := range []store.Filter{before, after} {
		b, err := c.broken(ctx, ledger.BreakdownQuery{Filter: f, By: []ledger.GroupBy{ledger.ByModel, ledger.ByProvider}}, index)
		if err != nil {
			return nil, err
		}
		for i := range b.Rows {
			model, s := b.Rows[i].Values[0], source{b.Rows[i].Values[1], b.Rows[i].Tokens.Total(), f.From}
			old, known := models[model]
			if !known || old.at.Equal(s.at) && (s.tokens > old.tokens || s.tokens == old.tokens && s.provider < old.provider) {
				models[model] = s
			}
		}
	}
	return func(model string) (changes.Rates, bool) {
		s, known := models[model]
		if !known {
			return changes.Rates{}, false
		}
		q, known := book.Quote(s.provider, model, s.at)
		return ratesOf(&q), known
	}, nil
}

// ratesOf returns the prices of the kinds that sums separate. A kind without a price costs what the kind costs that it is part of.
func ratesOf(q *pricing.Quote) changes.Rates {
	byKind := map[string]int64{}
	for _, r := range q.Rates {
		byKind[r.Kind] = int64(r.Rate)
	}
	or := func(kind string, otherwise int64) int64 {
		if rate, known := byKind[kind]; known {
			return rate
		}
		return otherwise
	}
	input, output := byKind["input"], byKind["output"]
	return changes.Rates{
		Input: input, CacheRead: or("cache_read", input), CacheWrite: or("cache_write", input), Output: output, Reasoning: or("reasoning", output),
	}
}

func changeOf(r *changes.Row, by ledger.GroupBy, shown *names) Change {
	return Change{
		Group: r.Group, Label: shown.of(by, r.Group), Before: changedSums(&r.Before), After: changedSums(&r.After), Effects: effectsOf(r),
		Appeared: r.Appeared(), Disappeared: r.Disappeared(),
	}
}

func effectsOf(r *changes.Row) Effects {
	return Effects{api.Money(r.Total()), api.Money(r.Volume), api.Money(r.Mix), api.Money(r.Cache), api.Money(r.Price), r.Saturated}
}

func changedSums(s *changes.Sums) ChangedSums {
	return ChangedSums{
		Calls: s.Calls, Errors: s.Errors, NoUsage: s.NoUsage, Input: s.Tokens.Input(), Output: s.Tokens.Output(), CacheRead: s.Tokens.CacheRead, Total: s.Tokens.Total(),
		Cost: api.Money(s.Cost), Unpriced: s.Unpriced,
	}
}

package stats

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/billing"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// asOf returns the time up to which figures are complete: the time of the last commit, or, for users who may not learn
// when others make calls, the time of the request.
func asOf(ctx context.Context, asked, last time.Time) *time.Time {
	if access.From(ctx).OwnOnly() {
		return api.OptionalTime(asked)
	}
	return api.OptionalTime(last)
}

// Handlers answer the routes of sums.
type Handlers struct {
	*filter.Reader
	Ledger *ledger.Ledger
	// Billing has the currency that amounts are shown in; nil: US dollars alone.
	Billing *billing.Keeper
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/stats", "stats", "Sums over all calls, and by model"), c.stats)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/usage-trend", "usage-trend", "Sums by interval of time"), c.trend)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/breakdown", "breakdown", "Sums by the values of one or two dimensions"), c.breakdown)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/breakdown/export", "breakdown-export", "All rows of a breakdown and their total as a file, streamed"), c.exportBreakdown)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/breakdown/heatmap", "heatmap", "Sums by weekday and hour"), c.heatmap)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/dimensions/{name}", "dimension", "The values of a dimension, most used first"), c.dimension)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/forecast", "forecast", "What a period will have used at its end, and when budgets will be used up"), c.forecast)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/changes", "changes", "What made the difference between the costs of two ranges"), c.changes)
}

// Sums are the sums of a set of calls, in the form that all routes share.
type Sums struct {
	Calls      int64     `json:"api_call_count" doc:"calls, failed ones and ones without usage included"`
	Errors     int64     `json:"error_count"`
	Input      int64     `json:"input_tokens" doc:"prompt tokens, cache reads and writes included"`
	Output     int64     `json:"output_tokens" doc:"generated tokens, reasoning included"`
	CacheRead  int64     `json:"cache_read_tokens" doc:"part of input_tokens"`
	CacheWrite int64     `json:"cache_write_tokens" doc:"part of input_tokens"`
	Reasoning  int64     `json:"reasoning_tokens" doc:"part of output_tokens"`
	Total      int64     `json:"total_tokens" doc:"input_tokens + output_tokens"`
	Cost       api.Money `json:"cost_usd" doc:"of the calls whose cost is known"`
	NoUsage    int64     `json:"no_usage_count" doc:"calls that reported no token figures, failed ones included"`
	Unpriced   int64     `json:"unpriced_count" doc:"calls with tokens whose cost is not known"`
}

// SumsOf returns sums of the ledger as the API shows them.
func SumsOf(s *ledger.Sums) Sums { return SumsOfCounts(&s.Counts) }

// SumsOfCounts returns counts as the API shows them.
func SumsOfCounts(s *usage.Counts) Sums {
	return Sums{
		Calls: s.Calls, Errors: s.Errors, Input: s.Tokens.Input(), Output: s.Tokens.Output(),
		CacheRead: s.Tokens.CacheRead, CacheWrite: s.Tokens.CacheWrite, Reasoning: s.Tokens.Reasoning,
		Total: s.Tokens.Total(), Cost: api.Money(s.Cost), NoUsage: s.NoUsage, Unpriced: s.Unpriced,
	}
}

// Quantiles are of durations in milliseconds, right within five percent.
type Quantiles struct {
	P50 *float64 `json:"p50"`
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
}

func quantilesOf(h *ledger.Histogram) Quantiles {
	at := func(q float64) *float64 {
		d, ok := h.Quantile(q)
		if !ok {
			return nil
		}
		return Milliseconds(d)
	}
	return Quantiles{P50: at(.5), P95: at(.95), P99: at(.99)}
}

// Milliseconds returns a duration with three places.
func Milliseconds(d time.Duration) *float64 {
	ms := float64(d.Round(time.Microsecond)) / float64(time.Millisecond)
	return &ms
}

// ModelSums are the sums of one model of one provider.
type ModelSums struct {
	Model    string `json:"model"`
	Provider string `json:"provider"`
	Sums
}

// Stats are sums over a range of time. In them, total_tokens is the quota; used_tokens is what
// was spent.
type Stats struct {
	Quota        *int64             `json:"total_tokens" doc:"the quota of tokens, see quota; null where none is set"`
	Used         int64              `json:"used_tokens" doc:"input_tokens + output_tokens"`
	Remaining    *int64             `json:"remaining_tokens" doc:"of the quota in its current period; null where none is set"`
	UsagePercent *float64           `json:"usage_percent" doc:"null where no quota is set"`
	QuotaUse     *QuotaUse          `json:"quota" doc:"the quota in full: the console's, or that of the one key that the filters name; null where none is set"`
	Calls        int64              `json:"api_call_count" doc:"calls, failed ones and ones without usage included"`
	Input        int64              `json:"input_tokens" doc:"prompt tokens, cache reads and writes included"`
	Output       int64              `json:"output_tokens" doc:"generated tokens, reasoning included"`
	CacheRead    int64              `json:"cache_read_tokens" doc:"part of input_tokens"`
	CacheWrite   int64              `json:"cache_write_tokens" doc:"part of input_tokens"`
	Reasoning    int64              `json:"reasoning_tokens" doc:"part of output_tokens"`
	Cost         api.Money          `json:"cost_usd" doc:"of the calls whose cost is known"`
	Converted    *billing.Converted `json:"converted" doc:"cost_usd in the currency that is shown, by the rate of the range's last day, or of today; null: none is set"`
	Errors       int64              `json:"error_count"`
	ErrorRate    float64            `json:"error_rate" doc:"error_count / api_call_count, 0 to 1"`
	NoUsage      int64              `json:"no_usage_count" doc:"calls that reported no token figures, failed ones included"`
	Unpriced     int64              `json:"unpriced_count" doc:"calls with tokens whose cost is not known"`
	Latency      Quantiles          `json:"latency_ms"`
	TTFT         Quantiles          `json:"ttft_ms" doc:"time to the first token"`
	Models       []ModelSums        `json:"models" doc:"most tokens first, at most as many as top; /breakdown?by=model,provider has all, in pages"`
	ModelCount   int                `json:"model_count" doc:"models that there are, those beyond top included"`
	OtherModels  *Sums              `json:"other_models" doc:"sums of the models beyond top; null where there are none"`
	From         *time.Time         `json:"from" doc:"null: all that is kept"`
	To           *time.Time         `json:"to" doc:"null: up to now"`
	Oldest       *time.Time         `json:"oldest" doc:"the start of the oldest call that sums can include, whatever the filters: a range before it is not covered; null where there is none, and for members"`
	AsOf         *time.Time         `json:"as_of" doc:"the last write that is in these figures; null before the first; for members when they were asked for"`
}

type statsInput struct {
	Top int `query:"top" default:"200" minimum:"1" maximum:"1000" doc:"models shown; the rest is in other_models"`
	filter.Filters
}

func (c *Handlers) stats(ctx context.Context, in *statsInput) (*api.Envelope[Stats], error) {
	f, index, err := c.Filtered(ctx, "stats", &in.Filters)
	if err != nil {
		return nil, err
	}
	s, err := c.statsOf(ctx, f, in.Top)
	if err != nil {
		return nil, c.Failed("stats", err)
	}
	oldest, err := c.Ledger.Oldest(ctx)
	if err != nil {
		return nil, c.Failed("stats", err)
	}
	if !access.From(ctx).OwnOnly() { // when others made their first call is not a member's to know
		s.Oldest = api.OptionalTime(oldest)
	}
	c.quotaFor(ctx, &in.Filters, index).put(&s)
	if s.Converted, err = c.converted(ctx, s.Cost, f.To); err != nil {
		return nil, c.Failed("stats", err)
	}
	return api.Answer(s), nil
}

// converted returns an amount in the currency that is shown, by the rate of the day before to, or of today.
func (c *Handlers) converted(ctx context.Context, m api.Money, to time.Time) (*billing.Converted, error) {
	if c.Billing == nil {
		return nil, nil //nolint:nilnil // US dollars alone
	}
	state, err := c.Billing.State(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what was read
	}
	day := c.Now()
	if !to.IsZero() && to.Before(day) {
		day = to.Add(-1)
	}
	return state.Currency.Convert(usage.NanoUSD(m), day.In(c.Location)), nil
}

func (c *Handlers) statsOf(ctx context.Context, f store.Filter, top int) (Stats, error) {
	asked := c.Now()
	a, err := c.Ledger.Query(ctx, ledger.Query{Filter: f, By: ledger.ByModel, Overall: true})
	if err != nil {
		return Stats{}, err
	}
	slices.SortFunc(a.Groups, func(a, b ledger.Group) int {
		x, y := &a.Points[0], &b.Points[0]
		return cmp.Or(cmp.Compare(y.Tokens.Total(), x.Tokens.Total()), cmp.Compare(y.Calls, x.Calls), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Provider, b.Provider))
	})
	var all, rest ledger.Sums
	models := make([]ModelSums, 0, min(top, len(a.Groups)))
	for i := range a.Groups {
		g := &a.Groups[i]
		all.MergeCounts(&g.Points[0])
		if i < top {
			models = append(models, ModelSums{Model: g.Value, Provider: g.Provider, Sums: SumsOf(&g.Points[0])})
		} else {
			rest.MergeCounts(&g.Points[0])
		}
	}
	var other *Sums
	if len(a.Groups) > top {
		o := SumsOf(&rest)
		other = &o
	}
	t := SumsOf(&all)
	s := Stats{
		Used: t.Total, Calls: t.Calls, Input: t.Input, Output: t.Output, CacheRead: t.CacheRead, CacheWrite: t.CacheWrite,
		Reasoning: t.Reasoning, Cost: t.Cost, Errors: t.Errors, NoUsage: t.NoUsage, Unpriced: t.Unpriced,
		Latency: quantilesOf(&a.Overall[0].Duration), TTFT: quantilesOf(&a.Overall[0].TTFT), Models: models, ModelCount: len(a.Groups), OtherModels: other,
		From: api.OptionalTime(f.From), To: api.OptionalTime(f.To), AsOf: asOf(ctx, asked, a.AsOf),
	}
	if t.Calls > 0 {
		s.ErrorRate = float64(t.Errors) / float64(t.Calls)
	}
	return s, nil
}

// Package prices answers the prices that are known, and has stored calls priced again.
package prices

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/billing"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricebook"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/pricing/sheet"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Handlers answer the routes of prices.
type Handlers struct {
	*api.Env
	Ledger    *ledger.Ledger
	Directory store.Documents
	// Keeper has the prices that are stored, and those of now.
	Keeper *pricebook.Keeper
	// Billing has the currency that is shown.
	Billing *billing.Keeper
	Audit   *audit.Log

	jobs jobs
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadQuality, api.Operation(http.MethodGet, "/prices", "prices", "Prices of the models in use"), c.prices)
	reprice := api.Operation(http.MethodPost, "/reprice", "reprice", "Reprice stored calls, or report what that would change")
	reprice.BodyReadTimeout = -1 // its deadline would cut the answer off too, which takes as long as it takes
	reprice.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		_, w := humago.Unwrap(ctx)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(repriceLimit)) // not every server has deadlines
		next(ctx)
	}}
	api.Register(r, access.Reprice, reprice, c.reprice)
	c.ownRoutes(r)
	c.bookRoutes(r)
	c.sheetRoutes(r)
	c.jobRoutes(r)
	c.currencyRoutes(r)
}

// repriceLimit is how long repricing may take to answer; where it takes longer it can be done again.
const repriceLimit = 2 * time.Hour

// Amounts are prices by the kind of token. A kind without one costs what the kind costs that it is
// part of: the others of the input what input costs, of the output what output costs.
type Amounts struct {
	Input          *api.Rate `json:"input_usd_per_mtok"`
	Output         *api.Rate `json:"output_usd_per_mtok"`
	CacheRead      *api.Rate `json:"cache_read_usd_per_mtok"`
	CacheWrite     *api.Rate `json:"cache_write_usd_per_mtok" doc:"kept for five minutes, or for a time that was not reported"`
	CacheWrite1h   *api.Rate `json:"cache_write_1h_usd_per_mtok" doc:"kept for an hour"`
	Reasoning      *api.Rate `json:"reasoning_usd_per_mtok"`
	AudioInput     *api.Rate `json:"audio_input_usd_per_mtok"`
	AudioCacheRead *api.Rate `json:"audio_cache_read_usd_per_mtok"`
	AudioOutput    *api.Rate `json:"audio_output_usd_per_mtok"`
	ImageInput     *api.Rate `json:"image_input_usd_per_mtok"`
	ImageCacheRead *api.Rate `json:"image_cache_read_usd_per_mtok"`
	ImageOutput    *api.Rate `json:"image_output_usd_per_mtok"`
	VideoInput     *api.Rate `json:"video_input_usd_per_mtok"`
	VideoOutput    *api.Rate `json:"video_output_usd_per_mtok"`
}

func (a *Amounts) set(kind string, r pricing.Rate) {
	into := map[string]**api.Rate{
		"input": &a.Input, "output": &a.Output, "cache_read": &a.CacheRead, "cache_write": &a.CacheWrite, "cache_write_1h": &a.CacheWrite1h,
		"reasoning": &a.Reasoning, "audio_input": &a.AudioInput, "audio_cache_read": &a.AudioCacheRead, "audio_output": &a.AudioOutput,
		"image_input": &a.ImageInput, "image_cache_read": &a.ImageCacheRead, "image_output": &a.ImageOutput,
		"video_input": &a.VideoInput, "video_output": &a.VideoOutput,
	}[kind]
	if into != nil {
		v := api.Rate(r.String())
		*into = &v
	}
}

// PriceTier has the prices of calls above a number of input tokens. They apply to the whole call.
type PriceTier struct {
	Above int64 `json:"above_input_tokens" doc:"cache reads and writes included"`
	Amounts
}

// PriceList are the prices that hold for one model, or for the models that a pattern names.
type PriceList struct {
	Amounts
	Request *api.Money  `json:"request_usd" doc:"for each call, whatever its tokens"`
	Tiers   []PriceTier `json:"tiers" doc:"ascending"`
	From    *time.Time  `json:"from" doc:"since when they hold; null where they always did, or change with the hour"`
}

// PriceOverride is a price of the operator's own.
type PriceOverride struct {
	ID       string       `json:"id" doc:"of a price that is stored; empty of one of the configuration, which can only be changed there"`
	Version  int64        `json:"version" doc:"changes with every change of a stored price; 0 of one of the configuration"`
	Entry    *sheet.Entry `json:"entry" doc:"the stored price as it was set; null of one of the configuration"`
	Provider string       `json:"provider" doc:"empty: any"`
	Model    string       `json:"model" doc:"* stands for any letters"`
	PriceList
}

// SchemaName is the name in the description of the API.
func (PriceOverride) SchemaName() string { return "OwnPrice" }

// ModelPrice is the price of a model in use.
type ModelPrice struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Matched  string `json:"matched" doc:"the entry of the price book, as provider and model, or the pattern of an own price"`
	Own      bool   `json:"own" doc:"the price is the operator's own"`
	PriceList
}

// UnpricedModel is a model with calls whose cost is not known.
type UnpricedModel struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Calls    int64  `json:"api_call_count" doc:"calls whose cost is not known"`
	Total    int64  `json:"total_tokens" doc:"of all calls of the model"`
	Known    bool   `json:"price_known_now" doc:"there is a price now: repricing these calls gives them a cost"`
}

// Prices are the prices of the models in use.
type Prices struct {
	Version  string            `json:"version" doc:"as in price_version of a call; empty where nothing is priced"`
	Source   string            `json:"source" doc:"where the published prices come from"`
	Book     BookInfo          `json:"book" doc:"the published prices"`
	Own      []PriceOverride   `json:"own" doc:"stored ones before those of the configuration; of several that fit a call the first that holds goes"`
	Models   []ModelPrice      `json:"models" doc:"prices that hold now for the models in use, most tokens first"`
	Unpriced []UnpricedModel   `json:"unpriced" doc:"most calls first"`
	Tiers    []TierFactor      `json:"service_tiers" doc:"published factors of service tiers; of several that fit a model the first holds"`
	Currency *billing.Currency `json:"currency" doc:"shown beside US dollars; null: none"`
}

func (c *Handlers) prices(ctx context.Context, _ *struct{}) (answer *api.Envelope[Prices], err error) {
	if err := c.Keeper.Refresh(ctx); err != nil {
		return nil, c.Failed("prices", err)
	}
	state := c.Keeper.State()
	out := Prices{Own: []PriceOverride{}, Models: []ModelPrice{}, Unpriced: []UnpricedModel{}, Tiers: tierFactors(), Book: c.bookInfo(state)}
	book, _ := c.Ledger.Prices().(*pricing.Book)
	if book != nil {
		out.Version, out.Source = book.Version(), book.Source()
		for _, q := range book.Own() {
			o := PriceOverride{ID: q.ID, Provider: q.Provider, Model: q.Model, PriceList: priceListOf(&q)}
			if i := slices.IndexFunc(state.Set, func(p pricebook.Price) bool { return p.ID == q.ID }); i >= 0 {
				o.Version, o.Entry = state.Set[i].Version, &state.Set[i].Entry
			}
			out.Own = append(out.Own, o)
		}
	}
	if out.Currency, err = c.currency(ctx); err != nil {
		return nil, c.Failed("prices", err)
	}
	a, err := c.Ledger.Query(ctx, ledger.Query{By: ledger.ByModel, CountsOnly: true})
	if err != nil {
		return nil, c.Failed("prices", err)
	}
	slices.SortFunc(a.Groups, func(a, b ledger.Group) int {
		return cmp.Or(cmp.Compare(b.Points[0].Tokens.Total(), a.Points[0].Tokens.Total()), cmp.Compare(a.Value, b.Value), cmp.Compare(a.Provider, b.Provider))
	})
	for i := range a.Groups {
		g, sums := &a.Groups[i], &a.Groups[i].Points[0]
		known := false
		if book != nil {
			var q pricing.Quote
			if q, known = book.Quote(g.Provider, g.Value, c.Now()); known {
				out.Models = append(out.Models, modelPriceOf(g, &q))
			}
		}
		if sums.Unpriced > 0 {
			out.Unpriced = append(out.Unpriced, UnpricedModel{g.Provider, g.Value, sums.Unpriced, sums.Tokens.Total(), known})
		}
	}
	slices.SortStableFunc(out.Unpriced, func(a, b UnpricedModel) int { return cmp.Compare(b.Calls, a.Calls) })
	return api.Answer(out), nil
}

func modelPriceOf(g *ledger.Group, q *pricing.Quote) ModelPrice {
	matched := q.Model
	if q.Provider != "" {
		matched = q.Provider + " " + q.Model
	}
	return ModelPrice{Provider: g.Provider, Model: g.Value, Matched: matched, Own: q.Own, PriceList: priceListOf(q)}
}

func priceListOf(q *pricing.Quote) PriceList {
	out := PriceList{Tiers: []PriceTier{}, From: api.OptionalTime(q.From)}
	if q.Request > 0 {
		usd := api.Money(q.Request)
		out.Request = &usd
	}
	for _, k := range q.Rates {
		out.set(k.Kind, k.Rate)
		for _, t := range k.Tiers {
			at := slices.IndexFunc(out.Tiers, func(p PriceTier) bool { return p.Above == t.Above })
			if at < 0 {
				at = len(out.Tiers)
				out.Tiers = append(out.Tiers, PriceTier{Above: t.Above})
			}
			out.Tiers[at].set(k.Kind, t.Rate)
		}
	}
	slices.SortFunc(out.Tiers, func(a, b PriceTier) int { return cmp.Compare(a.Above, b.Above) })
	return out
}

// RepriceOrder is the body of a request to reprice calls.
type RepriceOrder struct {
	From      string   `json:"from" doc:"calls that started at this time or later; RFC 3339 or Unix seconds" maxLength:"64"`
	To        string   `json:"to,omitempty" doc:"calls that started before this time; without it up to now" maxLength:"64"`
	Models    []string `json:"models,omitempty" doc:"models that answered; without it all" maxItems:"100"`
	Providers []string `json:"providers,omitempty" maxItems:"100"`
	DryRun    bool     `json:"dry_run,omitempty" doc:"change nothing, report what would change"`
}

// Repriced is the difference that other prices make to calls that count.
type Repriced struct {
	Calls       int64     `json:"api_call_count"`
	Changed     int64     `json:"changed_count" doc:"calls that cost something else now"`
	Old         api.Money `json:"old_cost_usd"`
	New         api.Money `json:"new_cost_usd"`
	Difference  api.Money `json:"difference_usd" doc:"new_cost_usd - old_cost_usd"`
	NewlyPriced int64     `json:"newly_priced_count" doc:"calls that had no price before"`
	NowUnpriced int64     `json:"now_unpriced_count" doc:"calls that have no price any more"`
}

// RepricedModel is the difference for one model.
type RepricedModel struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Repriced
}

// RepriceReport reports the changes that repricing made, or would make.
type RepriceReport struct {
	DryRun  bool            `json:"dry_run"`
	Version string          `json:"price_version" doc:"prices that the calls have now, or would have"`
	From    time.Time       `json:"from"`
	To      *time.Time      `json:"to"`
	Total   Repriced        `json:"total"`
	Models  []RepricedModel `json:"models" doc:"largest difference first; at most 1,000"`
	Rest    Repriced        `json:"rest" doc:"of the models that models has no room for"`
	Records int64           `json:"records" doc:"stored records that were looked at, ones that do not count included"`
	Written int64           `json:"records_written" doc:"of these, the ones that get another cost or price version"`
}

func (c *Handlers) reprice(ctx context.Context, in *struct{ Body RepriceOrder }) (*api.Envelope[RepriceReport], error) {
	q := ledger.RepriceRequest{Models: in.Body.Models, Providers: in.Body.Providers, DryRun: in.Body.DryRun}
	for _, t := range []struct {
		name, text string
		into       *time.Time
	}{{"from", in.Body.From, &q.From}, {"to", in.Body.To, &q.To}} {
		if t.text == "" && t.name == "to" {
			continue
		}
		at, err := api.ParseTime(t.text)
		if err != nil {
			return nil, api.WithReason("time_unreadable", api.Invalid("body."+t.name, err.Error(), t.text))
		}
		*t.into = at
	}
	if !q.To.IsZero() && !q.From.Before(q.To) {
		return nil, api.WithReason("range_empty", api.Invalid("body.to", "must be later than from", in.Body.To))
	}
	calls := store.AuditTarget{Type: "calls"}
	if !q.DryRun {
		if err := c.Audit.Note(ctx, "calls.reprice", calls, nil, in.Body); err != nil {
			return nil, err
		}
	}
	r, err := c.Ledger.Reprice(ctx, q)
	report := reportOf(&q, &r)
	if !q.DryRun && r.Written > 0 {
		// The records are changed already: the audit log notes it also where the request was cut off.
		if err := c.Audit.Note(context.WithoutCancel(ctx), "calls.repriced", calls, nil, auditedReport(&report)); err != nil {
			c.Logger.Sugar().Warnw("the audit log lacks what repricing has changed", "records", r.Written)
		}
	}
	if errors.Is(err, ledger.ErrRepricing) {
		return nil, api.WithReason("reprice_running", api.NewProblem(http.StatusConflict, err.Error()))
	}
	if err != nil {
		return nil, c.Failed("reprice", err)
	}
	return api.Answer(report), nil
}

// auditedReport is the form of a report in the audit log: the sums.
func auditedReport(r *RepriceReport) any {
	return struct {
		Version string   `json:"price_version"`
		Total   Repriced `json:"total"`
		Written int64    `json:"records_written"`
	}{r.Version, r.Total, r.Written}
}

func reportOf(q *ledger.RepriceRequest, r *ledger.RepriceReport) RepriceReport {
	of := func(d *ledger.Repriced) Repriced {
		return Repriced{
			Calls: d.Calls, Changed: d.Changed, Old: api.Money(d.Old), New: api.Money(d.New), Difference: api.Money(d.New - d.Old),
			NewlyPriced: d.NewlyPriced, NowUnpriced: d.NowUnpriced,
		}
	}
	out := RepriceReport{
		DryRun: q.DryRun, Version: r.PriceVersion, From: q.From, To: api.OptionalTime(q.To), Total: of(&r.Total), Rest: of(&r.Rest),
		Models: make([]RepricedModel, 0, len(r.Models)), Records: r.Records, Written: r.Written,
	}
	for i := range r.Models {
		m := &r.Models[i]
		out.Models = append(out.Models, RepricedModel{Provider: m.Provider, Model: m.Model, Repriced: of(&m.Repriced)})
	}
	return out
}

// Package quality answers how far the figures can be relied on: calls without usage or price, what was rejected, which
// sources send.
package quality

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/sources"
)

// Handlers answer the route of the quality of the figures.
type Handlers struct {
	*filter.Reader
	Ledger  *ledger.Ledger
	Sources *sources.Board // state of the components that fetch calls; nil where there are none
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadQuality, api.Operation(http.MethodGet, "/quality", "quality", "What keeps the figures from being perfect"), c.quality)
	api.Register(r, access.ReadQuality, api.Operation(http.MethodGet, "/quality/flags", "quality-flags", "Quality flags of calls: how many have each, what is missing of them, and what brings it"), c.flags)
	api.Register(r, access.ReadQuality, api.Operation(http.MethodGet, "/accounts", "accounts", "Quotas of upstream accounts"), c.accounts)
}

// ModelCount is a number of calls of one model.
type ModelCount struct {
	Model    string `json:"model"`
	Provider string `json:"provider"`
	Calls    int64  `json:"api_call_count"`
}

// Arrivals counts the records that arrived since the process started, by outcome.
type Arrivals struct {
	Duplicates    int64 `json:"duplicates_dropped" doc:"delivered again, without a change"`
	Fuller        int64 `json:"replaced_by_fuller" doc:"replaced by a more complete delivery of themselves"`
	Corrections   int64 `json:"late_corrections" doc:"counted, until a record came that stands for the same call"`
	RefusedOld    int64 `json:"refused_too_old" doc:"older than what is kept"`
	RefusedFuture int64 `json:"refused_future" doc:"from further in the future than clocks go wrong"`
	RefusedBad    int64 `json:"refused_unusable" doc:"without an identity or a time"`
	Evicted       int64 `json:"forgotten_spans" doc:"spans evicted from the correlation index because correlation::max_spans was reached; related records that come later are not recognised"`
	Folded        int64 `json:"summed_as_other" doc:"calls that some sums show as (other), because sums::max_values was reached"`
	Secrets       int64 `json:"secrets_removed" doc:"keys and other secrets in clear that were taken out of telemetry; tokenboard.secrets.removed says on which records"`
}

// Quality reports the faults in the data that make figures inexact.
type Quality struct {
	Calls         int64            `json:"api_call_count"`
	NoUsage       int64            `json:"no_usage_count" doc:"calls that reported no token figures, failed ones included"`
	NoUsageModels []ModelCount     `json:"no_usage_models" doc:"where they come from, most first, at most as many as top; /breakdown?by=model,provider&sort=no_usage_count has all, in pages"`
	NoUsageCount  int              `json:"no_usage_model_count" doc:"models that they come from, those beyond top included"`
	Unpriced      int64            `json:"unpriced_count" doc:"calls with tokens whose cost is not known"`
	Models        []ModelCount     `json:"unpriced_models" doc:"their models, most calls first, likewise; sort=unpriced_count has all"`
	ModelCount    int              `json:"unpriced_model_count" doc:"their models, those beyond top included"`
	Inconsistent  int64            `json:"inconsistent_count" doc:"calls with figures that cannot be, which were left out, or that do not add up"`
	Estimated     int64            `json:"estimated_count" doc:"calls whose emitter estimated its figures"`
	SinceStart    Arrivals         `json:"since_start"`
	Sources       []Source         `json:"sources" nullable:"false" doc:"what fetches calls by itself, and what may be missing of it; filters do not apply"`
	Records       int64            `json:"records" doc:"stored records, ones that do not count included"`
	Values        []CardinalityUse `json:"values" nullable:"false" doc:"how many values of each dimension have sums of their own; filters do not apply"`
	Texts         []DictionaryUse  `json:"texts" nullable:"false" doc:"texts that many records share and that are kept once, by kind; filters do not apply"`
	AsOf          *time.Time       `json:"as_of"`
}

// CardinalityUse is how many values of a dimension have sums of their own.
type CardinalityUse struct {
	Dimension string `json:"dimension" enum:"model,key,user,service,project"`
	Count     int    `json:"count" doc:"over all that is kept"`
	Max       int    `json:"max" doc:"sums::max_values; one more, (other), has what is beyond"`
	Other     bool   `json:"summed_as_other" doc:"whether calls that are kept are summed as (other); the records have their values, and a filter for one value is exact"`
}

// DictionaryUse is how many texts of a kind are kept once.
type DictionaryUse struct {
	Kind  string `json:"kind"`
	Count int    `json:"count"`
	Max   int    `json:"max" doc:"what comes beyond is kept with each record that has it, and takes more of the disk"`
}

// SchemaName is the name in the description of the API.
func (CardinalityUse) SchemaName() string { return "ValueRoom" }

// SchemaName is the name in the description of the API.
func (DictionaryUse) SchemaName() string { return "TextRoom" }

// capacity fills in how much of the limits on names is used.
func (q *Quality) capacity(s *ledger.Status) {
	q.Values, q.Texts = make([]CardinalityUse, 0, len(s.Values)), make([]DictionaryUse, 0, len(s.Info.Dictionaries))
	for _, v := range s.Values {
		q.Values = append(q.Values, CardinalityUse{Dimension: v.Dimension.String(), Count: v.Count, Max: v.Max, Other: v.Overflow})
	}
	for _, t := range s.Info.Dictionaries {
		q.Texts = append(q.Texts, DictionaryUse(t))
	}
}

type qualityInput struct {
	Top int `query:"top" default:"200" minimum:"1" maximum:"1000" doc:"models in each list"`
	filter.Filters
}

func (c *Handlers) quality(ctx context.Context, in *qualityInput) (*api.Envelope[Quality], error) {
	f, _, err := c.Filtered(ctx, "quality", &in.Filters)
	if err != nil {
		return nil, err
	}
	a, err := c.Ledger.Query(ctx, ledger.Query{Filter: f, By: ledger.ByModel, CountsOnly: true})
	if err != nil {
		return nil, c.Failed("quality", err)
	}
	status, err := c.Ledger.Status(ctx)
	if err != nil {
		return nil, c.Failed("quality", err)
	}
	n := status.Counters
	q := Quality{
		Sources: c.sources(), NoUsageModels: []ModelCount{}, Models: []ModelCount{}, Records: status.Info.Records, AsOf: api.OptionalTime(a.AsOf),
		SinceStart: Arrivals{
			Duplicates: n.Duplicates, Fuller: n.Replaced, Corrections: n.Superseded, RefusedOld: n.RefusedOld,
			RefusedFuture: n.RefusedNew, RefusedBad: n.RefusedBad, Evicted: n.Evicted, Folded: status.Overflowed,
			Secrets: status.Secrets,
		},
	}
	q.capacity(&status)
	for i := range a.Groups {
		g := &a.Groups[i]
		s := &g.Points[0]
		q.Calls += s.Calls
		q.NoUsage += s.NoUsage
		q.Unpriced += s.Unpriced
		q.Inconsistent += s.Inconsistent
		q.Estimated += s.Estimated
		if s.NoUsage > 0 {
			q.NoUsageModels = append(q.NoUsageModels, ModelCount{g.Value, g.Provider, s.NoUsage})
		}
		if s.Unpriced > 0 {
			q.Models = append(q.Models, ModelCount{g.Value, g.Provider, s.Unpriced})
		}
	}
	q.NoUsageCount, q.ModelCount = len(q.NoUsageModels), len(q.Models)
	for _, list := range []*[]ModelCount{&q.NoUsageModels, &q.Models} {
		slices.SortFunc(*list, func(a, b ModelCount) int {
			return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Model, b.Model), cmp.Compare(a.Provider, b.Provider))
		})
		if len(*list) > in.Top {
			*list = slices.Clone((*list)[:in.Top]) // the rest need not stay in memory
		}
	}
	return api.Answer(q), nil
}

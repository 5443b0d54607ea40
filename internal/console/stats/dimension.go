package stats

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/ledger"
)

// DimensionValue is one value of a dimension.
type DimensionValue struct {
	Value string `json:"value" doc:"what the filter of this name takes; empty for calls that report none"`
	Label string `json:"label" doc:"what people read: of a key or a team its name"`
	Calls int64  `json:"api_call_count"`
}

// DimensionValues are the values of a dimension.
type DimensionValues struct {
	Name   string           `json:"name"`
	Values []DimensionValue `json:"values" doc:"most used first"`
	More   bool             `json:"more" doc:"whether there are further ones; narrow them with q"`
}

type dimensionInput struct {
	Name  string `path:"name" enum:"model,provider,key,user,service,project,status,operation,service_tier,account,environment,error_type,emitter,quality,session,team"`
	Query string `query:"q" maxLength:"256" doc:"a part of the value or label, literally, whatever the case"`
	Limit int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	filter.Filters
}

func (c *Handlers) dimension(ctx context.Context, in *dimensionInput) (*api.Envelope[DimensionValues], error) {
	f, index, err := c.Filtered(ctx, "dimension", &in.Filters)
	if err != nil {
		return nil, err
	}
	d := breakdownDimensions[in.Name]
	b, err := c.broken(ctx, ledger.BreakdownQuery{Filter: f, By: []ledger.GroupBy{d}}, index)
	if err != nil {
		return nil, err
	}
	shown, err := c.named(ctx, index, d)
	if err != nil {
		return nil, err
	}
	out := DimensionValues{Name: in.Name, Values: []DimensionValue{}}
	needle := strings.ToLower(in.Query)
	for i := range b.Rows {
		v := DimensionValue{Value: b.Rows[i].Values[0], Label: shown.of(d, b.Rows[i].Values[0]), Calls: b.Rows[i].Calls}
		if strings.Contains(strings.ToLower(v.Value), needle) || strings.Contains(strings.ToLower(v.Label), needle) {
			out.Values = append(out.Values, v)
		}
	}
	slices.SortFunc(out.Values, func(a, b DimensionValue) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value))
	})
	if len(out.Values) > in.Limit {
		out.Values, out.More = out.Values[:in.Limit:in.Limit], true
	}
	return api.Answer(out), nil
}

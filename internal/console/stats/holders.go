package stats

import (
	"context"
	"errors"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Holder is what one value of a dimension has used.
type Holder struct {
	ID     string // the value; of a key or a team its id
	Name   string // what people read
	Models []HolderModel
}

// HolderModel is the sums of a model of a provider.
type HolderModel struct {
	Provider, Model string
	ledger.Sums
}

// Holders are all values of a dimension.
type Holders struct {
	All   []Holder    // in no order
	Total ledger.Sums // of all calls, each once: a call can have several teams
}

// holders collects what holders have used.
type holders struct {
	Holders
	by     ledger.GroupBy
	names  *names
	at     map[string]int
	models map[[3]string]int // by holder, provider and model: a team has the same model in several sets of teams
}

func (s *holders) of(id string) *Holder {
	n, known := s.at[id]
	if !known {
		n = len(s.All)
		s.at[id] = n
		s.All = append(s.All, Holder{ID: id, Name: s.names.of(s.by, id)})
	}
	return &s.All[n]
}

func (s *holders) add(id, provider, model string, sums *ledger.Sums) {
	h, p := s.of(id), [3]string{id, provider, model}
	n, known := s.models[p]
	if !known {
		n = len(h.Models)
		s.models[p] = n
		h.Models = append(h.Models, HolderModel{Provider: provider, Model: model})
	}
	h.Models[n].MergeCounts(sums)
}

// Holders sums by a dimension, and within it by model and provider; the values of also are there whether or not they have used
// anything. The error is an answer to the client.
func (c *Handlers) Holders(ctx context.Context, in *filter.Filters, by string, also []string) (Holders, error) {
	d := breakdownDimensions[by]
	f, index, err := c.Filtered(ctx, "bills", in)
	if err != nil {
		return Holders{}, err
	}
	shown, err := c.named(ctx, index, d)
	if err != nil {
		return Holders{}, err
	}
	out := &holders{by: d, names: shown, at: map[string]int{}, models: map[[3]string]int{}}
	for _, id := range also {
		out.of(id)
	}
	if d == ledger.ByTeam {
		err = c.teamsOf(ctx, f, out)
		return out.Holders, err
	}
	b, err := c.broken(ctx, ledger.BreakdownQuery{Filter: f, By: []ledger.GroupBy{d, ledger.ByProvider, ledger.ByModel}}, index)
	if err != nil {
		return Holders{}, err
	}
	for i := range b.Rows {
		r := &b.Rows[i]
		out.Total.MergeCounts(&r.Sums)
		out.add(r.Values[0], r.Values[1], r.Values[2], &r.Sums)
	}
	return out.Holders, nil
}

// teamsOf sums by team, which may have calls in common.
func (c *Handlers) teamsOf(ctx context.Context, f store.Filter, out *holders) error {
	teams := callsOf(out.names.teams, out.names.index)
	limited, cancel := context.WithTimeout(ctx, api.QueryTimeout)
	defer cancel()
	sums, err := c.Ledger.Teams(limited, ledger.TeamQuery{Filter: f, Teams: teams, By: ledger.ByModel})
	switch {
	case errors.Is(err, ledger.ErrTooMany):
		return tooMany()
	case err != nil && limited.Err() != nil && ctx.Err() == nil:
		return api.TookTooLong("summing the stored calls")
	case err != nil:
		return c.Failed("bills", err)
	}
	for i := range sums.Groups {
		g := &sums.Groups[i]
		out.Total.MergeCounts(&g.Points[0])
		if len(g.Teams) == 0 {
			out.add("", g.Provider, g.Value, &g.Points[0])
		}
		for _, t := range g.Teams {
			out.add(teams[t].ID, g.Provider, g.Value, &g.Points[0])
		}
	}
	return nil
}

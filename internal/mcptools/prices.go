package mcptools

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// priceRow is what is read of a row of models or prices; the row itself is passed on as it is.
type priceRow struct {
	Model, Provider string
}

// fits reports whether a row is asked for.
func (in *pricesInput) fits(r priceRow) bool {
	return strings.Contains(strings.ToLower(r.Model), strings.ToLower(in.Model)) && (in.Provider == "" || strings.EqualFold(r.Provider, in.Provider))
}

// pick returns the rows that are asked for, as they are, and how many there are beyond the limit.
func (in *pricesInput) pick(rows []json.RawMessage, limit int) (picked []json.RawMessage, more int, err error) {
	picked = []json.RawMessage{}
	for _, row := range rows {
		var r priceRow
		if err := json.Unmarshal(row, &r); err != nil {
			return nil, 0, fmt.Errorf("read a model: %w", err)
		}
		switch {
		case !in.fits(r):
		case len(picked) == limit:
			more++
		default:
			picked = append(picked, row)
		}
	}
	return picked, more, nil
}

// prices lists models with their prices: for who may not read prices, the models alone.
func (s *server) prices(ctx context.Context, c *caller, in *pricesInput) (*Answer, error) {
	limit := in.Limit
	if limit == 0 {
		limit = 20
	}
	if !slices.Contains(c.Permissions, "read_quality") {
		return s.models(ctx, c, in, limit)
	}
	p, _, err := read[struct {
		Version, Source       string
		Own, Models, Unpriced []json.RawMessage
	}](ctx, s, "/prices", nil)
	if err != nil {
		return nil, err
	}
	models, more, err := in.pick(p.Models, limit)
	if err != nil {
		return nil, err
	}
	unpriced, moreUnpriced, err := in.pick(p.Unpriced, limit)
	if err != nil {
		return nil, err
	}
	a := newAnswer(c, c.location, "/prices", nil, priceUnits)
	a.Data, err = json.Marshal(map[string]any{"version": p.Version, "source": p.Source, "models": models, "unpriced": unpriced})
	if err != nil {
		return nil, fmt.Errorf("write the prices: %w", err)
	}
	a.Notes = []string{"models have the prices that hold now, most tokens first; unpriced are models with calls whose cost is not known. Each row is as in the answer of the API."}
	if more+moreUnpriced > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("%d models and %d unpriced models more fit; narrow with model or provider, or ask for a higher limit.", more, moreUnpriced))
	}
	return a, nil
}

// models lists the models of the calls that the caller may see.
func (s *server) models(ctx context.Context, c *caller, in *pricesInput, limit int) (*Answer, error) {
	q := url.Values{"top": {"1000"}}
	st, _, err := read[struct{ Models []json.RawMessage }](ctx, s, "/stats", q)
	if err != nil {
		return nil, err
	}
	models, more, err := in.pick(st.Models, limit)
	if err != nil {
		return nil, err
	}
	a := newAnswer(c, c.location, "/stats", q, priceUnits)
	if a.Data, err = json.Marshal(map[string]any{"models": models}); err != nil {
		return nil, fmt.Errorf("write the models: %w", err)
	}
	a.Notes = []string{"Prices need a token with the role viewer; these are the models of the calls that the caller may see."}
	if more > 0 {
		a.Notes = append(a.Notes, fmt.Sprintf("%d models more fit; narrow with model or provider, or ask for a higher limit.", more))
	}
	return a, nil
}

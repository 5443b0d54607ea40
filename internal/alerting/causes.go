package alerting

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/ledger"
)

// causesTime is how long causes are asked for at one look: an alert without all causes is better than a late one.
const causesTime = 2 * time.Second

// causesOf returns the values with the most of what a rule watches: the largest of each dimension that the filter does not fix,
// the larger ones first.
func (s *session) causesOf(ctx context.Context, w *watch, from, to time.Time, patience time.Duration) ([]alert.Cause, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var causes []alert.Cause
	for _, d := range []struct {
		name  string
		by    ledger.GroupBy
		fixed int
	}{
		{"model", ledger.ByModel, len(w.Filter.Model)},
		{"key", ledger.ByKey, len(w.Filter.Key)},
		{"user", ledger.ByUser, len(w.Filter.User)},
		{"service", ledger.ByService, len(w.Filter.Service)},
		{"project", ledger.ByProject, len(w.Filter.Project)},
	} {
		if d.fixed == 1 {
			continue
		}
		f := w.group.filter
		f.From, f.To = from, to
		a, err := s.o.Ledger.Query(ctx, ledger.Query{Filter: f, By: d.by, CountsOnly: true})
		if err != nil {
			if ctx.Err() != nil {
				return causes, nil //nolint:nilerr // an alert without all causes is better than a late one
			}
			return nil, fmt.Errorf("ask for the causes of an alert: %w", err)
		}
		best := alert.Cause{Dimension: d.name}
		for i := range a.Groups {
			g := &a.Groups[i]
			value, unit := shareOf(w.Kind, &g.Points[0])
			if name := g.Value; name != "" && value > best.Value {
				if d.by == ledger.ByKey {
					name = s.keys.Name(name)
				}
				best.Name, best.Value, best.Unit = text(name), value, unit
			}
		}
		if best.Name != "" {
			causes = append(causes, best)
		}
	}
	slices.SortStableFunc(causes, func(a, b alert.Cause) int { return cmp.Compare(b.Value, a.Value) })
	return causes[:min(len(causes), alert.MaxCauses)], nil
}

// shareOf returns the part that a value has in what a rule watches.
func shareOf(kind alert.Kind, s *ledger.Sums) (float64, alert.Unit) {
	switch kind {
	case alert.Spend, alert.SpendUnusual:
		return float64(s.Cost) / nanoDollars, alert.USD
	case alert.Tokens:
		return float64(s.Tokens.Total()), alert.TokenCount
	case alert.ErrorShare:
		return float64(s.Errors), alert.CallCount
	case alert.NoUsageShare:
		return float64(s.NoUsage), alert.CallCount
	case alert.Unpriced:
		return float64(s.Unpriced), alert.CallCount
	}
	return float64(s.Calls), alert.CallCount
}

// pathOf is the address of the page that shows what a rule watches, below the console's root.
func pathOf(kind alert.Kind, f *alert.Filter, from, to time.Time) string {
	page := "/logs"
	switch kind {
	case alert.BudgetUsed, alert.BudgetProjected:
		return "/budgets"
	case alert.SourceGap, alert.StoreTrouble:
		return "/quality"
	case alert.KeyExpiry:
		return "/keys"
	case alert.Spend, alert.Tokens, alert.SpendUnusual:
		page = "/explore"
	}
	q := url.Values{
		"model": f.Model, "provider": f.Provider, "key": f.Key, "user": f.User, "service": f.Service, "project": f.Project,
		"service_tier": f.Tier, "account": f.Account, "team": f.Team, "status": f.Status,
	}
	if kind == alert.ErrorShare && len(f.Status) == 0 {
		q.Set("status", "error")
	}
	q.Set("from", strconv.FormatInt(from.Unix(), 10))
	q.Set("to", strconv.FormatInt(to.Unix(), 10))
	return page + "?" + q.Encode()
}

package alerts

import (
	"context"

	"github.com/tokenboard/tokenboard/internal/alerting"
	"github.com/tokenboard/tokenboard/internal/budget"
)

// Budgets returns the state of all budgets, for the evaluation of rules about them.
func Budgets(set *budget.Set) func(context.Context) ([]alerting.Budget, error) {
	return func(ctx context.Context) ([]alerting.Budget, error) {
		states, err := set.List(ctx)
		if err != nil {
			return nil, err
		}
		projections, err := set.Project(ctx, states)
		if err != nil {
			return nil, err
		}
		out := make([]alerting.Budget, len(states))
		for i := range states {
			s := &states[i]
			out[i] = alerting.Budget{ID: s.ID, Name: s.Name, Cost: s.Cost, Used: s.Used, Limit: s.Limit, Projected: -1, Resets: s.ResetsAt}
			if p := projections[s.ID]; p.Enough {
				out[i].Projected = p.Expected
			}
		}
		return out, nil
	}
}

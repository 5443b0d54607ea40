package mcptools

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strconv"
)

// Bounds of the keys that budgets are looked for at.
const (
	keysPage  = 1000 // keys in one answer of the API
	keysPages = 10
)

// Budget is a budget of a key, or the quota of the configuration, in one period. Exactly one of Tokens and USD is there.
type Budget struct {
	Scope  string          `json:"scope"` // key; or quota, of all calls, which the configuration sets
	KeyID  string          `json:"key_id,omitempty"`
	Key    string          `json:"key,omitempty"` // name of the key
	Owner  string          `json:"owner,omitempty"`
	Period string          `json:"period"`           // day, week, month or total
	Tokens json.RawMessage `json:"tokens,omitempty"` // limit, used, left, resets_at, as in the API
	USD    json.RawMessage `json:"usd,omitempty"`    // likewise

	share float64 // used of the limit
}

// spend is what is read of an allowance to sort by.
type spend struct{ Limit, Used json.Number }

func shareOf(raw json.RawMessage) (float64, error) {
	var a spend
	if err := json.Unmarshal(raw, &a); err != nil {
		return 0, fmt.Errorf("read a budget: %w", err)
	}
	limit, err := a.Limit.Float64()
	if err != nil || limit <= 0 {
		return 0, nil //nolint:nilerr // no limit to have a share of
	}
	used, err := a.Used.Float64()
	if err != nil {
		return 0, fmt.Errorf("read a budget: %w", err)
	}
	return used / limit, nil
}

// keyBudgets is what is read of a key.
type keyBudgets struct {
	ID, Name, Owner string
	Left            *struct{ Tokens, USD map[string]json.RawMessage }
}

// budgets lists the budgets of keys, and the quota where the caller may see it.
func (s *server) budgets(ctx context.Context, c *caller, in *budgetsInput) (*Answer, error) {
	q := url.Values{"status": {"active", "disabled", "expired"}, "limit": {strconv.Itoa(keysPage)}}
	set(q, "q", in.Query)
	a := newAnswer(c, c.location, "/keys", q, budgetUnits)
	a.Notes = []string{"Each budget is as in the answer of the API: of a key in the field left of GET /keys, the quota in the field quota of GET /stats. Budgets are soft: calls under way can exceed them."}
	list, err := s.keyBudgets(ctx, q, a)
	if err != nil {
		return nil, err
	}
	st, _, err := read[struct {
		counts
		Quota *struct {
			Period      string
			ResetsAt    json.RawMessage `json:"resets_at"`
			Tokens, USD json.RawMessage
		}
	}](ctx, s, "/stats", url.Values{"top": {"1"}})
	if err != nil {
		return nil, err
	}
	if st.Quota != nil && in.Query == "" {
		for _, raw := range []struct{ tokens, usd json.RawMessage }{{tokens: st.Quota.Tokens}, {usd: st.Quota.USD}} {
			if list, err = appendBudget(list, Budget{Scope: "quota", Period: st.Quota.Period, Tokens: raw.tokens, USD: raw.usd}); err != nil {
				return nil, err
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Budget) int { return cmp.Compare(b.share, a.share) })
	limit := in.Limit
	if limit == 0 {
		limit = 20
	}
	shown := append([]Budget{}, list[:min(limit, len(list))]...)
	a.Quality = st.quality()
	if a.Data, err = json.Marshal(map[string]any{"budgets": shown, "budget_count": len(list)}); err != nil {
		return nil, fmt.Errorf("write the budgets: %w", err)
	}
	return a, nil
}

// keyBudgets returns the budgets of the keys that fit.
func (s *server) keyBudgets(ctx context.Context, q url.Values, a *Answer) ([]Budget, error) {
	var list []Budget
	for page := 1; ; page++ {
		keys, r, err := read[[]keyBudgets](ctx, s, "/keys", q)
		if err != nil {
			return nil, err
		}
		for i := range keys {
			k := &keys[i]
			if k.Left == nil {
				continue
			}
			for _, period := range []string{"day", "week", "month", "total"} {
				for _, raw := range []struct{ tokens, usd json.RawMessage }{{tokens: k.Left.Tokens[period]}, {usd: k.Left.USD[period]}} {
					b := Budget{Scope: "key", KeyID: k.ID, Key: k.Name, Owner: k.Owner, Period: period, Tokens: raw.tokens, USD: raw.usd}
					if list, err = appendBudget(list, b); err != nil {
						return nil, err
					}
				}
			}
		}
		if r.NextCursor == "" {
			return list, nil
		}
		if page == keysPages {
			a.Notes = append(a.Notes, fmt.Sprintf("Only the first %d keys were looked at; narrow with q.", keysPage*keysPages))
			return list, nil
		}
		q.Set("cursor", r.NextCursor)
	}
}

// appendBudget appends a budget where it is one: the API has null where there is no limit.
func appendBudget(to []Budget, b Budget) ([]Budget, error) {
	raw := b.Tokens
	if raw == nil {
		raw = b.USD
	}
	if raw == nil || string(raw) == "null" {
		return to, nil
	}
	var err error
	if b.share, err = shareOf(raw); err != nil {
		return to, err
	}
	return append(to, b), nil
}

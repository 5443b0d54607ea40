package mcptools

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

// Bounds of the lists that budgets and limits are looked for in.
const (
	listPage  = 1000 // entries in one answer of the API
	listPages = 11   // of 10,000 budgets, and those of the configuration
)

// Budget is a budget as the API has it, byte for byte.
type Budget struct {
	json.RawMessage

	share float64 // used of the limit
}

// KeyLimit is a limit of a single key in one period. Exactly one of Tokens and USD is there.
type KeyLimit struct {
	KeyID  string          `json:"key_id"`
	Key    string          `json:"key"` // name of the key
	Owner  string          `json:"owner,omitempty"`
	Period string          `json:"period"`           // day, week, month or total
	Tokens json.RawMessage `json:"tokens,omitempty"` // limit, used, left, resets_at, as in the API
	USD    json.RawMessage `json:"usd,omitempty"`    // likewise

	share float64 // used of the limit
}

// budgetData is the data of the answer about budgets. The counts are of all that fit, shown or not.
type budgetData struct {
	Budgets []Budget   `json:"budgets"`
	Count   int        `json:"budget_count"`
	Limits  []KeyLimit `json:"key_limits"`
	Limited int        `json:"key_limit_count"`
}

// spend is what is read of an allowance to sort by.
type spend struct{ Limit, Used json.Number }

func shareOf(raw json.RawMessage) (float64, error) {
	var a spend
	if err := json.Unmarshal(raw, &a); err != nil {
		return 0, fmt.Errorf("read a limit: %w", err)
	}
	limit, err := a.Limit.Float64()
	if err != nil || limit <= 0 {
		return 0, nil //nolint:nilerr // no limit to have a share of
	}
	used, err := a.Used.Float64()
	if err != nil {
		return 0, fmt.Errorf("read a limit: %w", err)
	}
	return used / limit, nil
}

// limited is what is read of a key.
type limited struct {
	ID, Name, Owner string
	Left            *struct{ Tokens, USD map[string]json.RawMessage }
}

// budgets lists the budgets, as GET /budgets shows them to the caller, and the limits of single keys, those used up most first.
func (s *server) budgets(ctx context.Context, c *caller, in *budgetsInput) (*Answer, error) {
	q := url.Values{"limit": {strconv.Itoa(listPage)}, "projected": {strconv.FormatBool(in.Projected)}}
	set(q, "q", in.Query)
	lists(q, map[string][]string{"scope": in.Scope, "subject": in.Subject})
	a := newAnswer(c, c.location, "/budgets", q, budgetUnits)
	a.Notes = []string{"Each of budgets is as in the answer of the API, and may be used up more than once: hard ones are checked before a call, whose tokens are not known then."}
	list, err := s.listBudgets(ctx, q, a)
	if err != nil {
		return nil, err
	}
	out := budgetData{Count: len(list), Limits: []KeyLimit{}}
	out.Budgets = mostUsed(list, in.Limit, func(b *Budget) float64 { return b.share })
	if len(in.Scope)+len(in.Subject) == 0 { // these ask for budgets alone
		a.Notes = append(a.Notes, "key_limits are limits of single keys, beside the budgets: each as in the field left of GET /keys.")
		limits, err := s.keyLimits(ctx, in.Query, a)
		if err != nil {
			return nil, err
		}
		out.Limited = len(limits)
		out.Limits = mostUsed(limits, in.Limit, func(l *KeyLimit) float64 { return l.share })
	}
	sums, _, err := read[counts](ctx, s, "/stats", url.Values{"top": {"1"}})
	if err != nil {
		return nil, err
	}
	a.Quality = sums.quality()
	if a.Data, err = encodeAsIs(out); err != nil {
		return nil, fmt.Errorf("write the budgets: %w", err)
	}
	return a, nil
}

// mostUsed returns the first of what has the largest shares; in the order of the list where shares are equal.
func mostUsed[T any](list []T, limit int, share func(*T) float64) []T {
	slices.SortStableFunc(list, func(a, b T) int { return cmp.Compare(share(&b), share(&a)) })
	if limit == 0 {
		limit = 20
	}
	return append([]T{}, list[:min(limit, len(list))]...)
}

// pages reads a list of the API page by page, and notes where it is not read to its end.
func pages[T any](ctx context.Context, s *server, path string, q url.Values, a *Answer, take func(*T) error) error {
	q = maps.Clone(q)
	for page := 1; ; page++ {
		list, r, err := read[[]T](ctx, s, path, q)
		if err != nil {
			return err
		}
		for i := range list {
			if err := take(&list[i]); err != nil {
				return err
			}
		}
		if r.NextCursor == "" {
			return nil
		}
		if page == listPages {
			a.Notes = append(a.Notes, fmt.Sprintf("Only the first %d entries of GET %s were looked at; narrow with q.", listPage*listPages, path))
			return nil
		}
		q.Set("cursor", r.NextCursor)
	}
}

// listBudgets returns the budgets that fit.
func (s *server) listBudgets(ctx context.Context, q url.Values, a *Answer) ([]Budget, error) {
	var list []Budget
	err := pages(ctx, s, "/budgets", q, a, func(raw *json.RawMessage) error {
		var used struct {
			Share float64 `json:"used_share"`
		}
		if err := json.Unmarshal(*raw, &used); err != nil {
			return fmt.Errorf("read a budget: %w", err)
		}
		list = append(list, Budget{*raw, used.Share})
		return nil
	})
	return list, err
}

// keyLimits returns the limits of the keys that fit.
func (s *server) keyLimits(ctx context.Context, query string, a *Answer) ([]KeyLimit, error) {
	q := url.Values{"status": {"active", "disabled", "expired"}, "limit": {strconv.Itoa(listPage)}}
	set(q, "q", query)
	var list []KeyLimit
	err := pages(ctx, s, "/keys", q, a, func(k *limited) error {
		if k.Left == nil {
			return nil
		}
		for _, period := range []string{"day", "week", "month", "total"} {
			for _, raw := range []struct{ tokens, usd json.RawMessage }{{tokens: k.Left.Tokens[period]}, {usd: k.Left.USD[period]}} {
				l := KeyLimit{KeyID: k.ID, Key: k.Name, Owner: k.Owner, Period: period, Tokens: raw.tokens, USD: raw.usd}
				var err error
				if list, err = appendLimit(list, l); err != nil {
					return err
				}
			}
		}
		return nil
	})
	return list, err
}

// appendLimit appends a limit where it is one: the API has null where there is none.
func appendLimit(to []KeyLimit, l KeyLimit) ([]KeyLimit, error) {
	raw := l.Tokens
	if raw == nil {
		raw = l.USD
	}
	if raw == nil || string(raw) == "null" {
		return to, nil
	}
	var err error
	if l.share, err = shareOf(raw); err != nil {
		return to, err
	}
	return append(to, l), nil
}

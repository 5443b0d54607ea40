// Package metrics answers scrapes with the ledger's sums as Prometheus metrics, and mounts the queries over the past.
package metrics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/store"
)

// maxBudgetKeys is the most keys whose budgets have metrics.
const maxBudgetKeys = 500

// keyStatuses are the values that Status returns.
var keyStatuses = [...]string{"active", "disabled", "expired", "revoked"}

// keys shows the keys by status, and what is left of their budgets. It returns how many keys' budgets are not shown.
func (s *scrape) keys(ctx context.Context, index *keyindex.Index) (hidden int, err error) {
	byStatus := map[string]int{}
	var budgets []budgeted
	for _, k := range index.Ring.All() {
		status := keys.Status(k, s.m.from.Now())
		byStatus[status]++
		if status == "revoked" || k.Limits.Tokens == (store.Budget{}) && k.Limits.Cost == (store.Budget{}) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		budgets = append(budgets, budgetedOf("key", index.LabelOf(k), k.ID, index.Ring.Left(k.ID)))
	}
	for _, status := range keyStatuses {
		s.put(&mKeys, float64(byStatus[status]), status)
	}
	slices.SortFunc(budgets, func(a, b budgeted) int {
		return cmp.Or(cmp.Compare(b.share, a.share), cmp.Compare(a.id, b.id))
	})
	shown := min(len(budgets), maxBudgetKeys)
	names := map[string]bool{}
	for _, b := range budgets[:shown] {
		if !names[b.name] { // a name is one owner's but for its case and what cannot be a label
			names[b.name] = true
			s.budget(&b)
		}
	}
	if quota := index.Ring.Quota(); quota != nil {
		b := budgetedOf("console", "", "", quota)
		s.budget(&b)
	}
	return len(budgets) - shown, nil
}

const (
	// maxBudgets is the most budgets of their own that have metrics.
	maxBudgets = 500
	// budgetsLimit bounds the wait for budgets of their own. After a start, what was spent of some may have to be read from
	// many records: a scrape has no metrics of them meanwhile.
	budgetsLimit = 2 * time.Second
)

// budgets shows the budgets of their own. It returns how many are not shown.
func (s *scrape) budgets(ctx context.Context, index *keyindex.Index) (hidden int) {
	ctx, cancel := context.WithTimeout(ctx, budgetsLimit)
	defer cancel()
	all, err := s.m.from.Budgets.Budgets.List(ctx)
	if err != nil {
		s.m.from.Logger.Warn("A scrape has no metrics of budgets: they could not be read", zap.Error(err))
		return 0
	}
	shown, hidden := mostUsed(all)
	labelled := map[[4]string]bool{}
	for i := range shown {
		b := &shown[i]
		labels := labelsOf(b, index)
		if key := [4]string(labels); labelled[key] { // a name is one budget's but for what cannot be a label, and the configuration's
			continue
		} else {
			labelled[key] = true
		}
		limit, used, left, unit := &mLimitTok, &mUsedTok, &mLeftTok, 1.0
		if b.Cost {
			limit, used, left, unit = &mLimitUSD, &mUsedUSD, &mLeftUSD, 1e9
		}
		s.put(limit, float64(b.Limit)/unit, labels...)
		s.put(used, float64(b.Used)/unit, labels...)
		s.put(left, float64(b.Left())/unit, labels...)
		if !b.ResetsAt.IsZero() {
			s.put(&mReset, float64(b.ResetsAt.Unix()), labels...)
		}
	}
	return hidden
}

// mostUsed returns the budgets that have metrics: those of which the largest share is used. The quota has metrics of its own.
func mostUsed(all []budget.State) (shown []budget.State, hidden int) {
	all = slices.DeleteFunc(all, func(b budget.State) bool { return b.IsQuota() })
	slices.SortStableFunc(all, func(a, b budget.State) int { return cmp.Or(cmp.Compare(b.Share(), a.Share()), cmp.Compare(a.ID, b.ID)) })
	n := min(len(all), maxBudgets)
	return all[:n], len(all) - n
}

// labelsOf returns the values of budgetLabels of a budget of its own.
func labelsOf(b *budget.State, index *keyindex.Index) []string {
	key := ""
	if b.Scope == store.ScopeKey {
		if k := index.Ring.ID(b.Subject); k != nil {
			key = cleanLabel(index.LabelOf(k))
		}
	}
	return []string{string(b.Scope), key, b.Period.String(), cleanLabel(b.Name)}
}

// budgeted is a key or an owner of keys with budgets.
type budgeted struct {
	scope, name, id string
	left            *keyring.Left
	share           float64 // the largest that is used of one of its budgets
}

func budgetedOf(scope, name, id string, left *keyring.Left) budgeted {
	b := budgeted{scope: scope, name: cleanLabel(name), id: id, left: left}
	if left == nil {
		b.left = &keyring.Left{} // changed meanwhile
		return b
	}
	for p := range store.PeriodCount {
		for _, a := range []*keyring.Allowance{left.Tokens[p], left.Cost[p]} {
			if a != nil {
				b.share = max(b.share, float64(a.Used)/float64(a.Limit))
			}
		}
	}
	return b
}

// budget exposes the limits of a key or an owner with budgets, and their usage.
func (s *scrape) budget(b *budgeted) {
	for p := range store.PeriodCount {
		labels := []string{b.scope, b.name, p.String(), ""}
		var reset time.Time
		if a := b.left.Tokens[p]; a != nil {
			s.put(&mLimitTok, float64(a.Limit), labels...)
			s.put(&mUsedTok, float64(a.Used), labels...)
			s.put(&mLeftTok, float64(a.Left()), labels...)
			reset = a.ResetsAt
		}
		if a := b.left.Cost[p]; a != nil {
			s.put(&mLimitUSD, float64(a.Limit)/1e9, labels...)
			s.put(&mUsedUSD, float64(a.Used)/1e9, labels...)
			s.put(&mLeftUSD, float64(a.Left())/1e9, labels...)
			reset = a.ResetsAt
		}
		if !reset.IsZero() {
			s.put(&mReset, float64(reset.Unix()), labels...)
		}
	}
}

// Package metrics answers scrapes with the ledger's sums as Prometheus metrics, and mounts the queries over the past.
package metrics

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/keyring"
	"github.com/tokenboard/tokenboard/internal/store"
)

// maxBudgetKeys is the most keys whose budgets have metrics.
const maxBudgetKeys = 500

// keyStatuses are the values that Status returns.
var keyStatuses = [...]string{"active", "disabled", "expired", "revoked"}

// keys shows the keys by status, and what is left of the budgets.
func (s *scrape) keys(ctx context.Context, index *keyindex.Index) error {
	byStatus := map[string]int{}
	var budgets []budgeted
	for _, k := range index.Ring.All() {
		status := keys.Status(k, s.m.from.Now())
		byStatus[status]++
		if status == "revoked" || k.Limits.Tokens == (store.Budget{}) && k.Limits.Cost == (store.Budget{}) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
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
	s.put(&mHidden, float64(len(budgets)-shown))
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
	return nil
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
		labels := []string{b.scope, b.name, p.String()}
		var reset time.Time
		if a := b.left.Tokens[p]; a != nil {
			s.put(&mLimitTok, float64(a.Limit), labels...)
			s.put(&mUsedTok, float64(a.Used), labels...)
			reset = a.ResetsAt
		}
		if a := b.left.Cost[p]; a != nil {
			s.put(&mLimitUSD, float64(a.Limit)/1e9, labels...)
			s.put(&mUsedUSD, float64(a.Used)/1e9, labels...)
			reset = a.ResetsAt
		}
		if !reset.IsZero() {
			s.put(&mReset, float64(reset.Unix()), labels...)
		}
	}
}

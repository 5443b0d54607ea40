package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/rollup"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Spending visits what was spent with the keys of some fingerprints, by base bucket; "" is all calls,
// whatever their key. Unlike Query it includes what retention dropped, of keys that were stored
// then. Visits of one bucket are added up. A UTC day that whole says yes to (nil: none) is one visit, at
// its beginning: what it was spent at within it does not matter. It gives the number of the last commit
// that is in it, see Commit.Number.
func (l *Ledger) Spending(ctx context.Context, of map[string]bool, whole func(begin, end time.Time) bool, visit func(store.Spent)) (commit int64, err error) {
	release, err := l.agree() // no commit and no retention between the sums in memory and the store's
	if err != nil {
		return 0, fmt.Errorf("sum what keys spent: %w", err)
	}
	defer release()
	var floor time.Time
	commit, floor, err = l.spentInMemory(of, whole, visit)
	if err != nil {
		return 0, fmt.Errorf("sum what keys spent: %w", err)
	}
	err = l.engine.Forgotten(ctx, floor, func(s store.Spent) {
		if of[s.Fingerprint] {
			visit(s)
		}
	})
	if err != nil {
		return 0, fmt.Errorf("sum what keys spent: %w", err)
	}
	return commit, nil
}

func (l *Ledger) spentInMemory(of map[string]bool, whole func(begin, end time.Time) bool, visit func(store.Spent)) (commit int64, floor time.Time, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	tell := func(m rollup.Member, b int64, s *Sums) {
		visit(store.Spent{
			Fingerprint: m.Value, Start: rollup.BucketStart(b), Calls: s.Calls, Tokens: s.Tokens.Total(), Cost: s.Cost,
		})
	}
	keys := make(map[rollup.Member]bool, len(of))
	for fingerprint, wanted := range of {
		if wanted && fingerprint != "" {
			keys[rollup.Member{Value: fingerprint}] = true
		}
	}
	day := func(first int64) bool {
		begin := rollup.BucketStart(first)
		return whole != nil && whole(begin, begin.Add(24*time.Hour))
	}
	if err := l.sums.EachIn(rollup.Keys, rollup.Open[0], keys, day, tell); err != nil {
		return 0, time.Time{}, err
	}
	if of[""] {
		if err := l.sums.EachIn(rollup.All, rollup.Open[0], nil, day, tell); err != nil {
			return 0, time.Time{}, err
		}
	}
	return l.commitNumber, l.floor, nil
}

package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// Spending visits what was spent with the keys of some fingerprints, by base bucket; "" is all calls,
// whatever their key. Unlike Query it includes what retention dropped, of keys that were stored
// then. Visits of one bucket are added up. It gives the number of the last commit that is in it, see
// Commit.Number.
func (l *Ledger) Spending(ctx context.Context, of map[string]bool, visit func(store.Spent)) (commit int64, err error) {
	l.commits.RLock() // no commit and no retention between the sums in memory and the store's
	defer l.commits.RUnlock()
	var floor time.Time
	commit, floor = l.spentInMemory(of, visit)
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

func (l *Ledger) spentInMemory(of map[string]bool, visit func(store.Spent)) (commit int64, floor time.Time) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for b, cs := range l.rolling.buckets {
		tell := func(fingerprint string, s *Sums) {
			visit(store.Spent{
				Fingerprint: fingerprint, Start: bucketStart(b), Calls: s.Calls, Tokens: s.Tokens.Total(), Cost: s.Cost,
			})
		}
		if s := cs[axisAll][member{}]; s != nil && of[""] {
			tell("", s)
		}
		members := cs[axisKey]
		if len(of) < len(members) {
			for f := range of {
				if s := members[member{value: f}]; s != nil && f != "" {
					tell(f, s)
				}
			}
			continue
		}
		for m, s := range members {
			if m.value != "" && of[m.value] {
				tell(m.value, s)
			}
		}
	}
	return l.commitNumber, l.floor
}

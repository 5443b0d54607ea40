package ledger

import (
	"context"
	"errors"
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
	commit, floor, err = l.spentInMemory(ctx, of, whole, visit)
	if err != nil {
		return 0, fmt.Errorf("sum what keys spent: %w", err)
	}
	if err := l.spentByDropped(ctx, floor, of, visit); err != nil {
		return 0, fmt.Errorf("sum what keys spent: %w", err)
	}
	return commit, nil
}

// spentInMemory visits what the sums have, and, of keys whose calls may have been summed as others, what the
// records have. The caller keeps commits away.
func (l *Ledger) spentInMemory(ctx context.Context, of map[string]bool, whole func(begin, end time.Time) bool, visit func(store.Spent)) (commit int64, floor time.Time, err error) {
	tell := func(m rollup.Value, b int64, s *Sums) {
		visit(spentOf(m.Value, rollup.BucketStart(b), s))
	}
	keys := make(map[rollup.Value]bool, len(of))
	for fingerprint, wanted := range of {
		if wanted && fingerprint != "" {
			keys[rollup.Value{Value: fingerprint}] = true
		}
	}
	day := func(first int64) bool {
		begin := rollup.BucketStart(first)
		return whole != nil && whole(begin, begin.Add(24*time.Hour))
	}
	for try := 0; ; try++ { // the sums may be saved meanwhile
		l.mu.RLock()
		commit, floor = l.commitNumber, l.watermark
		var uncertain []string
		for m := range keys {
			if !l.sums.IsComplete(rollup.Keys, map[rollup.Value]bool{m: true}) {
				uncertain = append(uncertain, m.Value)
			}
		}
		for _, fingerprint := range uncertain {
			delete(keys, rollup.Value{Value: fingerprint})
		}
		visits := []*rollup.Visiting{l.sums.BeginEach(rollup.Keys, rollup.Open[0], keys, day)}
		if of[""] {
			visits = append(visits, l.sums.BeginEach(rollup.All, rollup.Open[0], nil, day))
		}
		l.mu.RUnlock()
		for _, v := range visits {
			if err == nil {
				err = v.Read(ctx)
			}
		}
		if errors.Is(err, rollup.ErrChanged) && try < maxTries {
			for _, fingerprint := range uncertain {
				keys[rollup.Value{Value: fingerprint}] = true
			}
			err = nil
			continue
		}
		if err == nil && len(uncertain) > 0 {
			err = l.spentInRecords(ctx, uncertain, floor, visit)
		}
		for _, v := range visits {
			if err == nil {
				err = v.Visit(tell)
			}
		}
		return commit, floor, err
	}
}

// spentInRecords visits what the stored records of keys spent since a time.
func (l *Ledger) spentInRecords(ctx context.Context, keys []string, since time.Time, visit func(store.Spent)) error {
	return l.engine.Figures(ctx, store.Filter{From: since, Keys: keys}, func(r *store.Record) error {
		var s Sums
		s.Add(&r.Call, 1)
		visit(spentOf(r.KeyFingerprint, r.Start, &s))
		return nil
	})
}

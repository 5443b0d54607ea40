package aggregate

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
// its beginning: what it was spent at within it does not matter. It returns the number of the last commit
// that is in it, see Commit.Number.
func (x *State) Spending(ctx context.Context, of map[string]bool, whole func(begin, end time.Time) bool, visit func(store.Spent)) (commit int64, err error) {
	release, err := x.agree() // no commit and no retention between the sums in memory and the store's
	if err != nil {
		return 0, fmt.Errorf("sum what keys spent: %w", err)
	}
	defer release()
	ctx = store.WithinStep(ctx)
	var watermark time.Time
	commit, watermark, err = x.spentInMemory(ctx, of, whole, visit)
	if err != nil {
		return 0, fmt.Errorf("sum what keys spent: %w", err)
	}
	if err := x.spentByDropped(ctx, watermark, of, visit); err != nil {
		return 0, fmt.Errorf("sum what keys spent: %w", err)
	}
	return commit, nil
}

// spentInMemory visits the spending in the sums, and, for keys whose calls may have been summed as others, the spending
// in the records. The caller keeps commits away.
func (x *State) spentInMemory(ctx context.Context, of map[string]bool, whole func(begin, end time.Time) bool, visit func(store.Spent)) (commit int64, watermark time.Time, err error) {
	report := func(m rollup.Value, b int64, s *Sums) {
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
		x.mu.RLock()
		commit, watermark = x.number, x.watermark
		var uncertain []string
		for m := range keys {
			if !x.sums.IsComplete(rollup.Keys, map[rollup.Value]bool{m: true}) {
				uncertain = append(uncertain, m.Value)
			}
		}
		for _, fingerprint := range uncertain {
			delete(keys, rollup.Value{Value: fingerprint})
		}
		visits := []*rollup.Visiting{x.sums.BeginEach(rollup.Keys, rollup.Open[0], keys, day)}
		if of[""] {
			visits = append(visits, x.sums.BeginEach(rollup.All, rollup.Open[0], nil, day))
		}
		x.mu.RUnlock()
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
			err = x.spentInRecords(ctx, uncertain, watermark, visit)
		}
		for _, v := range visits {
			if err == nil {
				err = v.Visit(report)
			}
		}
		return commit, watermark, err
	}
}

// spentInRecords visits the spending of each stored record of keys since a time.
func (x *State) spentInRecords(ctx context.Context, keys []string, since time.Time, visit func(store.Spent)) error {
	return x.engine.Figures(ctx, store.Filter{From: since, Keys: keys}, func(r *store.Record) error {
		var s Sums
		s.Add(&r.Call, 1)
		visit(spentOf(r.KeyFingerprint, r.Start, &s))
		return nil
	})
}

// spentAt names a sum: a fingerprint, "" for all calls, and a base bucket.
type spentAt struct {
	fingerprint string
	bucket      int64
}

// Spending adds up what calls spent that count, by key and base bucket.
type Spending map[spentAt]*Sums

// Add adds what a stored call spent, if it counts.
func (s Spending) Add(r *store.Record) {
	if !r.Counted {
		return
	}
	for _, fingerprint := range [...]string{"", r.KeyFingerprint} {
		at := spentAt{fingerprint, rollup.BucketOf(r.Start)}
		sum := s[at]
		if sum == nil {
			sum = &Sums{}
			s[at] = sum
		}
		sum.AddCounts(&r.Call, 1)
		if r.KeyFingerprint == "" {
			return
		}
	}
}

// List returns what was spent, in no order.
func (s Spending) List() []store.Spent {
	out := make([]store.Spent, 0, len(s))
	for at, sum := range s {
		out = append(out, spentOf(at.fingerprint, rollup.BucketStart(at.bucket), sum))
	}
	return out
}

func spentOf(fingerprint string, start time.Time, s *Sums) store.Spent {
	return store.Spent{Fingerprint: fingerprint, Start: start, Calls: s.Calls, Tokens: s.Tokens.Total(), Cost: s.Cost}
}

// spentByDropped visits what was spent before a time: in records that were removed, and in those that are about to be.
func (x *State) spentByDropped(ctx context.Context, before time.Time, of map[string]bool, visit func(store.Spent)) error {
	left := Spending{}
	err := x.engine.Retired(ctx, before, func(s store.Spent) error {
		if of[s.Fingerprint] {
			visit(s)
		}
		return nil
	}, func(r *store.Record) error {
		if of[""] || of[r.KeyFingerprint] {
			left.Add(r)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read what removed calls spent: %w", err)
	}
	for _, s := range left.List() {
		if of[s.Fingerprint] {
			visit(s)
		}
	}
	return nil
}

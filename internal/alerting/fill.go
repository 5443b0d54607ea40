package alerting

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
)

// fill brings all meters to a time, and fills those that are new or lack something.
func (s *session) fill(ctx context.Context, now time.Time) error {
	type place struct {
		g *group
		m *meter
	}
	var short []place
	resync := s.drift.elapsed-s.synced >= syncInterval
	for _, g := range s.index.groups {
		if err := s.lastCall(ctx, g, now); err != nil {
			return err
		}
		for _, m := range g.meters {
			if !m.filled || !m.advance(now) {
				m.filled = false
			}
			if m.filled && !m.exact && resync {
				m.filled, resync, s.synced = false, false, s.drift.elapsed
			}
			switch {
			case m.filled:
			case m.fromRecords():
				m.reset(now)
				short = append(short, place{g, m})
			default:
				if err := m.fill(ctx, s.o.Ledger, &s.e.facts, g.filter, now); err != nil {
					return err
				}
			}
		}
	}
	if len(short) == 0 {
		return nil
	}
	longest := time.Duration(0)
	for _, p := range short {
		longest = max(longest, p.m.window.Length)
	}
	// What is committed while the records are read may be read, or not: it is left out of what follows, and at most these
	// seconds are missed or counted twice in windows of minutes, at a start.
	err := s.o.Ledger.Figures(ctx, store.Filter{From: now.Add(-longest)}, func(r *store.Record) error {
		f := factOf(&r.Call, 1)
		for _, p := range short {
			if p.g.matches(&f) {
				p.m.add(&f)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fill the windows of alert rules: %w", err)
	}
	from := s.e.facts.number()
	for _, p := range short {
		p.m.filled, p.m.from, p.m.exact = true, from, true
	}
	return nil
}

// longestLookBack bounds how far back a last call is looked for.
const longestLookBack = 90 * 24 * time.Hour

// lastCall finds out when a call was last received, once. One that is so long ago that every rule would fire is not looked for.
func (s *session) lastCall(ctx context.Context, g *group, now time.Time) error {
	if g.known || g.lookBack == 0 {
		return nil
	}
	f := g.filter
	f.From = now.Add(-g.lookBack - time.Hour)
	records, _, err := s.o.Ledger.List(ctx, store.Page{Filter: f, Limit: 1})
	if err != nil {
		return fmt.Errorf("find the last call of an alert rule: %w", err)
	}
	if g.known = true; len(records) > 0 {
		g.last = records[0].StoredAt
	}
	return nil
}

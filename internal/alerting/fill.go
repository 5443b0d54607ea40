package alerting

import (
	"context"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// toFill is a meter that is new or lacks something, and the one that is filled for it.
type toFill struct {
	g     *group
	m     *meter
	fresh meter
}

// lastOf is a group whose last call is looked for.
type lastOf struct {
	g     *group
	from  time.Time
	last  time.Time
	known bool
}

// advance brings all meters to a time.
func (s *session) advance(now time.Time) {
	for _, g := range s.index.groups {
		for _, m := range g.meters {
			m.filled = m.filled && m.advance(now)
		}
	}
}

// fill has the meters filled that are new or lack something. Until it is done, rules that need them are not evaluated.
func (s *session) fill(ctx context.Context, now time.Time) {
	if s.filling.runs() {
		return
	}
	var all []*toFill
	var last []*lastOf
	resync := s.drift.elapsed-s.synced >= syncInterval
	for _, g := range s.index.groups {
		if !g.known && g.lookBack > 0 {
			last = append(last, &lastOf{g: g, from: now.Add(-g.lookBack - time.Hour)})
		}
		for _, m := range g.meters {
			again := m.filled && !m.exact && resync
			if again {
				resync, s.synced = false, s.drift.elapsed
			}
			if again || !m.filled {
				all = append(all, &toFill{g: g, m: m, fresh: meter{window: m.window, zone: m.zone, times: m.times}})
			}
		}
	}
	if len(all)+len(last) == 0 {
		return
	}
	s.filling.keeps = true
	more := s.patience()
	s.do(ctx, &s.filling, func(ctx context.Context) func(time.Time, []fact) error {
		err := s.fillAll(ctx, all, last, now, more)
		return func(now time.Time, since []fact) error {
			s.filledAll(all, last, now, since)
			return err
		}
	})
}

// fillAll reads what meters lack. It is called by an errand.
func (s *session) fillAll(ctx context.Context, all []*toFill, last []*lastOf, now time.Time, more func() bool) error {
	for _, x := range last {
		if err := s.lastCall(ctx, x); err != nil {
			return err
		}
		if !more() {
			return nil
		}
	}
	var short []*toFill
	longest := time.Duration(0)
	for _, x := range all {
		if x.fresh.fromRecords() {
			short, longest = append(short, x), max(longest, x.m.window.Length)
		}
	}
	if err := fillShort(ctx, s.o.Ledger, &s.e.facts, short, longest, now); err != nil {
		return err
	}
	for _, x := range all {
		if x.fresh.filled {
			continue
		}
		if !more() {
			return nil // the others are next
		}
		if err := x.fresh.fill(ctx, s.o.Ledger, &s.e.facts, x.g.filter, now); err != nil {
			return err
		}
	}
	return nil
}

// fillShort fills meters of short windows by reading the records of the longest one once.
func fillShort(ctx context.Context, l *ledger.Ledger, q *queue, short []*toFill, longest time.Duration, now time.Time) error {
	if len(short) == 0 {
		return nil
	}
	// What is committed while the records are read may be read, or not: then they are read again. Where there is never a pause, it is
	// left out of what follows, and at most these seconds are missed or counted twice in windows of minutes.
	const tries = 3
	for try := 1; ; try++ {
		for _, x := range short {
			x.fresh.reset(now)
		}
		before := q.number()
		err := l.Figures(ctx, store.Filter{From: now.Add(-longest)}, func(r *store.Record) error {
			f := factOf(&r.Call, 1)
			for _, x := range short {
				if x.g.matches(&f) {
					x.fresh.add(&f)
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("fill the windows of alert rules: %w", err)
		}
		from := q.number()
		if from != before && try < tries {
			continue
		}
		for _, x := range short {
			x.fresh.filled, x.fresh.from, x.fresh.exact = true, from, true
		}
		return nil
	}
}

// filledAll takes meters that were filled, and adds what came meanwhile.
func (s *session) filledAll(all []*toFill, last []*lastOf, now time.Time, since []fact) {
	for _, x := range last {
		if x.known && !x.g.known {
			x.g.known = true
			if x.last.After(x.g.last) {
				x.g.last = x.last
			}
		}
	}
	for _, x := range all {
		if !x.fresh.filled {
			continue
		}
		x.fresh.used = x.m.used
		*x.m = x.fresh // a meter that no rule has any more is in no group
		if x.m.filled = x.m.advance(now); !x.m.filled {
			continue
		}
		for i := range since {
			if x.g.matches(&since[i]) {
				x.m.add(&since[i])
			}
		}
	}
}

// longestLookBack bounds how far back a last call is looked for.
const longestLookBack = 90 * 24 * time.Hour

// lastCall finds out when a call was last received. One that is so long ago that every rule would fire is not looked for.
func (s *session) lastCall(ctx context.Context, x *lastOf) error {
	f := x.g.filter
	f.From = x.from
	records, _, err := s.o.Ledger.List(ctx, store.Page{Filter: f, Limit: 1})
	if err != nil {
		return fmt.Errorf("find the last call of an alert rule: %w", err)
	}
	if x.known = true; len(records) > 0 {
		x.last = records[0].StoredAt
	}
	return nil
}

// waits reports whether a rule is not looked at because what it needs is not read yet.
func (w *watch) waits() bool {
	return w.meter != nil && !w.meter.filled || w.Kind == alert.Silence && !w.group.known || w.Kind == alert.KeyFirstUse && w.first == nil
}

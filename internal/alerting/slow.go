package alerting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/internal/store"
)

// slowly is what changes without commits, and is looked at every few seconds.
type slowly struct {
	at       time.Duration
	budgets  []Budget
	asked    bool // Budgets were told once
	sources  []sources.State
	gaps     map[string]int64 // of each source, at the last look
	grown    map[string]bool  // sources whose gaps grew, until alerts of it are stored
	trouble  string
	keys     map[string]expiring // that expire, by id
	keysSeen int64
}

type expiring struct {
	name string
	at   time.Time
}

const (
	slowInterval = 5 * time.Second
	maxExpiring  = 100_000
	gapSuffix    = " gap" // of the subject that is a receiver that missed something
)

// answers are what changes without commits, as it was asked for.
type answers struct {
	budgets  []Budget
	asked    bool // the budgets are known
	sources  []sources.State
	trouble  string
	keys     bool // what follows is known
	changed  []store.Key
	keysSeen int64
	err      error
}

// ask has asked again for what is due.
func (s *session) ask(ctx context.Context) {
	x := &s.slow
	if x.at != 0 && s.drift.elapsed-x.at < slowInterval || s.asking.runs() {
		return
	}
	x.at = max(s.drift.elapsed, 1)
	known := x.keysSeen
	s.do(ctx, &s.asking, func(ctx context.Context) func(time.Time, []fact) error {
		a := askAll(ctx, s.o, known)
		return func(time.Time, []fact) error {
			s.slow.take(a)
			return a.err
		}
	})
}

// askAll asks for everything. It is called by an errand.
func askAll(ctx context.Context, o *Options, keysSeen int64) (a answers) {
	if o.Budgets != nil {
		budgets, err := o.Budgets(ctx)
		if err == nil {
			a.budgets, a.asked = budgets, true
		}
		a.err = err
	}
	if o.Sources != nil {
		a.sources = o.Sources.States()
	}
	if status, err := o.Ledger.Status(ctx); err != nil {
		a.trouble = "the store does not answer"
	} else {
		switch {
		case status.Outcome != nil:
			a.trouble = "it is not known whether the last write is on disk"
		case status.Retention != nil:
			a.trouble = "old records cannot be dropped"
		case status.Save != nil:
			a.trouble = "sums or records cannot be put in order on disk"
		}
	}
	var err error
	if a.changed, a.keysSeen, err = o.Store.Keys(ctx, keysSeen); err != nil {
		a.err = errors.Join(a.err, fmt.Errorf("look which keys expire: %w", err))
	}
	a.keys = err == nil
	return a
}

// take takes the answers.
func (x *slowly) take(a answers) {
	if a.asked {
		x.budgets, x.asked = a.budgets, true
	}
	if a.sources != nil {
		x.lookAtSources(a.sources)
	}
	x.trouble = a.trouble
	if !a.keys {
		return
	}
	if x.keys == nil {
		x.keys = map[string]expiring{}
	}
	x.keysSeen = a.keysSeen
	for i := range a.changed {
		k := &a.changed[i]
		delete(x.keys, k.ID)
		if !k.ExpiresAt.IsZero() && k.RevokedAt.IsZero() && !k.Disabled && len(x.keys) < maxExpiring {
			x.keys[k.ID] = expiring{k.Name, k.ExpiresAt}
		}
	}
}

func (x *slowly) lookAtSources(states []sources.State) {
	was := x.gaps
	x.sources, x.gaps = states, map[string]int64{}
	if x.grown == nil {
		x.grown = map[string]bool{}
	}
	for i := range states {
		n := states[i].Lost
		for _, gaps := range states[i].Gaps {
			n += gaps
		}
		x.gaps[states[i].Name] = n
		if before, known := was[states[i].Name]; known && n > before {
			x.grown[states[i].Name] = true
		}
	}
}

// budgetsOf returns the findings of a rule of budgets.
func (x *slowly) budgetsOf(w *watch) (found []finding) {
	for i := range x.budgets {
		b := &x.budgets[i]
		if w.Budget != "" && w.Budget != b.ID || b.Limit <= 0 || len(found) >= maxSubjects {
			continue
		}
		used := b.Used
		if w.Kind == alert.BudgetProjected {
			if used = b.Projected; b.Resets.IsZero() {
				continue
			}
		}
		value := percent * float64(used) / float64(b.Limit)
		found = append(found, finding{w: w, subject: b.ID, shown: b.Name, value: value, holds: value >= w.Limit})
	}
	return found
}

// sourcesOf returns the findings of a rule of receivers: one that is down for too long, or that missed something.
func (x *slowly) sourcesOf(w *watch, s *session, now time.Time) (found []finding) {
	for i := range x.sources {
		c := &x.sources[i]
		if w.Source != "" && w.Source != c.Name || len(found) >= maxSubjects {
			continue
		}
		down := finding{w: w, subject: c.Name, shown: c.Name}
		if !c.Up && !c.LastContact.IsZero() {
			down.value = max(now.Sub(c.LastContact).Seconds(), 0)
			down.holds = down.value >= w.Limit
		}
		missed := finding{w: w, subject: c.Name + gapSuffix, shown: c.Name}
		missed.holds = x.grown[c.Name] || s.recently(w, missed.subject, now)
		found = append(found, down, missed)
	}
	return found
}

// recently reports whether an alert of a moment still lasts.
func (s *session) recently(w *watch, name string, now time.Time) bool {
	p := s.states[w.id][name]
	return p != nil && p.Alert != "" && now.Sub(p.Started) < eventTime
}

// expiring returns the findings of a rule of keys that expire. One that has expired is no finding any more.
func (x *slowly) expiring(w *watch, now time.Time) (found []finding) {
	for id, k := range x.keys {
		left := k.at.Sub(now)
		if left <= 0 || left.Hours()/24 > w.Limit || len(found) >= maxSubjects {
			continue
		}
		found = append(found, finding{
			w: w, subject: id, shown: k.name, value: left.Hours() / 24, holds: true, narrowed: alert.Filter{Key: []string{id}},
		})
	}
	return found
}

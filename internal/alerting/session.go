package alerting

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/store"
)

// subject names a state.
type subject struct{ rule, name string }

// progress is a state as it is stored.
type progress struct {
	alert.Progress
	version int64
}

// watch is one rule that is evaluated.
type watch struct {
	id, name string
	alert.Rule
	zone    *time.Location
	changed time.Time // the rule itself
	group   *group    // of rules about calls
	meter   *meter    // of rules with a window
	unusual unusual
	first   *firstUse
	skipped bool // what it watches is not known yet: its states stay as they are
	invalid bool // its document cannot be read; it is shown, and not evaluated
}

// session is the evaluation while the lease is held. It belongs to one goroutine.
type session struct {
	e       *Engine
	o       *Options
	epoch   int64
	drift   drift
	version int64 // of the rules
	watches []*watch
	states  map[string]map[string]*progress // by rule and subject
	loaded  bool
	index   index
	keys    Keys
	fresh   time.Duration // when the keys of filters were last looked up
	began   time.Duration
	swept   time.Duration // when old alerts were last dropped
	synced  time.Duration // when a meter was last filled again to be exact
	slow    slowly
	said    string

	// Work that is done beside the looks.
	filling, planning, lookups, asking, sweeping errand

	beside sync.WaitGroup
	turn   int  // of the rules of first uses
	waits  bool // looks wait for errands: for tests by hand
}

func newSession(e *Engine, epoch int64) *session {
	e.facts.take()
	return &session{e: e, o: &e.o, epoch: epoch, began: e.o.Clock.Elapsed(), drift: drift{clock: e.o.Clock}, index: index{groups: map[string]*group{}}}
}

// complain logs an error where it is another one than the last.
func (s *session) complain(err error) {
	if s.said != err.Error() {
		s.said = err.Error()
		s.o.Logger.Warn("alert rules could not be evaluated; it is tried again", zap.Error(err))
	}
}

// The intervals of what is not done at every look.
const (
	keysInterval  = 30 * time.Second
	sweepInterval = 10 * time.Minute
	syncInterval  = 10 * time.Second
)

// tick is one look at all rules.
func (s *session) tick(ctx context.Context) error {
	now, jump := s.drift.now()
	if err := s.load(ctx); err != nil {
		return err
	}
	if jump != 0 {
		s.shift(jump)
	}
	if err := s.rekey(ctx); err != nil {
		return err
	}
	s.e.facts.collect(len(s.index.groups) > 0) // before the meters are filled
	facts, lost := s.e.facts.take()
	if lost {
		s.empty()
	}
	s.advance(now)
	s.meet(facts, now, jump != 0)
	s.keep(facts)
	trouble := s.errandsAt(ctx, now)
	if err := s.write(ctx, s.evaluate(now), now); err != nil {
		s.loaded = false // the store is what counts
		return err
	}
	s.told()
	return trouble
}

// meet adds what was committed since the last look to what rules watch.
func (s *session) meet(facts []fact, now time.Time, clockSet bool) {
	for i := range facts {
		s.index.each(&facts[i], func(g *group) {
			if at := facts[i].at; facts[i].n > 0 {
				if clockSet || at.After(now) { // it is by the clock as it was
					at = now
				}
				g.last, g.known = at, true
			}
			for _, m := range g.meters {
				if m.filled {
					m.add(&facts[i])
				}
			}
			for _, w := range g.each {
				switch {
				case w.Kind == alert.SpendUnusual:
					w.unusual.add(&facts[i])
				case w.first != nil:
					w.first.meet(w, &facts[i])
				}
			}
		})
	}
}

// errandsAt takes what errands found out, and begins those that are due.
func (s *session) errandsAt(ctx context.Context, now time.Time) error {
	var errs []error
	finish := func(e *errand) { errs = append(errs, s.finish(ctx, e, now)) }
	for _, e := range s.errands() {
		finish(e)
	}
	s.fill(ctx, now)
	s.plan(ctx, now)
	s.lookUp(ctx, now)
	s.ask(ctx)
	s.sweep(ctx, now)
	if s.waits {
		for _, e := range s.errands() {
			finish(e)
		}
		s.lookUp(ctx, now) // what was found where a rule was taken up
		finish(&s.lookups)
	}
	return errors.Join(errs...)
}

// told forgets what happened at a moment and is in the history now.
func (s *session) told() {
	s.slow.grown = nil
	for _, w := range s.watches {
		if w.first != nil {
			w.first.found = nil
		}
	}
}

// load reads the rules where they changed, and the states where those in memory may not be the stored ones.
func (s *session) load(ctx context.Context) error {
	rules, version, err := s.o.Store.AlertRules(ctx, s.version)
	if err != nil {
		return fmt.Errorf("read the alert rules: %w", err)
	}
	if version != s.version {
		s.watch(rules)
		s.version = version
		s.loaded = false // states of a removed rule are gone
		s.keys = nil
	}
	if s.loaded {
		return nil
	}
	states, err := s.o.Store.AlertStates(ctx)
	if err != nil {
		return fmt.Errorf("read the states of alerts: %w", err)
	}
	s.states = map[string]map[string]*progress{}
	for i := range states {
		p := &progress{version: states[i].Version}
		if err := json.Unmarshal(states[i].Data, &p.Progress); err != nil {
			return fmt.Errorf("%w: the state of an alert of rule %s cannot be read: %w", store.ErrCorrupt, states[i].Rule, err)
		}
		s.put(subject{states[i].Rule, states[i].Subject}, p)
	}
	s.loaded = true
	return nil
}

// put keeps a state; nil removes it.
func (s *session) put(name subject, p *progress) {
	of := s.states[name.rule]
	switch {
	case p == nil:
		if delete(of, name.name); len(of) == 0 {
			delete(s.states, name.rule)
		}
		return
	case of == nil:
		of = map[string]*progress{}
		s.states[name.rule] = of
	}
	of[name.name] = p
}

// watch replaces the rules. What was found out about those that stay as they are is kept.
func (s *session) watch(rules []store.AlertRule) {
	was := make(map[string]*watch, len(s.watches))
	for _, w := range s.watches {
		was[w.id] = w
	}
	s.watches = s.watches[:0]
	for i := range rules {
		w := &watch{id: rules[i].ID, name: rules[i].Name, changed: rules[i].UpdatedAt}
		if err := json.Unmarshal(rules[i].Document, &w.Rule); err != nil || w.Check() != nil {
			w.invalid = true
			s.o.Logger.Warn("an alert rule cannot be read; it is not evaluated", zap.String("rule", w.name))
		}
		if w.zone = s.o.Location; w.TimeZone != "" {
			if zone, err := time.LoadLocation(w.TimeZone); err == nil {
				w.zone = zone
			}
		}
		if old := was[w.id]; old != nil && reflect.DeepEqual(old.Rule, w.Rule) {
			w.unusual, w.first = old.unusual, old.first
		} else if old != nil && old.Kind == w.Kind && old.Dimension == w.Dimension {
			w.first = old.first
		}
		s.watches = append(s.watches, w)
	}
}

// rekey looks up the keys that rules name, now and then, and lists the rules by their filters.
func (s *session) rekey(ctx context.Context) error {
	if s.keys != nil && s.drift.elapsed-s.fresh < keysInterval {
		return nil
	}
	keys, err := s.o.Keys(ctx)
	if err != nil {
		return fmt.Errorf("look up the keys of alert rules: %w", err)
	}
	s.keys, s.fresh = keys, s.drift.elapsed
	for _, g := range s.index.groups {
		g.used, g.each, g.lookBack = false, nil, 0
		for _, m := range g.meters {
			m.used = false
		}
	}
	for _, w := range s.watches {
		w.group, w.meter = nil, nil
		if w.invalid || !w.Enabled || !w.Kind.OfCalls() {
			continue
		}
		w.group = s.groupOf(w)
		if w.Kind.Windowed() {
			w.meter = w.group.meterOf(w)
		}
	}
	for key, g := range s.index.groups {
		if !g.used {
			delete(s.index.groups, key)
		}
		for name, m := range g.meters {
			if !m.used {
				delete(g.meters, name)
			}
		}
	}
	s.index.build()
	return nil
}

// filterOf returns what a rule's filter means now.
func filterOf(f *alert.Filter, keys Keys) store.Filter {
	out := store.Filter{Models: f.Model, Providers: f.Provider, Users: f.User, Services: f.Service, Projects: f.Project, Statuses: f.Status, Tiers: f.Tier, Accounts: f.Account}
	for _, k := range f.Key {
		out.Keys = append(out.Keys, keys.Fingerprints(k)...)
	}
	if len(f.Team) > 0 {
		var all store.AnyOf
		for _, t := range f.Team {
			calls := keys.Calls(t)
			all.Keys, all.Users, all.Projects = append(all.Keys, calls.Keys...), append(all.Users, calls.Users...), append(all.Projects, calls.Projects...)
		}
		out.SetAny(all)
	}
	return out
}

func (s *session) groupOf(w *watch) *group {
	filter := filterOf(&w.Filter, s.keys)
	key, _ := json.Marshal(filter) //nolint:errchkjson // it has only texts
	g := s.index.groups[string(key)]
	if g == nil {
		g = &group{key: string(key), filter: filter, meters: map[string]*meter{}, members: membersOf(filter.Any)}
		s.index.groups[g.key] = g
	}
	g.used = true
	if w.Kind == alert.Silence {
		g.lookBack = max(g.lookBack, time.Duration(min(w.Limit, longestLookBack.Seconds()))*time.Second)
	}
	if w.Kind == alert.KeyFirstUse || w.Kind == alert.SpendUnusual {
		g.each = append(g.each, w)
	}
	return g
}

func (g *group) meterOf(w *watch) *meter {
	times := w.Kind == alert.LatencyP95 || w.Kind == alert.TTFTP95
	name := fmt.Sprint(w.Window, " ", w.zone, " ", times)
	m := g.meters[name]
	if m == nil {
		window, _ := alert.WindowNamed(w.Window)
		m = &meter{window: window, zone: w.zone, times: times}
		g.meters[name] = m
	}
	m.used = true
	return m
}

// shift moves all times after the clock was set.
func (s *session) shift(by time.Duration) {
	s.forget()
	for _, states := range s.states {
		for _, p := range states {
			p.Shift(by)
		}
	}
	for _, w := range s.watches {
		w.changed = w.changed.Add(by)
		if w.first != nil {
			w.first.through = w.first.through.Add(by)
		}
	}
	for _, g := range s.index.groups {
		if !g.last.IsZero() {
			g.last = g.last.Add(by)
		}
		for _, m := range g.meters {
			m.shift(by)
		}
	}
}

// empty makes all that is made of facts to be read again.
func (s *session) empty() {
	s.forget()
	for _, w := range s.watches {
		w.unusual.hour = time.Time{}
	}
	for _, g := range s.index.groups {
		for _, m := range g.meters {
			m.filled = false
		}
	}
}

// sweep has old alerts and deliveries dropped.
func (s *session) sweep(ctx context.Context, now time.Time) {
	if s.swept != 0 && s.drift.elapsed-s.swept < sweepInterval || s.sweeping.runs() {
		return
	}
	s.swept = max(s.drift.elapsed, 1)
	s.do(ctx, &s.sweeping, func(ctx context.Context) func(time.Time, []fact) error {
		err := s.drop(ctx, now)
		return func(time.Time, []fact) error { return err }
	})
}

// drop drops what is too old. It is called by an errand.
func (s *session) drop(ctx context.Context, now time.Time) error {
	const atOnce = 1000
	for {
		n, err := s.o.Store.DropAlerts(ctx, now.Add(-s.o.MaxAge), s.o.MaxAlerts, atOnce)
		if err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("drop old alerts: %w", err)
		}
		if err != nil || n < atOnce {
			return err
		}
	}
}

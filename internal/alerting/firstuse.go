package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/store"
)

// firstUse knows which keys were used with which values. Of a combination that it does not know, the oldest record says
// whether it is new.
type firstUse struct {
	seed  maphash.Seed
	known map[uint64]bool
	// through is until when commits were evaluated; a combination whose oldest record was stored before is not new.
	through time.Time
	saved   time.Time // through, as it is stored
	// waiting are combinations that are to be looked up.
	waiting []fact
	// found are first uses whose alerts are not stored yet.
	found []fact
}

const (
	maxKnown      = 200_000
	maxLookups    = 50 // of records of one rule, before others have their turn
	maxWaiting    = 10_000
	saveThrough   = 5 * time.Minute
	catchUp       = 24 * time.Hour
	throughMarker = "(through)" // subject of the state that keeps firstUse.through; those of keys have a blank
)

// value is the value of a rule's dimension.
func (w *watch) value(f *fact) string {
	switch w.Dimension {
	case "user":
		return f.user
	case "service":
		return f.service
	}
	return f.model
}

// firstUses returns what keys were used with for the first time, and what lasts of earlier ones.
func (s *session) firstUses(w *watch, now time.Time) (found []finding) {
	u := w.first
	for i := range u.found {
		f := &u.found[i]
		name, value := s.keys.Name(f.key), w.value(f)
		found = append(found, finding{
			w: w, subject: text(s.keys.ID(f.key) + " " + value), shown: text(name + ": " + value), holds: true, narrowed: w.narrow(f, s.keys),
		})
	}
	if len(u.waiting) == 0 {
		u.through = now
	}
	for name := range s.states[w.id] {
		if name != throughMarker && s.recently(w, name, now) {
			found = append(found, finding{w: w, subject: name, holds: true, kept: true, narrowed: w.Filter})
		}
	}
	return found
}

// meet notes a call: a combination that is not known is to be looked up.
func (u *firstUse) meet(w *watch, f *fact) {
	if f.n < 0 || f.key == "" || w.value(f) == "" {
		return
	}
	if id := u.id(w, f); !u.known[id] && len(u.waiting) < maxWaiting {
		if len(u.known) >= maxKnown {
			clear(u.known)
		}
		u.known[id] = true
		u.waiting = append(u.waiting, *f)
	}
}

// toLookUp is a rule of first uses whose combinations are looked up.
type toLookUp struct {
	w       *watch
	g       *group
	u       *firstUse // nil: it is taken up
	state   *progress // of throughMarker, as it is stored
	through time.Time
	facts   []fact
	found   []fact
	done    int
}

// lookUp has combinations looked up, and rules taken up where their evaluation ended. What was looked up longest ago is first.
func (s *session) lookUp(ctx context.Context, now time.Time) {
	if s.lookups.runs() {
		return
	}
	var all []*toLookUp
	for i := range s.watches {
		w := s.watches[(i+s.turn)%len(s.watches)]
		switch {
		case w.group == nil || w.Kind != alert.KeyFirstUse:
		case w.first == nil:
			all = append(all, &toLookUp{w: w, g: w.group, state: s.states[w.id][throughMarker]})
		case len(w.first.waiting) > 0:
			u := w.first
			all = append(all, &toLookUp{w: w, g: w.group, u: u, through: u.through, facts: slices.Clone(u.waiting[:min(len(u.waiting), maxLookups)])})
		}
	}
	if len(all) == 0 {
		return
	}
	s.lookups.keeps = true
	more := s.patience()
	s.do(ctx, &s.lookups, func(ctx context.Context) func(time.Time, []fact) error {
		tried := 0
		var err error
		for _, x := range all {
			if err = s.lookUpOf(ctx, x, now, more); err != nil || !more() {
				break
			}
			tried++
		}
		return func(_ time.Time, since []fact) error {
			s.turn += tried + 1
			for _, x := range all {
				x.take(since)
			}
			return err
		}
	})
}

// lookUpOf looks up the combinations of one rule. It is called by an errand.
func (s *session) lookUpOf(ctx context.Context, x *toLookUp, now time.Time, more func() bool) (err error) {
	if x.u == nil {
		x.u, err = s.beginFirst(ctx, x, now)
		return err
	}
	for x.done < len(x.facts) {
		f := &x.facts[x.done]
		isNew, err := s.isNew(ctx, x.w, x.through, f)
		if err != nil {
			return err
		}
		if x.done++; isNew {
			x.found = append(x.found, *f)
		}
		if !more() {
			break
		}
	}
	return nil
}

// take takes what was found out about a rule.
func (x *toLookUp) take(since []fact) {
	switch {
	case x.u == nil:
	case x.w.first == nil && x.facts == nil:
		x.w.first = x.u
		for i := range since {
			if x.g.matches(&since[i]) {
				x.u.meet(x.w, &since[i])
			}
		}
	case x.w.first == x.u || x.facts != nil: // the rule may have been changed: what is known of keys stays
		x.u.waiting = x.u.waiting[:copy(x.u.waiting, x.u.waiting[x.done:])]
		for i := range x.found {
			if len(x.u.found) < maxSubjects {
				x.u.found = append(x.u.found, x.found[i])
			}
		}
	}
}

func (u *firstUse) id(w *watch, f *fact) uint64 {
	var h maphash.Hash
	h.SetSeed(u.seed)
	_, _ = h.WriteString(f.key)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(w.value(f))
	return h.Sum64()
}

// narrow is the filter of the calls of a key with a value.
func (w *watch) narrow(f *fact, keys Keys) alert.Filter {
	out := w.Filter
	out.Key = []string{keys.ID(f.key)}
	switch w.Dimension {
	case "user":
		out.User = []string{f.user}
	case "service":
		out.Service = []string{f.service}
	default:
		out.Model = []string{f.model}
	}
	return out
}

// isNew asks for the oldest record of a combination.
func (s *session) isNew(ctx context.Context, w *watch, through time.Time, f *fact) (bool, error) {
	filter := store.Filter{Keys: []string{f.key}}
	switch w.Dimension {
	case "user":
		filter.Users = []string{f.user}
	case "service":
		filter.Services = []string{f.service}
	default:
		filter.Models = []string{f.model}
	}
	oldest, _, err := s.o.Ledger.List(ctx, store.Page{Filter: filter, Order: store.Order{By: store.ByTime, Ascending: true}, Limit: 1})
	if err != nil {
		return false, fmt.Errorf("look whether a key was used so before: %w", err)
	}
	return len(oldest) == 0 || !oldest[0].StoredAt.Before(through.Truncate(time.Second)), nil
}

// beginFirst takes up a rule where its evaluation ended: what was committed meanwhile is looked at now. It is called by an errand.
func (s *session) beginFirst(ctx context.Context, x *toLookUp, now time.Time) (*firstUse, error) {
	u := &firstUse{seed: maphash.MakeSeed(), known: map[uint64]bool{}, through: now}
	if x.state == nil {
		return u, nil
	}
	if u.through = x.state.Since; now.Sub(u.through) > catchUp {
		u.through = now.Add(-catchUp)
	}
	u.saved = x.state.Since
	filter := x.g.filter
	filter.StoredSince = u.through.Truncate(time.Second)
	err := s.o.Ledger.Figures(ctx, filter, func(r *store.Record) error {
		f := factOf(&r.Call, 1)
		u.meet(x.w, &f)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look what came while alert rules were not evaluated: %w", err)
	}
	return u, nil
}

// through returns the state that keeps until when a rule was evaluated, where it is to be stored: with what fired, and now and
// then.
func (s *session) through(w *watch, fired bool) *store.AlertState {
	u := w.first
	if u == nil || !fired && u.through.Sub(u.saved) < saveThrough {
		return nil
	}
	out := &store.AlertState{Rule: w.id, Subject: throughMarker}
	if p := s.states[w.id][throughMarker]; p != nil {
		out.Version = p.version
	}
	out.Data, _ = json.Marshal(alert.Progress{Since: u.through}) //nolint:errchkjson // it has only times
	return out
}

package alerting

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
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
}

const (
	maxKnown      = 200_000
	maxLookups    = 50                     // of records, at one look
	lookupTime    = 500 * time.Millisecond // of one look; the rest waits for the next one
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
func (s *session) firstUses(ctx context.Context, w *watch, now time.Time) (found []finding, err error) {
	if w.first == nil {
		if w.first, err = s.beginFirst(ctx, w, now); err != nil {
			return nil, err
		}
	}
	u := w.first
	for _, f := range w.group.hits {
		if f.n < 0 || f.key == "" || w.value(f) == "" {
			continue
		}
		if id := u.id(w, f); !u.known[id] && len(u.waiting) < maxWaiting {
			u.known[id] = true
			u.waiting = append(u.waiting, *f)
		}
	}
	n := 0
	for began := s.o.Clock.Elapsed(); n < min(len(u.waiting), maxLookups) && s.o.Clock.Elapsed()-began < lookupTime; n++ {
		f := &u.waiting[n]
		isNew, err := s.isNew(ctx, w, f)
		if err != nil {
			return nil, err
		}
		if isNew && len(found) < maxSubjects {
			name, value := s.keys.Name(f.key), w.value(f)
			found = append(found, finding{
				w: w, subject: text(s.keys.ID(f.key) + " " + value), shown: text(name + ": " + value), holds: true, narrowed: w.narrow(f, s.keys),
			})
		}
	}
	u.waiting = u.waiting[:copy(u.waiting, u.waiting[n:])]
	if len(u.known) > maxKnown {
		clear(u.known)
	}
	if len(u.waiting) == 0 {
		u.through = now
	}
	for name := range s.states[w.id] {
		if name != throughMarker && s.recently(w, name, now) {
			found = append(found, finding{w: w, subject: name, holds: true, narrowed: w.Filter})
		}
	}
	return found, nil
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
func (s *session) isNew(ctx context.Context, w *watch, f *fact) (bool, error) {
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
	return len(oldest) == 0 || !oldest[0].StoredAt.Before(w.first.through.Truncate(time.Second)), nil
}

// beginFirst takes up a rule where its evaluation ended: what was committed meanwhile is looked at now.
func (s *session) beginFirst(ctx context.Context, w *watch, now time.Time) (*firstUse, error) {
	u := &firstUse{seed: maphash.MakeSeed(), known: map[uint64]bool{}, through: now}
	p := s.states[w.id][throughMarker]
	if p == nil {
		return u, nil
	}
	if u.through = p.Since; now.Sub(u.through) > catchUp {
		u.through = now.Add(-catchUp)
	}
	u.saved = p.Since
	filter := w.group.filter
	filter.StoredSince = u.through.Truncate(time.Second)
	err := s.o.Ledger.Figures(ctx, filter, func(r *store.Record) error {
		f := factOf(&r.Call, 1)
		if f.key == "" || w.value(&f) == "" {
			return nil
		}
		if id := u.id(w, &f); !u.known[id] && len(u.waiting) < maxWaiting {
			u.known[id] = true
			u.waiting = append(u.waiting, f)
		}
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

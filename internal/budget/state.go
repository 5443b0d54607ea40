package budget

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// State is a budget with what is used of it. Amounts are tokens, or nano-USD where Cost is set.
type State struct {
	store.BudgetRow
	Fixed    bool // of the configuration: it cannot be changed
	Used     int64
	Reserved int64     // for calls in flight; of hard budgets only
	Begin    time.Time // of the current period; zero: all time
	ResetsAt time.Time // zero: never
	// CountedFrom is since when calls are counted, where retention dropped earlier ones of the period; zero: all are.
	CountedFrom time.Time
	// Calls are those that count, whenever they were.
	Calls store.Filter
}

// Left returns what may still be spent, at least 0.
func (b *State) Left() int64 {
	return max(usage.SubSat(usage.SubSat(b.Limit, b.Used), b.Reserved), 0)
}

// PeriodOf returns when the period that has a time begins and ends, in the zone of the time; zero times of a budget that is
// never reset.
func (b *State) PeriodOf(t time.Time) (begin, end time.Time) {
	w := kind{b.Period, b.First}.windowAt(t)
	return w.begin, w.end
}

// QuotaIDs begins the ids of the budgets that are the quota of the configuration.
const QuotaIDs = "cfg_quota_"

// IsQuota reports whether a budget is the quota of the configuration.
func (b *State) IsQuota() bool { return b.Fixed && strings.HasPrefix(b.ID, QuotaIDs) }

// Share returns which part of the budget is used: 1 is all of it.
func (b *State) Share() float64 { return float64(b.Used) / float64(b.Limit) }

// state returns the state of an entry. s.mu is held.
func (s *Set) state(e *entry, now time.Time, watermark time.Time) State {
	w := s.today.at(now, e.kind())
	out := State{BudgetRow: e.row, Fixed: e.fixed, Begin: w.begin, ResetsAt: w.end, Calls: e.group.filter()}
	e.reserved.Expire(now, defaultLife)
	spent, reserved := e.spent.in(w), e.reserved.Sum(time.Time{})
	if out.Used, out.Reserved = spent.Tokens, reserved.Tokens; e.row.Cost {
		out.Used, out.Reserved = spent.Cost, reserved.Cost
	}
	if e.row.Scope != store.ScopeAll && e.row.Scope != store.ScopeKey && watermark.After(w.begin) {
		out.CountedFrom = watermark
	}
	return out
}

// List returns all budgets, those of the configuration first, then by name.
func (s *Set) List(ctx context.Context) ([]State, error) {
	return s.states(ctx, func() []*entry { return s.entries })
}

// Get returns the budgets of ids; those that are not there are left out.
func (s *Set) Get(ctx context.Context, ids ...string) ([]State, error) {
	return s.states(ctx, func() (out []*entry) {
		for _, id := range ids {
			if e := s.byID[id]; e != nil {
				out = append(out, e)
			}
		}
		return out
	})
}

// Of returns the budgets of one thing: of a key by its id, of a team by its id, of others by their names.
func (s *Set) Of(ctx context.Context, scope store.BudgetScope, subject string) ([]State, error) {
	return s.states(ctx, func() []*entry {
		if g := s.groups[target{scope, subject}]; g != nil {
			return g.entries
		}
		return nil
	})
}

func (s *Set) states(ctx context.Context, entries func() []*entry) ([]State, error) {
	if err := s.Fresh(ctx); err != nil {
		return nil, err
	}
	watermark := s.o.Ledger.Watermark()
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	out := []State{}
	for _, e := range entries() {
		if !e.known {
			return nil, errNotKnown // it is being read for the first time, or could not be read
		}
		out = append(out, s.state(e, now, watermark))
	}
	return out, nil
}

// Teams returns all teams, by name. They must not be changed.
func (s *Set) Teams(ctx context.Context) ([]store.Team, error) {
	if err := s.Fresh(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.teams), nil
}

// Team returns the team of an id, or of a name whatever its case; nil where there is none. It must not be changed.
func (s *Set) Team(ctx context.Context, idOrName string) (*store.Team, error) {
	if err := s.Fresh(ctx); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return TeamNamed(s.teams, idOrName), nil
}

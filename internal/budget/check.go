package budget

import (
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/reservation"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Check is what a key check knows of a call. What is "" is not known, and budgets of it are not asked.
type Check struct {
	Key     string // id
	User    string // that the check states, else the key's owner
	Project string
	Model   string // that is asked for
	// Provider is the one that the check states; where it states none, those that answered for the model before are meant.
	Provider string
	// Need must be left of every budget, at least 1; Reserve is reserved of every one.
	Need, Reserve reservation.Amount
	// Life is how long the reservation is kept.
	Life time.Duration
}

// Refusal is a hard budget that does not cover a call.
type Refusal struct {
	ID, Name string
	// RetryAfter is when to ask again: when the budget is reset, or soon, where only reservations are in the way.
	RetryAfter time.Duration
}

const (
	// reservedRetry is the RetryAfter where only reservations of calls in progress exceed the budget.
	reservedRetry = 5 * time.Second
	// never is the RetryAfter of a budget that is not reset.
	never = 24 * time.Hour
)

// Reserve checks the hard budgets that a call counts for, and reserves the estimate of all of them, or, where one does
// not cover it, of none: then it returns the one with the longest wait. An error means that no decision is possible.
func (s *Set) Reserve(c *Check) (*Refusal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.defined {
		return nil, errNotKnown
	}
	hard := s.hardOf(c)
	if len(hard) == 0 {
		return nil, nil //nolint:nilnil // nothing refuses
	}
	now := s.now()
	var out *Refusal
	for _, e := range hard {
		if !e.known {
			return nil, errNotKnown
		}
		e.reserved.Expire(now, life(c.Life))
		w := s.today.at(now, e.kind())
		used, held, need := e.spent.in(w).Tokens, e.reserved.Sum(time.Time{}).Tokens, max(c.Need.Tokens, 1)
		if e.row.Cost {
			used, held, need = e.spent.in(w).Cost, e.reserved.Sum(time.Time{}).Cost, max(c.Need.Cost, 1)
		}
		if usage.SubSat(usage.SubSat(e.row.Limit, used), held) >= need {
			continue
		}
		after := reservedRetry
		if usage.AddSat(used, need) > e.row.Limit {
			if after = never; !w.end.IsZero() {
				after = w.end.Sub(now)
			}
		}
		if out == nil || after > out.RetryAfter {
			out = &Refusal{e.row.ID, e.row.Name, after}
		}
	}
	if out != nil {
		return out, nil
	}
	for _, e := range hard {
		e.reserved.Make(now, life(c.Life), c.Reserve)
	}
	return nil, nil //nolint:nilnil // nothing refuses
}

func life(d time.Duration) time.Duration {
	if d <= 0 {
		return defaultLife
	}
	return d
}

// hardOf returns the hard budgets of a check. s.mu is held.
func (s *Set) hardOf(c *Check) (out []*entry) {
	s.mark++
	visit := func(groups []*group) {
		for _, g := range groups {
			if g.mark == s.mark {
				continue
			}
			g.mark = s.mark
			for _, e := range g.entries {
				if e.row.Hard {
					out = append(out, e)
				}
			}
		}
	}
	x := &s.index
	visit(x.all)
	visit(x.keys[c.Key])
	if c.User != "" {
		visit(x.users[c.User])
	}
	if c.Project != "" {
		visit(x.projects[c.Project])
	}
	if c.Model != "" {
		visit(x.models[c.Model])
	}
	for _, m := range s.aliases.models(c.Model) {
		visit(x.models[m])
	}
	providers := []string{c.Provider}
	if c.Provider == "" {
		providers = s.aliases.providers(c.Model)
	}
	for _, p := range providers {
		if p != "" {
			visit(x.providers[p])
		}
	}
	return out
}

// Settlement is a call that has arrived for which a key check had reserved.
type Settlement struct {
	Check
	Answered string // the model that answered
	Start    time.Time
}

// Settle ends reservations: of the calls of a commit for which keys had reservations, and takes back those of records that
// turned out to be no calls of their own. It may be called before or after this package has followed the commit: what is
// reserved is released only when what was spent is counted.
func (s *Set) Settle(commit int64, settled, reopened []Settlement) {
	if len(settled)+len(reopened) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entries) == 0 {
		return
	}
	s.pending = append(s.pending, settlements{commit, settled, reopened})
	s.settlePending()
}

func (s *Set) settle(p settlements) {
	for i := range p.settled {
		for _, e := range s.settledBy(&p.settled[i]) {
			e.reserved.Settle(p.settled[i].Start)
		}
	}
	for i := range p.reopened {
		for _, e := range s.settledBy(&p.reopened[i]) {
			e.reserved.Reopen()
		}
	}
}

// settledBy returns the budgets in which a check of a call may have reserved.
func (s *Set) settledBy(c *Settlement) []*entry {
	out := s.hardOf(&c.Check)
	if c.Answered == c.Model {
		return out
	}
	for _, g := range s.index.models[c.Answered] {
		for _, e := range g.entries {
			if e.row.Hard && !slices.Contains(out, e) {
				out = append(out, e)
			}
		}
	}
	return out
}

const (
	maxAliases  = 10_000 // models that are asked for
	maxAnswered = 8      // models, and providers, that answer for one
)

// aliases are the models and providers with hard budgets that answered for the models that were asked for. They are known
// from calls since the start.
type aliases struct {
	of map[string]*answered
}

type answered struct{ models, providers []string }

// learn notes what a call tells.
func (a *aliases) learn(x *index, c *usage.Call) {
	if len(x.models)+len(x.providers) == 0 {
		return
	}
	asked := c.RequestModel
	if asked == "" {
		asked = c.Model
	}
	known := a.of[asked]
	model := asked != c.Model && hasHard(x.models[c.Model])
	provider := hasHard(x.providers[c.Provider])
	if asked == "" || !model && !provider {
		return
	}
	if known == nil {
		if len(a.of) >= maxAliases {
			return
		}
		if a.of == nil {
			a.of = map[string]*answered{}
		}
		known = &answered{}
		a.of[strings.Clone(asked)] = known
	}
	if model && len(known.models) < maxAnswered && !slices.Contains(known.models, c.Model) {
		known.models = append(known.models, strings.Clone(c.Model))
	}
	if provider && len(known.providers) < maxAnswered && !slices.Contains(known.providers, c.Provider) {
		known.providers = append(known.providers, strings.Clone(c.Provider))
	}
}

func hasHard(groups []*group) bool {
	return slices.ContainsFunc(groups, func(g *group) bool {
		return slices.ContainsFunc(g.entries, func(e *entry) bool { return e.row.Hard })
	})
}

func (a *aliases) models(asked string) []string {
	if k := a.of[asked]; k != nil {
		return k.models
	}
	return nil
}

func (a *aliases) providers(asked string) []string {
	if k := a.of[asked]; k != nil {
		return k.providers
	}
	return nil
}

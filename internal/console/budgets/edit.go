package budgets

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	maxDescription = 1_000
	maxSubject     = 1_000 // characters of a user, project, model or provider
	maxUSD         = 1e18  // nano-USD: a thousand million dollars
)

// BudgetSettings are the settings of a budget. In a change those that are left out stay.
type BudgetSettings struct {
	Name    *string    `json:"name,omitempty" maxLength:"100" doc:"unique, whatever the case"`
	Scope   *string    `json:"scope,omitempty" enum:"all,key,user,team,model,provider,account"`
	Subject *string    `json:"subject,omitempty" maxLength:"1000" doc:"id of a key or of a team; name of a user, model or provider, as telemetry reports it; an upstream account, as answers show it; none for all calls"`
	Period  *string    `json:"period,omitempty" enum:"day,week,month,total"`
	Weekday *string    `json:"week_begins,omitempty" enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" doc:"of a week; monday where it is left out"`
	Day     *int       `json:"month_begins,omitempty" minimum:"1" maximum:"31" doc:"of a month, the first where it is left out; in a shorter month its last day"`
	Tokens  *int64     `json:"tokens,omitempty" minimum:"1" maximum:"9007199254740992" doc:"the limit; a budget has either tokens or usd"`
	USD     *api.Money `json:"usd,omitempty" doc:"the limit; a budget has either tokens or usd"`
	Hard    *bool      `json:"hard,omitempty" doc:"key checks refuse calls when it is used up; not of an account, which a check does not know"`
}

type changeInput struct {
	Path
	Body struct {
		BudgetSettings
		Version int64 `json:"version,omitempty" doc:"of the budget that the change is made to; where it has changed since, the answer is 409. 0: whichever it is"`
	}
}

// newID returns a random id with a prefix.
func newID(prefix string) string {
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails, see crypto/rand
	return prefix + hex.EncodeToString(id)
}

// apply checks settings, and sets them.
func (c *Handlers) apply(ctx context.Context, s *BudgetSettings, b *store.BudgetRow) error {
	if s.Name != nil {
		var err error
		if b.Name, err = cleanName(*s.Name); err != nil {
			return err
		}
	}
	if s.Scope != nil && store.BudgetScope(*s.Scope) != b.Scope {
		b.Scope, b.Subject = store.BudgetScope(*s.Scope), ""
	}
	if err := c.applySubject(ctx, s, b); err != nil {
		return err
	}
	if err := applyPeriod(s, b); err != nil {
		return err
	}
	if s.Hard != nil {
		b.Hard = *s.Hard
	}
	if b.Hard && b.Scope == store.ScopeAccount {
		return api.WithReason("budget_hard_account", api.Invalid("body.hard", "must be false for an account: a key check does not know which account will serve the call", nil))
	}
	switch {
	case s.Tokens != nil && s.USD != nil:
		return api.WithReason("budget_unit", api.Invalid("body.usd", "must be left out where tokens is there: a budget has one limit; make two", nil))
	case s.Tokens != nil:
		b.Cost, b.Limit = false, *s.Tokens
	case s.USD != nil:
		b.Cost, b.Limit = true, int64(*s.USD)
	case b.Limit == 0:
		return api.WithReason("budget_unit", api.Invalid("body.tokens", "or body.usd must be there: the limit", nil))
	}
	if b.Limit < 1 || b.Cost && b.Limit > maxUSD || !b.Cost && b.Limit > usage.MaxExact {
		return api.WithReason("limit_unfit", api.Invalid("body.usd", "must be more than 0, and what can be meant", nil))
	}
	return nil
}

// applySubject sets what a budget is for, which must be there if it is a key or a team.
func (c *Handlers) applySubject(ctx context.Context, s *BudgetSettings, b *store.BudgetRow) error {
	if s.Subject != nil {
		clean, err := api.CleanText("subject", *s.Subject, maxSubject)
		if err != nil {
			return err
		}
		b.Subject = clean
	}
	if (b.Scope == store.ScopeAll) != (b.Subject == "") {
		return api.WithReason("budget_subject", api.Invalid("body.subject", "must say what the budget is for, and be left out where it is for all calls", nil))
	}
	switch b.Scope {
	case store.ScopeKey:
		index, err := c.Keys.Index(ctx)
		if err != nil {
			return err
		}
		if index.Ring.ID(b.Subject) == nil {
			return api.WithReason("key_unknown", api.Invalid("body.subject", "is not the id of a key; "+api.Base+"/keys lists them", nil))
		}
	case store.ScopeTeam:
		t, err := c.Budgets.Team(ctx, b.Subject)
		if err != nil {
			return err
		}
		if t == nil {
			return api.WithReason("team_unknown", api.Invalid("body.subject", "is not the id of a team; "+api.Base+"/teams lists them", nil))
		}
		b.Subject = t.ID
	case store.ScopeAll, store.ScopeUser, store.ScopeModel, store.ScopeProvider, store.ScopeAccount:
	}
	return nil
}

// applyPeriod sets the period and its first day.
func applyPeriod(s *BudgetSettings, b *store.BudgetRow) error {
	if s.Period != nil {
		for p := range store.PeriodCount {
			if p.String() == *s.Period && (p != b.Period || b.First == 0) {
				b.Period, b.First = p, map[store.Period]int{store.Weekly: 1, store.Monthly: 1}[p]
			}
		}
	}
	if s.Weekday != nil {
		if b.Period != store.Weekly {
			return api.WithReason("budget_first_day", api.Invalid("body.week_begins", "is for budgets of a week", nil))
		}
		b.First = slices.Index(weekdays, *s.Weekday)
	}
	if s.Day != nil {
		if b.Period != store.Monthly {
			return api.WithReason("budget_first_day", api.Invalid("body.month_begins", "is for budgets of a month", nil))
		}
		b.First = *s.Day
	}
	return nil
}

func cleanName(s string) (string, error) {
	name, err := api.CleanText("name", s, api.MaxName)
	if err == nil && name == "" {
		err = api.WithReason("name_empty", api.Invalid("body.name", "must not be empty", nil))
	}
	return name, err
}

func (c *Handlers) create(ctx context.Context, in *struct{ Body BudgetSettings }) (*api.Envelope[Budget], error) {
	b := store.BudgetRow{ID: newID("bud_"), CreatedAt: c.Now().UTC()}
	s := &in.Body
	switch {
	case s.Name == nil:
		return nil, api.WithReason("name_empty", api.Invalid("body.name", "must be there", nil))
	case s.Scope == nil:
		return nil, api.WithReason("budget_subject", api.Invalid("body.scope", "must be there", nil))
	case s.Period == nil:
		return nil, api.WithReason("budget_first_day", api.Invalid("body.period", "must be there", nil))
	}
	if err := c.apply(ctx, s, &b); err != nil {
		return nil, c.failed("create a budget", err)
	}
	entry, err := c.Audit.Entry(ctx, "budget.create", budgetTarget(&b), nil, auditedBudget(&b))
	if err != nil {
		return nil, err
	}
	if err := c.Directory.AddBudget(ctx, maxBudgets, b, entry); err != nil {
		return nil, c.failed("create a budget", err)
	}
	return c.changed(ctx, b.ID)
}

// changed describes a budget that was just changed.
func (c *Handlers) changed(ctx context.Context, id string) (*api.Envelope[Budget], error) {
	c.Budgets.Stale()
	out, err := c.one(ctx, id)
	if err != nil {
		return nil, c.failed("read a budget", err)
	}
	return api.Answer(out), nil
}

// stored returns a budget that can be changed, in the version that a request names; 0 is any.
func (c *Handlers) stored(ctx context.Context, id string, version int64) (*store.BudgetRow, error) {
	c.Budgets.Stale()
	states, err := c.Budgets.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	switch {
	case len(states) == 0:
		return nil, store.ErrBudgetUnknown
	case states[0].Fixed:
		return nil, api.WithReason("budget_of_configuration", api.NewProblem(http.StatusConflict, "this budget is in the configuration file; change it there"))
	case version != 0 && version != states[0].Version:
		return nil, store.ErrChanged
	}
	return &states[0].BudgetRow, nil
}

func (c *Handlers) change(ctx context.Context, in *changeInput) (*api.Envelope[Budget], error) {
	c.Audit.Prune(ctx)
	once := func() error {
		b, err := c.stored(ctx, in.ID, in.Body.Version)
		if err != nil {
			return err
		}
		before := auditedBudget(b)
		if err := c.apply(ctx, &in.Body.BudgetSettings, b); err != nil {
			return err
		}
		entry, err := c.Audit.EntryInChange(ctx, "budget.change", budgetTarget(b), before, auditedBudget(b))
		if err != nil {
			return err
		}
		return c.Directory.UpdateBudget(ctx, *b, entry)
	}
	if err := c.untilUnchanged(ctx, in.Body.Version, once); err != nil {
		return nil, c.failed("change a budget", err)
	}
	return c.changed(ctx, in.ID)
}

// untilUnchanged makes a change again where somebody else changed the same meanwhile, unless the request names a version.
func (c *Handlers) untilUnchanged(ctx context.Context, version int64, once func() error) error {
	if version != 0 {
		return once()
	}
	return api.UntilUnchanged(ctx, once)
}

// RemoveInput names what is to be deleted.
type RemoveInput struct {
	Path
	Version int64 `query:"version" doc:"that it is meant to have; where it has another one, the answer is 409. 0: whichever it is"`
}

// Removed is a budget or a team that was deleted.
type Removed struct {
	ID string `json:"id"`
}

// SchemaName is the name in the description of the API.
func (Removed) SchemaName() string { return "RemovedBudget" }

func (c *Handlers) remove(ctx context.Context, in *RemoveInput) (*api.Envelope[Removed], error) {
	c.Audit.Prune(ctx)
	once := func() error {
		b, err := c.stored(ctx, in.ID, in.Version)
		if err != nil {
			return err
		}
		entry, err := c.Audit.EntryInChange(ctx, "budget.delete", budgetTarget(b), auditedBudget(b), nil)
		if err != nil {
			return err
		}
		return c.Directory.DeleteBudget(ctx, b.ID, b.Version, entry)
	}
	if err := c.untilUnchanged(ctx, in.Version, once); err != nil {
		return nil, c.failed("delete a budget", err)
	}
	c.Budgets.Stale()
	return api.Answer(Removed{in.ID}), nil
}

// auditBudget is the form of a budget in the audit log.
type auditBudget struct {
	Name    string    `json:"name"`
	Scope   string    `json:"scope"`
	Subject string    `json:"subject,omitempty"`
	Period  string    `json:"period"`
	First   int       `json:"first_day,omitempty"`
	Limit   int64     `json:"limit,omitempty"`
	USD     api.Money `json:"usd,omitzero"`
	Hard    bool      `json:"hard,omitempty"`
}

func auditedBudget(b *store.BudgetRow) auditBudget {
	a := auditBudget{Name: b.Name, Scope: string(b.Scope), Subject: b.Subject, Period: b.Period.String(), First: b.First, Hard: b.Hard}
	if b.Cost {
		a.USD = api.Money(b.Limit)
	} else {
		a.Limit = b.Limit
	}
	return a
}

func budgetTarget(b *store.BudgetRow) store.AuditTarget {
	return store.AuditTarget{Type: "budget", ID: b.ID, Name: b.Name}
}

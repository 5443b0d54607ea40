// Package budgets answers and changes teams and budgets, and what is used of them. Operators and admins change them;
// members see those of their own keys, of themselves, and of the teams that they are in.
package budgets

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Handlers answer the routes of teams and budgets.
type Handlers struct {
	*api.Env
	Keys      *keyindex.Book
	Directory store.Budgets
	Audit     *audit.Log
	Budgets   *budget.Set
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/budgets", "budgets", "Budgets with what is used of them, those of the configuration first, then by name"), c.list)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/budgets/{id}", "budget", "One budget with what is used of it"), c.get)
	create := api.Operation(http.MethodPost, "/budgets", "create-budget", "Make a budget")
	create.DefaultStatus = http.StatusCreated
	api.Register(r, access.ManageBudgets, create, c.create)
	api.Register(r, access.ManageBudgets, api.Operation(http.MethodPatch, "/budgets/{id}", "change-budget", "Change a budget"), c.change)
	api.Register(r, access.ManageBudgets, api.Operation(http.MethodDelete, "/budgets/{id}", "delete-budget", "Delete a budget"), c.remove)
	c.teamRoutes(r)
}

// Amounts is a budget of tokens or of money, with what is used of it.
type Amounts[T any] struct {
	Limit    T `json:"limit"`
	Used     T `json:"used" doc:"by the calls that started in the period; calls without a known cost cost nothing"`
	Reserved T `json:"reserved" doc:"for calls in flight: checked, not yet reported by telemetry; of hard budgets only"`
	Left     T `json:"left"`
}

// Band is an estimate. The band from low to high is meant to hold in 80 of 100 cases.
type Band[T any] struct {
	Expected T `json:"expected"`
	Low      T `json:"low"`
	High     T `json:"high"`
}

// Projection is what a budget is expected to have at the end of its period.
type Projection struct {
	Share     *float64         `json:"expected_share" doc:"part of the budget that is expected to be used when it is reset; 1 is all of it; null of a budget that is never reset"`
	Tokens    *Band[int64]     `json:"tokens" doc:"used when it is reset; null: the budget is of money, or never reset"`
	USD       *Band[api.Money] `json:"usd" doc:"used when it is reset; null: the budget is of tokens, or never reset"`
	Exhausted bool             `json:"exhausted" doc:"it is used up now"`
	Expected  *time.Time       `json:"expected_at" doc:"when it will be used up; null: not before it is reset or, without a reset, within 400 days"`
	Earliest  *time.Time       `json:"earliest_at" doc:"in 10 of 100 cases it is used up before; null likewise"`
	Latest    *time.Time       `json:"latest_at" doc:"in 90 of 100 cases it is used up before; null likewise"`
}

// Budget is a budget with what is used of it.
type Budget struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Scope       string              `json:"scope" enum:"all,key,user,team,model,provider,account"`
	Subject     string              `json:"subject" doc:"id of a key or of a team; name of a user, model, provider or account; empty for all calls"`
	SubjectName string              `json:"subject_name" doc:"name of what it is for"`
	Period      string              `json:"period" enum:"day,week,month,total"`
	Weekday     *string             `json:"week_begins" enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" doc:"null of other periods than a week" nullable:"true"`
	Day         *int                `json:"month_begins" doc:"day of the month, in a shorter month its last day; null of other periods than a month"`
	Hard        bool                `json:"hard" doc:"key checks refuse calls when it is used up"`
	Tokens      *Amounts[int64]     `json:"tokens" doc:"null: the budget is of money"`
	USD         *Amounts[api.Money] `json:"usd" doc:"null: the budget is of tokens"`
	Share       float64             `json:"used_share" doc:"part of the budget that is used; 1 is all of it"`
	BeginsAt    *time.Time          `json:"begins_at" doc:"when the current period began; null: it covers all time"`
	ResetsAt    *time.Time          `json:"resets_at" doc:"when the next period begins; null: never"`
	CountedFrom *time.Time          `json:"counted_from" doc:"calls of the period before this time were dropped by retention and may be missing; null: none are"`
	Projected   *Projection         `json:"projected" doc:"null: there is not enough history, or it was not asked for"`
	Source      string              `json:"source" enum:"stored,configuration" doc:"budgets of the configuration cannot be changed here"`
	CreatedAt   *time.Time          `json:"created_at" doc:"null of the configuration"`
	Version     int64               `json:"version" doc:"changes with every change of the budget"`
}

// weekdays are the names of the days of a week, by time.Weekday.
var weekdays = []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// budgetOf describes a budget. p is nil where it was not projected.
func budgetOf(b *budget.State, p *budget.Projection, subject string) Budget {
	out := Budget{
		ID: b.ID, Name: b.Name, Scope: string(b.Scope), Subject: b.Subject, SubjectName: subject, Period: b.Period.String(), Hard: b.Hard, Share: b.Share(),
		BeginsAt: api.OptionalTime(b.Begin), ResetsAt: api.OptionalTime(b.ResetsAt), CountedFrom: api.OptionalTime(b.CountedFrom), Source: "stored",
		CreatedAt: api.OptionalTime(b.CreatedAt), Version: b.Version,
	}
	if b.Fixed {
		out.Source, out.CreatedAt = "configuration", nil
	}
	switch b.Period {
	case store.Weekly:
		out.Weekday = &weekdays[b.First%len(weekdays)]
	case store.Monthly:
		first := b.First
		out.Day = &first
	case store.Daily, store.Ever, store.PeriodCount:
	}
	if b.Cost {
		out.USD = &Amounts[api.Money]{api.Money(b.Limit), api.Money(b.Used), api.Money(b.Reserved), api.Money(b.Left())}
	} else {
		out.Tokens = &Amounts[int64]{b.Limit, b.Used, b.Reserved, b.Left()}
	}
	if p != nil && (p.Enough || p.Now) {
		out.Projected = projectionOf(b, p)
	}
	return out
}

func projectionOf(b *budget.State, p *budget.Projection) *Projection {
	out := &Projection{
		Exhausted: p.Now, Expected: api.OptionalTime(p.Exhaustion.Expected), Earliest: api.OptionalTime(p.Earliest), Latest: api.OptionalTime(p.Latest),
	}
	if p.Enough && !b.ResetsAt.IsZero() {
		share := p.Share(b)
		out.Share = &share
		if b.Cost {
			out.USD = &Band[api.Money]{api.Money(p.Expected), api.Money(p.Low), api.Money(p.High)}
		} else {
			out.Tokens = &Band[int64]{p.Expected, p.Low, p.High}
		}
	}
	return out
}

// viewer is who asks, and what it may see.
type viewer struct {
	index *keyindex.Index
	teams map[string]*store.Team // those that may be seen
	own   *access.Principal      // of a member; nil: everything may be seen
}

func (c *Handlers) viewer(ctx context.Context) (*viewer, error) {
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return nil, err
	}
	teams, err := c.Budgets.Teams(ctx)
	if err != nil {
		return nil, err
	}
	v := &viewer{index: index, teams: map[string]*store.Team{}}
	if p := access.From(ctx); p.OwnOnly() {
		v.own = &p
	}
	for i := range teams {
		if v.own == nil || v.index.InTeam(*v.own, &teams[i]) {
			v.teams[teams[i].ID] = &teams[i]
		}
	}
	return v, nil
}

// owns reports whether a key may be seen.
func (v *viewer) owns(id string) bool {
	k := v.index.Ring.ID(id)
	return v.own == nil || k != nil && keyindex.Owns(*v.own, k)
}

// sees reports whether a budget may be seen.
func (v *viewer) sees(b *store.BudgetRow) bool {
	if v.own == nil {
		return true
	}
	switch b.Scope {
	case store.ScopeKey:
		return v.owns(b.Subject)
	case store.ScopeUser:
		return v.own.Name != "" && b.Subject == v.own.Name
	case store.ScopeTeam:
		return v.teams[b.Subject] != nil
	case store.ScopeAll, store.ScopeModel, store.ScopeProvider, store.ScopeAccount:
	}
	return false // they tell what others spend
}

// subject returns the name of what a budget is for.
func (v *viewer) subject(b *store.BudgetRow) string {
	switch b.Scope {
	case store.ScopeKey:
		if k := v.index.Ring.ID(b.Subject); k != nil {
			return k.Name
		}
	case store.ScopeTeam:
		if t := v.teams[b.Subject]; t != nil {
			return t.Name
		}
	case store.ScopeAll, store.ScopeUser, store.ScopeModel, store.ScopeProvider, store.ScopeAccount:
	}
	return b.Subject
}

// describe returns states as the API shows them.
func (c *Handlers) describe(ctx context.Context, v *viewer, states []budget.State, project bool) ([]Budget, error) {
	var projected map[string]budget.Projection
	if project {
		limited, cancel := context.WithTimeout(ctx, api.QueryTimeout)
		defer cancel()
		var err error
		if projected, err = c.Budgets.Project(limited, states); err != nil {
			if limited.Err() != nil && ctx.Err() == nil {
				return nil, api.TookTooLong("projecting the budgets")
			}
			return nil, err
		}
	}
	out := make([]Budget, len(states))
	for i := range states {
		var p *budget.Projection
		if of, ok := projected[states[i].ID]; ok {
			p = &of
		}
		out[i] = budgetOf(&states[i], p, v.subject(&states[i].BudgetRow))
	}
	return out, nil
}

type listInput struct {
	Query   string   `query:"q" maxLength:"256" doc:"a part of the name, of the id or of what it is for, whatever the case"`
	Scope   []string `query:"scope,explode" enum:"all,key,user,team,model,provider,account" maxItems:"7" doc:"kind of thing that a budget is for"`
	Subject []string `query:"subject,explode" maxItems:"100" doc:"id of a key or of a team; name of a user, model, provider or account"`
	Project bool     `query:"projected" default:"true" doc:"false: without projections, which is quicker"`
	api.ListPage
}

func (in *listInput) matches(b *store.BudgetRow, subject string) bool {
	if len(in.Scope) > 0 && !slices.Contains(in.Scope, string(b.Scope)) || len(in.Subject) > 0 && !slices.Contains(in.Subject, b.Subject) {
		return false
	}
	needle := strings.ToLower(strings.TrimSpace(in.Query))
	return needle == "" || slices.ContainsFunc([]string{b.Name, b.ID, b.Subject, subject}, func(text string) bool {
		return strings.Contains(strings.ToLower(text), needle)
	})
}

// Seen returns the budgets that the principal of a request may see.
func (c *Handlers) Seen(ctx context.Context) ([]budget.State, error) {
	_, states, err := c.seen(ctx)
	return states, err
}

// seen returns who asks too, whose names the budgets' subjects have.
func (c *Handlers) seen(ctx context.Context) (*viewer, []budget.State, error) {
	v, err := c.viewer(ctx)
	if err != nil {
		return nil, nil, err
	}
	states, err := c.Budgets.List(ctx)
	if err != nil {
		return nil, nil, err
	}
	return v, slices.DeleteFunc(states, func(b budget.State) bool { return !v.sees(&b.BudgetRow) }), nil
}

func (c *Handlers) list(ctx context.Context, in *listInput) (*api.List[Budget], error) {
	v, states, err := c.seen(ctx)
	if err != nil {
		return nil, c.Failed("budgets", err)
	}
	states = slices.DeleteFunc(states, func(b budget.State) bool { return !in.matches(&b.BudgetRow, v.subject(&b.BudgetRow)) })
	out := &api.List[Budget]{}
	out.Total = len(states)
	states, more, last, err := api.PageOf(states, in.ListPage, func(b *budget.State) string { return b.ID })
	if err != nil {
		return nil, c.Failed("budgets", err)
	}
	if more {
		filters := url.Values{"q": {in.Query}, "scope": in.Scope, "subject": in.Subject}
		if !in.Project {
			filters.Set("projected", "false")
		}
		out.More("/budgets", in.ListPage, last, filters)
	}
	if out.Body.Data, err = c.describe(ctx, v, states, in.Project); err != nil {
		return nil, c.failed("budgets", err)
	}
	return out, nil
}

// Path names a budget or a team.
type Path struct {
	ID string `path:"id" maxLength:"100"`
}

func (c *Handlers) get(ctx context.Context, in *Path) (*api.Envelope[Budget], error) {
	out, err := c.one(ctx, in.ID)
	if err != nil {
		return nil, c.failed("budget", err)
	}
	return api.Answer(out), nil
}

// one describes a budget that the principal of a request may see.
func (c *Handlers) one(ctx context.Context, id string) (Budget, error) {
	v, err := c.viewer(ctx)
	if err != nil {
		return Budget{}, err
	}
	states, err := c.Budgets.Get(ctx, id)
	if err != nil {
		return Budget{}, err
	}
	if len(states) == 0 || !v.sees(&states[0].BudgetRow) {
		return Budget{}, store.ErrBudgetUnknown
	}
	out, err := c.describe(ctx, v, states, true)
	if err != nil {
		return Budget{}, err
	}
	return out[0], nil
}

// failed turns an error into an answer. An answer stays as it is.
func (c *Handlers) failed(doing string, err error) error {
	var p *api.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, store.ErrBudgetUnknown):
		return api.WithReason("budget_unknown", api.NewProblem(http.StatusNotFound, "no budget has this id; "+api.Base+"/budgets lists them"))
	case errors.Is(err, store.ErrTeamUnknown):
		return api.WithReason("team_unknown", api.NewProblem(http.StatusNotFound, "no team has this id; "+api.Base+"/teams lists them"))
	case errors.Is(err, store.ErrBudgetExists):
		return api.WithReason("budget_name_taken", api.NewProblem(http.StatusConflict, "body.name: a budget of this name exists already; choose another name"))
	case errors.Is(err, store.ErrTeamExists):
		return api.WithReason("team_name_taken", api.NewProblem(http.StatusConflict, "body.name: a team of this name exists already; choose another name"))
	case errors.Is(err, store.ErrTeamInUse):
		return api.WithReason("team_has_budgets", api.NewProblem(http.StatusConflict, "the team has budgets; delete them first"))
	case errors.Is(err, store.ErrTooManyBudgets):
		return api.WithReason("budgets_full", api.NewProblem(http.StatusConflict, "there are 10000 budgets, the most that there can be; delete some"), budget.MaxBudgets)
	case errors.Is(err, store.ErrTooManyTeams):
		return api.WithReason("teams_full", api.NewProblem(http.StatusConflict, "there are 1000 teams, the most that there can be; delete some"), budget.MaxTeams)
	case errors.Is(err, store.ErrChanged):
		return api.WithReason("changed_meanwhile", api.NewProblem(http.StatusConflict, "it was changed meanwhile; read it again, and make the change to what it is now"))
	}
	return c.Failed(doing, err)
}

// Of returns the budgets of one kind of thing by what they are for, without projections. It is for lists of these things,
// whose principal may see all that it lists.
func (c *Handlers) Of(ctx context.Context, scope store.BudgetScope) (map[string][]Budget, error) {
	v, states, err := c.seen(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string][]Budget{}
	for i := range states {
		if b := &states[i]; b.Scope == scope {
			out[b.Subject] = append(out[b.Subject], budgetOf(b, nil, v.subject(&b.BudgetRow)))
		}
	}
	return out, nil
}

package store

import (
	"context"
	"errors"
	"time"
)

// Team is a set of keys, users and projects. A call is a team's if its key, its user or its project is a member.
type Team struct {
	ID          string
	Name        string // unique, compared without regard to case
	Description string
	Keys        []string // ids
	Users       []string // as telemetry reports them
	Projects    []string // as telemetry reports them
	CreatedAt   time.Time
	// Version changes with every change of the team; see Budgets.UpdateTeam.
	Version int64
}

// BudgetScope is the kind of thing that a budget is for. The values are stored.
type BudgetScope string

// The scopes.
const (
	ScopeAll      BudgetScope = "all"      // all calls
	ScopeKey      BudgetScope = "key"      // the subject is a key's id
	ScopeUser     BudgetScope = "user"     // a user, as telemetry reports it
	ScopeTeam     BudgetScope = "team"     // a team's id
	ScopeModel    BudgetScope = "model"    // the model that answered, of any provider
	ScopeProvider BudgetScope = "provider" // a provider, by its name in the GenAI conventions
	ScopeAccount  BudgetScope = "account"  // an upstream account, as answers show it: see usage.AccountDisplay
)

// BudgetScopes lists all scopes.
func BudgetScopes() []BudgetScope {
	return []BudgetScope{ScopeAll, ScopeKey, ScopeUser, ScopeTeam, ScopeModel, ScopeProvider, ScopeAccount}
}

// BudgetRow is a budget of its own, as it is stored; a Budget is one of the limits of a key.
type BudgetRow struct {
	ID      string
	Name    string // unique, compared without regard to case
	Scope   BudgetScope
	Subject string // see the scopes; "" of ScopeAll
	Cost    bool   // Limit is in usage.NanoUSD, else in tokens
	Limit   int64  // above 0
	Period  Period
	// First is the day that the period begins on: of a week a time.Weekday, of a month 1 to 31, which in a shorter
	// month is its last day. 0 of other periods.
	First     int
	Hard      bool // key checks refuse calls when it is used up
	CreatedAt time.Time
	// Version changes with every change of the budget; see Budgets.UpdateBudget.
	Version int64
}

// BudgetList is all teams and budgets, each by name.
type BudgetList struct {
	Teams   []Team
	Budgets []BudgetRow
}

// Errors about teams and budgets that callers distinguish.
var (
	ErrTeamExists     = errors.New("a team of this name exists already")
	ErrTeamUnknown    = errors.New("no team has this id")
	ErrTeamInUse      = errors.New("the team has budgets")
	ErrTooManyTeams   = errors.New("there are as many teams as are allowed")
	ErrBudgetExists   = errors.New("a budget of this name exists already")
	ErrBudgetUnknown  = errors.New("no budget has this id")
	ErrTooManyBudgets = errors.New("there are as many budgets as are allowed")
)

// Budgets is the storage of teams and budgets.
type Budgets interface {
	// Budgets lists all teams and budgets, as of one moment, with the version of the last change. It returns nil where
	// that is the version after.
	Budgets(ctx context.Context, after int64) (list *BudgetList, version int64, err error)

	// AddTeam stores a new team. It returns ErrTooManyTeams where there were more than limit, or ErrTeamExists.
	AddTeam(ctx context.Context, limit int, t Team, e AuditEntry) error
	// UpdateTeam replaces what is stored of t.ID, apart from CreatedAt, where that is of t.Version. It returns ErrChanged
	// where it is not, ErrTeamUnknown, or ErrTeamExists where another one has the name.
	UpdateTeam(ctx context.Context, t Team, e AuditEntry) error
	// DeleteTeam removes a team where it is of the version. It returns ErrChanged where it is not, ErrTeamUnknown, or
	// ErrTeamInUse where budgets are for it.
	DeleteTeam(ctx context.Context, id string, version int64, e AuditEntry) error

	// AddBudget stores a new budget. It returns ErrTooManyBudgets where there were more than limit, ErrBudgetExists, or
	// ErrTeamUnknown where it is for a team that is not there.
	AddBudget(ctx context.Context, limit int, b BudgetRow, e AuditEntry) error
	// UpdateBudget replaces what is stored of b.ID, apart from CreatedAt; errors as of UpdateTeam and AddBudget.
	UpdateBudget(ctx context.Context, b BudgetRow, e AuditEntry) error
	// DeleteBudget removes a budget where it is of the version. It returns ErrChanged where it is not, or
	// ErrBudgetUnknown.
	DeleteBudget(ctx context.Context, id string, version int64, e AuditEntry) error
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Budget is a budget with what is used of it. It has either Tokens or USD.
type Budget struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	Scope       string         `json:"scope"` // all, key, user, team, model or provider
	Subject     string         `json:"subject"`
	SubjectName string         `json:"subject_name"`
	Period      string         `json:"period"`       // day, week, month or total
	WeekBegins  string         `json:"week_begins"`  // of a week
	MonthBegins int            `json:"month_begins"` // of a month
	Hard        bool           `json:"hard"`
	Tokens      *BudgetTokens  `json:"tokens"`
	USD         *BudgetUSD     `json:"usd"`
	UsedShare   float64        `json:"used_share"` // 1 is all of it
	BeginsAt    *time.Time     `json:"begins_at"`
	ResetsAt    *time.Time     `json:"resets_at"`    // nil: never
	CountedFrom *time.Time     `json:"counted_from"` // calls of the period before it may be missing
	Projected   *BudgetOutlook `json:"projected"`    // nil without enough history
	Source      string         `json:"source"`       // stored, or configuration
	CreatedAt   *time.Time     `json:"created_at"`
	Version     int64          `json:"version"`
}

// BudgetTokens are tokens of a budget.
type BudgetTokens struct {
	Limit    int64 `json:"limit"`
	Used     int64 `json:"used"`
	Reserved int64 `json:"reserved"`
	Left     int64 `json:"left"`
}

// BudgetUSD is money of a budget.
type BudgetUSD struct {
	Limit    USD `json:"limit"`
	Used     USD `json:"used"`
	Reserved USD `json:"reserved"`
	Left     USD `json:"left"`
}

// BudgetOutlook is what a budget is expected to have at the end of its period. A time that is nil means: not before it is
// reset or, without a reset, within 400 days.
type BudgetOutlook struct {
	ExpectedShare *float64   `json:"expected_share"` // 1 is all of it
	Exhausted     bool       `json:"exhausted"`      // it is used up now
	Expected      *time.Time `json:"expected_at"`
	Earliest      *time.Time `json:"earliest_at"`
	Latest        *time.Time `json:"latest_at"`
}

// BudgetRequest has the settings of a budget; in a change those that are nil stay. A budget has either Tokens or USD.
type BudgetRequest struct {
	Name        *string `json:"name,omitempty"`
	Scope       *string `json:"scope,omitempty"`
	Subject     *string `json:"subject,omitempty"` // id of a key, id or name of a team, name of a user, model or provider
	Period      *string `json:"period,omitempty"`
	WeekBegins  *string `json:"week_begins,omitempty"`
	MonthBegins *int    `json:"month_begins,omitempty"`
	Tokens      *int64  `json:"tokens,omitempty"`
	USD         *USD    `json:"usd,omitempty"`
	Hard        *bool   `json:"hard,omitempty"`
}

// Team is a set of keys, users and projects.
type Team struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Keys        []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"keys"`
	Users     []string  `json:"users"`
	Projects  []string  `json:"projects"`
	Budgets   []Budget  `json:"budgets"`
	CreatedAt time.Time `json:"created_at"`
	Version   int64     `json:"version"`
}

// TeamRequest has the settings of a team; in a change those that are nil stay. Lists are replaced as a whole.
type TeamRequest struct {
	Name        *string   `json:"name,omitempty"`
	Description *string   `json:"description,omitempty"`
	Keys        *[]string `json:"keys,omitempty"` // ids
	Users       *[]string `json:"users,omitempty"`
	Projects    *[]string `json:"projects,omitempty"`
}

// Errors of FindBudget and FindTeam.
var (
	ErrBudgetUnknown = errors.New("no budget has this name or id")
	ErrTeamUnknown   = errors.New("no team has this name or id")
)

// Budgets lists the budgets, at most a thousand.
func (c *Client) Budgets(ctx context.Context) ([]Budget, error) {
	return call[[]Budget](ctx, c, http.MethodGet, "/budgets", nil, nil)
}

// FindBudget finds a budget by its id, else by its name, whatever its case.
func (c *Client) FindBudget(ctx context.Context, nameOrID string) (Budget, error) {
	found, err := call[[]Budget](ctx, c, http.MethodGet, "/budgets", url.Values{"q": {nameOrID}, "projected": {"false"}}, nil)
	for i := range found {
		if found[i].ID == nameOrID || strings.EqualFold(found[i].Name, nameOrID) {
			return found[i], nil
		}
	}
	if err == nil {
		err = ErrBudgetUnknown
	}
	return Budget{}, err
}

// CreateBudget makes a budget.
func (c *Client) CreateBudget(ctx context.Context, b BudgetRequest) (Budget, error) {
	return call[Budget](ctx, c, http.MethodPost, "/budgets", nil, b)
}

// ChangeBudget changes a budget.
func (c *Client) ChangeBudget(ctx context.Context, id string, b BudgetRequest) (Budget, error) {
	return call[Budget](ctx, c, http.MethodPatch, "/budgets/"+url.PathEscape(id), nil, b)
}

// DeleteBudget deletes a budget.
func (c *Client) DeleteBudget(ctx context.Context, id string) error {
	_, err := call[json.RawMessage](ctx, c, http.MethodDelete, "/budgets/"+url.PathEscape(id), nil, nil)
	return err
}

// Teams lists the teams, at most a thousand.
func (c *Client) Teams(ctx context.Context) ([]Team, error) {
	return call[[]Team](ctx, c, http.MethodGet, "/teams", nil, nil)
}

// FindTeam finds a team by its id, else by its name, whatever its case.
func (c *Client) FindTeam(ctx context.Context, nameOrID string) (Team, error) {
	found, err := call[[]Team](ctx, c, http.MethodGet, "/teams", url.Values{"q": {nameOrID}, "projected": {"false"}}, nil)
	for i := range found {
		if found[i].ID == nameOrID || strings.EqualFold(found[i].Name, nameOrID) {
			return found[i], nil
		}
	}
	if err == nil {
		err = ErrTeamUnknown
	}
	return Team{}, err
}

// CreateTeam makes a team.
func (c *Client) CreateTeam(ctx context.Context, t TeamRequest) (Team, error) {
	return call[Team](ctx, c, http.MethodPost, "/teams", nil, t)
}

// ChangeTeam changes a team.
func (c *Client) ChangeTeam(ctx context.Context, id string, t TeamRequest) (Team, error) {
	return call[Team](ctx, c, http.MethodPatch, "/teams/"+url.PathEscape(id), nil, t)
}

// DeleteTeam deletes a team that has no budgets.
func (c *Client) DeleteTeam(ctx context.Context, id string) error {
	_, err := call[json.RawMessage](ctx, c, http.MethodDelete, "/teams/"+url.PathEscape(id), nil, nil)
	return err
}

package budgets

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/budget"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

const maxBudgets = budget.MaxBudgets

func (c *Handlers) teamRoutes(r *api.Router) {
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/teams", "teams", "Teams with their budgets, by name"), c.listTeams)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/teams/{id}", "team", "One team with its budgets"), c.getTeam)
	create := api.Operation(http.MethodPost, "/teams", "create-team", "Make a team of keys, users and projects")
	create.DefaultStatus = http.StatusCreated
	api.Register(r, access.ManageBudgets, create, c.createTeam)
	api.Register(r, access.ManageBudgets, api.Operation(http.MethodPatch, "/teams/{id}", "change-team", "Change a team; lists of members are replaced as a whole"), c.changeTeam)
	api.Register(r, access.ManageBudgets, api.Operation(http.MethodDelete, "/teams/{id}", "delete-team", "Delete a team that has no budgets"), c.removeTeam)
}

// TeamKey is a key that is in a team.
type TeamKey struct {
	ID   string `json:"id"`
	Name string `json:"name" doc:"empty where no key has the id"`
}

// Team is a set of keys, users and projects.
type Team struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Keys        []TeamKey `json:"keys" nullable:"false" doc:"for members, own ones only"`
	Users       []string  `json:"users" nullable:"false" doc:"as telemetry reports them; for members, only themselves"`
	Projects    []string  `json:"projects" nullable:"false" doc:"as telemetry reports them"`
	Budgets     []Budget  `json:"budgets" nullable:"false"`
	CreatedAt   time.Time `json:"created_at"`
	Version     int64     `json:"version" doc:"changes with every change of the team"`
}

// describeTeams returns teams as the API shows them.
func (c *Handlers) describeTeams(ctx context.Context, v *viewer, teams []*store.Team, project bool) ([]Team, error) {
	states, err := c.Budgets.List(ctx)
	if err != nil {
		return nil, err
	}
	shown := map[string]bool{}
	for _, t := range teams {
		shown[t.ID] = true
	}
	states = slices.DeleteFunc(states, func(b budget.State) bool { return b.Scope != store.ScopeTeam || !shown[b.Subject] })
	described, err := c.describe(ctx, v, states, project)
	if err != nil {
		return nil, err
	}
	out := make([]Team, len(teams))
	for i, t := range teams {
		out[i] = Team{
			ID: t.ID, Name: t.Name, Description: t.Description, Keys: []TeamKey{}, Users: []string{}, Projects: append([]string{}, t.Projects...),
			Budgets: []Budget{}, CreatedAt: t.CreatedAt, Version: t.Version,
		}
		for _, id := range t.Keys {
			if !v.owns(id) {
				continue
			}
			key := TeamKey{ID: id}
			if k := v.index.Ring.ID(id); k != nil {
				key.Name = k.Name
			}
			out[i].Keys = append(out[i].Keys, key)
		}
		for _, user := range t.Users {
			if v.own == nil || user == v.own.Name {
				out[i].Users = append(out[i].Users, user)
			}
		}
		for _, b := range described {
			if b.Subject == t.ID {
				out[i].Budgets = append(out[i].Budgets, b)
			}
		}
	}
	return out, nil
}

type listTeamsInput struct {
	Query   string `query:"q" maxLength:"256" doc:"a part of the name, of the description or of the id, whatever the case"`
	Project bool   `query:"projected" default:"true" doc:"false: without projections of the budgets, which is quicker"`
	api.ListPage
}

func (c *Handlers) listTeams(ctx context.Context, in *listTeamsInput) (*api.List[Team], error) {
	v, err := c.viewer(ctx)
	if err != nil {
		return nil, c.Failed("teams", err)
	}
	needle := strings.ToLower(strings.TrimSpace(in.Query))
	var teams []*store.Team
	for _, t := range v.teams {
		if strings.Contains(strings.ToLower(t.Name+"\n"+t.Description+"\n"+t.ID), needle) {
			teams = append(teams, t)
		}
	}
	slices.SortFunc(teams, func(a, b *store.Team) int {
		if d := strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	out := &api.List[Team]{}
	out.Total = len(teams)
	teams, more, last, err := api.PageOf(teams, in.ListPage, func(t **store.Team) string { return (*t).ID })
	if err != nil {
		return nil, c.Failed("teams", err)
	}
	if more {
		filters := url.Values{"q": {in.Query}}
		if !in.Project {
			filters.Set("projected", "false")
		}
		out.More("/teams", in.ListPage, last, filters)
	}
	if out.Body.Data, err = c.describeTeams(ctx, v, teams, in.Project); err != nil {
		return nil, c.failed("teams", err)
	}
	return out, nil
}

func (c *Handlers) getTeam(ctx context.Context, in *Path) (*api.Envelope[Team], error) {
	return c.oneTeam(ctx, in.ID)
}

func (c *Handlers) oneTeam(ctx context.Context, id string) (*api.Envelope[Team], error) {
	v, err := c.viewer(ctx)
	if err != nil {
		return nil, c.Failed("team", err)
	}
	t := v.teams[id]
	if t == nil {
		return nil, c.failed("team", store.ErrTeamUnknown)
	}
	out, err := c.describeTeams(ctx, v, []*store.Team{t}, true)
	if err != nil {
		return nil, c.failed("team", err)
	}
	return api.Answer(out[0]), nil
}

// TeamSettings are the settings of a team. In a change those that are left out stay.
type TeamSettings struct {
	Name        *string   `json:"name,omitempty" maxLength:"100" doc:"unique, whatever the case"`
	Description *string   `json:"description,omitempty" maxLength:"1000"`
	Keys        *[]string `json:"keys,omitempty" maxItems:"1000" doc:"ids of keys"`
	Users       *[]string `json:"users,omitempty" maxItems:"1000" doc:"users, as telemetry reports them"`
	Projects    *[]string `json:"projects,omitempty" maxItems:"1000" doc:"projects, as telemetry reports them"`
}

type changeTeamInput struct {
	Path
	Body struct {
		TeamSettings
		Version int64 `json:"version,omitempty" doc:"of the team that the change is made to; where it has changed since, the answer is 409. 0: whichever it is"`
	}
}

// applyTeam checks settings, and sets them.
func (c *Handlers) applyTeam(ctx context.Context, s *TeamSettings, t *store.Team) (err error) {
	if s.Name != nil {
		if t.Name, err = cleanName(*s.Name); err != nil {
			return err
		}
	}
	if s.Description != nil {
		if t.Description, err = api.CleanText("description", *s.Description, maxDescription); err != nil {
			return err
		}
	}
	for _, of := range []struct {
		name string
		from *[]string
		into *[]string
	}{{"keys", s.Keys, &t.Keys}, {"users", s.Users, &t.Users}, {"projects", s.Projects, &t.Projects}} {
		if of.from == nil {
			continue
		}
		if *of.into, err = cleanMembers(of.name, *of.from); err != nil {
			return err
		}
	}
	if s.Keys == nil {
		return nil
	}
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return err
	}
	for i, id := range t.Keys {
		if index.Ring.ID(id) == nil {
			return api.WithReason("key_unknown", api.Invalid(fmt.Sprintf("body.keys[%d]", i), "is not the id of a key; "+api.Base+"/keys lists them", nil))
		}
	}
	return nil
}

// cleanMembers checks the members of a team of one kind, and leaves out repeated ones.
func cleanMembers(field string, members []string) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for i, m := range members {
		clean, err := api.CleanText(fmt.Sprintf("%s[%d]", field, i), m, maxSubject)
		if err != nil {
			return nil, err
		}
		if clean == "" {
			return nil, api.WithReason("name_empty", api.Invalid(fmt.Sprintf("body.%s[%d]", field, i), "must not be empty", nil))
		}
		if !seen[clean] {
			out, seen[clean] = append(out, clean), true
		}
	}
	if len(out) > budget.MaxMembers {
		return nil, api.WithReason("list_too_long", api.Invalid("body."+field, "must have at most 1000 entries", nil), budget.MaxMembers)
	}
	return out, nil
}

func (c *Handlers) createTeam(ctx context.Context, in *struct{ Body TeamSettings }) (*api.Envelope[Team], error) {
	t := store.Team{ID: newID("team_"), CreatedAt: c.Now().UTC()}
	if in.Body.Name == nil {
		return nil, api.WithReason("name_empty", api.Invalid("body.name", "must be there", nil))
	}
	if err := c.applyTeam(ctx, &in.Body, &t); err != nil {
		return nil, c.failed("create a team", err)
	}
	entry, err := c.Audit.Entry(ctx, "team.create", teamTarget(&t), nil, auditedTeam(&t))
	if err != nil {
		return nil, err
	}
	if err := c.Directory.AddTeam(ctx, budget.MaxTeams, t, entry); err != nil {
		return nil, c.failed("create a team", err)
	}
	c.Budgets.Stale()
	return c.oneTeam(ctx, t.ID)
}

// storedTeam returns a team in the version that a request names; 0 is any.
func (c *Handlers) storedTeam(ctx context.Context, id string, version int64) (store.Team, error) {
	c.Budgets.Stale()
	teams, err := c.Budgets.Teams(ctx)
	if err != nil {
		return store.Team{}, err
	}
	i := slices.IndexFunc(teams, func(t store.Team) bool { return t.ID == id })
	switch {
	case i < 0:
		return store.Team{}, store.ErrTeamUnknown
	case version != 0 && version != teams[i].Version:
		return store.Team{}, store.ErrChanged
	}
	return teams[i], nil
}

func (c *Handlers) changeTeam(ctx context.Context, in *changeTeamInput) (*api.Envelope[Team], error) {
	c.Audit.Prune(ctx)
	once := func() error {
		t, err := c.storedTeam(ctx, in.ID, in.Body.Version)
		if err != nil {
			return err
		}
		before := auditedTeam(&t)
		if err := c.applyTeam(ctx, &in.Body.TeamSettings, &t); err != nil {
			return err
		}
		entry, err := c.Audit.EntryInChange(ctx, "team.change", teamTarget(&t), before, auditedTeam(&t))
		if err != nil {
			return err
		}
		return c.Directory.UpdateTeam(ctx, t, entry)
	}
	if err := c.untilUnchanged(ctx, in.Body.Version, once); err != nil {
		return nil, c.failed("change a team", err)
	}
	c.Budgets.Stale()
	return c.oneTeam(ctx, in.ID)
}

func (c *Handlers) removeTeam(ctx context.Context, in *RemoveInput) (*api.Envelope[Removed], error) {
	c.Audit.Prune(ctx)
	once := func() error {
		t, err := c.storedTeam(ctx, in.ID, in.Version)
		if err != nil {
			return err
		}
		entry, err := c.Audit.EntryInChange(ctx, "team.delete", teamTarget(&t), auditedTeam(&t), nil)
		if err != nil {
			return err
		}
		return c.Directory.DeleteTeam(ctx, t.ID, t.Version, entry)
	}
	if err := c.untilUnchanged(ctx, in.Version, once); err != nil {
		return nil, c.failed("delete a team", err)
	}
	c.Budgets.Stale()
	return api.Answer(Removed{in.ID}), nil
}

// auditTeam is the form of a team in the audit log, whose documents are bounded: of many members the first are there.
type auditTeam struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	KeyIDs      []string `json:"key_ids,omitempty"`
	Users       []string `json:"users,omitempty"`
	Projects    []string `json:"projects,omitempty"`
	Members     int      `json:"members"`
}

// auditMembers is how many members of each kind an entry has.
const auditMembers = 50

func auditedTeam(t *store.Team) auditTeam {
	some := func(of []string) []string { return of[:min(len(of), auditMembers)] }
	return auditTeam{
		Name: t.Name, Description: t.Description, KeyIDs: some(t.Keys), Users: some(t.Users), Projects: some(t.Projects),
		Members: len(t.Keys) + len(t.Users) + len(t.Projects),
	}
}

func teamTarget(t *store.Team) store.AuditTarget {
	return store.AuditTarget{Type: "team", ID: t.ID, Name: t.Name}
}

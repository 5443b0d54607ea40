package storetest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// budgets returns what is listed, without versions, and the version of the last change.
func (s *opened) budgets() (*store.BudgetList, int64) {
	list, version, err := s.Budgets(ctx, 0)
	require.NoError(s.t, err)
	require.NotNil(s.t, list)
	for i := range list.Teams {
		require.Positive(s.t, list.Teams[i].Version)
		list.Teams[i].Version = 0
	}
	for i := range list.Budgets {
		require.Positive(s.t, list.Budgets[i].Version)
		list.Budgets[i].Version = 0
	}
	return list, version
}

// team returns a team as it is stored.
func (s *opened) team(id string) store.Team { //nolint:unparam // callers say which one
	list, _, err := s.Budgets(ctx, 0)
	require.NoError(s.t, err)
	for _, t := range list.Teams {
		if t.ID == id {
			return t
		}
	}
	require.Fail(s.t, "no team "+id)
	return store.Team{}
}

func (s *opened) budget(id string) store.BudgetRow {
	list, _, err := s.Budgets(ctx, 0)
	require.NoError(s.t, err)
	for _, b := range list.Budgets {
		if b.ID == id {
			return b
		}
	}
	require.Fail(s.t, "no budget "+id)
	return store.BudgetRow{}
}

// hostileNames are names that break statements and documents that are put together from texts.
var hostileNames = []string{"'; DROP TABLE teams; --", `{"keys":["x"]}`, "%_*?", `\`, "<script>", "名 🙂", strings.Repeat("ä", 100)}

// testBudgets: teams and budgets come back with every field, the version tells of every change, and what is in the way
// of a change is named.
func testBudgets(t *testing.T, open Open) {
	s := fresh(t, open)
	none, first := s.budgets()
	require.Equal(t, &store.BudgetList{}, none)
	team := store.Team{
		ID: "team_1", Name: "Zoë's", Description: "d", Keys: []string{"key_1", "key_2"}, Users: hostileNames, Projects: []string{"p"}, CreatedAt: start,
	}
	require.NoError(t, s.AddTeam(ctx, 2, team, audited))
	same, version, err := s.Budgets(ctx, first)
	require.NoError(t, err)
	require.NotNil(t, same)
	require.Greater(t, version, first)
	same, again, err := s.Budgets(ctx, version)
	require.NoError(t, err)
	require.Nil(t, same, "nothing changed")
	require.Equal(t, version, again)

	require.ErrorIs(t, s.AddTeam(ctx, 2, store.Team{ID: "team_2", Name: "ZOË'S", CreatedAt: start}, audited), store.ErrTeamExists)
	empty := store.Team{ID: "team_2", Name: "empty", CreatedAt: start}
	require.NoError(t, s.AddTeam(ctx, 2, empty, audited))
	require.ErrorIs(t, s.AddTeam(ctx, 2, store.Team{ID: "team_3", Name: "third", CreatedAt: start}, audited), store.ErrTooManyTeams)

	budgets := []store.BudgetRow{
		{ID: "bud_1", Name: "All", Scope: store.ScopeAll, Cost: true, Limit: 1e18, Period: store.Monthly, First: 31, Hard: true, CreatedAt: start},
		{ID: "bud_2", Name: "b", Scope: store.ScopeTeam, Subject: "team_1", Limit: 1, Period: store.Ever, CreatedAt: start},
		{ID: "bud_3", Name: "c", Scope: store.ScopeUser, Subject: hostileNames[0], Limit: 1 << 53, Period: store.Weekly, First: 6, CreatedAt: start},
	}
	for _, b := range budgets {
		require.NoError(t, s.AddBudget(ctx, 3, b, audited))
	}
	require.ErrorIs(t, s.AddBudget(ctx, 3, store.BudgetRow{ID: "bud_4", Name: "d", Scope: store.ScopeAll, CreatedAt: start}, audited), store.ErrTooManyBudgets)
	require.ErrorIs(t, s.AddBudget(ctx, 9, store.BudgetRow{ID: "bud_4", Name: "ALL", Scope: store.ScopeAll, CreatedAt: start}, audited), store.ErrBudgetExists)
	for _, unknown := range []string{"team_9", "", "x\x00"} {
		err := s.AddBudget(ctx, 9, store.BudgetRow{ID: "bud_4", Name: "d", Scope: store.ScopeTeam, Subject: unknown, CreatedAt: start}, audited)
		require.ErrorIs(t, err, store.ErrTeamUnknown)
	}
	s.restart()
	list, version := s.budgets()
	require.Equal(t, &store.BudgetList{Teams: []store.Team{empty, team}, Budgets: budgets}, list, "by name; what failed left nothing behind")

	require.ErrorIs(t, s.DeleteTeam(ctx, "team_1", s.team("team_1").Version, audited), store.ErrTeamInUse)
	require.NoError(t, s.DeleteBudget(ctx, "bud_2", s.budget("bud_2").Version, audited))
	require.NoError(t, s.DeleteTeam(ctx, "team_1", s.team("team_1").Version, audited))
	for _, id := range []string{"team_1", "bud_2", "' OR 1", "x\x00"} {
		require.ErrorIs(t, s.DeleteTeam(ctx, id, 1, audited), store.ErrTeamUnknown)
		require.ErrorIs(t, s.DeleteBudget(ctx, id, 1, audited), store.ErrBudgetUnknown)
		require.ErrorIs(t, s.UpdateTeam(ctx, store.Team{ID: id, Name: "n", CreatedAt: start}, audited), store.ErrTeamUnknown)
		require.ErrorIs(t, s.UpdateBudget(ctx, store.BudgetRow{ID: id, Name: "n", CreatedAt: start}, audited), store.ErrBudgetUnknown)
	}
	list, removed := s.budgets()
	require.Greater(t, removed, version, "a removal is a change")
	require.Equal(t, &store.BudgetList{Teams: []store.Team{empty}, Budgets: []store.BudgetRow{budgets[0], budgets[2]}}, list)
	entries := len(s.entries(store.AuditFilter{}))
	require.Equal(t, 7, entries, "an entry for each change, and for no other")
}

// testBudgetVersions: a change is made to the version that was read; of several at once one is made each time.
func testBudgetVersions(t *testing.T, open Open) {
	const writers, each = 4, 5
	s := fresh(t, open)
	require.NoError(t, s.AddTeam(ctx, 9, store.Team{ID: "team_1", Name: "a", CreatedAt: start}, audited))
	require.NoError(t, s.AddTeam(ctx, 9, store.Team{ID: "team_2", Name: "b", CreatedAt: start}, audited))
	require.NoError(t, s.AddBudget(ctx, 9, store.BudgetRow{ID: "bud_1", Name: "a", Scope: store.ScopeAll, Limit: 1, CreatedAt: start}, audited))
	require.NoError(t, s.AddBudget(ctx, 9, store.BudgetRow{ID: "bud_2", Name: "b", Scope: store.ScopeAll, Limit: 1, CreatedAt: start}, audited))
	team, row := s.team("team_1"), s.budget("bud_1")

	taken, other := team, row
	taken.Name, other.Name = "B", "B"
	require.ErrorIs(t, s.UpdateTeam(ctx, taken, audited), store.ErrTeamExists)
	require.ErrorIs(t, s.UpdateBudget(ctx, other, audited), store.ErrBudgetExists)
	other.Name, other.Scope, other.Subject = "a", store.ScopeTeam, "team_9"
	require.ErrorIs(t, s.UpdateBudget(ctx, other, audited), store.ErrTeamUnknown)

	changed := row
	changed.Name, changed.Scope, changed.Subject, changed.Limit, changed.Period, changed.First = "A", store.ScopeTeam, "team_2", 2, store.Monthly, 5
	changed.Cost, changed.Hard = true, true
	require.NoError(t, s.UpdateBudget(ctx, changed, audited))
	got := s.budget("bud_1")
	require.NotEqual(t, row.Version, got.Version)
	changed.Version = got.Version
	require.Equal(t, changed, got)
	require.ErrorIs(t, s.UpdateBudget(ctx, row, audited), store.ErrChanged)
	require.ErrorIs(t, s.DeleteBudget(ctx, row.ID, row.Version, audited), store.ErrChanged)

	next := team
	next.Users = []string{"u"}
	require.NoError(t, s.UpdateTeam(ctx, next, audited))
	require.ErrorIs(t, s.UpdateTeam(ctx, team, audited), store.ErrChanged)
	require.ErrorIs(t, s.DeleteTeam(ctx, team.ID, team.Version, audited), store.ErrChanged)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				for done := false; !done && !t.Failed(); {
					list, _, err := s.Budgets(ctx, 0)
					if !assert.NoError(t, err) {
						return
					}
					mine := list.Teams[0]
					mine.Users = append(mine.Users, fmt.Sprint(w, " ", i))
					err = s.UpdateTeam(ctx, mine, audited)
					if done = err == nil; !done {
						assert.ErrorIs(t, err, store.ErrChanged)
					}
				}
			}
		})
	}
	all.Wait()
	require.Len(t, s.team("team_1").Users, 1+writers*each)
}

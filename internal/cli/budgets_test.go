package cli

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/client"
)

// TestBudgetCommands: teams and budgets are made, listed, changed and deleted by the command line alone.
func TestBudgetCommands(t *testing.T) {
	serve(t)
	ctx := context.Background()
	ok, fails := commands(ctx, t)
	ok("keys", "create", "laptop")
	require.Contains(t, ok("teams", "create", "Research", "--user", "alice", "--user", "eve", "--key", "laptop", "--description", "of papers"), "laptop")
	require.Contains(t, ok("teams"), "alice, ")
	out := ok("budgets", "create", "papers", "--scope", "team", "--for", "research", "--period", "month", "--month-begins", "31", "--tokens", "100000", "--hard")
	require.Regexp(t, `papers +team Research +month +hard +100,000 +\d`, out)
	require.Regexp(t, `own +key laptop +total +soft +\$5 +\$0 +\$5 +0\.0%`, ok("budgets", "create", "own", "--scope", "key", "--for", "laptop", "--period", "total", "--usd", "5"))
	var listed []client.Budget
	require.NoError(t, json.Unmarshal([]byte(ok("budgets", "list", "--json")), &listed))
	require.Len(t, listed, 2)
	require.Equal(t, 31, listed[1].MonthBegins)
	require.Positive(t, listed[1].Tokens.Used)
	require.Contains(t, ok("budgets", "change", "PAPERS", "--hard=false", "--usd", "12.5", "--name", "paper"), "$12.5")
	require.Regexp(t, `paper +team Research +month +soft`, ok("budgets"))
	fails(exitWrong, "budgets", "create", "x", "--scope", "all", "--period", "day", "--tokens", "1", "--usd", "1")
	fails(exitWrong, "budgets", "create", "x", "--scope", "all", "--period", "day")
	fails(exitWrong, "budgets", "create")
	fails(exitWrong, "teams", "create", "x", "--user", "eve\u202e")
	fails(exitNotThere, "budgets", "delete", "nothing")
	fails(exitNotThere, "teams", "change", "nothing", "--name", "x")
	fails(exitNotThere, "teams", "create", "x", "--key", "nothing")
	fails(exitFailed, "teams", "delete", "research")
	require.Equal(t, "paper is deleted\n", ok("budgets", "delete", listed[1].ID))
	require.NotContains(t, ok("teams", "change", "research", "--user", "", "--name", "Lab"), "alice")
	require.Equal(t, "Lab is deleted\n", ok("teams", "delete", "lab"))
}

package access

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRolesAreDeniedByDefault(t *testing.T) {
	for r := range roleCount + 2 {
		require.False(t, r.May(Unplaced), r)
		require.False(t, r.May(permissionCount), r)
		require.Equal(t, r < roleCount, r.May(Anyone), r)
	}
	require.False(t, Nobody.May(SignedIn))
	require.False(t, Verifier.May(ReadUsage))
	require.False(t, Member.May(ManageKeys))
	require.False(t, Viewer.May(WriteKeys))
	require.False(t, Operator.May(ManageUsers))
	for p := Anyone; p < permissionCount; p++ {
		require.True(t, Admin.May(p), p)
	}
}

func TestRoleNames(t *testing.T) {
	for r := Verifier; r < roleCount; r++ {
		parsed, err := ParseRole(r.String())
		require.NoError(t, err)
		require.Equal(t, r, parsed)
	}
	for _, s := range []string{"", "root", "Admin"} {
		_, err := ParseRole(s)
		require.Error(t, err, s)
	}
}

func TestContext(t *testing.T) {
	require.Equal(t, Principal{}, From(context.Background()))
	p := Principal{Name: "alice", Role: Member}
	require.Equal(t, p, From(With(context.Background(), p)))
	require.True(t, p.OwnOnly())
}

func TestWithin(t *testing.T) {
	within := map[Role][]Role{ // what each role may hand on
		Nobody:   {Nobody},
		Verifier: {Nobody, Verifier},
		Member:   {Nobody, Member},
		Viewer:   {Nobody, Viewer},
		Operator: {Nobody, Verifier, Member, Viewer, Operator},
		Admin:    {Nobody, Verifier, Member, Viewer, Operator, Admin},
	}
	for other := range roleCount {
		for r := range roleCount + 1 {
			require.Equal(t, slices.Contains(within[other], r), r.Within(other), "%d within %d", r, other)
		}
	}
}

func TestPermissionNames(t *testing.T) {
	seen := map[string]bool{}
	for p := Anyone; p < permissionCount; p++ {
		require.NotEmpty(t, p.String())
		require.False(t, seen[p.String()], p)
		seen[p.String()] = true
	}
	require.Equal(t, []Permission{Anyone, VerifyKeys}, Verifier.Permissions())
	require.Empty(t, permissionCount.String())
	require.Empty(t, roleCount.Permissions())
}

var update = flag.Bool("update", false, "write the table of roles in docs/access.md again")

// permissionDocs say what each permission is, for people.
var permissionDocs = [permissionCount]string{
	ReadUsage: "statistics, trend, log, live stream, breakdown, export", ReadKeys: "see keys, without their secrets",
	WriteKeys: "make, change, rotate and revoke keys", ManageKeys: "keys of others: owners, import, sync with proxies",
	VerifyKeys: "check keys", ReadQuality: "data quality and prices", ReadMetrics: "`/metrics`, Grafana dashboards", ImportCalls: "import calls",
	ReadSettings: "read the server's configuration", ManageUsers: "manage users, their sessions and tokens (signed in, or by an API token with this scope)", ReadAudit: "read the audit log",
	Reprice: "reprice stored calls", SignedIn: "see and revoke own API tokens; an API token: itself", MakeOwn: "own password, new API tokens (signed in, never by API token)",
	ManageBudgets: "make, change and delete teams and budgets",
	ReadUsers:     "see users", ReadAlerts: "see alerts, their rules and channels (without secrets), and what was sent", ManageAlerts: "change and test alert rules and channels",
	ReadCluster: "see the processes that share the store", ManageBilling: "set internal prices, credits, and the currency that amounts are shown in",
}

func TestDocumentedRoles(t *testing.T) {
	const begin, end = "-update -->\n", "<!-- end of roles -->"
	path := filepath.Join("..", "..", "docs", "access.md")
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(raw), begin)
	require.True(t, ok)
	got, tail, ok := strings.Cut(rest, end)
	require.True(t, ok)
	var want strings.Builder
	want.WriteString("\n| may | admin | operator | viewer | member | verifier |\n|---|---|---|---|---|---|\n")
	for p := SignedIn; p < permissionCount; p++ {
		require.NotEmpty(t, permissionDocs[p], "say what %s is", p)
		want.WriteString("| " + permissionDocs[p] + " |")
		for r := Admin; r > Nobody; r-- {
			switch own := r == Member && (p == ReadUsage || p == ReadKeys || p == WriteKeys); {
			case own:
				want.WriteString(" own |")
			case r.May(p):
				want.WriteString(" yes |")
			default:
				want.WriteString(" |")
			}
		}
		want.WriteString("\n")
	}
	want.WriteString("\n")
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(head+begin+want.String()+end+tail), 0o644))
		return
	}
	require.Equal(t, want.String(), got, "the roles changed; update the document: go test ./internal/access -run Documented -update")
}

// TestTokensMakeNoWayIn: what an API token may do is what its role may, apart from what outlives it.
func TestTokensMakeNoWayIn(t *testing.T) {
	for r := range roleCount {
		for p := Unplaced; p < permissionCount; p++ {
			session, token := Principal{Role: r, Via: "session"}, Principal{Role: r, Via: "token", Token: "tok_1"}
			require.Equal(t, r.May(p), session.May(p), "%s %s", r, p)
			require.Equal(t, r.May(p) && p != MakeOwn && p != ManageUsers, token.May(p), "%s %s", r, p)
			token.Scope = ManageUsers
			require.Equal(t, r.May(p) && p != MakeOwn, token.May(p), "%s %s with a scope", r, p)
			require.Equal(t, token.May(p), slices.Contains(token.Permissions(), p))
			token.Scope = MakeOwn
			require.False(t, token.May(MakeOwn), "no scope lets a token make another one")
		}
	}
}

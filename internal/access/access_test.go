package access

import (
	"context"
	"slices"
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

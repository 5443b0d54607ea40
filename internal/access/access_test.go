package access

import (
	"context"
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

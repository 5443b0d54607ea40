package dashboards

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAll(t *testing.T) {
	entries, err := files.ReadDir("json")
	require.NoError(t, err)
	all := All()
	require.Len(t, all, len(entries), "a dashboard is missing in order")
	for _, d := range all {
		require.Equal(t, "tokenboard-"+d.Name, d.UID)
		require.NotEmpty(t, d.Title)
		require.NotEmpty(t, d.Description)
		again, found := Named(d.Name)
		require.True(t, found)
		require.Equal(t, d, again)
	}
	_, found := Named("../embed")
	require.False(t, found)
}

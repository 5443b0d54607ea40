package proxytrace

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSeen: ids are remembered, the oldest of too many are removed.
func TestSeen(t *testing.T) {
	var s seenIDs
	for i := range 2 * maxSeen {
		require.True(t, s.first(fmt.Sprint(i)))
		require.False(t, s.first(fmt.Sprint(i)))
	}
	require.Len(t, s.ids, maxSeen)
	require.True(t, s.first("0"))
	require.False(t, s.first(fmt.Sprint(2*maxSeen-1)))
}

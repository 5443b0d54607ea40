package correlation

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSharingGrowsAndShrinks(t *testing.T) {
	by := sharedIndex[int]{tag: tagOf[int], has: func(ref, int) bool { return true }}
	of := func(k int) (all []ref) {
		by.each(k, func(r ref) { all = append(all, r) })
		require.Equal(t, len(all), by.count(k))
		return all
	}
	add := func(r ref) []ref {
		second, several, invalidated := by.add(1, r)
		require.Equal(t, r == 2, second == 1)
		require.Equal(t, r > 1, several)
		return invalidated
	}
	var nodes []ref
	for i := range MaxSharing + 3 {
		nodes = append(nodes, ref(i+1))
	}
	for i, n := range nodes {
		if i == MaxSharing {
			require.Len(t, add(n), MaxSharing, "those whose relations change")
		} else {
			require.Empty(t, add(n))
		}
		if i == 0 {
			require.Equal(t, nodes[:1], of(1))
		}
	}
	require.Empty(t, of(1), "too common")
	require.Empty(t, by.remove(1, nodes[0]))
	require.Empty(t, by.remove(1, nodes[1]))
	require.Len(t, by.remove(1, nodes[2]), MaxSharing)
	require.ElementsMatch(t, nodes[3:], of(1))
	for _, n := range nodes[3:] {
		by.remove(1, n)
	}
	require.Empty(t, of(1))
	require.Zero(t, by.used)
	require.Empty(t, by.remove(1, nodes[0]))
}

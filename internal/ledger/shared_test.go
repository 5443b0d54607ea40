package ledger

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestCommonThings: an id, or equal figures at one time, that more than maxKin records share is no
// identity, whenever it became so: none of the records stands for another.
func TestCommonThings(t *testing.T) {
	for name, record := range map[string]func(i int) told{
		"one id": func(i int) told {
			return told{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: 5, response: "r", scope: fmt.Sprint(i), at: time.Duration(i) * time.Second}
		},
		"equal figures at one time": func(i int) told {
			return told{name: fmt.Sprint(i), trace: fmt.Sprint(i), out: 5, process: 1, scope: fmt.Sprint(i % 2), lasts: time.Second}
		},
		"no figures at one time": func(i int) told {
			r := told{name: fmt.Sprint(i), trace: fmt.Sprint(i), process: 1, scope: fmt.Sprint(i % 2), lasts: time.Second, failed: true}
			if r.scope == "1" {
				r.request = fmt.Sprint(i)
			}
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			var records []told
			for i := range maxSharing + 2 {
				records = append(records, record(i))
			}
			rng := rand.New(rand.NewPCG(3, 4))
			for range 3 {
				rng.Shuffle(len(records), func(i, j int) { records[i], records[j] = records[j], records[i] })
				l, _ := open(t, t.TempDir(), Options{})
				few := slices.Clone(records[:10])
				commit(t, l, few...)
				require.Less(t, total(t, l).Calls, int64(10), "few that share it are related")
				for rest := records[10:]; len(rest) > 0; {
					n := min(1+rng.IntN(100), len(rest))
					commit(t, l, rest[:n]...)
					rest = rest[n:]
				}
				require.EqualValues(t, maxSharing+2, total(t, l).Calls)
				requireConsistent(t, l)
				require.NoError(t, l.Close())
			}
		})
	}
}

func TestKinGrowAndShrink(t *testing.T) {
	by := sharedIndex[int]{tag: tagOf[int], has: func(ref, int) bool { return true }}
	of := func(k int) (all []ref) {
		by.each(k, func(r ref) { all = append(all, r) })
		require.Equal(t, len(all), by.count(k))
		return all
	}
	add := func(r ref) []ref {
		second, several, unsettled := by.add(1, r)
		require.Equal(t, r == 2, second == 1)
		require.Equal(t, r > 1, several)
		return unsettled
	}
	var nodes []ref
	for i := range maxSharing + 3 {
		nodes = append(nodes, ref(i+1))
	}
	for i, n := range nodes {
		if i == maxSharing {
			require.Len(t, add(n), maxSharing, "those whose relations change")
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
	require.Len(t, by.remove(1, nodes[2]), maxSharing)
	require.ElementsMatch(t, nodes[3:], of(1))
	for _, n := range nodes[3:] {
		by.remove(1, n)
	}
	require.Empty(t, of(1))
	require.Zero(t, by.used)
	require.Empty(t, by.remove(1, nodes[0]))
}

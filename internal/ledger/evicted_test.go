package ledger

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/tokenboard/tokenboard/internal/racetest"
	"github.com/tokenboard/tokenboard/internal/store/storetest/checks"
)

// TestEvictedDeliveriesInOneCommit: deliveries of a record that only the store still has, several of them
// in one transaction, count once.
func TestEvictedDeliveriesInOneCommit(t *testing.T) {
	for _, tc := range []struct {
		name       string
		out        []int64 // of the deliveries in one commit; the stored one has 5
		want       int64
		larger     int64
		duplicates int64
	}{
		{"one that is more complete", []int64{9}, 9, 1, 0},
		{"the same one twice", []int64{9, 9}, 9, 1, 1},
		{"ever more complete ones", []int64{6, 7, 8}, 8, 3, 0},
		{"the most complete between", []int64{6, 9, 7}, 9, 2, 1},
		{"none that is more complete", []int64{5, 4, 5}, 5, 0, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			l, _ := open(t, dir, Options{MaxSpans: 1})
			commit(t, l, testRecord{name: "a", trace: "1", out: 5})
			commit(t, l, testRecord{name: "b", trace: "2", out: 1}) // the index forgets the first
			var again []testRecord
			for _, out := range tc.out {
				again = append(again, testRecord{name: "a", trace: "1", out: out})
			}
			commit(t, l, again...)
			require.EqualValues(t, 2, total(t, l).Calls)
			require.Equal(t, tc.want+1, total(t, l).Tokens.Output())
			requireConsistent(t, l)
			status, err := l.Status(context.Background())
			require.NoError(t, err)
			require.Equal(t, tc.larger, status.Counters.Replaced)
			require.Equal(t, tc.duplicates, status.Counters.Duplicates)
			require.NoError(t, l.Close())
			l, _ = open(t, dir, Options{MaxSpans: 1})
			require.Equal(t, tc.want+1, total(t, l).Tokens.Output(), "after a restart")
			requireConsistent(t, l)
			require.NoError(t, l.Close())
		})
	}
}

// TestEvictedRecords: whatever the index forgets, and however deliveries are put together in commits,
// each record counts once, by its most complete delivery.
func TestEvictedRecords(t *testing.T) {
	if racetest.Enabled { // others search for races; make test-unit checks it more often without the detector
		checks.Fewer(t, "25")
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := filepathTemp()
		require.NoError(rt, err)
		defer dir.remove()
		o := Options{MaxSpans: rapid.IntRange(1, 4).Draw(rt, "spans")}
		l, _ := open(rt, dir.sub("store"), o)
		want := map[int]int64{}
		for range rapid.IntRange(1, 8).Draw(rt, "commits") {
			var batch []testRecord
			for range rapid.IntRange(1, 8).Draw(rt, "deliveries") {
				n, out := rapid.IntRange(0, 5).Draw(rt, "record"), rapid.Int64Range(1, 9).Draw(rt, "out")
				want[n] = max(want[n], out)
				batch = append(batch, testRecord{name: fmt.Sprint(n), trace: fmt.Sprint(n), out: out})
			}
			commit(rt, l, batch...)
			if rapid.IntRange(0, 3).Draw(rt, "restart") == 0 {
				require.NoError(rt, l.Close())
				l, _ = open(rt, dir.sub("store"), o)
			}
		}
		var sum int64
		for _, out := range want {
			sum += out
		}
		require.EqualValues(rt, len(want), total(rt, l).Calls)
		require.Equal(rt, sum, total(rt, l).Tokens.Output())
		requireConsistent(rt, l)
		require.NoError(rt, l.Close())
	})
}

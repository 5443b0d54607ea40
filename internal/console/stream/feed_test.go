package stream

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/store"
)

// TestMarksTellNothing: two marks of one place differ, all have one length, and none can be made.
func TestMarksTellNothing(t *testing.T) {
	f := newFeed(4, nil)
	f.next = 1 << 40
	for _, place := range []uint64{1, 2, 1 << 20, 1 << 40} {
		a, b := f.mark(place, position{}), f.mark(place, position{})
		require.NotEqual(t, a, b)
		require.Len(t, a, len(f.mark(1, position{})))
		require.LessOrEqual(t, len(a), 64, "the header's limit")
		got, _, ok := f.place(b)
		require.True(t, ok)
		require.Equal(t, place, got)
		for i := range b {
			forged := []byte(b)
			if forged[i] ^= 1; string(forged) == b {
				continue
			}
			if n, _, ok := f.place(string(forged)); ok {
				require.Equal(t, place, n, "the last character has bits that say nothing")
			}
		}
	}
}

func TestFeedOfCommits(t *testing.T) {
	f := newFeed(4, nil)
	_, _, ok := f.place(f.mark(1, position{}))
	require.True(t, ok)
	require.EqualValues(t, 1, f.end())
	var filter store.Filter
	r := (&change{counts: true}).record()
	require.True(t, filter.Matches(&r))
}

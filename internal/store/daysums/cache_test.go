package daysums

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCache: sums of a day are those of its blocks alone; what is kept is bounded, and what was used least lately goes
// first, but nothing for a query that needs more than there is room for.
func TestCache(t *testing.T) {
	var c Cache
	hours := []uint64{1, 2}
	sums := func(size int) *Day { return &Day{Blocks: hours, Rows: make([]byte, size)} }

	first := c.Next()
	kept := sums(100)
	c.Put(At{1, 1}, kept, first)
	require.Same(t, kept, c.Get(At{1, 1}, hours, first))
	require.Nil(t, c.Get(At{1, 2}, hours, first), "by other columns")
	require.Nil(t, c.Get(At{1, 1}, []uint64{1, 3}, first), "another hour was written to")

	again := sums(200)
	c.Put(At{1, 1}, again, first)
	require.Same(t, again, c.Get(At{1, 1}, hours, first))
	require.Equal(t, again.size(), c.bytes, "the old one does not count")

	const large = MaxBytes / 20
	second := c.Next()
	for day := range int64(40) {
		c.Put(At{day, 2}, sums(large), second)
		require.LessOrEqual(t, c.bytes, MaxBytes)
	}
	require.Nil(t, c.Get(At{1, 1}, hours, second), "it was used least lately")
	require.NotNil(t, c.Get(At{0, 2}, hours, second), "what a query puts in stays for the next one")
	require.Nil(t, c.Get(At{39, 2}, hours, second), "there was no room")

	third := c.Next()
	require.NotNil(t, c.Get(At{3, 2}, hours, third))
	c.Put(At{7, 3}, sums(large), third)
	require.NotNil(t, c.Get(At{7, 3}, hours, third))
	require.NotNil(t, c.Get(At{3, 2}, hours, third), "it was used lately")
	require.Less(t, len(c.days), 20)
	n := 0
	for _, d := range c.days {
		n += d.size()
	}
	require.Equal(t, n, c.bytes)

	c.Put(At{8, 3}, sums(MaxBytes+1), c.Next())
	require.Nil(t, c.Get(At{8, 3}, hours, third), "larger than all there is")
}

// TestOf: the rows of a value lie between those of the values before and after it.
func TestOf(t *testing.T) {
	d := &Day{Rows: []byte("aabccc"), Leads: []uint32{3, 5, 9}, Ends: []uint32{2, 3, 6}}
	for lead, want := range map[uint32]string{0: "", 3: "aa", 4: "", 5: "b", 9: "ccc", 10: ""} {
		require.Equal(t, want, string(d.Of(lead)), lead)
	}
}

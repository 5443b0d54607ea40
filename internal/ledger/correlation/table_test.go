package correlation

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestTable: a table finds what a map does, however many tags clash.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tags := rapid.Uint32Range(1, 40).Draw(t, "tags")
		tagOf := func(n uint32) uint32 { return n % tags * 7 }
		var tab table
		known := map[uint32]bool{}
		for range rapid.IntRange(0, 300).Draw(t, "steps") {
			n := rapid.Uint32Range(1, 100).Draw(t, "n")
			i := tab.find(tagOf(n), func(m uint32) bool { return m == n })
			require.Equal(t, known[n], i >= 0)
			if known[n] {
				tab.remove(i)
			} else {
				tab.insert(tagOf(n), n)
			}
			known[n] = !known[n]
		}
		used := 0
		for n, is := range known {
			require.Equal(t, is, tab.find(tagOf(n), func(m uint32) bool { return m == n }) >= 0)
			if is {
				used++
			}
		}
		require.Equal(t, used, tab.used)
	})
}

func TestInterned(t *testing.T) {
	s := interned[string]{own: func(s string) string { return s }}
	a := s.take("a", tagOf("a"))
	require.Equal(t, a, s.take("a", tagOf("a")))
	b := s.take("b", tagOf("b"))
	require.NotEqual(t, a, b)
	require.Zero(t, s.take("", 7))
	require.Equal(t, []string{"a", "b", ""}, []string{s.value(a), s.value(b), s.value(0)})
	s.drop(a)
	require.Equal(t, "a", s.value(a))
	s.drop(a)
	s.drop(b)
	s.drop(0)
	require.Zero(t, s.used)
}

// TestUndated compares with the regular expression that says what a date at the end is.
func TestUndated(t *testing.T) {
	dated := regexp.MustCompile(`[-@](?:\d{8}|\d{4}-\d{2}-\d{2})$`)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`(m|-|@|x-)?[-@0-9]{0,3}[-@](\d{7,9}|\d{4}[-0-9]\d{2}[-@]\d{2})[-\n]?`).Draw(t, "name")
		require.Equal(t, dated.ReplaceAllString(name, ""), undated(name))
		require.Equal(t, dated.MatchString(name), undated(name) != name)
	})
}

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const before = `# Changelog

## Unreleased (0.2.0)

Counting
- one

Console
- two
  goes on

## 0.1.0

Counting
- old
`

const after = `# Changelog

## Unreleased (0.2.0)

Counting
- one
- first
  in two lines
- second

Console
- two
  goes on

Breaking changes
- gone

## 0.1.0

Counting
- old
`

func TestRun(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	text := func() string {
		b, err := os.ReadFile(filepath.Join(dir, "CHANGELOG.md"))
		require.NoError(t, err)
		return string(b)
	}
	write("CHANGELOG.md", before)
	write(".changes/README.md", "how to write one")
	write(".changes/a.md", "Counting\nfirst\nin two lines\n")
	write(".changes/b.md", "Counting\r\nsecond\r\n")
	write(".changes/c.md", "Breaking changes\n\ngone")
	write(".changes/d.md", "Elsewhere\nx")
	require.ErrorContains(t, run(dir), "d.md: the first line is \"Elsewhere\"; it must be one of")
	require.Equal(t, before, text(), "a wrong entry changes nothing")

	require.NoError(t, os.Remove(filepath.Join(dir, ".changes/d.md")))
	require.NoError(t, run(dir))
	require.Equal(t, after, text())
	left, err := os.ReadDir(filepath.Join(dir, ".changes"))
	require.NoError(t, err)
	require.Len(t, left, 1, "only the README is left")

	require.NoError(t, run(dir))
	require.Equal(t, after, text(), "nothing to move")
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, entry, want string }{
		{"empty", "", "it must be one of"},
		{"no text", "Money\n", "there is no entry"},
		{"a list", "Money\n- x", "without a list"},
		{"two paragraphs", "Money\nx\n\ny", "one paragraph"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(c.entry)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := assemble("# Changelog\n\n## 0.1.0\n", []entry{{area: "Money", text: "x"}})
	require.ErrorContains(t, err, `no section "## Unreleased"`)
}

// TestEntries checks the entries of this repository, and that they can be moved.
func TestEntries(t *testing.T) {
	root := filepath.Join("..", "..")
	entries, err := read(filepath.Join(root, ".changes"))
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "CHANGELOG.md"))
	require.NoError(t, err)
	_, err = assemble(string(text), entries)
	require.NoError(t, err)
}

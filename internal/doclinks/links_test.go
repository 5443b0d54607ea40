package doclinks

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	fence  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	link   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	source = regexp.MustCompile("`((?:cmd|internal|exporter|extension|processor|receiver|proxytrace|web|docs|examples|dashboards)/[A-Za-z0-9_./-]+\\.(?:go|vue|ts|md|yaml))`")
	titles = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	signs  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// TestReferences: relative links lead to files and headings that are there, and so do paths of source files.
func TestReferences(t *testing.T) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	checked := 0
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) != ".md" {
			return nil
		}
		text := fence.ReplaceAllString(read(t, path), "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			checkLink(t, path, m[1])
			checked++
		}
		for _, m := range source.FindAllStringSubmatch(text, -1) {
			require.FileExists(t, filepath.Join(root, filepath.FromSlash(m[1])), "%s names it", path)
			checked++
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, checked, 200)
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func checkLink(t *testing.T, from, to string) {
	t.Helper()
	if strings.Contains(to, "://") || strings.HasPrefix(to, "mailto:") {
		return
	}
	file, heading, _ := strings.Cut(to, "#")
	path := from
	if file != "" {
		path = filepath.Join(filepath.Dir(from), filepath.FromSlash(file))
		_, err := os.Stat(path)
		require.NoError(t, err, "%s links to it", from)
	}
	if heading == "" {
		return
	}
	var anchors []string
	for _, m := range titles.FindAllStringSubmatch(fence.ReplaceAllString(read(t, path), ""), -1) {
		anchors = append(anchors, anchor(m[1]))
	}
	require.Contains(t, anchors, heading, "%s links to %s", from, to)
}

// anchor is what GitHub makes of a heading.
func anchor(title string) string {
	return strings.ReplaceAll(signs.ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

package houserules

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMakeHelp: make help lists every target.
func TestMakeHelp(t *testing.T) {
	makefile := read(t, "../../Makefile")
	shown := regexp.MustCompile(`/(\^[^/]*)/ \{printf`).FindStringSubmatch(makefile)
	require.NotNil(t, shown, "the pattern of make help")
	documented := regexp.MustCompile("(?m)" + shown[1])
	targets := regexp.MustCompile(`(?m)^\.PHONY: (.*)$`).FindAllStringSubmatch(makefile, -1)
	require.Greater(t, len(targets), 20)
	for _, m := range targets {
		for target := range strings.FieldsSeq(m[1]) {
			line := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(target) + `:.*$`).FindString(makefile)
			require.Regexp(t, documented, line, "make help does not list %s", target)
		}
	}
}

// TestOwners: the paths of CODEOWNERS exist, and each component names its owners.
func TestOwners(t *testing.T) {
	for line := range strings.Lines(read(t, "../../.github/CODEOWNERS")) {
		if path, rest, _ := strings.Cut(line, " "); strings.HasPrefix(path, "/") {
			require.DirExists(t, filepath.Join("../..", path), "CODEOWNERS")
			require.Contains(t, rest, "@")
		}
	}
	components, err := filepath.Glob("../../*/*/metadata.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(components), 6)
	for _, file := range components {
		require.Regexp(t, `(?m)^  codeowners:\n    active: \[\S+\]$`, read(t, file), file)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}

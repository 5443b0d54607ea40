package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/examples/quickstart"
)

// TestStockVersions: what we are measured against is of the version that we are built from.
func TestStockVersions(t *testing.T) {
	own, err := os.ReadFile("../builder-config.yaml")
	require.NoError(t, err)
	module := regexp.MustCompile(`gomod: (\S+)(?:/\S+)? (v\S+)`)
	versions := map[string]bool{}
	for _, m := range module.FindAllStringSubmatch(string(own), -1) {
		versions[m[2]] = true
	}
	found := module.FindAllStringSubmatch(string(stockBuilder), -1)
	require.NotEmpty(t, found)
	for _, m := range found {
		require.True(t, versions[m[2]], "%s is of another version than in builder-config.yaml", m[0])
	}
}

// TestRetentionConfig: the quickstart's configuration has what dropDay changes in it.
func TestRetentionConfig(t *testing.T) {
	c := retentionConfig("1s", "48h", "12345")
	require.Contains(t, c, "max_age: 48h")
	require.Contains(t, c, "interval: 1s")
	require.Contains(t, c, "port: 12345")
	require.Equal(t, strings.Count(quickstart.Config, "\n")+2, strings.Count(c, "\n"))
}

func TestFigures(t *testing.T) {
	s := series{}
	for i := 100; i > 0; i-- {
		s.add(float64(i))
	}
	require.InDelta(t, 50.5, s.median(), 0)
	require.InDelta(t, 99, s.p99(), 0)
	require.InDelta(t, 1, s.least(), 0)
	require.InDelta(t, 100, s.most(), 0)
	require.InDelta(t, 7, series{7}.p99(), 0)
	require.InDelta(t, 2, series{9, 2, 1}.median(), 0)
	require.Equal(t, series{2, 3}, series{4, 9}.ratio(series{2, 3, 5}))
}

// TestDocument: the tables of the document are replaced, all else stays.
func TestDocument(t *testing.T) {
	r := newReport(t.Context(), "..")
	r.made = []string{"run", "--quick"}
	r.table("a table", "name", "figure").row("x", "1")
	r.value("x", 1)
	require.Equal(t, "≤ 2 ms: met", r.target("x", 2, "ms"))
	require.Equal(t, "≤ 0.5: MISSED", r.target("x", .5, ""))
	text, err := os.ReadFile("../docs/capacity.md")
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "d.md")
	require.NoError(t, os.WriteFile(file, text, 0o600))
	require.NoError(t, r.into(file))
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(b), "\na table:\n\n| name | figure |\n|---|--:|\n| x | 1 |\n\n"+tablesEnd)
	require.Contains(t, string(b), "Made by `bench run --quick`.")
	require.Equal(t, 1, strings.Count(string(b), tablesBegin))
	before, _, _ := strings.Cut(string(text), tablesBegin)
	require.True(t, strings.HasPrefix(string(b), before))
	require.NotContains(t, string(b), "| pipeline |")

	require.NoError(t, os.WriteFile(file, []byte("no marks"), 0o600))
	require.ErrorContains(t, r.into(file), "has no lines")
}

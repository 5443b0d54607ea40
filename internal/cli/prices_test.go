package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/client"
)

// TestPriceCommands: prices are previewed, set, listed, exported and imported by the command line alone.
func TestPriceCommands(t *testing.T) {
	serve(t)
	ctx := context.Background()
	ok, fails := commands(ctx, t)
	require.Regexp(t, `\d+ calls?, of which`, ok("prices", "preview", "*", "--input", "1", "--output", "0"))
	require.NotContains(t, ok("prices"), "price_", "a preview sets nothing")
	require.Contains(t, ok("prices", "set", "our-own-*", "--provider", "ollama", "--input", "0.5", "--output", "0", "--from", "2026-01-31", "--note", "ours"), "is set")
	require.Regexp(t, `our-own-\* +ollama +0\.5 +0 `, ok("prices", "list"))
	var listed client.Prices
	require.NoError(t, json.Unmarshal([]byte(ok("prices", "list", "--json")), &listed))
	require.Equal(t, []string{"0.5", "0"}, []string{listed.Own[0].Input.String(), listed.Own[0].Output.String()}, "a price of 0 is a price")
	for _, format := range priceFormats[:2] {
		path := filepath.Join(t.TempDir(), "prices."+format)
		require.Contains(t, ok("prices", "export", "--format", format, "-o", path), "written to")
		require.Contains(t, ok("prices", "import", path), "1 prices: 0 new, 0 changed, 1 as they were, 0 removed", "what is exported is what is set")
		fails(exitFailed, "prices", "export", "--format", format, "-o", path)
	}
	path := filepath.Join(t.TempDir(), "p.csv")
	require.NoError(t, os.WriteFile(path, []byte("model,input,output\nm,1,2\n"), 0o600))
	require.Contains(t, ok("prices", "import", path, "--replace", "--dry-run"), "1 new, 0 changed, 0 as they were, 1 removed (dry run")
	require.Contains(t, ok("prices"), "our-own-")
	require.Contains(t, ok("prices", "import", path, "--replace"), "1 new, 0 changed, 0 as they were, 1 removed")
	require.NotContains(t, ok("prices"), "our-own-")
	fails(exitWrong, "prices", "set", "m")
	fails(exitWrong, "prices", "set")
	fails(exitWrong, "prices", "set", "m", "--input", "-1")
	fails(exitWrong, "prices", "import", filepath.Join(t.TempDir(), "none.csv"))
	fails(exitWrong, "prices", "import", strings.TrimSuffix(path, ".csv"))
}

// TestBillsCommand: bills are what stats say for the month, as a table, as JSON and as a file.
func TestBillsCommand(t *testing.T) {
	serve(t)
	ctx := context.Background()
	ok := func(args ...string) string {
		t.Helper()
		out, errs, err := run(ctx, args...)
		require.NoError(t, err, errs)
		return out
	}
	var calls []client.Call
	require.NoError(t, json.Unmarshal([]byte(ok("logs", "--json", "--limit", "1")), &calls))
	month := calls[0].Time.UTC().Format("2006-01")
	ok("teams", "create", "Search", "--user", "alice")
	var bills client.Bills
	require.NoError(t, json.Unmarshal([]byte(ok("bills", "--by", "user", "--month", month, "--timezone", "UTC", "--json")), &bills))
	var stats client.Stats
	require.NoError(t, json.Unmarshal([]byte(ok("stats", "--json", "--from", bills.From.Format("2006-01-02T15:04:05Z"), "--to", bills.To.Format("2006-01-02T15:04:05Z"))), &stats))
	require.Positive(t, stats.Calls)
	require.Equal(t, []any{stats.Calls, stats.Used, stats.Cost}, []any{bills.Total.Calls, bills.Total.Total, bills.Total.Cost})
	require.NotEmpty(t, bills.Bills[0].Lines)
	require.Contains(t, ok("bills", "--month", month), "Search")
	require.Contains(t, ok("bills", "--month", month, "--for", "search"), "Search", "a name is found whatever its case")
	path := filepath.Join(t.TempDir(), "bills.csv")
	require.Contains(t, ok("bills", "--month", month, "--for", "search", "--format", "csv", "-o", path), "written to")
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(file), "\nbill,"+month+",team,")
	require.NotContains(t, string(file), "(not reported)")
	for code, args := range map[int][]string{
		exitNotThere: {"bills", "--for", "nobody"}, exitWrong: {"bills", "--by", "user", "--month", "soon"},
	} {
		_, _, err := run(ctx, args...)
		require.Equal(t, code, ExitCode(err), args)
	}
}

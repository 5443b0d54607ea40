package alerting

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
)

var update = flag.Bool("update", false, "write testdata/links.json")

// TestLinks: the links of notifications of every kind are those that web/tests/unit/alert-links.test.ts opens. A link
// that the page does not understand shows all calls, in place of those that the alert is about.
func TestLinks(t *testing.T) {
	from := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	filter := &alert.Filter{
		Model: []string{"gpt-5", "a b&c=d"}, Provider: []string{"openai"}, Key: []string{"key_1"}, User: []string{"名"}, Service: []string{"s/1"},
		Project: []string{"p"}, Tier: []string{"flex"}, Status: []string{"429"},
	}
	type link struct {
		Kind   alert.Kind   `json:"kind"`
		Filter alert.Filter `json:"filter,omitzero"`
		From   time.Time    `json:"from"`
		To     time.Time    `json:"to"`
		Path   string       `json:"path"`
	}
	var links []link
	for _, k := range alert.Kinds() {
		filters := []*alert.Filter{{}}
		if k.OfCalls() {
			filters = append(filters, filter)
		}
		for _, f := range filters {
			links = append(links, link{k, *f, from, from.Add(24 * time.Hour), pathOf(k, f, from, from.Add(24*time.Hour))})
		}
	}
	got, err := json.MarshalIndent(links, "", " ")
	require.NoError(t, err)
	file := filepath.Join("testdata", "links.json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, append(got, '\n'), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got), "run with -update, and make the page understand the new links")
}

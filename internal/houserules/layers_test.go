package houserules

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

const module = "github.com/tokenboard/tokenboard/"

// layers is the order of the packages, from the lowest. A package imports packages of lower layers, and packages below
// the same entry of its layer, never a neighbour in its layer or a package of a higher one. An entry is a folder with
// all packages below it; the longest entry that fits counts.
var layers = [][]string{
	// What tests of all packages use.
	{"internal/freeport", "internal/leaktest"},
	// Libraries that know nothing of token accounting, and embedded files.
	{
		"client", "dashboards", "docs", "examples/quickstart", "internal/access/throttle", "internal/calendar",
		"internal/changelog", "internal/cliproxy", "internal/hangup", "internal/hexdoc", "internal/jsonlines",
		"internal/otlpsize", "internal/outbound", "internal/racetest", "internal/sources", "internal/strictjson", "internal/varint", "proxytrace", "web",
	},
	// Tools on the API for agents.
	{"internal/mcptools"},
	// The domain: calls, tokens, money; alerts.
	{"internal/alert", "internal/usage"},
	// Prices, secrets in texts, what an engine has to do, and arithmetic on sums.
	{"internal/changes", "internal/forecast", "internal/pricing", "internal/reservation", "internal/secret", "internal/store"},
	// Reading telemetry; sums; keeping a lease; sending notifications.
	{"internal/dialect", "internal/lease", "internal/notify", "internal/rollup"},
	// Importing; deciding what counts.
	{"internal/history", "internal/ledger"},
	// What is used of budgets; the prices that are set.
	{"internal/budget", "internal/pricebook"},
	{"internal/access", "internal/alerting", "internal/keyring", "internal/keysync", "internal/promapi"},
	// The console: what all routes share,
	{"internal/console/api"},
	// what some of them share, and what is around them,
	{
		"internal/console/apidoc", "internal/console/compress", "internal/console/download", "internal/console/gate",
		"internal/console/guard", "internal/console/keyindex",
	},
	{"internal/console/audit", "internal/console/coalesce", "internal/console/filter", "internal/console/page"},
	{"internal/console/budgets"},
	{"internal/console/views"},
	// the resources,
	{
		"internal/console/alerts", "internal/console/channels", "internal/console/focus", "internal/console/importer", "internal/console/prices",
		"internal/console/quality", "internal/console/stats",
		"internal/console/users",
	},
	{"internal/console/keys", "internal/console/server"},
	{"internal/console/calls", "internal/console/keycheck", "internal/console/mcp", "internal/console/metrics"},
	{"internal/console/stream"},
	// and what assembles them; the engines, which only the extension that opens them refers to.
	{"internal/console", "internal/store/postgres", "internal/store/sqlite"},
	// The owner of the ledger, through which the other components find it.
	{"extension/tokenstoreextension"},
	// The console, whose metrics a receiver emits.
	{"extension/tokenconsoleextension"},
	{"exporter", "extension", "processor", "receiver"},
	// Parts of programs and of tests.
	{
		"internal/captured", "internal/cli", "internal/console/consoletest", "internal/dialectcases", "internal/fakeupstream",
		"internal/loadgen", "internal/planted", "internal/store/storetest",
	},
	// Programs.
	{"bench", "cmd", "e2e", "examples", "tools"},
	// Packages that have only tests.
	{"internal/clienttest", "internal/doclinks", "internal/houserules", "internal/modules", "proxytrace/test"},
}

// TestLayers: no package imports a package of its own or a higher layer, and every package has a place in the order.
// Imports of tests are not restricted.
func TestLayers(t *testing.T) {
	imports, err := importsOf(os.DirFS("../.."))
	require.NoError(t, err)
	require.Greater(t, len(imports), 50, "packages of the whole repository")
	for _, problem := range upward(imports, layers) {
		t.Error(problem)
	}
	for _, entry := range slices.Concat(layers...) {
		require.DirExists(t, path.Join("../..", entry), "remove it from layers")
	}
}

// upward returns a sentence for each import that the layers do not allow, and for each package without a layer.
func upward(imports map[string][]string, layers [][]string) []string {
	var found []string
	for _, from := range slices.Sorted(maps.Keys(imports)) {
		layer, entry := place(from, layers)
		if layer < 0 {
			found = append(found, from+" has no place in layers: add it to the lowest layer above all that it imports")
			continue
		}
		for _, to := range imports[from] {
			if below, other := place(to, layers); below > layer || below == layer && other != entry {
				found = append(found, fmt.Sprintf("%s (layer %d) imports %s (layer %d), which is not below it",
					from, layer, to, below))
			}
		}
	}
	return found
}

// place returns the layer of a package and the entry that it is listed by, and -1 when it is not listed.
func place(dir string, layers [][]string) (layer int, entry string) {
	layer = -1
	for i, entries := range layers {
		for _, e := range entries {
			if (dir == e || strings.HasPrefix(dir, e+"/")) && len(e) > len(entry) {
				layer, entry = i, e
			}
		}
	}
	return layer, entry
}

// importsOf returns which packages of this repository each of its packages imports outside of tests.
func importsOf(root fs.FS) (map[string][]string, error) {
	imports := map[string][]string{}
	err := eachFile(root, func(name string, _ []byte, file *ast.File, _ *token.FileSet) {
		from := path.Dir(name)
		if _, seen := imports[from]; !seen {
			imports[from] = nil
		}
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, i := range file.Imports {
			imported, _ := strconv.Unquote(i.Path.Value)
			if to, ours := strings.CutPrefix(imported, module); ours && !slices.Contains(imports[from], to) {
				imports[from] = append(imports[from], to)
			}
		}
	})
	return imports, err
}

// TestLayersAreNoticed: imports upward and sideways are reported, those downward and within an entry are not.
func TestLayersAreNoticed(t *testing.T) {
	file := func(imports ...string) *fstest.MapFile {
		text := "package p\n"
		for _, i := range imports {
			text += "import _ \"" + module + i + "\"\n"
		}
		return &fstest.MapFile{Data: []byte(text)}
	}
	imports, err := importsOf(fstest.MapFS{
		"low/a.go":         file("low/below"),
		"low/below/b.go":   file(),
		"low/b_test.go":    file("high"),
		"beside/a.go":      file("low"),
		"mid/a.go":         file("low/below", "high"),
		"high/a.go":        file("low", "mid"),
		"low/special/a.go": file("mid"),
		"unknown/a.go":     file(),
	})
	require.NoError(t, err)
	require.Equal(t, []string{
		"beside (layer 0) imports low (layer 0), which is not below it",
		"mid (layer 1) imports high (layer 2), which is not below it",
		"unknown has no place in layers: add it to the lowest layer above all that it imports",
	}, upward(imports, [][]string{{"low", "beside"}, {"mid"}, {"high", "low/special"}}))
}

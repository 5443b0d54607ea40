package console_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
)

// The functions that make failures of what they are given: the reason comes from their callers or
// from the status.
var makersOfProblems = []string{"NewProblem", "Invalid", "RetryLater", "WriteProblem", "verify", "problemOfHuma"}

// Every failure that a request can cause names its reason, so that the page has words for it.
func TestEveryRefusalNamesItsReason(t *testing.T) {
	files := sources(t)
	require.Greater(t, len(files), 60, "the source of all packages of the console")
	var named []api.Reason
	for _, name := range files {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			makes := slices.Contains(makersOfProblems, f.Name.Name)
			reasoned := map[ast.Expr]bool{}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				switch called := nameOf(call.Fun); {
				case called == "WithReason":
					reasoned[call.Args[1]] = true
					text, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
					require.NoError(t, err)
					named = append(named, api.Reason(text))
				case slices.Contains([]string{"NewProblem", "Invalid", "RetryLater"}, called):
					require.True(t, makes || reasoned[call], "%s: name the reason: WithReason(\"...\", %s(...))", set.Position(call.Pos()), called)
				}
				return true
			})
		}
	}
	slices.Sort(named)
	require.Equal(t, slices.Compact(named), api.NamedReasons, "namedReasons lists the reasons of the source, in their order")
}

// sources returns the source files of the console's packages, tests left out.
func sources(t *testing.T) (names []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".go" && !strings.HasSuffix(name, "_test.go") {
			names = append(names, name)
		}
		return err
	}))
	return names
}

// nameOf returns the name of a function that is called, without its package; "" for what has no name.
func nameOf(f ast.Expr) string {
	switch f := f.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func TestRefusalsHaveReasons(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	long := strings.Repeat("x", 101)
	consoletest.Data[keys.Key](b, "POST", "/keys", `{"name":"alice"}`, 201)
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		reason, detail           api.Reason
		limit                    int64
	}{
		{"a name that is taken", "POST", "/keys", `{"name":"alice"}`, 409, "key_name_taken", "", 0},
		{"a field that is missing", "POST", "/keys", `{}`, 400, "request_unfit", "property_missing", 0},
		{"a field that is unknown", "POST", "/keys", `{"name":"x","colour":"red"}`, 400, "request_unfit", "property_unknown", 0},
		{"a field in another case", "POST", "/keys", `{"name":"x","OWNER":"y"}`, 400, "request_unfit", "property_unknown", 0},
		{"a text that is too long", "POST", "/keys", `{"name":"` + long + `"}`, 400, "request_unfit", "text_too_long", 100},
		{"a key that is unknown", "DELETE", "/keys/key_none", "", 404, "key_unknown", "", 0},
		{"a search that is not closed", "GET", "/logs?q=%22a", "", 400, "search_quote_open", "search_quote_open", 0},
		{"a number that is too large", "GET", "/logs?limit=9999", "", 400, "request_unfit", "number_too_large", 1000},
		{"a parameter that is unknown", "GET", "/logs?colour=red", "", 400, "request_unfit", "property_unknown", 0},
		{"a route that is unknown", "GET", "/colours", "", 404, "not_found", "", 0},
		{"a method that is unknown", "DELETE", "/stats", "", 405, "method_not_allowed", "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := consoletest.RequireProblem(t, b.Do(tt.method, api.Base+tt.path, tt.body, nil), tt.status)
			limit := got.Limit
			if tt.detail != "" {
				require.NotEmpty(t, got.Details, got.Message)
				require.Equal(t, tt.detail, got.Details[0].Reason, got.Message)
				limit = got.Details[0].Limit
			}
			require.Equal(t, tt.reason, got.Reason, got.Message)
			if tt.limit > 0 {
				require.NotNil(t, limit)
				require.Equal(t, tt.limit, *limit)
			}
		})
	}
	require.Equal(t, api.Reason("internal"), api.ReasonOf(http.StatusGatewayTimeout))
}

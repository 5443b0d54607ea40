package console

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The functions that make failures of what they are given: the reason comes from their callers or
// from the status.
var makersOfProblems = []string{"newProblem", "wrong", "later", "writeProblem", "verify", "problemOfHuma"}

// Every failure that a request can cause names its reason, so that the page has words for it.
func TestEveryRefusalNamesItsReason(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var named []Reason
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
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
				switch id, _ := call.Fun.(*ast.Ident); {
				case id == nil:
				case id.Name == "because":
					reasoned[call.Args[1]] = true
					text, err := strconv.Unquote(call.Args[0].(*ast.BasicLit).Value)
					require.NoError(t, err)
					named = append(named, Reason(text))
				case slices.Contains([]string{"newProblem", "wrong", "later"}, id.Name):
					require.True(t, makes || reasoned[call], "%s: name the reason: because(\"...\", %s(...))", set.Position(call.Pos()), id.Name)
				}
				return true
			})
		}
	}
	slices.Sort(named)
	require.Equal(t, slices.Compact(named), namedReasons, "namedReasons lists the reasons of the source, in their order")
}

func TestRefusalsHaveReasons(t *testing.T) {
	b := newBench(t, nil)
	long := strings.Repeat("x", 101)
	data[Key](b, "POST", "/keys", `{"name":"alice"}`, 201)
	for _, tt := range []struct {
		name, method, path, body string
		status                   int
		reason, detail           Reason
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
			got := requireProblem(t, b.do(tt.method, base+tt.path, tt.body, nil), tt.status)
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
	require.Equal(t, Reason("internal"), reasonOf(http.StatusGatewayTimeout))
}

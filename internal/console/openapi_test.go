package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

// walkJSON visits every object of a document.
func walkJSON(v any, path string, visit func(path string, object map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(path, v)
		for name, child := range v {
			walkJSON(child, path+"/"+strings.ReplaceAll(name, "/", "~1"), visit)
		}
	case []any:
		for i, child := range v {
			walkJSON(child, fmt.Sprint(path, "/", i), visit)
		}
	}
}

// TestOpenAPIIsComplete checks the API's description by the rules of OpenAPI 3.1 that readers and
// generators rely on, and that everything of the API is described.
func TestOpenAPIIsComplete(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(b.Do("GET", api.Base+"/openapi.json", "", nil).Body.Bytes(), &doc))
	require.Regexp(t, `^3\.1\.`, doc["openapi"])
	require.NotEmpty(t, doc["info"].(map[string]any)["version"])

	find := func(ref string) any {
		var at any = doc
		for _, name := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			next, ok := at.(map[string]any)
			require.True(t, ok, ref)
			at = next[name]
		}
		return at
	}
	types := map[string]bool{"string": true, "integer": true, "number": true, "boolean": true, "object": true, "array": true, "null": true}
	walkJSON(doc, "#", func(path string, o map[string]any) {
		if ref, ok := o["$ref"].(string); ok {
			require.NotNil(t, find(ref), "%s leads nowhere", path)
		}
		if kind, ok := o["type"].(string); ok && strings.Contains(path, "/schema") && !strings.Contains(path, "/properties/type") {
			require.True(t, types[kind], "%s is a %q", path, kind)
		}
	})
	schemes := doc["components"].(map[string]any)["securitySchemes"].(map[string]any)
	known := map[string]bool{}
	for _, tag := range doc["tags"].([]any) {
		known[tag.(map[string]any)["name"].(string)] = true
	}
	ids := map[string]bool{}
	braces := regexp.MustCompile(`\{(\w+)\}`)
	for path, item := range doc["paths"].(map[string]any) {
		for method, o := range item.(map[string]any) {
			op := o.(map[string]any)
			name := strings.ToUpper(method) + " " + path
			id, _ := op["operationId"].(string)
			require.NotEmpty(t, id, name)
			require.False(t, ids[id], "%s is there twice", id)
			ids[id] = true
			require.NotEmpty(t, op["summary"], name)
			require.NotEmpty(t, op["description"], name)
			require.Len(t, op["tags"], 1, name)
			require.True(t, known[op["tags"].([]any)[0].(string)], name)
			for _, alternative := range op["security"].([]any) {
				for scheme := range alternative.(map[string]any) {
					require.Contains(t, schemes, scheme, name)
				}
			}
			inPath := map[string]bool{}
			params, _ := op["parameters"].([]any)
			for _, p := range params {
				param := p.(map[string]any)
				if param["description"] == nil {
					t.Errorf("%s: parameter %s says nothing", name, param["name"])
				}
				require.NotEmpty(t, param["schema"], name)
				if param["in"] == "path" {
					require.Equal(t, true, param["required"], name)
					inPath[param["name"].(string)] = true
				}
			}
			for _, m := range braces.FindAllStringSubmatch(path, -1) {
				require.True(t, inPath[m[1]], "%s does not describe %s", name, m[1])
			}
			responses := op["responses"].(map[string]any)
			require.NotEmpty(t, responses, name)
			for _, r := range responses {
				require.NotNil(t, r.(map[string]any)["description"], name)
			}
		}
	}
	for _, schema := range []string{"Sums", "LogItem", "LogDetail", "Breakdown", "BreakdownRow", "Stats", "Trend", "Import", "StreamSkipped", "Heatmap", "CallCost"} {
		properties := find("#/components/schemas/" + schema).(map[string]any)["properties"].(map[string]any)
		for field, p := range properties {
			o := p.(map[string]any)
			if o["description"] == nil && o["$ref"] == nil {
				t.Errorf("%s.%s says nothing", schema, field)
			}
		}
	}
}

func TestDocsPage(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	page := b.Do("GET", api.Base+"/docs", "", nil).Body.String()
	for _, never := range []string{"<script", "style=", "<style", "src=", "onclick", "http://cdn", "https://"} {
		require.NotContains(t, page, never, "nothing that the page's policy forbids")
	}
	anchors := map[string]bool{}
	for _, m := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.False(t, anchors[m[1]], "the anchor %s is there twice", m[1])
		anchors[m[1]] = true
	}
	links := regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1)
	require.Greater(t, len(links), 30)
	for _, m := range links {
		require.True(t, anchors[m[1]], "the link to %s leads nowhere", m[1])
	}
	require.Contains(t, page, "curl -H &#34;Authorization: Bearer $TOKENBOARD_TOKEN&#34; &#39;http://localhost:8317/api/console/breakdown?by=model,key&#39;")
	require.Contains(t, page, "Roles: operator, admin.")
	css := b.Do(http.MethodGet, api.Base+"/docs.css", "", nil)
	require.Equal(t, "text/css; charset=utf-8", css.Header().Get("Content-Type"))
	require.Contains(t, css.Body.String(), "prefers-color-scheme: dark")
}

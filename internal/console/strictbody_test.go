package console_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
)

// fullBodies are bodies with nested values, for routes whose expectation has none.
var fullBodies = map[string]string{
	"POST /api/console/keys":        `{"name":"full","models":["a"],"limits":{"requests_per_minute":1,"tokens":{"day":5},"usd":{"month":0.5}}}`,
	"PATCH /api/console/keys/{id}":  `{"description":"x","limits":{"tokens_per_minute":7,"usd":{"total":1}}}`,
	"POST /api/console/keys/import": `{"keys":[{"name":"i","key":"imported-by-a-test","limits":{"tokens":{"day":5}}}]}`,
	"POST /api/console/keys/verify": `{"key":"no such key","model":"m","estimate":1,"estimate_usd":0.1}`,
}

// TestBodiesAreReadOneWay sends every route that takes JSON every body that two readers could take for
// two things: a field twice, in another case, spelled with escapes, more than one value, values too deep.
// All are refused, and change nothing.
func TestBodiesAreReadOneWay(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	o.User("victim", access.Viewer)
	key := consoletest.Read[keys.NewKey](t, root.Do("POST", "/keys", `{"name":"key"}`), 201)
	bodies := map[string]string{}
	targets := map[string]string{}
	for _, e := range expectations {
		method, target, _ := strings.Cut(e.route, " ")
		if e.target != "" {
			target = e.target
		}
		targets[e.route] = method + " " + strings.NewReplacer("{key}", key.ID).Replace(target)
		if bodies[e.route] = e.body; fullBodies[e.route] != "" {
			bodies[e.route] = fullBodies[e.route]
		}
	}
	before := o.Dump()
	routes := 0
	for path, item := range o.Console.Router.API.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"POST": item.Post, "PUT": item.Put, "PATCH": item.Patch, "DELETE": item.Delete} {
			if op == nil || op.RequestBody == nil || strings.HasSuffix(path, "/logs/import") { // whose rows history reads
				continue
			}
			if op.RequestBody.Content["application/json"] == nil { // a file, which internal/pricing reads
				require.Contains(t, path, "/prices/", "a body that is no JSON: say who reads it strictly")
				continue
			}
			routes++
			route := method + " " + path
			body := bodies[route]
			require.NotEmpty(t, body, "%s takes a body: expectations (roles_test.go) have none", route)
			properties := map[string]bool{}
			propertiesOf(o.Console.Router.API.OpenAPI().Components.Schemas, op.RequestBody.Content["application/json"].Schema, properties)
			require.NotEmpty(t, properties, route)
			for what, bad := range ambiguous(t, body, properties) {
				m, target, _ := strings.Cut(targets[route], " ")
				w := o.Do(m, target, bad, root.Header)
				require.Equal(t, 400, w.Code, "%s with %s: %.300s\nanswers %s", route, what, bad, w.Body)
				consoletest.RequireNoLeak(t, w)
				consoletest.RequireProblem(t, w, 400)
				require.NotContains(t, w.Body.String(), "Go ", "no name of a type of ours")
				require.Less(t, w.Body.Len(), 4000)
			}
		}
	}
	require.GreaterOrEqual(t, routes, 12, "routes that take a body")
	require.Equal(t, before, o.Dump())
}

// propertiesOf collects the names of all fields that a schema has at any depth.
func propertiesOf(r huma.Registry, s *huma.Schema, into map[string]bool) {
	if s == nil {
		return
	}
	if s.Ref != "" {
		s = r.SchemaFromRef(s.Ref)
	}
	for name, p := range s.Properties {
		into[name] = true
		propertiesOf(r, p, into)
	}
	propertiesOf(r, s.Items, into)
}

// ambiguous returns bodies made from a good one that two readers could take for two things.
func ambiguous(t *testing.T, body string, properties map[string]bool) map[string]string {
	t.Helper()
	out := map[string]string{
		"two values":             body + body,
		"a value behind it":      body + " 1",
		"text behind it":         body + "x",
		"an open end":            strings.TrimSuffix(body, "}"),
		"deep lists":             strings.TrimSuffix(body, "}") + `,"deep":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
		"deep objects":           strings.TrimSuffix(body, "}") + `,"deep":` + strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000) + "}",
		"deep lists, cut off":    strings.Repeat("[", 30_000),
		"a field that is none":   strings.TrimSuffix(body, "}") + `,"no such field":1}`,
		"bytes that are no text": strings.TrimSuffix(body, "}") + ",\"\xff\":1}",
	}
	if body == "{}" {
		out["deep lists"], out["deep objects"] = strings.Replace(out["deep lists"], ",", "", 1), strings.Replace(out["deep objects"], ",", "", 1)
	}
	var top any
	require.NoError(t, json.Unmarshal([]byte(body), &top))
	members := 0
	each(top, func(object map[string]any) {
		for name, value := range object {
			members++
			with := func(second string, v any) string {
				text, err := json.Marshal(v)
				require.NoError(t, err)
				return renderWith(t, top, object, second+":"+string(text))
			}
			escaped := fmt.Sprintf(`"\u%04x%s"`, name[0], name[1:])
			out[name+" twice"] = with(quoted(name), value)
			out[name+" twice, the second with null"] = with(quoted(name), nil)
			out[name+" twice, once escaped"] = with(escaped, value)
		}
	})
	require.True(t, members > 0 || body == "{}", "no field to repeat in %s", body)
	for name := range properties {
		for _, other := range []string{strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:], strings.ReplaceAll(name, "s", "ſ"), strings.ReplaceAll(name, "k", "\u212a")} {
			if other == name {
				continue
			}
			for _, value := range []string{"null", "1", `"admin"`, "-100000", "{}", "[]"} {
				object, _ := top.(map[string]any)
				out[other+" of "+value] = renderWith(t, top, object, quoted(other)+":"+value)
			}
		}
	}
	return out
}

func each(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, x := range v {
			each(x, visit)
		}
	case []any:
		for _, x := range v {
			each(x, visit)
		}
	}
}

// renderWith writes a value as JSON, with one more member in one of its objects.
func renderWith(t *testing.T, top any, object map[string]any, member string) string {
	t.Helper()
	const mark = "\x00mark"
	object[mark] = nil
	defer delete(object, mark)
	b, err := json.Marshal(top)
	require.NoError(t, err)
	marked := []byte(quoted(mark) + ":null")
	require.Equal(t, 1, bytes.Count(b, marked))
	return string(bytes.Replace(b, marked, []byte(member), 1))
}

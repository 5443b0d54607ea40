// Package apidoc answers with the description of the API: OpenAPI, and a page made of it.
package apidoc

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
)

// The page that documents the API. It needs no script and nothing from elsewhere.
var (
	//go:embed docs.html
	docsHTML string
	//go:embed docs.css
	docsCSS []byte

	docsTemplate = template.Must(template.New("docs").Parse(docsHTML))
)

// Routes adds the routes of the documentation and of the description of the API.
func Routes(e *api.Env, r *api.Router) {
	docs(r)
	description(e, r)
}

// docs serves the API's documentation, made from its description when somebody first asks for it.
func docs(r *api.Router) {
	doc := r.API.OpenAPI()
	for path, file := range map[string]struct {
		kind string
		text func() []byte
	}{
		"/docs":     {"text/html", sync.OnceValue(func() []byte { return docsPage(doc) })},
		"/docs.css": {"text/css", func() []byte { return docsCSS }},
	} {
		r.Handle(http.MethodGet, api.Base+path, access.Anyone, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", file.kind+"; charset=utf-8")
			_, _ = w.Write(file.text()) // a client that is gone needs no page
		}))
	}
}

// description serves the API's description: OpenAPI 3.1, and 3.0 for programs that read no later one.
func description(e *api.Env, r *api.Router) {
	doc := r.API.OpenAPI()
	for path, file := range map[string]struct {
		kind string
		make func() ([]byte, error)
	}{
		"/openapi.json":     {"application/openapi+json", func() ([]byte, error) { return json.Marshal(doc) }},
		"/openapi.yaml":     {"application/openapi+yaml", doc.YAML},
		"/openapi-3.0.json": {"application/openapi+json", doc.Downgrade},
		"/openapi-3.0.yaml": {"application/openapi+yaml", doc.DowngradeYAML},
	} {
		text := sync.OnceValues(file.make)
		r.Handle(http.MethodGet, api.Base+path, access.Anyone, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			b, err := text()
			if err != nil {
				e.Failed("openapi", err) //nolint:errcheck // it is logged
				api.WriteProblem(w, http.StatusInternalServerError, "the description could not be written; the log of the server says why")
				return
			}
			w.Header().Set("Content-Type", file.kind)
			_, _ = w.Write(b) // a client that is gone needs no description
		}))
	}
}

// docGroup is the routes of one tag.
type docGroup struct {
	Name, Doc, Anchor string
	Routes            []docRoute
}

// docRoute is one route in the documentation.
type docRoute struct {
	Method, Path, Summary, Anchor, Curl string
	Notes                               []string
	Params, Body, Answer                []docField
}

type docField struct{ Name, Type, Doc string }

// docsPage renders the API's description as one page.
func docsPage(doc *huma.OpenAPI) []byte {
	byTag := map[string][]docRoute{}
	for path, item := range doc.Paths {
		for _, method := range api.Methods {
			if op := operationOf(item, method); op != nil && len(op.Tags) > 0 {
				byTag[op.Tags[0]] = append(byTag[op.Tags[0]], docRouteOf(doc, method, path, op))
			}
		}
	}
	var groups []docGroup
	for _, t := range tags {
		routes := byTag[t.name]
		slices.SortFunc(routes, func(a, b docRoute) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
		groups = append(groups, docGroup{t.name, t.doc, "group-" + strings.ReplaceAll(strings.ToLower(t.name), " ", "-"), routes})
	}
	var out bytes.Buffer
	if err := docsTemplate.Execute(&out, map[string]any{"Info": doc.Info, "Groups": groups, "Base": api.Base}); err != nil {
		panic(err) // the template and its data are ours
	}
	return out.Bytes()
}

func docRouteOf(api *huma.OpenAPI, method, path string, op *huma.Operation) docRoute {
	r := docRoute{Method: method, Path: path, Summary: op.Summary, Anchor: op.OperationID, Notes: strings.Split(op.Description, "\n\n"), Curl: curl(api, method, path, op)}
	for _, p := range op.Parameters {
		r.Params = append(r.Params, docField{p.Name + " (" + p.In + ")", typeOf(api, p.Schema), describe(p.Schema, p.Description)})
	}
	if op.RequestBody != nil {
		if m := op.RequestBody.Content["application/json"]; m != nil {
			r.Body = fieldsOf(api, m.Schema, "", 0)
		}
	}
	for status, resp := range op.Responses {
		if m := resp.Content["application/json"]; strings.HasPrefix(status, "2") && m != nil {
			r.Answer = fieldsOf(api, m.Schema, "", 0)
		}
	}
	return r
}

// curl is how to ask a route from a shell.
func curl(api *huma.OpenAPI, method, path string, op *huma.Operation) string {
	var query []string
	for _, p := range op.Parameters {
		if p.In == "query" && p.Required {
			query = append(query, p.Name+"="+example(p.Schema))
		}
	}
	address := "http://localhost:8317" + path
	if len(query) > 0 {
		address += "?" + strings.Join(query, "&")
	}
	line := "curl"
	if method != http.MethodGet {
		line += " -X " + method
	}
	if len(op.Security) > 0 {
		line += ` -H "Authorization: Bearer $TOKENBOARD_TOKEN"`
	}
	if op.RequestBody != nil {
		line += ` -H 'Content-Type: application/json'`
		var fields []string
		if m := op.RequestBody.Content["application/json"]; m != nil {
			if s := resolve(api, m.Schema); s != nil {
				for _, name := range s.Required {
					fields = append(fields, `"`+name+`": "..."`)
				}
			}
		}
		if op.OperationID == "import" {
			line += " --data-binary @calls.ndjson"
		} else {
			line += ` -d '{` + strings.Join(fields, ", ") + `}'`
		}
	}
	return line + " '" + address + "'"
}

// example is a value that a parameter can have.
func example(s *huma.Schema) string {
	if s != nil && len(s.Examples) > 0 {
		if text, ok := s.Examples[0].(string); ok {
			return text
		}
	}
	if s != nil && len(s.Enum) > 0 {
		if text, ok := s.Enum[0].(string); ok {
			return text
		}
	}
	return "..."
}

func resolve(api *huma.OpenAPI, s *huma.Schema) *huma.Schema {
	if s != nil && s.Ref != "" {
		return api.Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}

// maxDepth bounds how far the documentation follows fields into their objects.
const maxDepth = 4

func fieldsOf(api *huma.OpenAPI, s *huma.Schema, prefix string, depth int) (out []docField) {
	s = resolve(api, s)
	if s == nil || depth > maxDepth {
		return nil
	}
	if s.Type == huma.TypeArray {
		return fieldsOf(api, s.Items, prefix+"[]", depth)
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		p := s.Properties[name]
		full := strings.TrimPrefix(prefix+"."+name, ".")
		out = append(out, docField{full, typeOf(api, p), describe(p, p.Description)})
		out = append(out, fieldsOf(api, p, full, depth+1)...)
	}
	return out
}

func typeOf(api *huma.OpenAPI, s *huma.Schema) string {
	s = resolve(api, s)
	if s == nil {
		return ""
	}
	if s.Type == huma.TypeArray {
		return "list of " + typeOf(api, s.Items)
	}
	t := s.Type
	if s.Format != "" {
		t += " (" + s.Format + ")"
	}
	if s.Nullable {
		t += " or null"
	}
	return t
}

func describe(s *huma.Schema, doc string) string {
	if s == nil {
		return doc
	}
	if len(s.Enum) > 0 {
		values := make([]string, 0, len(s.Enum))
		for _, v := range s.Enum {
			if text, ok := v.(string); ok {
				values = append(values, text)
			}
		}
		doc = strings.TrimPrefix(doc+"; one of "+strings.Join(values, ", "), "; ")
	}
	return doc
}

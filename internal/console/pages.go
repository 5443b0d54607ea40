package console

import (
	"bytes"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/access"
)

// pages serves the console's page and the API's documentation.
func (c *Console) pages(mux *http.ServeMux) {
	c.handle(mux, http.MethodGet, pageRoot, access.Anyone, page())
	for _, path := range []string{"/console", "/{$}"} {
		c.handle(mux, http.MethodGet, path, access.Anyone, http.RedirectHandler(pageRoot, http.StatusFound))
	}
	page := c.docsPage()
	c.handle(mux, http.MethodGet, base+"/docs", access.Anyone, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page) // a client that is gone needs no page
	}))
}

// docRoute is one route in the documentation.
type docRoute struct {
	Method, Path, Summary string
	Params                []docField
	Body, Answer          []docField
}

type docField struct{ Name, Type, Doc string }

// docsPage renders the OpenAPI document as one page.
func (c *Console) docsPage() []byte {
	api := c.api.OpenAPI()
	var routes []docRoute
	for path, item := range api.Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "PUT": item.Put, "DELETE": item.Delete} {
			if op == nil {
				continue
			}
			r := docRoute{Method: method, Path: path, Summary: op.Summary}
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
			routes = append(routes, r)
		}
	}
	slices.SortFunc(routes, func(a, b docRoute) int { return strings.Compare(a.Path+a.Method, b.Path+b.Method) })
	var out bytes.Buffer
	if err := docsTemplate.Execute(&out, map[string]any{"Info": api.Info, "Routes": routes, "Base": base}); err != nil {
		panic(err) // the template and its data are ours
	}
	return out.Bytes()
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

var docsTemplate = template.Must(template.New("docs").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Info.Title}} API</title><link rel="stylesheet" href="/console/style.css"></head><body><main>
<h1>{{.Info.Title}} API</h1><p>{{.Info.Description}}</p>
<p>The same as OpenAPI 3.1: <a href="{{.Base}}/openapi.json">openapi.json</a></p>
{{range .Routes}}<section><h2><code>{{.Method}} {{.Path}}</code></h2><p>{{.Summary}}</p>
{{if .Params}}<h3>Parameters</h3><table>{{range .Params}}<tr><td><code>{{.Name}}</code></td><td>{{.Type}}</td><td>{{.Doc}}</td></tr>{{end}}</table>{{end}}
{{if .Body}}<h3>Body</h3><table>{{range .Body}}<tr><td><code>{{.Name}}</code></td><td>{{.Type}}</td><td>{{.Doc}}</td></tr>{{end}}</table>{{end}}
{{if .Answer}}<h3>Answer</h3><table>{{range .Answer}}<tr><td><code>{{.Name}}</code></td><td>{{.Type}}</td><td>{{.Doc}}</td></tr>{{end}}</table>{{end}}
</section>{{end}}</main></body></html>`))

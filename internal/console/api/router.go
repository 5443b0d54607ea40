package api

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tokenboard/tokenboard/internal/access"
)

const maxBody = 64 << 10 // bytes; a request holds a name and a few settings

// Route is one route and the permission that it needs.
type Route struct {
	Method, Path string
	Need         access.Permission
}

// Router registers routes. A route exists only with a permission.
type Router struct {
	API    huma.API
	Routes []Route // all that are registered

	mux  *http.ServeMux
	pace pace
	now  func() time.Time
}

// NewRouter returns a router that adds its routes to a mux. info describes the API.
func NewRouter(mux *http.ServeMux, info huma.Info, now func() time.Time) *Router {
	config := huma.DefaultConfig(info.Title, info.Version)
	config.Info = &info
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // see package apidoc
	config.CreateHooks = nil                                             // no $schema fields in answers
	config.RejectUnknownQueryParameters = true
	config.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	config.AllowAdditionalPropertiesByDefault = false
	config.Components.Schemas = huma.NewMapRegistry("#/components/schemas/", schemaName)
	config.Transformers = append(config.Transformers, problemOfHuma)
	r := &Router{API: humago.New(mux, config), mux: mux, pace: newPace(), now: now}
	r.API.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) { next(failureContext{ctx}) })
	return r
}

// schemaName returns the name of a type in the description of the API: the one that the type itself names, where its
// name in Go is clear only with its package.
func schemaName(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name, ok := namedSchema(t); ok {
		return name
	}
	if t.Kind() == reflect.Struct && t.Name() == "" { // the body of an Envelope, whose hint has the type of its data
		if data, ok := t.FieldByName("Data"); ok {
			if name, ok := namedSchema(data.Type); ok {
				hint = strings.Replace(hint, data.Type.PkgPath()+"."+data.Type.Name(), name, 1)
			}
		}
	}
	return huma.DefaultSchemaNamer(t, hint)
}

func namedSchema(t reflect.Type) (name string, ok bool) {
	named, ok := reflect.Zero(t).Interface().(interface{ SchemaName() string })
	if !ok || t.Kind() == reflect.Pointer {
		return "", false
	}
	return named.SchemaName(), true
}

// Operation describes an operation below the base path of the API.
func Operation(method, path, id, summary string) huma.Operation {
	op := huma.Operation{OperationID: id, Method: method, Path: Base + path, Summary: summary}
	if method != http.MethodGet {
		op.MaxBodyBytes = maxBody
	}
	return op
}

// Register adds a route of the API that needs a permission.
func Register[I, O any](r *Router, need access.Permission, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	r.Routes = append(r.Routes, Route{op.Method, op.Path, need})
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		req, w := humago.Unwrap(ctx)
		if Allowed(w, req, need) && r.paced(w, req, need) {
			next(ctx)
		}
	})
	huma.Register(r.API, op, h)
}

// Handle adds a route that is not part of the description of the API: pages, metrics, probes.
func (r *Router) Handle(method, path string, need access.Permission, h http.Handler) {
	r.Routes = append(r.Routes, Route{method, path, need})
	r.mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, req *http.Request) {
		if Allowed(w, req, need) {
			h.ServeHTTP(w, req)
		}
	})
}

// Allowed reports whether the principal of a request holds a permission; where not, it answers the request.
func Allowed(w http.ResponseWriter, r *http.Request, need access.Permission) bool {
	p := access.From(r.Context())
	switch {
	case p.May(need):
		return true
	case p.Role == access.Nobody:
		Unauthorized(w, "sign in first, or send an API token (Authorization: Bearer tbt-...)")
	case p.Role.May(need): // the role would
		WriteProblem(w, http.StatusForbidden, "an API token does not do this: sign in, or, to manage users, use a token with the scope manage_users")
	default:
		WriteProblem(w, http.StatusForbidden, "your role, "+p.Role.String()+", does not allow this; ask an admin")
	}
	return false
}

// Unauthorized answers a request without a principal.
func Unauthorized(w http.ResponseWriter, message string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="tokenboard"`)
	WriteProblem(w, http.StatusUnauthorized, message)
}

// Methods are the HTTP methods that routes of the API can have.
var Methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// Handler returns the handler of all routes that are registered. It answers in the envelope also where there is no route.
func (r *Router) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := r.mux.Handler(req); pattern != "" {
			r.mux.ServeHTTP(w, req)
			return
		}
		var allowed []string
		for _, m := range Methods {
			other := req.Clone(req.Context())
			other.Method = m
			if _, pattern := r.mux.Handler(other); pattern != "" {
				allowed = append(allowed, m)
			}
		}
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			WriteProblem(w, http.StatusMethodNotAllowed, "this route takes "+strings.Join(allowed, ", "))
			return
		}
		WriteProblem(w, http.StatusNotFound, "there is no such route; "+Base+"/docs lists them")
	})
}

// TokenHeader is the header of an API token in requests whose Authorization is the key of a client.
const TokenHeader = "X-Tokenboard-Token"

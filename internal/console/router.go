package console

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tokenboard/tokenboard/internal/access"
)

const maxBody = 64 << 10 // bytes; a request holds a name and a few settings

// registeredRoute is one route and the permission that it needs.
type registeredRoute struct {
	Method, Path string
	Need         access.Permission
}

// router registers routes. A route exists only with a permission.
type router struct {
	API    huma.API
	Routes []registeredRoute // all that are registered

	mux  *http.ServeMux
	pace pace
	now  func() time.Time
}

// newRouter returns a router that adds its routes to a mux. info describes the API.
func newRouter(mux *http.ServeMux, info huma.Info, now func() time.Time) *router {
	config := huma.DefaultConfig(info.Title, info.Version)
	config.Info = &info
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // see package apidoc
	config.CreateHooks = nil                                             // no $schema fields in answers
	config.RejectUnknownQueryParameters = true
	config.Formats = map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat}
	config.AllowAdditionalPropertiesByDefault = false
	config.Transformers = append(config.Transformers, problemOfHuma)
	r := &router{API: humago.New(mux, config), mux: mux, pace: newPace(), now: now}
	r.API.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) { next(failureContext{ctx}) })
	return r
}

// operation describes an operation below the base path of the API.
func operation(method, path, id, summary string) huma.Operation {
	op := huma.Operation{OperationID: id, Method: method, Path: base + path, Summary: summary}
	if method != http.MethodGet {
		op.MaxBodyBytes = maxBody
	}
	return op
}

// register adds a route of the API that needs a permission.
func register[I, O any](r *router, need access.Permission, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	r.Routes = append(r.Routes, registeredRoute{op.Method, op.Path, need})
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		req, w := humago.Unwrap(ctx)
		if Allowed(w, req, need) && r.paced(w, req, need) {
			next(ctx)
		}
	})
	huma.Register(r.API, op, h)
}

// handle adds a route that is not part of the description of the API: pages, metrics, probes.
func (r *router) handle(method, path string, need access.Permission, h http.Handler) {
	r.Routes = append(r.Routes, registeredRoute{method, path, need})
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
		unauthorized(w, "sign in first, or send an API token (Authorization: Bearer tbt-...)")
	case p.Role.May(need): // the role would
		writeProblem(w, http.StatusForbidden, "an API token does not do this: sign in, or, to manage users, use a token with the scope manage_users")
	default:
		writeProblem(w, http.StatusForbidden, "your role, "+p.Role.String()+", does not allow this; ask an admin")
	}
	return false
}

// unauthorized answers a request that acts for nobody.
func unauthorized(w http.ResponseWriter, message string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="tokenboard"`)
	writeProblem(w, http.StatusUnauthorized, message)
}

var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// Handler returns the handler of all routes that are registered. It answers in the envelope also where there is no route.
func (r *router) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if _, pattern := r.mux.Handler(req); pattern != "" {
			r.mux.ServeHTTP(w, req)
			return
		}
		var allowed []string
		for _, m := range methods {
			other := req.Clone(req.Context())
			other.Method = m
			if _, pattern := r.mux.Handler(other); pattern != "" {
				allowed = append(allowed, m)
			}
		}
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			writeProblem(w, http.StatusMethodNotAllowed, "this route takes "+strings.Join(allowed, ", "))
			return
		}
		writeProblem(w, http.StatusNotFound, "there is no such route; "+base+"/docs lists them")
	})
}

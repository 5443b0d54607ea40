package console

import (
	"context"
	"net"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/tokenboard/tokenboard/internal/access"
)

// placement is one route and the permission that it needs. A route exists only with one.
type placement struct {
	Method, Path string
	Need         access.Permission
}

// route describes an operation under the API's base path.
func route(method, path, id, summary string) huma.Operation {
	op := huma.Operation{OperationID: id, Method: method, Path: base + path, Summary: summary}
	if method != http.MethodGet {
		op.MaxBodyBytes = maxBody
	}
	return op
}

// register adds a route of the API that needs a permission.
func register[I, O any](c *Console, need access.Permission, op huma.Operation, h func(context.Context, *I) (*O, error)) {
	c.placed = append(c.placed, placement{op.Method, op.Path, need})
	op.Middlewares = append(op.Middlewares, func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if c.allowed(w, r, need) {
			next(ctx)
		}
	})
	huma.Register(c.api, op, h)
}

// handle adds a route that is not part of the API's description: pages, metrics, probes.
func (c *Console) handle(mux *http.ServeMux, method, path string, need access.Permission, h http.Handler) {
	c.placed = append(c.placed, placement{method, path, need})
	mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
		if c.allowed(w, r, need) {
			h.ServeHTTP(w, r)
		}
	})
}

// allowed tells whether a request's principal holds a permission; where not, it answers.
func (c *Console) allowed(w http.ResponseWriter, r *http.Request, need access.Permission) bool {
	p := access.From(r.Context())
	switch {
	case p.Role.May(need):
		return true
	case p.Role == access.Nobody:
		writeProblem(w, http.StatusUnauthorized, "sign in first")
	default:
		writeProblem(w, http.StatusForbidden, "your role, "+p.Role.String()+", does not allow this; ask an admin")
	}
	return false
}

// identify finds out who a request acts for.
func (c *Console) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := access.Principal{Name: "local", Role: access.Admin, Via: "open"}
		if !c.o.Open { // the collector's authenticator has let it through
			p = access.Principal{Name: "authenticated", Role: access.Admin, Via: "auth"}
		}
		p.Source = source(r)
		next.ServeHTTP(w, r.WithContext(access.With(r.Context(), p)))
	})
}

// source is the address that a request came from.
func source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

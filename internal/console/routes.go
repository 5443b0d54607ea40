package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

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
		if c.allowed(w, r, need) && c.paced(w, r, need) {
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

// identify finds out who a request acts for.
func (c *Console) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, p, err := c.principal(r)
		switch {
		case errors.Is(err, errBadToken):
			unauthorized(w, err.Error())
			return
		case err != nil:
			c.failed("sign-in", err) //nolint:errcheck // it is logged
			writeProblem(w, http.StatusServiceUnavailable, "the store could not say who you are; try again in a moment")
			return
		}
		p.Source = c.source(r)
		if c.signIn != nil {
			ctx = c.signIn.withDevice(ctx, r)
		}
		ctx = context.WithValue(ctx, againKey{}, func() bool {
			_, now, err := c.principal(r)
			return err == nil && now.ID == p.ID && now.Role == p.Role
		})
		next.ServeHTTP(w, r.WithContext(access.With(ctx, p)))
	})
}

// againKey is a context's key of what finds out again who a request acts for.
type againKey struct{}

// stillIn tells whether a request that has gone on for a while acts for the same principal in the same
// role as when it began: its session may have ended, its token may be revoked.
func stillIn(ctx context.Context) bool {
	again, ok := ctx.Value(againKey{}).(func() bool)
	return !ok || again()
}

func (c *Console) principal(r *http.Request) (context.Context, access.Principal, error) {
	ctx := r.Context()
	switch {
	case c.signIn != nil:
		return c.signIn.principal(r, c.fromOwnPage(r))
	case c.o.Open:
		return ctx, access.Principal{Name: "local", Role: access.Admin, Via: viaOpen}, nil
	case c.o.Authenticated == nil:
		return ctx, access.Principal{}, nil
	}
	return ctx, c.o.Authenticated(ctx), nil
}

// unauthorized answers a request that acts for nobody.
func unauthorized(w http.ResponseWriter, message string) {
	w.Header().Set("WWW-Authenticate", `Bearer realm="tokenboard"`)
	writeProblem(w, http.StatusUnauthorized, message)
}

// source is the address that a request came from: of whom it is forwarded for, where a proxy that is
// trusted says so.
func (c *Console) source(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && c.trusted(host); i-- {
		a, err := netip.ParseAddr(strings.TrimSpace(forwarded[i]))
		if err != nil {
			break // what a trusted proxy does not write
		}
		host = a.Unmap().String()
	}
	return host
}

// trusted tells whether an address is a proxy's that is trusted.
func (c *Console) trusted(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(c.o.Proxies, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

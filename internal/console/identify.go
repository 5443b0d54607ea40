package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/users"
)

// identify finds out who a request acts for.
func (c *Console) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, p, err := c.principal(r)
		switch {
		case errors.Is(err, users.ErrBadToken):
			api.Unauthorized(w, err.Error())
			return
		case err != nil:
			c.Failed("sign-in", err) //nolint:errcheck // it is logged
			api.WriteProblem(w, http.StatusServiceUnavailable, "the store could not say who you are; try again in a moment")
			return
		}
		p.Source = c.source(r)
		ctx = c.Users.WithDevice(ctx, r)
		ctx = api.WithRecheck(ctx, func() bool {
			_, now, err := c.principal(r)
			return err == nil && now.ID == p.ID && now.Role == p.Role
		})
		next.ServeHTTP(w, r.WithContext(access.With(ctx, p)))
	})
}

func (c *Console) principal(r *http.Request) (context.Context, access.Principal, error) {
	ctx := r.Context()
	switch {
	case c.Users.SignsIn():
		return c.Users.Principal(r, c.guard.FromOwnPage(r))
	case c.o.Open:
		return ctx, access.Principal{Name: "local", Role: access.Admin, Via: api.ViaOpen}, nil
	case c.o.Authenticated == nil:
		return ctx, access.Principal{}, nil
	}
	return ctx, c.o.Authenticated(ctx), nil
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

// trusted reports whether an address is a proxy's that is trusted.
func (c *Console) trusted(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && slices.ContainsFunc(c.o.Proxies, func(p netip.Prefix) bool { return p.Contains(a.Unmap()) })
}

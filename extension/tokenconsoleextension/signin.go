package tokenconsoleextension

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"go.opentelemetry.io/collector/client"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/sso"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/users"
)

// providerPatience is how long the OpenID Connect provider may take to answer.
const providerPatience = 10 * time.Second

// signsPeopleIn completes the console's options with the settings that decide who may use it.
func (s *server) signsPeopleIn(ctx context.Context, o *console.Options) (err error) {
	a := &s.config.Access
	o.Open = a.Mode == modeOpen && !s.config.HTTP.Auth.HasValue()
	o.Hosts = a.Hosts
	if o.Proxies, err = a.proxies(); err != nil {
		return err
	}
	if s.config.HTTP.Auth.HasValue() {
		o.Authenticated, err = a.authenticated()
		return err
	}
	if o.Open {
		return nil
	}
	o.SignIn = &users.SignIn{
		Secure: a.Session.SecureCookie || s.config.HTTP.TLS.HasValue(), Idle: a.Session.IdleTimeout, Lifetime: a.Session.Lifetime,
	}
	if a.Mode == modeOIDC {
		o.SignIn.Provider, err = s.provider(ctx)
	}
	if !o.SignIn.Secure && !loopback(s.config.HTTP.NetAddr.Endpoint) {
		s.set.Logger.Warn("users sign in over connections that may be unencrypted; set tls, or put a proxy with TLS before the console and set access::session::secure_cookie")
	}
	return err
}

// authenticated returns who a request acts for that an authenticator of the collector accepted.
func (a *Access) authenticated() (func(context.Context) access.Principal, error) {
	otherwise, err := roleOrNone("auth_role", a.authRole())
	if err != nil {
		return nil, err
	}
	of, err := roles("auth_roles", a.AuthRoles)
	if err != nil {
		return nil, err
	}
	names := []string{"subject", "username"}
	if a.AuthNameAttribute != "" {
		names = []string{a.AuthNameAttribute}
	}
	return func(ctx context.Context) (p access.Principal) {
		p = access.Principal{Role: otherwise, Via: "auth"}
		defer func() {
			if p.Name == "" && p.Role == access.Member { // whose keys?
				p.Role = access.Nobody
			} else if p.Name == "" {
				p.Name = "authenticated"
			}
		}()
		auth := client.FromContext(ctx).Auth
		if auth == nil {
			return p
		}
		for i := len(names) - 1; i >= 0; i-- {
			if name, ok := auth.GetAttribute(names[i]).(string); ok && name != "" {
				p.Name = name
			}
		}
		if a.AuthRoleAttribute == "" {
			return p
		}
		values := texts(auth.GetAttribute(a.AuthRoleAttribute))
		for role, wanted := range of {
			for _, w := range wanted {
				if values[w] {
					p.Role = max(p.Role, role)
				}
			}
		}
		return p
	}, nil
}

// texts are the texts of an attribute, which may be one or a list.
func texts(v any) map[string]bool {
	out := map[string]bool{}
	switch v := v.(type) {
	case string:
		out[v] = true
	case []string:
		for _, s := range v {
			out[s] = true
		}
	case []any:
		for _, one := range v {
			if s, ok := one.(string); ok {
				out[s] = true
			}
		}
	}
	return out
}

// provider sets up the OpenID Connect provider.
func (s *server) provider(ctx context.Context) (*sso.Provider, error) {
	o := &s.config.Access.OIDC
	tls, err := o.TLS.LoadTLSConfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("access: oidc: tls: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if tls != nil {
		transport.TLSClientConfig = tls
	}
	s.provided = &http.Client{Transport: transport, Timeout: providerPatience}
	of, err := roles("oidc::roles", o.Roles)
	if err != nil {
		return nil, err
	}
	otherwise, err := roleOrNone("oidc::default_role", o.DefaultRole)
	if err != nil {
		return nil, err
	}
	return sso.New(sso.Config{
		Name: o.Name, Issuer: o.Issuer, ClientID: o.ClientID, ClientSecret: string(o.ClientSecret), RedirectURL: o.RedirectURL,
		Scopes: o.Scopes, NameClaim: o.NameClaim, RoleClaim: o.RoleClaim, Roles: of, DefaultRole: otherwise, Client: s.provided,
	})
}

// firstAdmin ensures that somebody can sign in: the configured admin, or the person who follows the one-time
// link that is written to w. The link is not logged, because others may read the log later.
func (s *server) firstAdmin(ctx context.Context, w io.Writer) error {
	a := &s.config.Access
	if a.Admin.Username != "" {
		if err := s.console.Bootstrap(ctx, a.Admin.Username, string(a.Admin.Password)); err != nil {
			return fmt.Errorf("make the first admin: %w", err)
		}
	}
	token, err := s.console.SetupToken(ctx)
	if err != nil {
		return fmt.Errorf("look for an admin: %w", err)
	}
	if token == "" {
		return nil
	}
	_, err = fmt.Fprintf(w, "tokenboard: there is no admin yet. Within an hour, make the first one at (works once):\n  %s/console/login#setup=%s\n", s.address(), token)
	if err != nil {
		s.set.Logger.Warn("the link to make the first admin could not be printed; use: tokenboard user add --role admin", zap.Error(err))
	}
	return nil
}

// address is where a browser on this machine finds the console.
func (s *server) address() string {
	scheme := "http://"
	if s.config.HTTP.TLS.HasValue() {
		scheme = "https://"
	}
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return scheme + s.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + net.JoinHostPort(host, port)
}

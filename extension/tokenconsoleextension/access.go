package tokenconsoleextension

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/console/users"
)

// Access says who may use the console.
type Access struct {
	// Mode is "open": everybody who reaches the endpoint, which must be on loopback then; "local":
	// users with passwords; "oidc": the same, and users of an OpenID Connect provider.
	Mode string `mapstructure:"mode"`
	// Hosts are the names, without port, under which the console answers; empty: all.
	Hosts []string `mapstructure:"hosts"`
	// TrustedProxies are addresses or networks whose X-Forwarded-For is believed.
	TrustedProxies []string `mapstructure:"trusted_proxies"`
	// Admin is the first admin, made where there is none.
	Admin FirstAdmin `mapstructure:"admin"`
	// Session limits how long one stays signed in.
	Session Session `mapstructure:"session"`
	// OIDC is the provider of the mode "oidc".
	OIDC OIDC `mapstructure:"oidc"`
	// AuthRole is the role of those whom the authenticator in auth lets in, and AuthRoles do not give one.
	AuthRole string `mapstructure:"auth_role"`
	// AuthNameAttribute is the authenticator's attribute that names who it let in; empty: subject, else username.
	AuthNameAttribute string `mapstructure:"auth_name_attribute"`
	// AuthRoleAttribute is the authenticator's attribute that AuthRoles look at.
	AuthRoleAttribute string `mapstructure:"auth_role_attribute"`
	// AuthRoles are values of the attribute for each role.
	AuthRoles map[string][]string `mapstructure:"auth_roles"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// FirstAdmin is an admin that is made at start where there is none.
type FirstAdmin struct {
	Username string              `mapstructure:"username"`
	Password configopaque.String `mapstructure:"password"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Session limits how long one stays signed in.
type Session struct {
	// SecureCookie keeps the session's cookie off connections without TLS. It is on where the server
	// has TLS; behind a proxy that has it, set it.
	SecureCookie bool `mapstructure:"secure_cookie"`
	// IdleTimeout ends a session that was not used for so long.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	// Lifetime ends every session.
	Lifetime time.Duration `mapstructure:"lifetime"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// OIDC is an OpenID Connect provider.
type OIDC struct {
	// Name is the provider's name on the sign-in page.
	Name string `mapstructure:"name"`
	// Issuer is the provider's issuer URL.
	Issuer string `mapstructure:"issuer"`
	// ClientID and ClientSecret are this console's credentials at the provider.
	ClientID     string              `mapstructure:"client_id"`
	ClientSecret configopaque.String `mapstructure:"client_secret"`
	// RedirectURL is this console's /api/console/session/oidc/callback, as browsers reach it.
	RedirectURL string `mapstructure:"redirect_url"`
	// Scopes are asked for besides openid.
	Scopes []string `mapstructure:"scopes"`
	// NameClaim names the user. It must be one that users cannot change themselves.
	NameClaim string `mapstructure:"name_claim"`
	// RoleClaim is where roles come from; a dotted path leads into objects.
	RoleClaim string `mapstructure:"role_claim"`
	// Roles are values of the claim for each role.
	Roles map[string][]string `mapstructure:"roles"`
	// DefaultRole is the role of users who have none of these values. If it is empty, they are refused.
	DefaultRole string `mapstructure:"default_role"`
	// TLS is how the provider is reached.
	TLS configtls.ClientConfig `mapstructure:"tls"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Audit limits what is kept of the audit log.
type Audit struct {
	// MaxAge drops entries that are older.
	MaxAge time.Duration `mapstructure:"max_age"`
	// MaxEntries drops the oldest entries above this number.
	MaxEntries int64 `mapstructure:"max_entries"`
	// prevent unkeyed literal initialization
	_ struct{}
}

const (
	modeOpen     = "open"
	modeLocal    = "local"
	modeOIDC     = "oidc"
	roleNone     = "none"
	callbackPath = "/api/console/session/oidc/callback"
)

func defaultAccess() Access {
	return Access{
		Mode:    modeOpen,
		Session: Session{IdleTimeout: 12 * time.Hour, Lifetime: 7 * 24 * time.Hour},
		OIDC: OIDC{
			Name: "OpenID Connect", Scopes: []string{"profile", "email"}, NameClaim: "preferred_username", RoleClaim: "groups", DefaultRole: roleNone,
		},
	}
}

// validateAccess checks who may use the console, with the server that they reach it by.
func (c *Config) validateAccess() error {
	a := &c.Access
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf("access: "+format, args...)) }
	signsIn := a.Mode == modeLocal || a.Mode == modeOIDC
	switch {
	case a.Mode != modeOpen && !signsIn:
		add("mode %q is not known; use open (on loopback), local or oidc", a.Mode)
	case signsIn && c.HTTP.Auth.HasValue():
		add("mode %s and an authenticator in auth exclude each other: the authenticator would stand before the sign-in page too; use one of them", a.Mode)
	case a.Mode == modeOpen && !c.HTTP.Auth.HasValue() && !loopback(c.HTTP.NetAddr.Endpoint):
		errs = append(errs, fmt.Errorf("endpoint %q can be reached from outside this machine, and access is open: use 127.0.0.1, set access::mode to local, or name an authenticator in auth",
			c.HTTP.NetAddr.Endpoint))
	}
	if _, err := a.proxies(); err != nil {
		errs = append(errs, err)
	}
	for _, h := range a.Hosts {
		if h == "" || strings.ContainsAny(h, "/: ") && !strings.HasPrefix(h, "[") {
			add("hosts: %q is no host name; write it without scheme and port", h)
		}
	}
	if a.Session.IdleTimeout <= 0 || a.Session.Lifetime <= 0 {
		add("session: idle_timeout and lifetime must be above 0")
	}
	if (a.Admin.Username == "") != (a.Admin.Password == "") {
		add("admin: username and password go together")
	} else if a.Admin.Username != "" {
		errs = append(errs, a.Admin.validate(signsIn))
	}
	if a.Mode == modeOIDC {
		errs = append(errs, a.OIDC.validate())
	}
	errs = append(errs, a.validateAuth(c.HTTP.Auth.HasValue()))
	return errors.Join(errs...)
}

func (f *FirstAdmin) validate(signsIn bool) error {
	if !signsIn {
		return errors.New("access: admin needs access::mode local or oidc")
	}
	name, err := users.CleanName(f.Username)
	if err != nil {
		return fmt.Errorf("access: admin: username %w", err)
	}
	if err := password.Check(string(f.Password), name); err != nil {
		return fmt.Errorf("access: admin: password %w", err)
	}
	return nil
}

func (a *Access) validateAuth(authenticator bool) error {
	set := a.AuthRole != "" || a.AuthNameAttribute != "" || a.AuthRoleAttribute != "" || len(a.AuthRoles) > 0
	if set && !authenticator {
		return errors.New("access: auth_role and the like say what those may do whom an authenticator lets in; name one in auth")
	}
	if (a.AuthRoleAttribute == "") != (len(a.AuthRoles) == 0) {
		return errors.New("access: auth_role_attribute and auth_roles go together")
	}
	_, err := roles("auth_roles", a.AuthRoles)
	_, roleErr := roleOrNone("auth_role", a.authRole())
	return errors.Join(err, roleErr)
}

// authRole is the role of whom no value of AuthRoles gives one: viewer, or none where there are such values.
func (a *Access) authRole() string {
	switch {
	case a.AuthRole != "":
		return a.AuthRole
	case len(a.AuthRoles) > 0:
		return roleNone
	}
	return access.Viewer.String()
}

func (o *OIDC) validate() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, fmt.Errorf("access: oidc: "+format, args...)) }
	for _, setting := range []struct{ name, value string }{
		{"issuer", o.Issuer}, {"client_id", o.ClientID}, {"client_secret", string(o.ClientSecret)}, {"redirect_url", o.RedirectURL}, {"name_claim", o.NameClaim},
	} {
		if setting.value == "" {
			add("%s must be set", setting.name)
		}
	}
	for _, setting := range []struct{ name, value string }{{"issuer", o.Issuer}, {"redirect_url", o.RedirectURL}} {
		if u, err := url.Parse(setting.value); setting.value != "" && (err != nil || u.Host == "" || (u.Scheme != "https" && !loopback(withPort(u)))) {
			add("%s must be an https URL (http is for loopback addresses only)", setting.name)
		}
	}
	if o.RedirectURL != "" && !strings.HasSuffix(o.RedirectURL, callbackPath) {
		add("redirect_url must end in %s", callbackPath)
	}
	if _, err := roles("oidc::roles", o.Roles); err != nil {
		errs = append(errs, err)
	}
	role, err := roleOrNone("oidc::default_role", o.DefaultRole)
	if err != nil {
		errs = append(errs, err)
	}
	if err == nil && role == access.Nobody && len(o.Roles) == 0 {
		add("roles or default_role must give somebody a role, or nobody can sign in there")
	}
	return errors.Join(errs...)
}

func withPort(u *url.URL) string {
	if u.Port() == "" {
		return u.Host + ":0"
	}
	return u.Host
}

// roles reads a mapping of roles to values.
func roles(setting string, of map[string][]string) (map[access.Role][]string, error) {
	out := make(map[access.Role][]string, len(of))
	for name, values := range of {
		role, err := userRole(name)
		if err != nil {
			return nil, fmt.Errorf("access: %s: %w", setting, err)
		}
		out[role] = values
	}
	return out, nil
}

func roleOrNone(setting, name string) (access.Role, error) {
	if name == roleNone {
		return access.Nobody, nil
	}
	role, err := userRole(name)
	if err != nil {
		return role, fmt.Errorf("access: %s: %w, or none", setting, err)
	}
	return role, nil
}

// userRole reads a role that a person can have.
func userRole(name string) (access.Role, error) {
	role, err := access.ParseRole(name)
	if err != nil || role == access.Verifier {
		return access.Nobody, fmt.Errorf("%q is no role of a person; these are admin, operator, viewer and member", name)
	}
	return role, nil
}

func (a *Access) proxies() ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, text := range a.TrustedProxies {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			var single netip.Addr
			if single, err = netip.ParseAddr(text); err == nil {
				p, err = single.Prefix(single.BitLen())
			}
		}
		if err != nil {
			return nil, fmt.Errorf("access: trusted_proxies: %q is no IP address and no network such as 10.0.0.0/8", text)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

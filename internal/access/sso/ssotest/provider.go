// Package ssotest runs an OpenID Connect provider on loopback, for tests.
package ssotest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access/sso"
)

// Callback is the address that tests have the provider send browsers back to.
const Callback = "http://localhost:8317/api/console/session/oidc/callback"

// Provider is an OpenID Connect provider that signs whatever the test wants.
type Provider struct {
	*mockoidc.MockOIDC
	t      testing.TB
	Client *http.Client // follows no redirects
}

// Run starts a provider until the test ends.
func Run(t testing.TB) *Provider {
	t.Helper()
	m, err := mockoidc.Run()
	require.NoError(t, err)
	client := &http.Client{
		Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() { require.NoError(t, m.Shutdown()) })
	return &Provider{m, t, client}
}

// Config returns the configuration of a client of the provider.
func (p *Provider) Config() sso.Config {
	return sso.Config{
		Name: "Test", Issuer: p.Issuer(), ClientID: p.ClientID, ClientSecret: p.ClientSecret, RedirectURL: Callback,
		Scopes: []string{"profile", "email", "groups"}, NameClaim: "preferred_username", RoleClaim: "groups", Client: p.Client,
	}
}

// User describes the next user to sign in: claims that are added to the identity token or replace its own, and
// the provider's answer at its userinfo endpoint. A claim that is nil is left out.
type User struct {
	Subject string
	Token   map[string]any
	Info    map[string]any
}

var _ mockoidc.User = (*User)(nil)

// ID is the subject.
func (u *User) ID() string { return u.Subject }

// Userinfo is the provider's answer at its userinfo endpoint.
func (u *User) Userinfo([]string) ([]byte, error) {
	info := map[string]any{"sub": u.Subject}
	maps.Copy(info, u.Info)
	return json.Marshal(info)
}

// Claims returns the claims of the identity token.
func (u *User) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	raw, err := json.Marshal(base)
	if err != nil {
		return nil, err
	}
	claims := jwt.MapClaims{}
	if err := json.Unmarshal(raw, &claims); err != nil {
		return nil, err
	}
	for name, value := range u.Token {
		if value == nil {
			delete(claims, name)
			continue
		}
		claims[name] = value
	}
	return claims, nil
}

// SignIn has a user sign in on the provider's page, and returns what the browser is sent back with.
func (p *Provider) SignIn(page string, u *User) url.Values {
	p.t.Helper()
	p.QueueUser(u)
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, page, nil)
	require.NoError(p.t, err)
	res, err := p.Client.Do(req)
	require.NoError(p.t, err)
	defer res.Body.Close()
	require.Equal(p.t, http.StatusFound, res.StatusCode)
	back, err := res.Location()
	require.NoError(p.t, err)
	return back.Query()
}

package sso_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/sso"
	"github.com/tokenboard/tokenboard/internal/access/sso/ssotest"
	"github.com/tokenboard/tokenboard/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

func newProvider(t *testing.T, c sso.Config) *sso.Provider {
	t.Helper()
	p, err := sso.New(c)
	require.NoError(t, err)
	return p
}

// signIn goes the whole way to the provider and back.
func signIn(t *testing.T, server *ssotest.Provider, p *sso.Provider, u *ssotest.User) (sso.Identity, string, error) {
	t.Helper()
	page, kept, err := p.Begin(t.Context(), "/console/logs")
	require.NoError(t, err)
	return p.Finish(context.Background(), server.SignIn(page, u), kept)
}

func TestRolesFromClaims(t *testing.T) {
	server := ssotest.Run(t)
	for _, tc := range []struct {
		name  string
		claim string
		value any
		of    map[access.Role][]string
		other access.Role
		want  access.Role
	}{
		{"a list", "groups", []string{"x", "staff"}, map[access.Role][]string{access.Viewer: {"staff"}}, 0, access.Viewer},
		{"the most powerful", "groups", []string{"staff", "ops"}, map[access.Role][]string{access.Viewer: {"staff"}, access.Operator: {"ops", "more"}}, 0, access.Operator},
		{"a single text", "role", "boss", map[access.Role][]string{access.Admin: {"boss"}}, 0, access.Admin},
		{"none by default", "groups", []string{"x"}, map[access.Role][]string{access.Viewer: {"staff"}}, 0, access.Nobody},
		{"the default", "groups", []string{"x"}, map[access.Role][]string{access.Admin: {"boss"}}, access.Member, access.Member},
		{"no claim", "groups", nil, map[access.Role][]string{access.Viewer: {"staff"}}, 0, access.Nobody},
		{"not by part", "groups", []string{"staff2", "STAFF", "sta"}, map[access.Role][]string{access.Viewer: {"staff"}}, 0, access.Nobody},
		{"no texts", "groups", []any{1, true, map[string]any{"staff": 1}}, map[access.Role][]string{access.Viewer: {"staff"}}, 0, access.Nobody},
		{"a path", "realm_access.roles", nil, map[access.Role][]string{access.Admin: {"tokenboard"}}, 0, access.Admin},
		{"a name that is an address", "https://example.com/roles", []string{"boss"}, map[access.Role][]string{access.Admin: {"boss"}}, 0, access.Admin},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := server.Config()
			c.RoleClaim, c.Roles, c.DefaultRole = tc.claim, tc.of, tc.other
			u := &ssotest.User{Subject: "7", Token: map[string]any{
				"preferred_username": "alice", "name": "Alice A.", "realm_access": map[string]any{"roles": []string{"tokenboard"}},
			}}
			if tc.value != nil {
				u.Token[tc.claim] = tc.value
			}
			who, next, err := signIn(t, server, newProvider(t, c), u)
			require.NoError(t, err)
			require.Equal(t, "/console/logs", next)
			require.Equal(t, sso.Identity{Subject: server.Issuer() + " 7", Name: "alice", DisplayName: "Alice A.", Role: tc.want}, who)
		})
	}
}

func TestClaimsOfTheUserInformation(t *testing.T) {
	server := ssotest.Run(t)
	c := server.Config()
	c.Roles = map[access.Role][]string{access.Admin: {"boss"}}
	p := newProvider(t, c)
	who, _, err := signIn(t, server, p, &ssotest.User{Subject: "7", Token: map[string]any{"preferred_username": "alice"}, Info: map[string]any{
		"groups": []string{"boss"}, "preferred_username": "mallory", "iss": "x",
	}})
	require.NoError(t, err)
	require.Equal(t, access.Admin, who.Role)
	require.Equal(t, "alice", who.Name, "what the token says comes first")
	_, _, err = signIn(t, server, p, &ssotest.User{Subject: "7", Info: map[string]any{"sub": "8", "groups": []string{"boss"}}})
	require.ErrorContains(t, err, "another user")
}

func TestNamesThatAreRefused(t *testing.T) {
	server := ssotest.Run(t)
	c := server.Config()
	c.NameClaim = "email"
	p := newProvider(t, c)
	for name, claims := range map[string]map[string]any{
		"not verified": {"email": "a@example.com", "groups": "x"},
		"said false":   {"email": "a@example.com", "email_verified": false, "groups": "x"},
		"no name":      {"email_verified": true, "groups": "x"},
		"no text":      {"email_verified": true, "email": 5, "groups": "x"},
	} {
		_, _, err := signIn(t, server, p, &ssotest.User{Subject: "7", Token: claims})
		var refused *sso.Refusal
		require.ErrorAs(t, err, &refused, name)
	}
	who, _, err := signIn(t, server, p, &ssotest.User{Subject: "7", Token: map[string]any{"email": "a@example.com", "email_verified": true, "groups": "x"}})
	require.NoError(t, err)
	require.Equal(t, "a@example.com", who.Name)
}

func TestTamperedTokensAreRefused(t *testing.T) {
	server := ssotest.Run(t)
	c := server.Config()
	c.DefaultRole = access.Viewer
	p := newProvider(t, c)
	good := map[string]any{"preferred_username": "alice", "groups": "x"}
	_, _, err := signIn(t, server, p, &ssotest.User{Subject: "7", Token: good})
	require.NoError(t, err)
	hour := time.Now().Add(-time.Hour).Unix()
	for name, change := range map[string]map[string]any{
		"another audience": {"aud": "somebody-else"},
		"no audience":      {"aud": nil},
		"another issuer":   {"iss": "https://evil.example"},
		"expired":          {"exp": hour, "iat": hour},
		"no expiry":        {"exp": nil},
		"another nonce":    {"nonce": "x"},
		"no nonce":         {"nonce": nil},
	} {
		t.Run(name, func(t *testing.T) {
			u := &ssotest.User{Subject: "7", Token: map[string]any{"preferred_username": "alice", "groups": "x"}}
			for k, v := range change {
				u.Token[k] = v
			}
			who, _, err := signIn(t, server, p, u)
			require.Error(t, err)
			require.Empty(t, who)
		})
	}
	forger, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for name, forge := range map[string]func(token *jwt.Token) (string, error){
		"another key": func(token *jwt.Token) (string, error) { return token.SignedString(forger) },
		"no signature": func(token *jwt.Token) (string, error) {
			return resign(token, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType)
		},
		"a shared secret": func(token *jwt.Token) (string, error) {
			return resign(token, jwt.SigningMethodHS256, []byte(server.ClientSecret))
		},
		"changed claims": func(token *jwt.Token) (string, error) {
			parts := strings.Split(token.Raw, ".")
			token.Claims.(jwt.MapClaims)["sub"] = "8"
			changed, err := token.SigningString()
			return strings.Join([]string{parts[0], strings.Split(changed, ".")[1], parts[2]}, "."), err
		},
	} {
		t.Run(name, func(t *testing.T) {
			forged := c
			forged.Client = &http.Client{Timeout: c.Client.Timeout, Transport: &forgery{c.Client.Transport, forge}}
			who, _, err := signIn(t, server, newProvider(t, forged), &ssotest.User{Subject: "7", Token: good})
			require.Error(t, err)
			require.Empty(t, who)
		})
	}
}

func resign(token *jwt.Token, method jwt.SigningMethod, key any) (string, error) {
	other := jwt.NewWithClaims(method, token.Claims)
	other.Header["kid"] = token.Header["kid"]
	return other.SignedString(key)
}

// forgery changes the identity token in the provider's answer.
type forgery struct {
	http.RoundTripper
	forge func(*jwt.Token) (string, error)
}

func (f *forgery) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := f.RoundTripper.RoundTrip(r)
	if err != nil || r.URL.Path != mockoidc.TokenEndpoint || res.StatusCode != http.StatusOK {
		return res, err
	}
	var answer map[string]any
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	_ = res.Body.Close()
	token, _, err := jwt.NewParser().ParseUnverified(answer["id_token"].(string), jwt.MapClaims{})
	if err != nil {
		return nil, err
	}
	if answer["id_token"], err = f.forge(token); err != nil {
		return nil, err
	}
	changed, err := json.Marshal(answer)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(changed)), int64(len(changed))
	res.Header.Del("Content-Length")
	return res, err
}

// changed returns s with another letter at index i: whatever stands there, it is not what it was.
func changed(s string, i int) string {
	letter := "A"
	if s[i] == letter[0] {
		letter = "B"
	}
	return s[:i] + letter + s[i+1:]
}

func TestTamperedAnswersAreRefused(t *testing.T) {
	server := ssotest.Run(t)
	now := time.Now()
	c := server.Config()
	c.DefaultRole, c.Now = access.Viewer, func() time.Time { return now }
	p := newProvider(t, c)
	begin := func() (url.Values, string) {
		page, kept, err := p.Begin(t.Context(), "/console/")
		require.NoError(t, err)
		return server.SignIn(page, &ssotest.User{Subject: "7", Token: map[string]any{"preferred_username": "alice", "groups": "x"}}), kept
	}
	_, elsewhere := begin()
	for name, tamper := range map[string]func(answer url.Values, kept string) string{
		"another state":     func(a url.Values, kept string) string { a.Set("state", "x"); return kept },
		"no state":          func(a url.Values, kept string) string { a.Del("state"); return kept },
		"no cookie":         func(url.Values, string) string { return "" },
		"another's cookie":  func(url.Values, string) string { return elsewhere },
		"a changed cookie":  func(_ url.Values, kept string) string { return changed(kept, len(kept)-3) },
		"a cookie in words": func(url.Values, string) string { return "{}" },
		"another issuer":    func(a url.Values, kept string) string { a.Set("iss", "https://evil.example"); return kept },
		"refused there":     func(a url.Values, kept string) string { a.Set("error", "access_denied"); return kept },
		"refused in markup": func(a url.Values, kept string) string { a.Set("error", "<script>"); return kept },
		"too late":          func(_ url.Values, kept string) string { now = now.Add(time.Hour); return kept },
	} {
		t.Run(name, func(t *testing.T) {
			defer func(was time.Time) { now = was }(now)
			answer, kept := begin()
			kept = tamper(answer, kept)
			_, _, err := p.Finish(context.Background(), answer, kept)
			var refused *sso.Refusal
			require.ErrorAs(t, err, &refused)
			require.NotContains(t, err.Error(), "<")
		})
	}
	t.Run("a code a second time", func(t *testing.T) {
		answer, kept := begin()
		_, _, err := p.Finish(context.Background(), answer, kept)
		require.NoError(t, err)
		_, _, err = p.Finish(context.Background(), answer, kept)
		require.Error(t, err)
		require.NotContains(t, err.Error(), answer.Get("code"))
		require.NotContains(t, err.Error(), server.ClientSecret)
	})
	t.Run("a code of another sign-in", func(t *testing.T) { // PKCE: the code is bound to its beginning
		stolen, _ := begin()
		answer, kept := begin()
		answer.Set("code", stolen.Get("code"))
		_, _, err := p.Finish(context.Background(), answer, kept)
		require.Error(t, err)
	})
}

func TestProviderThatIsDown(t *testing.T) {
	server := ssotest.Run(t)
	c := server.Config()
	now := time.Now()
	c.Now, c.Issuer = func() time.Time { return now }, "http://127.0.0.1:1"
	p := newProvider(t, c)
	_, _, err := p.Begin(t.Context(), "/")
	require.ErrorContains(t, err, "metadata")
	require.NotErrorIs(t, err, context.Canceled)
	_, _, again := p.Begin(t.Context(), "/")
	require.Equal(t, err, again, "not asked again at once")
	require.Empty(t, p.LogoutURL())
	var refused *sso.Refusal
	require.False(t, errors.As(err, &refused), "no fault of who signs in")
}

func TestBegin(t *testing.T) {
	server := ssotest.Run(t)
	p := newProvider(t, server.Config())
	page, kept, err := p.Begin(t.Context(), "/console/")
	require.NoError(t, err)
	u, err := url.Parse(page)
	require.NoError(t, err)
	q := u.Query()
	require.Equal(t, "S256", q.Get("code_challenge_method"))
	require.Equal(t, "code", q.Get("response_type"))
	require.Equal(t, ssotest.Callback, q.Get("redirect_uri"))
	require.Contains(t, strings.Fields(q.Get("scope")), "openid")
	for _, secret := range []string{q.Get("state"), q.Get("nonce"), q.Get("code_challenge")} {
		require.GreaterOrEqual(t, len(secret), 26)
		require.NotContains(t, kept, secret)
	}
	require.NotContains(t, page, server.ClientSecret)
	other, _, err := p.Begin(t.Context(), "/console/")
	require.NoError(t, err)
	require.NotEqual(t, page, other)
}

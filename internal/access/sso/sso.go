// Package sso signs people in at an OpenID Connect provider: authorisation code flow with PKCE, state
// and nonce (OpenID Connect Core 1.0, 3.1; RFC 7636; RFC 9700). It returns who a person is and which
// role the provider's claims give; it keeps nothing.
package sso

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/tokenboard/tokenboard/internal/access"
)

// Config says which provider to ask and what its claims mean.
type Config struct {
	Name         string // what the sign-in page calls it
	Issuer       string
	ClientID     string
	ClientSecret string
	RedirectURL  string
	Scopes       []string // "openid" is added where it is missing
	NameClaim    string   // the claim that names the user
	RoleClaim    string   // the claim that roles come from; a dotted path leads into objects
	Roles        map[access.Role][]string
	DefaultRole  access.Role // of users with none of the values of Roles; access.Nobody refuses them
	// Client asks the provider. It waits for ten seconds at most, reads a megabyte of an answer at most, and
	// follows no redirect to another host.
	Client *http.Client
	Now    func() time.Time
}

// Identity is who signed in.
type Identity struct {
	Subject     string // issuer and subject, which nobody else ever has
	Name        string
	DisplayName string
	Role        access.Role // access.Nobody: known, and refused
}

// Refusal is an error that the person who signs in may read.
type Refusal struct{ Reason string }

func (r *Refusal) Error() string { return r.Reason }

func refuse(reason string) error { return &Refusal{reason} }

// patience is how long somebody may take to sign in at the provider.
const patience = 10 * time.Minute

// Provider is an OpenID Connect provider. It is safe for concurrent use and starts no goroutine that
// outlives a call.
type Provider struct {
	c    Config
	seal cipher.AEAD

	mu     sync.Mutex // never held while the provider is asked
	found  *discovered
	under  *discovery // that is under way; nil for none
	failed error      // of the last try, until retry
	retry  time.Time
}

// discovery is a request for the provider's metadata. Requests that arrive while it is under way share its answer.
type discovery struct {
	done  chan struct{} // closed when found and err are there
	found *discovered
	err   error
}

// retryAfter keeps those who sign in from waiting one after the other for a provider that is down.
const retryAfter = 5 * time.Second

// discovered is the provider's metadata.
type discovered struct {
	oauth    oauth2.Config
	verifier *oidc.IDTokenVerifier
	provider *oidc.Provider
	logout   string
	client   string // our id there
	says     bool   // answers name the issuer (RFC 9207)
}

// New makes a provider. It asks nothing yet: the provider may start later than we do.
func New(c Config) (*Provider, error) {
	if !contains(c.Scopes, oidc.ScopeOpenID) {
		c.Scopes = append([]string{oidc.ScopeOpenID}, c.Scopes...)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Client = careful(c.Client)
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, see crypto/rand
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("set up the provider: %w", err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("set up the provider: %w", err)
	}
	return &Provider{c: c, seal: seal}, nil
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// Name is the provider's display name.
func (p *Provider) Name() string { return p.c.Name }

// discover asks for the provider's metadata, until it has them.
func (p *Provider) discover(ctx context.Context) (*discovered, error) {
	p.mu.Lock()
	if p.found != nil {
		defer p.mu.Unlock()
		return p.found, nil
	}
	if p.failed != nil && p.c.Now().Before(p.retry) {
		defer p.mu.Unlock()
		return nil, p.failed
	}
	if u := p.under; u != nil {
		p.mu.Unlock()
		select {
		case <-u.done:
			return u.found, u.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	u := &discovery{done: make(chan struct{})}
	p.under = u
	p.mu.Unlock()
	// Others wait for the answer, so that it does not end with the one who asks; the client has a time limit.
	u.found, u.err = p.ask(context.WithoutCancel(ctx))
	p.mu.Lock()
	if p.found, p.under = u.found, nil; u.err != nil {
		p.failed, p.retry = u.err, p.c.Now().Add(retryAfter)
	}
	p.mu.Unlock()
	close(u.done)
	return u.found, u.err
}

// ask reads the provider's metadata.
func (p *Provider) ask(ctx context.Context) (*discovered, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.c.Client), p.c.Issuer)
	if err != nil {
		return nil, fmt.Errorf("ask the OpenID Connect provider %s for its metadata: %w", p.c.Issuer, brief(err))
	}
	var more struct {
		Keys       string `json:"jwks_uri"`
		UserInfo   string `json:"userinfo_endpoint"`
		EndSession string `json:"end_session_endpoint"`
		SaysIssuer bool   `json:"authorization_response_iss_parameter_supported"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, fmt.Errorf("read the metadata of the OpenID Connect provider: %w", err)
	}
	endpoint := provider.Endpoint()
	for name, address := range map[string]string{
		"authorization_endpoint": endpoint.AuthURL, "token_endpoint": endpoint.TokenURL, "jwks_uri": more.Keys,
		"userinfo_endpoint": more.UserInfo, "end_session_endpoint": more.EndSession,
	} {
		optional := name == "userinfo_endpoint" || name == "end_session_endpoint"
		if (address != "" || !optional) && !p.asSafe(address) {
			return nil, fmt.Errorf("the metadata of the OpenID Connect provider %s name a %s that is no https URL", p.c.Issuer, name)
		}
	}
	return &discovered{
		oauth: oauth2.Config{
			ClientID: p.c.ClientID, ClientSecret: p.c.ClientSecret, RedirectURL: p.c.RedirectURL, Scopes: p.c.Scopes, Endpoint: endpoint,
		},
		verifier: provider.Verifier(&oidc.Config{ClientID: p.c.ClientID, Now: p.c.Now}),
		provider: provider, logout: more.EndSession, client: p.c.ClientID, says: more.SaysIssuer,
	}, nil
}

// asSafe reports whether an address is one of https, or of http where the issuer's is, which is a test's on loopback.
func (p *Provider) asSafe(address string) bool {
	issuer, err := url.Parse(p.c.Issuer)
	if err != nil {
		return false
	}
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && issuer.Scheme == "http")
}

// brief shortens an error that repeats what the provider answered.
func brief(err error) error {
	const most = 300
	text := err.Error()
	if len(text) <= most {
		return err
	}
	return errors.New(strings.ToValidUTF8(text[:most], "") + "…")
}

// flow is one sign-in under way. It travels in a cookie that only we can read and make.
type flow struct {
	State, Nonce, Verifier, Next string
	Until                        int64
}

// Begin returns the provider's page to send somebody to, and what the browser keeps until Finish.
func (p *Provider) Begin(ctx context.Context, next string) (page, kept string, err error) {
	d, err := p.discover(ctx)
	if err != nil {
		return "", "", err
	}
	f := flow{State: rand.Text(), Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Next: next, Until: p.c.Now().Add(patience).Unix()}
	plain, err := json.Marshal(f)
	if err != nil {
		return "", "", fmt.Errorf("begin to sign in: %w", err)
	}
	kept = base64.RawURLEncoding.EncodeToString(p.seal.Seal(nil, nil, plain, nil))
	return d.oauth.AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), kept, nil
}

var errorCode = regexp.MustCompile(`^[a-z_]{1,64}$`)

// Finish reads what the provider sends somebody back with, and what Begin gave the browser. An error
// that is a Refusal can be shown to the user who signs in.
func (p *Provider) Finish(ctx context.Context, answer url.Values, kept string) (who Identity, next string, err error) {
	f, err := p.open(kept)
	if err != nil {
		return who, "", err
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(f.State)) != 1 {
		return who, "", refuse("the answer belongs to another sign-in; sign in again")
	}
	d, err := p.discover(ctx)
	if err != nil {
		return who, "", err
	}
	if iss := answer.Get("iss"); (iss != "" || d.says) && iss != p.c.Issuer { // RFC 9207
		return who, "", refuse("the answer comes from another provider; sign in again")
	}
	if code := answer.Get("error"); code != "" {
		if !errorCode.MatchString(code) {
			code = "error"
		}
		return who, "", refuse("the provider did not sign you in (" + code + ")")
	}
	ctx = oidc.ClientContext(ctx, p.c.Client)
	token, err := d.oauth.Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(f.Verifier))
	if err != nil {
		var answered *oauth2.RetrieveError
		if errors.As(err, &answered) { // its text repeats the answer, which holds what we sent
			return who, "", fmt.Errorf("the OpenID Connect provider refused the code: status %d, %q", answered.Response.StatusCode, answered.ErrorCode)
		}
		return who, "", fmt.Errorf("exchange the code: %w", brief(err))
	}
	claims, err := d.claims(ctx, token, f.Nonce, p.c.NameClaim, p.c.RoleClaim)
	if err != nil {
		return who, "", err
	}
	who, err = p.identity(claims)
	return who, f.Next, err
}

func (p *Provider) open(kept string) (f flow, err error) {
	sealed, err := base64.RawURLEncoding.DecodeString(kept)
	if err != nil || kept == "" {
		return f, refuse("this browser has no sign-in under way; sign in again, with cookies allowed")
	}
	plain, err := p.seal.Open(nil, nil, sealed, nil)
	if err == nil {
		err = json.Unmarshal(plain, &f)
	}
	if err != nil || p.c.Now().Unix() > f.Until {
		return f, refuse("this sign-in took too long or was begun before a restart; sign in again")
	}
	return f, nil
}

// claims verifies the identity token and returns its claims, completed by the provider's user
// information where the claims that are needed are only there.
func (d *discovered) claims(ctx context.Context, token *oauth2.Token, nonce string, needed ...string) (map[string]any, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("the OpenID Connect provider gave no identity token; does the client have the scope openid?")
	}
	id, err := d.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, fmt.Errorf("verify the identity token: %w", brief(err))
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return nil, refuse("the answer belongs to another sign-in; sign in again")
	}
	claims := map[string]any{}
	if err := id.Claims(&claims); err != nil {
		return nil, fmt.Errorf("read the identity token: %w", err)
	}
	if err := d.check(id, claims, token.AccessToken); err != nil {
		return nil, err
	}
	complete := true
	for _, c := range needed {
		complete = complete && (c == "" || lookup(claims, c) != nil)
	}
	if !complete && d.provider.UserInfoEndpoint() != "" {
		info, err := d.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return nil, fmt.Errorf("ask the OpenID Connect provider for the user: %w", brief(err))
		}
		if info.Subject != id.Subject { // OpenID Connect Core 1.0, 5.3.2
			return nil, errors.New("the OpenID Connect provider returned the data of another user than the one who signed in")
		}
		more := map[string]any{}
		if err := info.Claims(&more); err != nil {
			return nil, fmt.Errorf("read what the OpenID Connect provider says of the user: %w", err)
		}
		for name, value := range more {
			if _, there := claims[name]; !there {
				claims[name] = value
			}
		}
	}
	claims["iss"], claims["sub"] = id.Issuer, id.Subject
	return claims, nil
}

// maxSubject is the longest subject that there is (OpenID Connect Core 1.0, 2).
const maxSubject = 255

// check looks at what the verifier leaves to us: whom the token is about, for whom it was made, and that the
// access token belongs to it.
func (d *discovered) check(id *oidc.IDToken, claims map[string]any, accessToken string) error {
	if id.Subject == "" || len(id.Subject) > maxSubject || strings.ContainsFunc(id.Subject, unicode.IsControl) {
		return errors.New("the OpenID Connect provider did not say in the identity token who signed in: sub is missing, or none that there can be")
	}
	azp, named := claims["azp"]
	if (named || len(id.Audience) > 1) && azp != d.client { // 3.1.3.7, 4 and 5
		return errors.New("the identity token of the OpenID Connect provider was made for another client")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(accessToken); err != nil {
			return fmt.Errorf("the access token of the OpenID Connect provider does not belong to the identity token: %w", err)
		}
	}
	return nil
}

// lookup finds a claim by its name, or by a path of names with dots between them.
func lookup(claims map[string]any, name string) any {
	if v, ok := claims[name]; ok {
		return v
	}
	head, rest, ok := strings.Cut(name, ".")
	if inner, is := claims[head].(map[string]any); ok && is {
		return lookup(inner, rest)
	}
	return nil
}

func (p *Provider) identity(claims map[string]any) (Identity, error) {
	who := Identity{Subject: fmt.Sprint(claims["iss"], " ", claims["sub"]), Role: p.role(claims)}
	who.Name, _ = lookup(claims, p.c.NameClaim).(string)
	if p.c.NameClaim == "email" && claims["email_verified"] != true {
		return who, refuse("the provider has not verified your e-mail address, by which you are known here")
	}
	if who.Name == "" {
		return who, refuse("the provider does not send your name (claim " + p.c.NameClaim + "); ask an admin")
	}
	who.DisplayName, _ = claims["name"].(string)
	return who, nil
}

// role returns the most powerful role that the claims give.
func (p *Provider) role(claims map[string]any) access.Role {
	var values []string
	switch v := lookup(claims, p.c.RoleClaim).(type) {
	case string:
		values = []string{v}
	case []any:
		for _, one := range v {
			if s, ok := one.(string); ok {
				values = append(values, s)
			}
		}
	}
	best := p.c.DefaultRole
	for role, of := range p.c.Roles {
		for _, v := range of {
			if role > best && contains(values, v) {
				best = role
			}
		}
	}
	return best
}

// LogoutURL is the provider's page that ends the session there and leads back; "" where it has none
// or has not been asked yet (OpenID Connect RP-Initiated Logout 1.0).
func (p *Provider) LogoutURL() string {
	p.mu.Lock()
	d := p.found
	p.mu.Unlock()
	if d == nil || d.logout == "" {
		return ""
	}
	page, err := url.Parse(d.logout)
	if err != nil {
		return ""
	}
	q := page.Query()
	q.Set("client_id", p.c.ClientID)
	if back, err := url.Parse(p.c.RedirectURL); err == nil {
		q.Set("post_logout_redirect_uri", back.Scheme+"://"+back.Host+"/console/login")
	}
	page.RawQuery = q.Encode()
	return page.String()
}

package users

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/sso"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	// OIDCPath is where the pages of the sign-in with OpenID Connect are.
	OIDCPath = api.Base + "/session/oidc"
	// LoginPage is where the page asks people to sign in.
	LoginPage  = "/console/login"
	flowCookie = "tokenboard_signin"
	flowAge    = 600 // seconds
)

// oidcRoutes adds the two pages between the console and an OpenID Connect provider. Browsers are sent
// to them; they are no part of the API's description.
func (c *Handlers) oidcRoutes(r *api.Router) {
	if c.signIn == nil || c.signIn.Provider == nil {
		return
	}
	r.Handle(http.MethodGet, OIDCPath+"/login", access.Anyone, http.HandlerFunc(c.oidcLogin))
	r.Handle(http.MethodGet, OIDCPath+"/callback", access.Anyone, http.HandlerFunc(c.oidcCallback))
}

// setFlow keeps a sign-in under way in the browser. Its cookie has to come along when the provider
// sends the browser back, which one with SameSite=Strict would not.
func (c *Handlers) setFlow(w http.ResponseWriter, kept string) {
	//nolint:gosec // Secure is set over TLS and by secure_cookie; SameSite=Lax is needed, see above
	cookie := http.Cookie{
		Name: flowCookie, Value: kept, Path: OIDCPath, HttpOnly: true, Secure: c.signIn.Secure, SameSite: http.SameSiteLaxMode, MaxAge: flowAge,
	}
	if kept == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, &cookie)
}

func (c *Handlers) oidcLogin(w http.ResponseWriter, r *http.Request) {
	page, kept, err := c.signIn.Provider.Begin(r.Context(), ownPage(r.URL.Query().Get("next")))
	if err != nil {
		c.signInFailed(w, r, err)
		return
	}
	c.setFlow(w, kept)
	http.Redirect(w, r, page, http.StatusFound) //nolint:gosec // the page is of the provider in the configuration, see oidc.Provider
}

// ownPage returns a page of the console, whatever was asked for.
func ownPage(next string) string {
	const home = "/console/"
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || strings.ContainsAny(next, "\\\r\n\t") ||
		strings.Contains(u.Path, "..") || !strings.HasPrefix(u.Path, home) {
		return home
	}
	return (&url.URL{Path: u.Path, RawQuery: u.RawQuery, Fragment: u.Fragment}).String()
}

func (c *Handlers) oidcCallback(w http.ResponseWriter, r *http.Request) {
	kept := ""
	if cookie, err := r.Cookie(flowCookie); err == nil {
		kept = cookie.Value
	}
	c.setFlow(w, "") // once
	who, next, err := c.signIn.Provider.Finish(r.Context(), r.URL.Query(), kept)
	if err != nil {
		c.signInFailed(w, r, err)
		return
	}
	u, err := c.provisioned(r.Context(), who)
	if err != nil {
		c.signInFailed(w, r, err)
		return
	}
	out, err := c.startSession(r.Context(), u, "oidc")
	if err != nil {
		c.signInFailed(w, r, err)
		return
	}
	for i := range out.SetCookie {
		http.SetCookie(w, &out.SetCookie[i])
	}
	http.Redirect(w, r, ownPage(next), http.StatusFound) //nolint:gosec // ownPage keeps it to pages of the console
}

// provisioned returns the user that an identity is, made or brought up to date. The name stays the one of
// the first sign-in: keys belong to names.
func (c *Handlers) provisioned(ctx context.Context, who sso.Identity) (u store.User, err error) {
	err = api.UntilUnchanged(ctx, func() error {
		u, err = c.provisionedOnce(ctx, who)
		return err
	})
	return u, err
}

// provisionedOnce is provisioned as the user is now; store.ErrChanged where somebody changes it meanwhile.
func (c *Handlers) provisionedOnce(ctx context.Context, who sso.Identity) (store.User, error) {
	u, found, err := c.Directory.FindUser(ctx, store.UserRef{Subject: who.Subject})
	if err != nil {
		return u, err
	}
	noRole := &sso.Refusal{Reason: "the provider gives you no role here; ask an admin"}
	display, err := api.CleanText("name", who.DisplayName, api.MaxName)
	if err != nil {
		display = "" // what cannot be shown is not
	}
	if !found {
		if who.Role == access.Nobody {
			return u, noRole
		}
		return c.provision(ctx, who, display)
	}
	if u.Disabled {
		return u, &sso.Refusal{Reason: "your user is disabled; ask an admin"}
	}
	before := auditedUser(&u)
	u.DisplayName, u.Role = display, who.Role.String()
	if after := auditedUser(&u); after != before {
		entry, err := c.Audit.Entry(c.as(ctx, u, "oidc"), "user.update", userTarget(&u), before, after)
		if err == nil {
			// Who is an admin is the provider's to say, the last one too.
			err = c.Directory.UpdateUser(ctx, u, store.UserUpdate{EndSessions: who.Role == access.Nobody, EvenLastAdmin: true}, entry)
		}
		if err != nil {
			return u, err
		}
	}
	if who.Role == access.Nobody {
		return u, noRole
	}
	return u, nil
}

func (c *Handlers) provision(ctx context.Context, who sso.Identity, display string) (store.User, error) {
	name, err := CleanName(who.Name)
	if err != nil {
		return store.User{}, &sso.Refusal{Reason: "the name that the provider has for you cannot be used here: it " + err.Error()}
	}
	u := store.User{
		ID: randomID("usr_"), Name: name, DisplayName: display, Role: who.Role.String(), Subject: who.Subject, CreatedAt: c.Now().UTC(),
	}
	entry, err := c.Audit.Entry(c.as(ctx, u, "oidc"), "user.create", userTarget(&u), nil, auditedUser(&u))
	if err != nil {
		return u, err
	}
	err = c.Directory.AddUser(ctx, u, entry)
	if errors.Is(err, store.ErrUserExists) { // never take over somebody's user for having its name
		return u, &sso.Refusal{Reason: "another user has your name here already; ask an admin to delete it, or to give you another name at the provider"}
	}
	return u, err
}

// signInFailed answers a browser that comes from the provider: with the sign-in page, where a person is
// in front of it.
func (c *Handlers) signInFailed(w http.ResponseWriter, r *http.Request, err error) {
	status, code, message := http.StatusBadGateway, "provider", "the OpenID Connect provider could not sign you in; the collector's log says why"
	var refused *sso.Refusal
	if errors.As(err, &refused) {
		status, code, message = http.StatusForbidden, "refused", refused.Reason
	}
	c.Logger.Warn("a sign-in at the OpenID Connect provider failed", zap.String("source", access.From(r.Context()).Source), zap.Error(err))
	if strings.Contains(r.Header.Get("Accept"), "text/html") {
		http.Redirect(w, r, LoginPage+"?problem="+code, http.StatusFound)
		return
	}
	api.WriteProblem(w, status, message)
}

package users

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

func (c *Handlers) sessionRoutes(r *api.Router) {
	api.Register(r, access.Anyone, api.Operation(http.MethodGet, "/session", "session", "Who is signed in, and what is allowed"), c.session)
	api.Register(r, access.Anyone, api.Operation(http.MethodPost, "/session", "sign-in", "Sign in with a password; sets a cookie"), c.createSession)
	api.Register(r, access.Anyone, api.Operation(http.MethodDelete, "/session", "sign-out", "Sign out"), c.deleteSession)
	api.Register(r, access.MakeOwn, api.Operation(http.MethodPost, "/session/password", "change-password", "Change one's own password; other sessions end"), c.changePassword)
	api.Register(r, access.Anyone, api.Operation(http.MethodPost, "/session/setup", "setup", "Make the first admin with the one-time token that the server printed"), c.firstAdmin)
}

// Session is who a request acts for.
type Session struct {
	AccessMode  string       `json:"access_mode" enum:"open,local,oidc,auth" doc:"auth: an authenticator of the collector lets requests in"`
	User        *SessionUser `json:"user" doc:"null: nobody is signed in"`
	Permissions []string     `json:"permissions"`
	OIDC        *SessionOIDC `json:"oidc" doc:"where else one can sign in; null for nowhere"`
	NeedsSetup  bool         `json:"needs_setup" doc:"the one-time token that makes the first admin has not been used"`
	Timezone    string       `json:"timezone"`
	Version     string       `json:"version"`
}

// SessionUser is the user who is signed in.
type SessionUser struct {
	ID          string `json:"id" doc:"empty for who is no user of this console"`
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Role        string `json:"role"`
	Via         string `json:"via" enum:"open,session,token,oidc,auth"`
}

// SessionOIDC is an OpenID Connect provider.
type SessionOIDC struct {
	Name     string `json:"name"`
	LoginURL string `json:"login_url"`
}

// AccessMode is how people get in.
func (c *Handlers) AccessMode() string {
	switch {
	case c.signIn == nil && c.open:
		return "open"
	case c.signIn == nil:
		return "auth"
	case c.signIn.Provider != nil:
		return "oidc"
	}
	return "local"
}

func (c *Handlers) session(ctx context.Context, _ *struct{}) (*api.Envelope[Session], error) {
	s, err := c.sessionOf(ctx, access.From(ctx))
	if err != nil {
		return nil, err
	}
	return api.Answer(s), nil
}

func (c *Handlers) sessionOf(ctx context.Context, p access.Principal) (Session, error) {
	out := Session{AccessMode: c.AccessMode(), Permissions: []string{}, Timezone: c.Location.String(), Version: c.Version}
	for _, permission := range p.Permissions() {
		out.Permissions = append(out.Permissions, permission.String())
	}
	if c.signIn != nil {
		var err error
		if out.NeedsSetup, err = c.needsSetup(ctx); err != nil {
			return out, c.Failed("session", err)
		}
		if provider := c.signIn.Provider; provider != nil {
			out.OIDC = &SessionOIDC{Name: provider.Name(), LoginURL: api.Base + "/session/oidc/login"}
		}
	}
	if p.Role == access.Nobody {
		return out, nil
	}
	out.User = &SessionUser{ID: p.ID, Name: p.Name, DisplayName: p.Name, Role: p.Role.String(), Via: p.Via}
	if p.ID != "" {
		u, _, err := c.Directory.FindUser(ctx, store.UserRef{ID: p.ID})
		if err != nil {
			return out, c.Failed("session", err)
		}
		if u.DisplayName != "" {
			out.User.DisplayName = u.DisplayName
		}
	}
	return out, nil
}

// signedIn is an answer that begins or ends a session.
type signedIn[T any] struct {
	SetCookie []http.Cookie `header:"Set-Cookie"`
	Body      struct {
		Code int `json:"code" doc:"0 for success"`
		Data T   `json:"data"`
	}
}

// errNoSignIn answers a sign-in where sign-ins are off.
func errNoSignIn() error {
	return api.WithReason("sign_in_none", api.NewProblem(http.StatusConflict, "there are no sign-ins here: access is open, or an authenticator of the collector lets requests in; "+
		"set access::mode to local or oidc to have users"))
}

// errWrongPassword has the same words for a user who does not exist, so that it does not reveal who does.
func errWrongPassword() error {
	return api.WithReason("password_wrong", api.NewProblem(http.StatusUnauthorized, "the user name or the password is wrong, or the user is disabled"))
}

func (c *Handlers) createSession(ctx context.Context, in *struct {
	Body struct {
		Username string `json:"username" maxLength:"200"`
		Password string `json:"password" maxLength:"512"`
	}
}) (*signedIn[Session], error) {
	if c.signIn == nil {
		return nil, errNoSignIn()
	}
	u, err := c.checkPassword(ctx, in.Body.Username, in.Body.Password)
	if err != nil {
		return nil, err
	}
	return c.startSession(ctx, u, "session")
}

// checkPassword returns the user whose password it is. It takes equally long if there is no such user.
func (c *Handlers) checkPassword(ctx context.Context, username, given string) (u store.User, err error) {
	p := access.From(ctx)
	name, nameErr := CleanName(username)
	if nameErr != nil {
		name = "" // nobody's
	}
	found := false
	if name != "" {
		if u, found, err = c.Directory.FindUser(ctx, store.UserRef{Name: name}); err != nil {
			return u, c.Failed("sign in", err)
		}
	}
	attempt := throttle.Attempt{Source: p.Source, Account: name, Known: found, Device: device(ctx, &u)}
	if found && p.ID == u.ID { // the session is as good as a device
		attempt.Device = u.ID + " session"
	}
	wait, right, err := c.signIn.limiter.Begin(ctx, attempt, c.Now())
	if err != nil {
		return u, c.Failed("sign in", err)
	}
	if wait > 0 {
		c.Logger.Warn("sign-ins are being slowed down", zap.String("source", p.Source), zap.String("user_id", u.ID), zap.Duration("wait", wait))
		return u, api.WithReason("too_many_attempts", api.RetryLater(http.StatusTooManyRequests, "too many attempts to sign in failed; wait, and try again", wait))
	}
	ok, err := c.hasher.Verify(ctx, callerOf(&attempt), u.Password, given)
	switch {
	case errors.Is(err, password.ErrBusy):
		c.takeBack(ctx, right) // it was not looked at
		return u, api.WithReason("busy", api.RetryLater(http.StatusServiceUnavailable, "many people sign in at the moment; try again", time.Second))
	case err != nil && ctx.Err() != nil:
		return u, c.Failed("sign in", ctx.Err())
	case err != nil:
		return u, c.Failed("sign in", err)
	}
	if !ok || !found || roleOf(&u) == access.Nobody {
		// Not the name: people type their password there.
		c.Logger.Warn("a sign-in failed", zap.String("source", p.Source), zap.String("user_id", u.ID))
		return u, errWrongPassword()
	}
	c.takeBack(ctx, right)
	if c.hasher.Outdated(u.Password) {
		err = c.storePassword(ctx, &u, given, "user.rehash", store.UserUpdate{})
	}
	return u, err
}

// takeBack subtracts an attempt to sign in. Where that fails, who was right has one attempt less until it is forgotten.
func (c *Handlers) takeBack(ctx context.Context, right func(context.Context) error) {
	if err := right(context.WithoutCancel(ctx)); err != nil {
		c.Logger.Warn("a right sign-in still counts as an attempt", zap.Error(err))
	}
}

// callerOf says in whose share an attempt's password is hashed.
func callerOf(a *throttle.Attempt) password.Caller {
	return password.Caller{Source: throttle.Network(a.Source), Account: a.Account, Known: a.Device != ""}
}

// signedInCaller is the caller for users who are signed in, or have just proved to have the right password.
func signedInCaller(p access.Principal) password.Caller {
	return password.Caller{Source: p.ID + p.Name, Account: p.ID, Known: true}
}

// storePassword stores the hash of a user's new password. The user acts for itself, and has just shown the password that
// u has: where that is another one by now, it is refused.
func (c *Handlers) storePassword(ctx context.Context, u *store.User, given, action string, o store.UserUpdate) error {
	hash, err := c.hasher.Hash(ctx, password.Caller{Source: u.ID, Account: u.ID, Known: true}, given)
	if errors.Is(err, password.ErrBusy) {
		return api.WithReason("busy", api.RetryLater(http.StatusServiceUnavailable, "many people sign in at the moment; try again", time.Second))
	}
	if err != nil {
		return c.Failed("hash a password", err)
	}
	shown := u.Password
	err = api.UntilUnchanged(ctx, func() error {
		u.Password = hash
		entry, err := c.Audit.Entry(c.as(ctx, *u, "session"), action, userTarget(u), nil, nil)
		if err != nil {
			return err
		}
		changed := c.Directory.UpdateUser(ctx, *u, o, entry)
		if !errors.Is(changed, store.ErrChanged) {
			return changed
		}
		now, found, err := c.Directory.FindUser(ctx, store.UserRef{ID: u.ID})
		if err != nil {
			return err
		}
		if !found || now.Password != shown || roleOf(&now) == access.Nobody { // what it showed is worth nothing any more
			return errWrongPassword()
		}
		*u = now
		return changed
	})
	var answer *api.Problem
	if err != nil && !errors.As(err, &answer) {
		return c.Failed("store a password", err)
	}
	return err
}

// as returns a context that acts for a user who has just authenticated.
func (c *Handlers) as(ctx context.Context, u store.User, via string) context.Context {
	return access.With(ctx, access.Principal{ID: u.ID, Name: u.Name, Role: roleOf(&u), Via: via, Source: access.From(ctx).Source})
}

// startSession begins a session under a new token, whatever the browser sent before, and ends the old one.
func (c *Handlers) startSession(ctx context.Context, u store.User, via string) (*signedIn[Session], error) {
	if wait := c.signIns.Take(u.ID, c.Now()); wait > 0 {
		return nil, api.WithReason("too_many_attempts", api.RetryLater(http.StatusTooManyRequests, "you have signed in very often; use the session or the API token that you have, or wait", wait))
	}
	m := c.signIn.sessions
	ctx, err := m.Load(ctx, "") // where the request's own is not in it
	if err != nil {
		return nil, c.Failed("sign in", err)
	}
	ctx = c.as(ctx, u, via)
	change := sessionChange{user: u.ID}
	if change.begun, err = c.Audit.Entry(ctx, "session.create", userTarget(&u), nil, nil); err != nil {
		return nil, err
	}
	change.ended = change.begun
	change.ended.Action = "session.end"
	ctx = context.WithValue(ctx, changeKey{}, change)
	if err := m.RenewToken(ctx); err != nil {
		return nil, c.Failed("sign in", err)
	}
	m.Put(ctx, "via", via)
	token, _, err := m.Commit(ctx)
	if err != nil {
		return nil, c.Failed("sign in", err)
	}
	out := &signedIn[Session]{SetCookie: []http.Cookie{c.signIn.cookie(token)}}
	if via == "session" { // with a password: a provider looks after its own sign-ins
		out.SetCookie = append(out.SetCookie, c.signIn.rememberDevice(ctx, &u, device(ctx, &u) != ""))
	}
	out.Body.Data, err = c.sessionOf(ctx, access.From(ctx))
	return out, err
}

// cookie carries a session's token; one without takes the cookie away.
func (s *signIn) cookie(token string) http.Cookie {
	t := s.sessions.Cookie
	//nolint:gosec // the attributes are those of newSignIn, with Secure over TLS and by secure_cookie
	out := http.Cookie{
		Name: t.Name, Value: token, Path: t.Path, HttpOnly: t.HttpOnly, Secure: t.Secure, SameSite: t.SameSite, MaxAge: int(s.Lifetime.Seconds()),
	}
	if token == "" {
		out.MaxAge = -1
	}
	return out
}

// SignedOut says that a session has ended.
type SignedOut struct {
	LogoutURL *string `json:"logout_url" doc:"page of the OpenID Connect provider that ends the session there too; null where there is none"`
}

func (c *Handlers) deleteSession(ctx context.Context, _ *struct{}) (*signedIn[SignedOut], error) {
	if c.signIn == nil {
		return nil, errNoSignIn()
	}
	p := access.From(ctx)
	if p.Token != "" {
		return nil, api.WithReason("session_none", api.NewProblem(http.StatusConflict, "an API token has no session to end; "+api.Base+"/tokens revokes it"))
	}
	out := &signedIn[SignedOut]{SetCookie: []http.Cookie{c.signIn.cookie("")}}
	if p.ID == "" {
		return out, nil // without a session there is nothing to end
	}
	entry, err := c.Audit.Entry(ctx, "session.end", store.AuditTarget{Type: "user", ID: p.ID, Name: p.Name}, nil, nil)
	if err != nil {
		return nil, err
	}
	if err := c.signIn.sessions.Destroy(context.WithValue(ctx, changeKey{}, sessionChange{user: p.ID, ended: entry})); err != nil {
		return nil, c.Failed("sign out", err)
	}
	if p.Via == "oidc" && c.signIn.Provider != nil {
		if page := c.signIn.Provider.LogoutURL(); page != "" {
			out.Body.Data.LogoutURL = &page
		}
	}
	return out, nil
}

func (c *Handlers) changePassword(ctx context.Context, in *struct {
	Body struct {
		Old string `json:"old_password" maxLength:"512"`
		New string `json:"new_password" maxLength:"512"`
	}
}) (*signedIn[Session], error) {
	if c.signIn == nil {
		return nil, errNoSignIn()
	}
	p := access.From(ctx)
	if p.Via != "session" {
		return nil, api.WithReason("password_session_only", api.NewProblem(http.StatusForbidden, "only who has signed in with a password can change it here"))
	}
	if err := password.Check(in.Body.New, p.Name); err != nil {
		return nil, api.WithReason("password_unfit", api.Invalid("body.new_password", err.Error(), nil))
	}
	u, err := c.checkPassword(ctx, p.Name, in.Body.Old)
	if err == nil {
		err = c.storePassword(ctx, &u, in.Body.New, "user.password", store.UserUpdate{EndSessions: true})
	}
	if err != nil {
		var s huma.StatusError
		if errors.As(err, &s) && s.GetStatus() == http.StatusUnauthorized {
			err = api.WithReason("old_password_wrong", api.NewProblem(http.StatusForbidden, "the old password is wrong"))
		}
		return nil, err
	}
	return c.startSession(ctx, u, "session")
}

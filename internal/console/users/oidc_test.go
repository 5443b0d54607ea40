package users_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/sso"
	"github.com/tokenboard/tokenboard/internal/access/sso/ssotest"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/store"
)

// sites is a town with a provider beside it.
type sites struct {
	*consoletest.Secured
	server *ssotest.Provider
}

func newSites(t *testing.T) *sites {
	t.Helper()
	server := ssotest.Run(t)
	c := server.Config()
	c.Roles = map[access.Role][]string{access.Admin: {"admins"}, access.Viewer: {"staff"}}
	provider, err := sso.New(c)
	require.NoError(t, err)
	return &sites{consoletest.NewSecured(t, func(o *console.Options) { o.SignIn.Provider = provider }), server}
}

// come goes to the provider and back, and returns the console's answer.
func (s *sites) come(u *ssotest.User, next string, accept string) *httptest.ResponseRecorder {
	s.T.Helper()
	w := s.Do("GET", users.OIDCPath+"/login?next="+url.QueryEscape(next), "", nil)
	require.Equal(s.T, http.StatusFound, w.Code, w.Body)
	flow := consoletest.CookieOf(s.T, w)
	require.True(s.T, flow.HttpOnly)
	require.Equal(s.T, http.SameSiteLaxMode, flow.SameSite)
	require.Equal(s.T, users.OIDCPath, flow.Path)
	answer := s.server.SignIn(w.Header().Get("Location"), u)
	return s.Do("GET", users.OIDCPath+"/callback?"+answer.Encode(), "", map[string]string{
		"Cookie": flow.Name + "=" + flow.Value, "Accept": accept, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
	})
}

// arrived reads the session that an answer begins.
func (s *sites) arrived(w *httptest.ResponseRecorder) *consoletest.Person {
	s.T.Helper()
	require.Equal(s.T, http.StatusFound, w.Code, w.Body)
	for _, c := range w.Result().Cookies() {
		if c.Name == "tokenboard" {
			require.Equal(s.T, http.SameSiteStrictMode, c.SameSite)
			require.True(s.T, c.HttpOnly)
			return &consoletest.Person{Secured: s.Secured, Name: "", Header: map[string]string{"Cookie": "tokenboard=" + c.Value}}
		}
	}
	require.Fail(s.T, "no session", "%v", w.Header())
	return nil
}

func claims(name string, groups ...string) map[string]any {
	return map[string]any{"preferred_username": name, "name": "The " + name, "groups": groups}
}

func TestSignInAtTheProvider(t *testing.T) {
	s := newSites(t)
	who := consoletest.Read[users.Session](t, s.Do("GET", api.Base+"/session", "", nil), 200)
	require.Equal(t, "oidc", who.AccessMode)
	require.Equal(t, &users.SessionOIDC{Name: "Test", LoginURL: users.OIDCPath + "/login"}, who.OIDC)

	w := s.come(&ssotest.User{Subject: "1", Token: claims("Alice", "staff")}, "/console/logs?model=m", "text/html")
	require.Equal(t, "/console/logs?model=m", w.Header().Get("Location"))
	alice := s.arrived(w)
	u := consoletest.Read[users.Session](t, alice.Do("GET", "/session", ""), 200).User
	require.Equal(t, "alice", u.Name)
	require.Equal(t, "The Alice", u.DisplayName)
	require.Equal(t, "viewer", u.Role)
	require.Equal(t, "oidc", u.Via)
	consoletest.RequireProblem(t, s.Do("POST", api.Base+"/session", consoletest.Credentials("alice", ""), nil), 401)
	consoletest.RequireProblem(t, alice.Do("POST", "/session/password", `{"old_password":"","new_password":"another long password"}`), 403)

	boss := s.arrived(s.come(&ssotest.User{Subject: "1", Token: claims("renamed", "staff", "admins")}, "", "text/html"))
	again := consoletest.Read[users.Session](t, boss.Do("GET", "/session", ""), 200).User
	require.Equal(t, u.ID, again.ID)
	require.Equal(t, "alice", again.Name, "names stay: keys belong to them")
	require.Equal(t, "admin", again.Role)
	require.Equal(t, "admin", consoletest.Read[users.Session](t, alice.Do("GET", "/session", ""), 200).User.Role, "a role holds for all sessions")
	consoletest.RequireProblem(t, boss.Do("PATCH", "/users/"+u.ID, `{"role":"viewer"}`), 409)
	consoletest.RequireProblem(t, boss.Do("PATCH", "/users/"+u.ID, `{"password":"another long password"}`), 409)
	local := s.NewPerson("carol", access.Viewer) // local users go on
	consoletest.Read[stats.Stats](t, local.Do("GET", "/stats", ""), 200)
	token := alice.Token(access.Viewer)
	consoletest.Read[stats.Stats](t, token.Do("GET", "/stats", ""), 200)

	consoletest.RequireProblem(t, s.come(&ssotest.User{Subject: "1", Token: claims("alice", "nothing")}, "", ""), 403)
	for _, p := range []*consoletest.Person{alice, boss, token} {
		consoletest.RequireProblem(t, p.Do("GET", "/stats", ""), 401)
	}
	var actions []string
	require.NoError(t, s.Directory.Audit(context.Background(), store.AuditFilter{Targets: []string{u.ID}}, func(e *store.AuditEntry) error {
		actions = append(actions, e.Action+" "+e.Actor.Via)
		return nil
	}))
	require.Equal(t, []string{"user.update oidc", "session.create oidc", "user.update oidc", "session.create oidc", "user.create oidc"}, actions)
}

func TestProviderDoesNotTakeUsersOver(t *testing.T) {
	s := newSites(t)
	s.User("root", access.Admin)
	for name, u := range map[string]*ssotest.User{
		"a local user's name":  {Subject: "9", Token: claims("root", "admins")},
		"the same, in capital": {Subject: "9", Token: claims("ROOT", "admins")},
		"a name that is none":  {Subject: "9", Token: claims("a b <script>", "admins")},
		"no role":              {Subject: "9", Token: claims("nine")},
	} {
		w := s.come(u, "", "")
		consoletest.RequireProblem(t, w, 403)
		require.NotContains(t, w.Body.String(), "<script>", name)
		for _, c := range w.Result().Cookies() {
			require.NotEqual(t, "tokenboard", c.Name)
		}
	}
	w := s.come(&ssotest.User{Subject: "9", Token: claims("nine")}, "", "text/html,*/*")
	require.Equal(t, users.LoginPage+"?problem=refused", w.Header().Get("Location"))
	all, err := s.Directory.Users(context.Background())
	require.NoError(t, err)
	require.Len(t, all, 1)

	disabled := s.arrived(s.come(&ssotest.User{Subject: "5", Token: claims("five", "staff")}, "", ""))
	root := s.SignIn("root")
	id := consoletest.Read[users.Session](t, disabled.Do("GET", "/session", ""), 200).User.ID
	consoletest.Read[users.User](t, root.Do("PATCH", "/users/"+id, `{"disabled":true}`), 200)
	consoletest.RequireProblem(t, s.come(&ssotest.User{Subject: "5", Token: claims("five", "staff")}, "", ""), 403)
}

func TestTamperedCallbacks(t *testing.T) {
	s := newSites(t)
	begin := func() (string, url.Values) {
		w := s.Do("GET", users.OIDCPath+"/login", "", nil)
		flow := consoletest.CookieOf(t, w)
		return flow.Name + "=" + flow.Value, s.server.SignIn(w.Header().Get("Location"), &ssotest.User{Subject: "1", Token: claims("alice", "staff")})
	}
	for name, tamper := range map[string]func(cookie *string, answer url.Values){
		"no cookie":        func(cookie *string, _ url.Values) { *cookie = "" },
		"another state":    func(_ *string, answer url.Values) { answer.Set("state", "x") },
		"another browser":  func(cookie *string, _ url.Values) { *cookie, _ = begin() },
		"no code":          func(_ *string, answer url.Values) { answer.Del("code") },
		"a code of others": func(_ *string, answer url.Values) { _, other := begin(); answer.Set("code", other.Get("code")) },
	} {
		cookie, answer := begin()
		tamper(&cookie, answer)
		w := s.Do("GET", users.OIDCPath+"/callback?"+answer.Encode(), "", map[string]string{"Cookie": cookie})
		require.Contains(t, []int{403, 502}, w.Code, name)
		require.NotContains(t, w.Header().Values("Set-Cookie"), "tokenboard=", name)
		require.NotContains(t, w.Body.String(), s.server.ClientSecret)
	}
	for _, e := range s.Logs.All() {
		for _, v := range e.ContextMap() {
			if text, ok := v.(string); ok {
				require.NotContains(t, text, s.server.ClientSecret)
			}
		}
	}
	users, err := s.Directory.Users(context.Background())
	require.NoError(t, err)
	require.Empty(t, users)
}

func TestNextIsOwn(t *testing.T) {
	for next, want := range map[string]string{
		"": "/console/", "/console/logs?a=b#c": "/console/logs?a=b#c", "/console/": "/console/",
		"https://evil.example": "/console/", "//evil.example/console/": "/console/", "/\\evil.example": "/console/", "/console/\\..": "/console/",
		"/console/../api": "/console/", "/console/%2e%2e/api": "/console/", "javascript:alert(1)": "/console/", "/console/\r\nSet-Cookie: x": "/console/", "/api/console/export": "/console/",
		"https://user@evil.example/console/": "/console/", "/console@evil.example": "/console/",
	} {
		require.Equal(t, want, users.OwnPage(next), next)
	}
}

func TestProviderThatIsDown(t *testing.T) {
	o := consoletest.NewSecured(t, consoletest.WithProvider(t))
	consoletest.RequireProblem(t, o.Do("GET", users.OIDCPath+"/login", "", nil), 502)
	w := o.Do("GET", users.OIDCPath+"/login", "", map[string]string{"Accept": "text/html"})
	require.Equal(t, users.LoginPage+"?problem=provider", w.Header().Get("Location"))
}

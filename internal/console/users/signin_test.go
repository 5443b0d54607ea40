package users_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/store"
)

func TestSignInAndOut(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	s := consoletest.Read[users.Session](t, o.Do("GET", api.Base+"/session", "", nil), 200)
	require.Equal(t, "local", s.AccessMode)
	require.Nil(t, s.User)
	require.Equal(t, []string{"anyone"}, s.Permissions)
	consoletest.RequireProblem(t, o.Do("GET", api.Base+"/stats", "", nil), 401)
	require.NotEmpty(t, o.Do("GET", api.Base+"/stats", "", nil).Header().Get("WWW-Authenticate"))

	o.User("alice", access.Operator)
	w := o.Do("POST", api.Base+"/session", consoletest.Credentials(" Alice ", consoletest.TestPassword), nil)
	s = consoletest.Read[users.Session](t, w, 200)
	require.Equal(t, &users.SessionUser{ID: "usr_alice", Name: "alice", DisplayName: "alice", Role: "operator", Via: "session"}, s.User)
	require.Contains(t, s.Permissions, "write_keys")
	require.NotContains(t, s.Permissions, "manage_users")
	cookie := consoletest.CookieOf(t, w)
	require.Equal(t, "tokenboard", cookie.Name)
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	require.Equal(t, "/", cookie.Path)
	require.False(t, cookie.Secure)
	require.NotContains(t, w.Body.String(), cookie.Value)

	alice := &consoletest.Person{Secured: o, Name: "alice", Header: map[string]string{"Cookie": "tokenboard=" + cookie.Value}}
	require.Equal(t, s.User, consoletest.Read[users.Session](t, alice.Do("GET", "/session", ""), 200).User)
	consoletest.Read[stats.Stats](t, alice.Do("GET", "/stats", ""), 200)
	require.Equal(t, -1, consoletest.CookieOf(t, alice.Do("DELETE", "/session", "")).MaxAge)
	consoletest.RequireProblem(t, alice.Do("GET", "/stats", ""), 401)
	require.Equal(t, 200, alice.Do("DELETE", "/session", "").Code, "a second time does no harm")
}

func TestSecureCookie(t *testing.T) {
	o := consoletest.NewSecured(t, func(p *console.Options) { p.SignIn.Secure = true })
	o.User("alice", access.Viewer)
	cookie := consoletest.CookieOf(t, o.Do("POST", api.Base+"/session", consoletest.Credentials("alice", consoletest.TestPassword), nil))
	require.Equal(t, "__Host-tokenboard", cookie.Name)
	require.True(t, cookie.Secure)
	require.Empty(t, cookie.Domain)
}

func TestFailedSignInsTellNothing(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	o.User("alice", access.Admin)
	u := o.User("bob", access.Viewer)
	u.Disabled = true
	stored, _, err := o.Directory.FindUser(context.Background(), store.UserRef{ID: u.ID})
	require.NoError(t, err)
	u.Version = stored.Version
	require.NoError(t, o.Directory.UpdateUser(context.Background(), u, store.UserUpdate{}, store.AuditEntry{Action: "test.disable"}))
	hashOf := func(name string) string {
		u, _, err := o.Directory.FindUser(context.Background(), store.UserRef{Name: name})
		require.NoError(t, err)
		return u.Password
	}
	want := ""
	for _, tc := range [][2]string{
		{"alice", "wrong password"}, {"nobody", consoletest.TestPassword}, {"bob", consoletest.TestPassword}, {"", consoletest.TestPassword}, {"no such\nname", consoletest.TestPassword},
		{"alice", ""}, {"alice", hashOf("alice")}, {"' OR 1=1 --", "' OR 1=1 --"}, {"usr_alice", consoletest.TestPassword}, {"ali%", consoletest.TestPassword},
	} {
		w := o.Do("POST", api.Base+"/session", consoletest.Credentials(tc[0], tc[1]), nil)
		consoletest.RequireProblem(t, w, 401)
		require.Empty(t, w.Header().Get("Set-Cookie"))
		if want == "" {
			want = w.Body.String()
		}
		require.Equal(t, want, w.Body.String(), tc)
	}
	for _, e := range o.Logs.All() {
		require.NotContains(t, fmt.Sprint(e.ContextMap()), consoletest.TestPassword)
		require.NotContains(t, fmt.Sprint(e.ContextMap()), "nobody", "what is typed as a name may be a password")
	}
}

func TestSessionsEnd(t *testing.T) {
	for name, end := range map[string]func(o *consoletest.Secured, admin, alice *consoletest.Person){
		"idle":       func(o *consoletest.Secured, _, _ *consoletest.Person) { o.Now = o.Now.Add(users.DefaultIdle) },
		"signed out": func(_ *consoletest.Secured, _, alice *consoletest.Person) { alice.Do("DELETE", "/session", "") },
		"by an admin": func(_ *consoletest.Secured, admin, _ *consoletest.Person) {
			consoletest.Read[users.Ended](t, admin.Do("DELETE", "/users/usr_alice/sessions", ""), 200)
		},
		"disabled": func(_ *consoletest.Secured, admin, _ *consoletest.Person) {
			consoletest.Read[users.User](t, admin.Do("PATCH", "/users/usr_alice", `{"disabled":true}`), 200)
		},
		"deleted": func(_ *consoletest.Secured, admin, _ *consoletest.Person) {
			consoletest.Read[users.Deleted](t, admin.Do("DELETE", "/users/usr_alice", ""), 200)
		},
		"new password": func(_ *consoletest.Secured, admin, _ *consoletest.Person) {
			consoletest.Read[users.User](t, admin.Do("PATCH", "/users/usr_alice", `{"password":"another long password"}`), 200)
		},
		"absolute": func(o *consoletest.Secured, _, alice *consoletest.Person) {
			for range 16 { // in use all the time
				o.Now = o.Now.Add(users.DefaultIdle - time.Hour)
				alice.Do("GET", "/stats", "")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := consoletest.NewSecured(t, nil)
			admin, alice := o.NewPerson("root", access.Admin), o.NewPerson("alice", access.Viewer)
			consoletest.Read[stats.Stats](t, alice.Do("GET", "/stats", ""), 200)
			end(o, admin, alice)
			consoletest.RequireProblem(t, alice.Do("GET", "/stats", ""), 401)
		})
	}
	t.Run("not while in use", func(t *testing.T) {
		o := consoletest.NewSecured(t, nil)
		alice := o.NewPerson("alice", access.Viewer)
		for range 10 {
			o.Now = o.Now.Add(users.DefaultIdle - time.Minute)
			consoletest.Read[stats.Stats](t, alice.Do("GET", "/stats", ""), 200)
		}
		u, _, err := o.Directory.FindUser(context.Background(), store.UserRef{Name: "alice"})
		require.NoError(t, err)
		require.Equal(t, o.Now, u.SeenAt)
	})
	t.Run("the oldest of too many", func(t *testing.T) {
		o := consoletest.NewSecured(t, nil)
		first := o.NewPerson("alice", access.Viewer)
		for range users.SessionsPerUser {
			o.Now = o.Now.Add(time.Second)
			o.SignIn("alice")
		}
		consoletest.RequireProblem(t, first.Do("GET", "/stats", ""), 401)
	})
}

func TestSessionFixation(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	o.User("alice", access.Viewer)
	planted := map[string]string{"Cookie": "tokenboard=planted-by-somebody-else-0123456789012345678"}
	w := o.Do("POST", api.Base+"/session", consoletest.Credentials("alice", consoletest.TestPassword), planted)
	require.Equal(t, 200, w.Code)
	require.NotContains(t, planted["Cookie"], consoletest.CookieOf(t, w).Value)
	consoletest.RequireProblem(t, o.Do("GET", api.Base+"/stats", "", planted), 401)

	mallory := o.NewPerson("mallory", access.Viewer)
	w = o.Do("POST", api.Base+"/session", consoletest.Credentials("alice", consoletest.TestPassword), mallory.Header)
	require.Equal(t, 200, w.Code)
	consoletest.RequireProblem(t, mallory.Do("GET", "/stats", ""), 401)
	require.NotContains(t, mallory.Header["Cookie"], consoletest.CookieOf(t, w).Value, "a sign-in renews the token")
}

func TestSessionsActForOwnPagesOnly(t *testing.T) {
	o := consoletest.NewSecured(t, func(p *console.Options) { p.Origins = []string{"https://friend.example"} })
	alice := o.NewPerson("alice", access.Operator)
	for _, tc := range []struct {
		name   string
		header map[string]string
		status int
	}{
		{"own page", map[string]string{"Origin": "http://localhost:8317", "Sec-Fetch-Site": "same-origin"}, 201},
		{"no browser", map[string]string{"Origin": ""}, 201},
		{"another site", map[string]string{"Origin": "https://evil.example"}, 403},
		{"another port", map[string]string{"Origin": "http://localhost:3000"}, 403},
		{"a sandbox", map[string]string{"Origin": "null"}, 403},
		{"same site", map[string]string{"Origin": "", "Sec-Fetch-Site": "same-site"}, 403},
		{"cross site", map[string]string{"Origin": "", "Sec-Fetch-Site": "cross-site"}, 403},
		{"a form", map[string]string{"Origin": "", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403},
		{"a page without TLS of the same name, which others on the network can change", map[string]string{"Origin": "http://localhost:8317", "Sec-Fetch-Site": "cross-site"}, 403},
		{"an allowed origin", map[string]string{"Origin": "https://friend.example"}, 401},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.header["Cookie"] = alice.Header["Cookie"]
			w := o.Do("POST", api.Base+"/keys", `{"name":"`+tc.name+`"}`, tc.header)
			require.Equal(t, tc.status, w.Code, w.Body)
		})
	}
	link := map[string]string{"Cookie": alice.Header["Cookie"], "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}
	consoletest.RequireProblem(t, o.Do("GET", api.Base+"/export", "", link), 403)
}

func TestPasswordChange(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	alice := o.NewPerson("alice", access.Member)
	elsewhere := o.SignIn("alice")
	for body, status := range map[string]int{
		`{"old_password":"wrong wrong wrong","new_password":"another long password"}`:              403,
		`{"old_password":"` + consoletest.TestPassword + `","new_password":"short"}`:               400,
		`{"old_password":"` + consoletest.TestPassword + `","new_password":"alice in wonderland"}`: 400,
		`{"new_password":"another long password"}`:                                                 400,
	} {
		consoletest.RequireProblem(t, alice.Do("POST", "/session/password", body), status)
	}
	consoletest.RequireProblem(t, alice.Token(access.Member).Do("POST", "/session/password", `{"old_password":"`+consoletest.TestPassword+`","new_password":"another long password"}`), 403)
	w := alice.Do("POST", "/session/password", `{"old_password":"`+consoletest.TestPassword+`","new_password":"another long password"}`)
	require.Equal(t, "alice", consoletest.Read[users.Session](t, w, 200).User.Name)
	consoletest.RequireProblem(t, alice.Do("GET", "/stats", ""), 401)
	consoletest.RequireProblem(t, elsewhere.Do("GET", "/stats", ""), 401)
	alice.Header["Cookie"] = "tokenboard=" + consoletest.CookieOf(t, w).Value
	consoletest.Read[stats.Stats](t, alice.Do("GET", "/stats", ""), 200)
	consoletest.RequireProblem(t, o.Do("POST", api.Base+"/session", consoletest.Credentials("alice", consoletest.TestPassword), nil), 401)
	require.Equal(t, 200, o.Do("POST", api.Base+"/session", consoletest.Credentials("alice", "another long password"), nil).Code)
}

func TestOutdatedHashesAreRenewed(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	old := o.User("alice", access.Viewer).Password
	o.Console.Users.SetHasher(password.New(password.Params{Memory: 128, Passes: 1, Threads: 1}))
	o.SignIn("alice")
	u, _, err := o.Directory.FindUser(context.Background(), store.UserRef{Name: "alice"})
	require.NoError(t, err)
	require.NotEqual(t, old, u.Password)
	require.Contains(t, u.Password, "m=128")
	o.SignIn("alice")
}

func TestFirstAdmin(t *testing.T) {
	ctx := context.Background()
	o := consoletest.NewSecured(t, nil)
	body := func(token, name, secret string) string {
		return fmt.Sprintf(`{"token":%q,"username":%q,"password":%q}`, token, name, secret)
	}
	consoletest.RequireProblem(t, o.Do("POST", api.Base+"/session/setup", body("", "root", consoletest.TestPassword), nil), 403)
	first, err := o.Console.SetupToken(ctx)
	require.NoError(t, err)
	require.True(t, consoletest.Read[users.Session](t, o.Do("GET", api.Base+"/session", "", nil), 200).NeedsSetup)
	consoletest.RequireProblem(t, o.Do("POST", api.Base+"/session/setup", body("guess", "root", consoletest.TestPassword), nil), 403)
	o.Now = o.Now.Add(users.SetupPatience + time.Second)
	consoletest.RequireProblem(t, o.Do("POST", api.Base+"/session/setup", body(first, "root", consoletest.TestPassword), nil), 403)
	second, err := o.Console.SetupToken(ctx)
	require.NoError(t, err)
	consoletest.RequireProblem(t, o.Do("POST", api.Base+"/session/setup", body(second, "root", "short"), nil), 400)
	s := consoletest.Read[users.Session](t, o.Do("POST", api.Base+"/session/setup", body(second, "root", consoletest.TestPassword), nil), 200)
	require.Equal(t, "admin", s.User.Role)
	require.False(t, s.NeedsSetup)
	consoletest.RequireProblem(t, o.Do("POST", api.Base+"/session/setup", body(second, "again", consoletest.TestPassword), nil), 403)
	none, err := o.Console.SetupToken(ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	root := o.SignIn("root")
	last := consoletest.Read[audit.Page](t, root.Do("GET", "/audit?action=user.create", ""), 200).Items
	require.Len(t, last, 1)
	require.Equal(t, "setup", last[0].Actor.Via)
}

func TestBootstrap(t *testing.T) {
	ctx := context.Background()
	o := consoletest.NewSecured(t, nil)
	require.ErrorContains(t, o.Console.Bootstrap(ctx, "root", "short"), "at least 12")
	require.NoError(t, o.Console.Bootstrap(ctx, "Root", consoletest.TestPassword))
	require.NoError(t, o.Console.Bootstrap(ctx, "root", "another long password"), "the admin is left alone")
	o.SignIn("root")
	require.NoError(t, o.Console.Bootstrap(ctx, "second", consoletest.TestPassword))
	consoletest.RequireProblem(t, o.Do("POST", api.Base+"/session", consoletest.Credentials("second", consoletest.TestPassword), nil), 401)
	other := consoletest.NewSecured(t, nil)
	other.User("root", access.Viewer)
	require.ErrorContains(t, other.Console.Bootstrap(ctx, "root", consoletest.TestPassword), "is no admin")
}

func TestUserNames(t *testing.T) {
	for name, want := range map[string]string{"Alice": "alice", "a.b_c@d+e-1\t": "a.b_c@d+e-1", "张三": "张三", "ＡＢ": "ab"} {
		got, err := users.CleanName(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"", " ", "a b", "a/b", "a'b", "a\x00b", "a\u200bb", "<b>", strings.Repeat("x", 101)} {
		_, err := users.CleanName(name)
		require.Error(t, err, name)
	}
}

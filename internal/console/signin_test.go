package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/access/sso"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/store"
)

// town is a console that people sign in to.
type town struct {
	*bench
	console *Console
	now     time.Time
	logs    *observer.ObservedLogs
}

// quickPasswords are parameters for tests of what is not their cost.
var quickPasswords = password.Params{Memory: 64, Passes: 1, Threads: 1}

func newTown(t testing.TB, with func(*Options)) *town {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	out := &town{now: testNow, logs: logs}
	var o Options
	out.bench, o = openBench(t, func(p *Options) {
		p.Open, p.Logger, p.Now = false, zap.New(core), func() time.Time { return out.now }
		p.SignIn = &SignIn{Passwords: quickPasswords, Limits: throttle.Limits{Source: throttle.Limit{Burst: 10_000, Every: time.Second}}}
		if with != nil {
			with(p)
		}
	})
	out.console = New(o)
	out.bench.console = out.console
	out.handler = out.console.Handler()
	return out
}

const testPassword = "correct horse battery staple"

// person is somebody with a browser, or with an API token.
type person struct {
	*town
	name   string
	header map[string]string
}

// user makes a user; "" is a role for nobody.
func (o *town) user(name string, role access.Role) store.User {
	o.t.Helper()
	hash, err := o.console.Users.hasher.Hash(context.Background(), password.Caller{}, testPassword)
	require.NoError(o.t, err)
	u := store.User{ID: "usr_" + name, Name: name, Role: role.String(), Password: hash, CreatedAt: o.now}
	require.NoError(o.t, o.directory.AddUser(context.Background(), u, store.AuditEntry{Action: "test.user", Time: o.now}))
	return u
}

// signIn signs a user in with testPassword.
func (o *town) signIn(name string) *person {
	o.t.Helper()
	w := o.do("POST", base+"/session", credentials(name, testPassword), nil)
	require.Equal(o.t, 200, w.Code, w.Body)
	return &person{o, name, map[string]string{"Cookie": cookieOf(o.t, w).Name + "=" + cookieOf(o.t, w).Value, "Origin": "http://localhost:8317"}}
}

// newPerson makes a user of a role and signs it in.
func (o *town) newPerson(name string, role access.Role) *person {
	o.t.Helper()
	o.user(name, role)
	return o.signIn(name)
}

func credentials(name, secret string) string {
	b, _ := json.Marshal(map[string]string{"username": name, "password": secret}) // never fails
	return string(b)
}

func cookieOf(t testing.TB, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	for _, c := range w.Result().Cookies() {
		if !strings.HasSuffix(c.Name, deviceCookie) {
			return c
		}
	}
	require.Fail(t, "no session", w.Header())
	return nil
}

func (p *person) do(method, target, body string) *httptest.ResponseRecorder {
	p.t.Helper()
	return p.town.do(method, base+target, body, p.header)
}

// read reads the data of an answer.
func read[T any](t testing.TB, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	var e struct{ Data T }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e))
	return e.Data
}

// token makes an API token of a role for somebody.
func (p *person) token(role access.Role) *person {
	p.t.Helper()
	made := read[NewToken](p.t, p.do("POST", "/tokens", `{"name":"script","role":"`+role.String()+`"}`), 201)
	return &person{p.town, p.name, map[string]string{"Authorization": "Bearer " + made.Secret}}
}

func TestSignInAndOut(t *testing.T) {
	o := newTown(t, nil)
	s := read[Session](t, o.do("GET", base+"/session", "", nil), 200)
	require.Equal(t, "local", s.AccessMode)
	require.Nil(t, s.User)
	require.Equal(t, []string{"anyone"}, s.Permissions)
	requireProblem(t, o.do("GET", base+"/stats", "", nil), 401)
	require.NotEmpty(t, o.do("GET", base+"/stats", "", nil).Header().Get("WWW-Authenticate"))

	o.user("alice", access.Operator)
	w := o.do("POST", base+"/session", credentials(" Alice ", testPassword), nil)
	s = read[Session](t, w, 200)
	require.Equal(t, &SessionUser{ID: "usr_alice", Name: "alice", DisplayName: "alice", Role: "operator", Via: "session"}, s.User)
	require.Contains(t, s.Permissions, "write_keys")
	require.NotContains(t, s.Permissions, "manage_users")
	cookie := cookieOf(t, w)
	require.Equal(t, "tokenboard", cookie.Name)
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteStrictMode, cookie.SameSite)
	require.Equal(t, "/", cookie.Path)
	require.False(t, cookie.Secure)
	require.NotContains(t, w.Body.String(), cookie.Value)

	alice := &person{o, "alice", map[string]string{"Cookie": "tokenboard=" + cookie.Value}}
	require.Equal(t, s.User, read[Session](t, alice.do("GET", "/session", ""), 200).User)
	read[Stats](t, alice.do("GET", "/stats", ""), 200)
	require.Equal(t, -1, cookieOf(t, alice.do("DELETE", "/session", "")).MaxAge)
	requireProblem(t, alice.do("GET", "/stats", ""), 401)
	require.Equal(t, 200, alice.do("DELETE", "/session", "").Code, "a second time does no harm")
}

func TestSecureCookie(t *testing.T) {
	o := newTown(t, func(p *Options) { p.SignIn.Secure = true })
	o.user("alice", access.Viewer)
	cookie := cookieOf(t, o.do("POST", base+"/session", credentials("alice", testPassword), nil))
	require.Equal(t, "__Host-tokenboard", cookie.Name)
	require.True(t, cookie.Secure)
	require.Empty(t, cookie.Domain)
}

func TestFailedSignInsTellNothing(t *testing.T) {
	o := newTown(t, nil)
	o.user("alice", access.Admin)
	u := o.user("bob", access.Viewer)
	u.Disabled = true
	stored, _, err := o.directory.FindUser(context.Background(), store.UserRef{ID: u.ID})
	require.NoError(t, err)
	u.Version = stored.Version
	require.NoError(t, o.directory.UpdateUser(context.Background(), u, store.UserUpdate{}, store.AuditEntry{Action: "test.disable"}))
	hashOf := func(name string) string {
		u, _, err := o.directory.FindUser(context.Background(), store.UserRef{Name: name})
		require.NoError(t, err)
		return u.Password
	}
	want := ""
	for _, tc := range [][2]string{
		{"alice", "wrong password"}, {"nobody", testPassword}, {"bob", testPassword}, {"", testPassword}, {"no such\nname", testPassword},
		{"alice", ""}, {"alice", hashOf("alice")}, {"' OR 1=1 --", "' OR 1=1 --"}, {"usr_alice", testPassword}, {"ali%", testPassword},
	} {
		w := o.do("POST", base+"/session", credentials(tc[0], tc[1]), nil)
		requireProblem(t, w, 401)
		require.Empty(t, w.Header().Get("Set-Cookie"))
		if want == "" {
			want = w.Body.String()
		}
		require.Equal(t, want, w.Body.String(), tc)
	}
	for _, e := range o.logs.All() {
		require.NotContains(t, fmt.Sprint(e.ContextMap()), testPassword)
		require.NotContains(t, fmt.Sprint(e.ContextMap()), "nobody", "what is typed as a name may be a password")
	}
}

func TestSessionsEnd(t *testing.T) {
	for name, end := range map[string]func(o *town, admin, alice *person){
		"idle":       func(o *town, _, _ *person) { o.now = o.now.Add(defaultIdle) },
		"signed out": func(_ *town, _, alice *person) { alice.do("DELETE", "/session", "") },
		"by an admin": func(_ *town, admin, _ *person) {
			read[Ended](t, admin.do("DELETE", "/users/usr_alice/sessions", ""), 200)
		},
		"disabled": func(_ *town, admin, _ *person) {
			read[User](t, admin.do("PATCH", "/users/usr_alice", `{"disabled":true}`), 200)
		},
		"deleted": func(_ *town, admin, _ *person) { read[Deleted](t, admin.do("DELETE", "/users/usr_alice", ""), 200) },
		"new password": func(_ *town, admin, _ *person) {
			read[User](t, admin.do("PATCH", "/users/usr_alice", `{"password":"another long password"}`), 200)
		},
		"absolute": func(o *town, _, alice *person) {
			for range 16 { // in use all the time
				o.now = o.now.Add(defaultIdle - time.Hour)
				alice.do("GET", "/stats", "")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newTown(t, nil)
			admin, alice := o.newPerson("root", access.Admin), o.newPerson("alice", access.Viewer)
			read[Stats](t, alice.do("GET", "/stats", ""), 200)
			end(o, admin, alice)
			requireProblem(t, alice.do("GET", "/stats", ""), 401)
		})
	}
	t.Run("not while in use", func(t *testing.T) {
		o := newTown(t, nil)
		alice := o.newPerson("alice", access.Viewer)
		for range 10 {
			o.now = o.now.Add(defaultIdle - time.Minute)
			read[Stats](t, alice.do("GET", "/stats", ""), 200)
		}
		u, _, err := o.directory.FindUser(context.Background(), store.UserRef{Name: "alice"})
		require.NoError(t, err)
		require.Equal(t, o.now, u.SeenAt)
	})
	t.Run("the oldest of too many", func(t *testing.T) {
		o := newTown(t, nil)
		first := o.newPerson("alice", access.Viewer)
		for range sessionsPerUser {
			o.now = o.now.Add(time.Second)
			o.signIn("alice")
		}
		requireProblem(t, first.do("GET", "/stats", ""), 401)
	})
}

func TestSessionFixation(t *testing.T) {
	o := newTown(t, nil)
	o.user("alice", access.Viewer)
	planted := map[string]string{"Cookie": "tokenboard=planted-by-somebody-else-0123456789012345678"}
	w := o.do("POST", base+"/session", credentials("alice", testPassword), planted)
	require.Equal(t, 200, w.Code)
	require.NotContains(t, planted["Cookie"], cookieOf(t, w).Value)
	requireProblem(t, o.do("GET", base+"/stats", "", planted), 401)

	mallory := o.newPerson("mallory", access.Viewer)
	w = o.do("POST", base+"/session", credentials("alice", testPassword), mallory.header)
	require.Equal(t, 200, w.Code)
	requireProblem(t, mallory.do("GET", "/stats", ""), 401)
	require.NotContains(t, mallory.header["Cookie"], cookieOf(t, w).Value, "a sign-in renews the token")
}

func TestSessionsActForOwnPagesOnly(t *testing.T) {
	o := newTown(t, func(p *Options) { p.Origins = []string{"https://friend.example"} })
	alice := o.newPerson("alice", access.Operator)
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
			tc.header["Cookie"] = alice.header["Cookie"]
			w := o.do("POST", base+"/keys", `{"name":"`+tc.name+`"}`, tc.header)
			require.Equal(t, tc.status, w.Code, w.Body)
		})
	}
	link := map[string]string{"Cookie": alice.header["Cookie"], "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}
	requireProblem(t, o.do("GET", base+"/export", "", link), 403)
}

func TestHosts(t *testing.T) {
	o := newTown(t, func(p *Options) { p.Hosts = []string{"board.example", "localhost"} })
	for host, want := range map[string]int{"board.example": 200, "BOARD.example:443": 200, "localhost:8317": 200, "evil.example": 403, "board.example.evil.example": 403, "": 403, "127.0.0.1": 403} {
		r := httptest.NewRequest(http.MethodGet, "http://x"+base+"/session", nil)
		r.Host = host
		w := httptest.NewRecorder()
		o.handler.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, host)
	}
}

func TestPasswordChange(t *testing.T) {
	o := newTown(t, nil)
	alice := o.newPerson("alice", access.Member)
	elsewhere := o.signIn("alice")
	for body, status := range map[string]int{
		`{"old_password":"wrong wrong wrong","new_password":"another long password"}`:  403,
		`{"old_password":"` + testPassword + `","new_password":"short"}`:               400,
		`{"old_password":"` + testPassword + `","new_password":"alice in wonderland"}`: 400,
		`{"new_password":"another long password"}`:                                     400,
	} {
		requireProblem(t, alice.do("POST", "/session/password", body), status)
	}
	requireProblem(t, alice.token(access.Member).do("POST", "/session/password", `{"old_password":"`+testPassword+`","new_password":"another long password"}`), 403)
	w := alice.do("POST", "/session/password", `{"old_password":"`+testPassword+`","new_password":"another long password"}`)
	require.Equal(t, "alice", read[Session](t, w, 200).User.Name)
	requireProblem(t, alice.do("GET", "/stats", ""), 401)
	requireProblem(t, elsewhere.do("GET", "/stats", ""), 401)
	alice.header["Cookie"] = "tokenboard=" + cookieOf(t, w).Value
	read[Stats](t, alice.do("GET", "/stats", ""), 200)
	requireProblem(t, o.do("POST", base+"/session", credentials("alice", testPassword), nil), 401)
	require.Equal(t, 200, o.do("POST", base+"/session", credentials("alice", "another long password"), nil).Code)
}

func TestOutdatedHashesAreRenewed(t *testing.T) {
	o := newTown(t, nil)
	old := o.user("alice", access.Viewer).Password
	o.console.Users.hasher = password.New(password.Params{Memory: 128, Passes: 1, Threads: 1})
	o.signIn("alice")
	u, _, err := o.directory.FindUser(context.Background(), store.UserRef{Name: "alice"})
	require.NoError(t, err)
	require.NotEqual(t, old, u.Password)
	require.Contains(t, u.Password, "m=128")
	o.signIn("alice")
}

func TestForwardedForIsBelievedOfProxiesOnly(t *testing.T) {
	source := func(proxies []netip.Prefix, remote string, forwarded ...string) string {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Header["X-Forwarded-For"] = remote, forwarded
		return (&Console{o: Options{Proxies: proxies}}).source(r)
	}
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	require.Equal(t, "10.0.0.1", source(nil, "10.0.0.1:5", "1.1.1.1"), "off by default")
	require.Equal(t, "8.8.8.8", source(proxies, "8.8.8.8:5", "1.1.1.1"), "no proxy of ours")
	require.Equal(t, "1.1.1.1", source(proxies, "10.0.0.1:5", "1.1.1.1"))
	require.Equal(t, "2.2.2.2", source(proxies, "10.0.0.1:5", "1.1.1.1, 2.2.2.2"), "what the client itself wrote is not believed")
	require.Equal(t, "2.2.2.2", source(proxies, "[::1]:5", "1.1.1.1, 2.2.2.2", "10.9.9.9"))
	require.Equal(t, "10.0.0.1", source(proxies, "10.0.0.1:5", "evil\r\nX: y"))
	require.Equal(t, "10.0.0.1", source(proxies, "10.0.0.1:5"))
	require.Equal(t, "2001:db8::1", source(proxies, "10.0.0.1:5", "2001:db8::1"))
}

func TestFirstAdmin(t *testing.T) {
	ctx := context.Background()
	o := newTown(t, nil)
	body := func(token, name, secret string) string {
		return fmt.Sprintf(`{"token":%q,"username":%q,"password":%q}`, token, name, secret)
	}
	requireProblem(t, o.do("POST", base+"/session/setup", body("", "root", testPassword), nil), 403)
	first, err := o.console.SetupToken(ctx)
	require.NoError(t, err)
	require.True(t, read[Session](t, o.do("GET", base+"/session", "", nil), 200).NeedsSetup)
	requireProblem(t, o.do("POST", base+"/session/setup", body("guess", "root", testPassword), nil), 403)
	o.now = o.now.Add(setupPatience + time.Second)
	requireProblem(t, o.do("POST", base+"/session/setup", body(first, "root", testPassword), nil), 403)
	second, err := o.console.SetupToken(ctx)
	require.NoError(t, err)
	requireProblem(t, o.do("POST", base+"/session/setup", body(second, "root", "short"), nil), 400)
	s := read[Session](t, o.do("POST", base+"/session/setup", body(second, "root", testPassword), nil), 200)
	require.Equal(t, "admin", s.User.Role)
	require.False(t, s.NeedsSetup)
	requireProblem(t, o.do("POST", base+"/session/setup", body(second, "again", testPassword), nil), 403)
	none, err := o.console.SetupToken(ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	root := o.signIn("root")
	last := read[AuditPage](t, root.do("GET", "/audit?action=user.create", ""), 200).Items
	require.Len(t, last, 1)
	require.Equal(t, "setup", last[0].Actor.Via)
}

func TestBootstrap(t *testing.T) {
	ctx := context.Background()
	o := newTown(t, nil)
	require.ErrorContains(t, o.console.Bootstrap(ctx, "root", "short"), "at least 12")
	require.NoError(t, o.console.Bootstrap(ctx, "Root", testPassword))
	require.NoError(t, o.console.Bootstrap(ctx, "root", "another long password"), "the admin is left alone")
	o.signIn("root")
	require.NoError(t, o.console.Bootstrap(ctx, "second", testPassword))
	requireProblem(t, o.do("POST", base+"/session", credentials("second", testPassword), nil), 401)
	other := newTown(t, nil)
	other.user("root", access.Viewer)
	require.ErrorContains(t, other.console.Bootstrap(ctx, "root", testPassword), "is no admin")
}

func TestUserNames(t *testing.T) {
	for name, want := range map[string]string{"Alice": "alice", "a.b_c@d+e-1\t": "a.b_c@d+e-1", "张三": "张三", "ＡＢ": "ab"} {
		got, err := UserName(name)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, name := range []string{"", " ", "a b", "a/b", "a'b", "a\x00b", "a\u200bb", "<b>", strings.Repeat("x", 101)} {
		_, err := UserName(name)
		require.Error(t, err, name)
	}
}

// withProvider gives a console an OpenID Connect provider that does not answer.
func withProvider(t testing.TB) func(*Options) {
	t.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	provider, err := sso.New(sso.Config{
		Name: "nobody there", Issuer: "http://127.0.0.1:1", ClientID: "x", RedirectURL: "http://localhost:8317" + oidcPath + "/callback", Client: client,
	})
	require.NoError(t, err)
	return func(o *Options) { o.SignIn.Provider = provider }
}

// BenchmarkIdentify measures what finding out who a request acts for costs: go test ./internal/console -run - -bench Identify
func BenchmarkIdentify(b *testing.B) {
	o := newTown(b, nil)
	alice := o.newPerson("alice", access.Viewer)
	token := alice.token(access.Viewer)
	handler := o.console.guard.Wrap(o.console.identify(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if access.From(r.Context()).Role != access.Viewer {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})))
	for name, header := range map[string]map[string]string{"session": alice.header, "token": token.header, "nobody": nil} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := httptest.NewRequest(http.MethodGet, "http://localhost:8317"+base+"/stats", nil)
				for k, v := range header {
					r.Header.Set(k, v)
				}
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if (w.Code == http.StatusOK) != (header != nil) {
					b.Fatal(w.Code)
				}
			}
		})
	}
}

func TestStreamsEndWithTheirSession(t *testing.T) {
	for name, end := range map[string]func(o *town, root *person){
		"session ended": func(_ *town, root *person) { read[Ended](t, root.do("DELETE", "/users/usr_alice/sessions", ""), 200) },
		"another role": func(_ *town, root *person) {
			read[User](t, root.do("PATCH", "/users/usr_alice", `{"role":"member"}`), 200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newTown(t, nil)
			root, alice := o.newPerson("root", access.Admin), o.newPerson("alice", access.Viewer)
			o.console.Stream.streams.check = time.Millisecond
			defer o.console.Close()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			begun, ended := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(ended)
				r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost:8317"+base+"/logs/stream", nil)
				r.Header.Set("Cookie", alice.header["Cookie"])
				o.handler.ServeHTTP(&hangUp{httptest.NewRecorder(), sync.OnceFunc(func() { close(begun) })}, r)
			}()
			<-begun
			select {
			case <-ended:
				require.Fail(t, "the stream ended while its reader was signed in")
			default:
			}
			end(o, root)
			select {
			case <-ended:
			case <-time.After(time.Minute):
				require.Fail(t, "the stream goes on")
			}
		})
	}
}

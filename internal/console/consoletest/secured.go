package consoletest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/access/password"
	"github.com/tokenboard/tokenboard/internal/access/sso"
	"github.com/tokenboard/tokenboard/internal/access/throttle"
	"github.com/tokenboard/tokenboard/internal/cliproxy"
	"github.com/tokenboard/tokenboard/internal/cliproxy/cliproxytest"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/internal/keysync"
	"github.com/tokenboard/tokenboard/internal/store"
)

// WithProxies returns a console proxies whose keys follow its own.
func WithProxies(t *testing.T, proxies ...*cliproxytest.Proxy) func(*console.Options) {
	return func(o *console.Options) {
		o.KeySync = syncOf(t, o.Directory, o.Ledger.KeyedFingerprint, proxies...)
	}
}

func syncOf(t *testing.T, d store.Directory, identity func(string) string, proxies ...*cliproxytest.Proxy) *keysync.Sync {
	options := keysync.Options{Keys: d.Keys, Identity: identity, Poll: 5 * time.Millisecond, Check: 50 * time.Millisecond}
	for i, p := range proxies {
		client, err := cliproxy.New(cliproxy.Options{Endpoint: p.URL(), Key: "management", HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}})
		require.NoError(t, err)
		options.Proxies = append(options.Proxies, keysync.Proxy{Name: string(rune('a' + i)), Endpoint: p.URL(), Client: client})
	}
	s := keysync.New(options)
	s.Start()
	t.Cleanup(s.Close)
	return s
}

// From signs in from an address, with cookies.
func (o *Secured) From(source, name, secret string, cookies ...*http.Cookie) *httptest.ResponseRecorder {
	header := map[string]string{"X-Forwarded-For": "203.0.113.99, " + source}
	for _, c := range cookies {
		header["Cookie"] = strings.TrimPrefix(header["Cookie"]+"; "+c.Name+"="+c.Value, "; ")
	}
	return o.Do("POST", api.Base+"/session", Credentials(name, secret), header)
}

// Secured is a console that people sign in to.
type Secured struct {
	*Bench
	Console *console.Console
	Now     time.Time
	Logs    *observer.ObservedLogs
}

// QuickPasswords are cheap parameters, for tests that do not depend on the cost of hashing.
var QuickPasswords = password.Params{Memory: 64, Passes: 1, Threads: 1}

// NewSecured returns a console in local mode, whose people have to sign in.
func NewSecured(t testing.TB, with func(*console.Options)) *Secured {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	out := &Secured{Now: TestNow, Logs: logs}
	var o console.Options
	out.Bench, o = OpenBench(t, func(p *console.Options) {
		p.Open, p.Logger, p.Now = false, zap.New(core), func() time.Time { return out.Now }
		p.SignIn = &users.SignIn{Passwords: QuickPasswords, Limits: throttle.Limits{Source: throttle.Limit{Burst: 10_000, Every: time.Second}}}
		if with != nil {
			with(p)
		}
	})
	out.Console = console.New(o)
	out.Bench.Console = out.Console
	out.Handler = out.Console.Handler()
	return out
}

// TestPassword is the password of every person of the tests.
const TestPassword = "correct horse battery staple"

// Person is somebody with a browser, or with an API token.
type Person struct {
	*Secured
	Name   string
	Header map[string]string
}

// User makes a user; "" is a role for nobody.
func (o *Secured) User(name string, role access.Role) store.User {
	o.T.Helper()
	hash, err := password.New(QuickPasswords).Hash(context.Background(), password.Caller{}, TestPassword)
	require.NoError(o.T, err)
	u := store.User{ID: "usr_" + name, Name: name, Role: role.String(), Password: hash, CreatedAt: o.Now}
	require.NoError(o.T, o.Directory.AddUser(context.Background(), u, store.AuditEntry{Action: "test.user", Time: o.Now}))
	return u
}

// SignIn signs a user in with testPassword.
func (o *Secured) SignIn(name string) *Person {
	o.T.Helper()
	w := o.Do("POST", api.Base+"/session", Credentials(name, TestPassword), nil)
	require.Equal(o.T, 200, w.Code, w.Body)
	return &Person{Secured: o, Name: name, Header: map[string]string{"Cookie": CookieOf(o.T, w).Name + "=" + CookieOf(o.T, w).Value, "Origin": "http://localhost:8317"}}
}

// NewPerson makes a user of a role and signs it in.
func (o *Secured) NewPerson(name string, role access.Role) *Person {
	o.T.Helper()
	o.User(name, role)
	return o.SignIn(name)
}

// Credentials returns the body of a request that signs in.
func Credentials(name, secret string) string {
	b, _ := json.Marshal(map[string]string{"username": name, "password": secret}) // never fails
	return string(b)
}

// CookieOf returns the session cookie that an answer sets.
func CookieOf(t testing.TB, w *httptest.ResponseRecorder) *http.Cookie {
	t.Helper()
	for _, c := range w.Result().Cookies() {
		if !strings.HasSuffix(c.Name, users.DeviceCookie) {
			return c
		}
	}
	require.Fail(t, "no session", w.Header())
	return nil
}

// Do sends a request with the session of a person.
func (p *Person) Do(method, target, body string) *httptest.ResponseRecorder {
	p.T.Helper()
	return p.Secured.Do(method, api.Base+target, body, p.Header)
}

// Token makes an API token of a role for somebody.
func (p *Person) Token(role access.Role) *Person {
	p.T.Helper()
	made := Read[users.NewToken](p.T, p.Do("POST", "/tokens", `{"name":"script","role":"`+role.String()+`"}`), 201)
	return &Person{Secured: p.Secured, Name: p.Name, Header: map[string]string{"Authorization": "Bearer " + made.Secret}}
}

// WithProvider returns a console an OpenID Connect provider that does not answer.
func WithProvider(t testing.TB) func(*console.Options) {
	t.Helper()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	provider, err := sso.New(sso.Config{
		Name: "nobody there", Issuer: "http://127.0.0.1:1", ClientID: "x", RedirectURL: "http://localhost:8317" + users.OIDCPath + "/callback", Client: client,
	})
	require.NoError(t, err)
	return func(o *console.Options) { o.SignIn.Provider = provider }
}

// TokenIDs returns the ids of the API tokens that a person has.
func (p *Person) TokenIDs() (ids []string) {
	for _, t := range Read[[]users.Token](p.T, p.Do("GET", "/tokens", ""), 200) {
		ids = append(ids, t.ID)
	}
	return ids
}

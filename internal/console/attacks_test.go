package console

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/store"
)

// hostile are texts that break what is careless with them.
var hostile = []string{
	"' OR '1'='1", "'; DROP TABLE users; --", `" OR ""="`, "1) UNION SELECT password FROM users --", "%", "_", "*", "%25%25", "\\", "\x00", "\r\nSet-Cookie: a=b",
	"../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "<script>alert(1)</script>", "{{7*7}}", "${env:HOME}", "\u202eevil", strings.Repeat("a", 5000), "🂡", "\xff\xfe",
}

// TestHostileParameters gives every parameter of every route every hostile text. Nothing breaks, nothing
// is changed, nothing of the inside is told, and no text is taken for a pattern.
func TestHostileParameters(t *testing.T) {
	o := newTown(t, nil)
	o.calls(testNow)
	root := o.newPerson("root", access.Admin)
	before := o.dump()
	for path, item := range o.console.Router.API.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "PATCH": item.Patch, "DELETE": item.Delete} {
			if op == nil || strings.HasSuffix(path, "/stream") || path == base+"/session" {
				continue
			}
			for _, p := range op.Parameters {
				for _, text := range hostile {
					target := path
					switch p.In {
					case "query":
						target += "?" + p.Name + "=" + url.QueryEscape(text)
					case "path":
						target = strings.ReplaceAll(target, "{"+p.Name+"}", url.PathEscape(text))
					default:
						continue
					}
					if strings.Contains(target, "{") {
						target = strings.NewReplacer("{id}", "x", "{name}", "model").Replace(target)
					}
					body := ""
					if method == "PATCH" {
						body = `{}`
					}
					w := o.do(method, target, body, root.header)
					require.NotEqual(t, http.StatusInternalServerError, w.Code, "%s %s: %s", method, target, w.Body)
					require.Empty(t, w.Header().Get("Set-Cookie"), target)
					for _, leak := range []string{"goroutine", ".go:", "sqlite", "SQL logic", "syntax error"} {
						require.NotContains(t, w.Body.String(), leak, target)
					}
					if w.Code >= 400 {
						require.Less(t, w.Body.Len(), 4000, target)
					}
				}
			}
		}
	}
	for _, target := range []string{"/audit?actor=%25", "/audit?action=%25", "/audit?target=_oot", "/audit?actor=%27%20OR%201=1--"} {
		require.Empty(t, read[AuditPage](t, root.do("GET", target, ""), 200).Items, target)
	}
	require.Equal(t, before, o.dump())
	for _, e := range o.logs.All() {
		require.NotEqual(t, "a console request failed", e.Message, "%v", e.ContextMap())
	}
}

func TestHostileBodies(t *testing.T) {
	o := newTown(t, nil)
	root := o.newPerson("root", access.Admin)
	o.user("victim", access.Viewer)
	for _, e := range expectations {
		method, target, _ := strings.Cut(e.route, " ")
		// What is imported are lines, each of which is taken or refused by itself.
		if e.body == "" || strings.HasPrefix(e.route, "POST /api/console/session") || strings.HasSuffix(e.route, "/logs/import") {
			continue
		}
		if e.target != "" {
			target = strings.ReplaceAll(e.target, "{id}", "x")
		}
		for name, tc := range map[string]struct {
			body, kind string
			status     []int
		}{
			"10 MB":             {`{"name":"` + strings.Repeat("x", 10<<20) + `"}`, "application/json", []int{400, 413}},
			"deep":              {strings.Repeat(`{"a":`, 20_000) + "1" + strings.Repeat("}", 20_000), "application/json", []int{400, 413}},
			"a form":            {"name=a&role=admin", "application/x-www-form-urlencoded", []int{415}},
			"plain text":        {e.body, "text/plain", []int{415}},
			"no type":           {e.body, "", []int{415}},
			"multipart":         {e.body, "multipart/form-data; boundary=x", []int{415}},
			"a list":            {"[]", "application/json", []int{400}},
			"null":              {"null", "application/json", []int{400}},
			"not JSON":          {"\x00\xff", "application/json", []int{400}},
			"an unknown field":  {`{"is_admin":true}`, "application/json", []int{400}},
			"a prototype":       {`{"__proto__":{"role":"admin"}}`, "application/json", []int{400}},
			"a number as text":  {`{"name":1,"role":2,"from":3}`, "application/json", []int{400}},
			"two values in one": {e.body + e.body, "application/json", []int{400}},
		} {
			w := o.do(method, target, tc.body, map[string]string{"Cookie": root.header["Cookie"], "Content-Type": tc.kind})
			require.Contains(t, append(tc.status, 404), w.Code, "%s with %s: %s", e.route, name, w.Body)
			requireNoLeak(t, w)
		}
	}
}

func TestHostileRequests(t *testing.T) {
	o := newTown(t, nil)
	root := o.newPerson("root", access.Admin)
	for name, tc := range map[string]struct {
		target string
		header map[string]string
		status []int
	}{
		"a long address":           {base + "/stats?model=" + strings.Repeat("x", 20_000), nil, []int{414}},
		"a path out of the page":   {"/console/../../etc/passwd", nil, []int{307, 404}},
		"the same, encoded":        {"/console/%2e%2e/%2e%2e/etc/passwd", nil, []int{200, 307, 400, 404}}, // the page, for any address under it
		"an encoded slash":         {"/console/..%2f..%2fetc%2fpasswd", nil, []int{200, 307, 400, 404}},
		"a file that is not there": {"/console/assets/..%2f..%2fgo.mod", nil, []int{307, 400, 404}},
		"double slashes":           {"//api/console/users", nil, []int{307, 301, 404}},
		"another method":           {base + "/stats", map[string]string{"X-HTTP-Method-Override": "DELETE"}, []int{200}},
		"a forwarded admin":        {base + "/users", map[string]string{"Cookie": "", "X-Forwarded-User": "root", "X-Remote-User": "root"}, []int{401}},
		"a cookie of nonsense":     {base + "/users", map[string]string{"Cookie": "tokenboard=" + strings.Repeat("x", 5000)}, []int{401}},
		"two cookies":              {base + "/users", map[string]string{"Cookie": "tokenboard=x; " + root.header["Cookie"]}, []int{401}},
		"a cookie of another app":  {base + "/users", map[string]string{"Cookie": "session=x"}, []int{401}},
		"an empty token":           {base + "/users", map[string]string{"Cookie": "", "Authorization": "Bearer tbt-"}, []int{401}},
		"a basic password":         {base + "/users", map[string]string{"Cookie": "", "Authorization": "Basic cm9vdDpjb3JyZWN0"}, []int{401}},
		"a token in the address":   {base + "/users?token=tbt-x", map[string]string{"Cookie": ""}, []int{401}},
		"a bad token and a session": {
			base + "/users", map[string]string{"Authorization": "Bearer tbt-x"}, []int{401},
		},
	} {
		header := map[string]string{"Cookie": root.header["Cookie"]}
		for k, v := range tc.header {
			header[k] = v
		}
		w := o.do("GET", tc.target, "", header)
		require.Contains(t, tc.status, w.Code, "%s: %s", name, w.Body)
		require.NotContains(t, w.Body.String(), "root:x:0")
		if to := w.Header().Get("Location"); to != "" {
			require.True(t, strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//"), to)
		}
	}
}

// TestRebinding asks the open console under names that a stranger can point at this machine.
func TestRebinding(t *testing.T) {
	b := newBench(t, nil)
	for _, host := range []string{"evil.example", "evil.example:8317", "127.0.0.1.evil.example", "localhost.", "0.0.0.0:8317", "[::ffff:10.0.0.1]", "169.254.169.254", "127.0.0.1@evil.example", ""} {
		for _, p := range New(Options{Ledger: b.ledger, Open: true}).Router.Routes {
			r := httptest.NewRequest(p.Method, "http://x"+strings.NewReplacer("{id}", "x", "{name}", "model", "{$}", "").Replace(p.Path), strings.NewReader("{}"))
			r.Host = host
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Origin", "http://"+host)
			w := httptest.NewRecorder()
			b.handler.ServeHTTP(w, r)
			require.Equal(t, 403, w.Code, "%s %s as %q", p.Method, p.Path, host)
		}
	}
}

// TestForeignOrigins sends every write from other sites' pages.
func TestForeignOrigins(t *testing.T) {
	o := newTown(t, nil)
	root := o.newPerson("root", access.Admin)
	before := o.dump()
	for _, e := range expectations {
		method, target, _ := strings.Cut(e.route, " ")
		if method == "GET" {
			continue
		}
		if e.target != "" {
			target = e.target
		}
		for _, h := range []map[string]string{
			{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost"}, {"Origin": "http://localhost:8317.evil.example"}, {"Origin": "https://x@localhost:8317.evil.example"},
			{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
		} {
			h["Cookie"] = root.header["Cookie"]
			want := 403
			if strings.Contains(target, "/forward-auth") {
				want = 401 // a proxy's question has its client's headers; the cookie of a page elsewhere is nobody's
			}
			requireProblem(t, o.do(method, strings.NewReplacer("{id}", "x").Replace(target), e.body, h), want)
		}
	}
	require.Equal(t, before, o.dump())
}

func TestPrivilegesDoNotRise(t *testing.T) {
	o := newTown(t, nil)
	root := o.newPerson("root", access.Admin)
	for _, role := range []access.Role{access.Member, access.Viewer, access.Operator} {
		t.Run(role.String(), func(t *testing.T) {
			p := o.newPerson("the-"+role.String(), role)
			requireProblem(t, p.do("PATCH", "/users/usr_the-"+role.String(), `{"role":"admin"}`), 403)
			requireProblem(t, p.do("POST", "/users", `{"name":"x","role":"admin","password":"a long password of x"}`), 403)
			for other := access.Verifier; other <= access.Admin; other++ {
				want := 403
				if other.Within(role) {
					want = 201
				}
				w := p.do("POST", "/tokens", `{"name":"x","role":"`+other.String()+`"}`)
				require.Equal(t, want, w.Code, "a token of %s", other)
			}
			w := p.do("POST", "/session", credentials("root", ""))
			requireProblem(t, w, 401)
		})
	}
	requireProblem(t, root.do("POST", "/users", `{"name":"x","role":"verifier","password":"a long password of x"}`), 400)

	t.Run("a token falls with its owner", func(t *testing.T) {
		p := o.newPerson("falling", access.Operator)
		operator, verifier := p.token(access.Operator), p.token(access.Verifier)
		read[Stats](t, operator.do("GET", "/stats", ""), 200)
		read[User](t, root.do("PATCH", "/users/usr_falling", `{"role":"viewer"}`), 200)
		requireProblem(t, operator.do("GET", "/stats", ""), 401)
		requireProblem(t, verifier.do("GET", "/session", ""), 401)
		require.Equal(t, "viewer", read[Session](t, p.do("GET", "/session", ""), 200).User.Role, "at once")
		read[User](t, root.do("PATCH", "/users/usr_falling", `{"disabled":true}`), 200)
		requireProblem(t, p.do("GET", "/stats", ""), 401)
	})
	t.Run("tokens of others are not there", func(t *testing.T) {
		a, b := o.newPerson("ann", access.Viewer), o.newPerson("ben", access.Viewer)
		a.token(access.Viewer)
		hers := read[[]Token](t, a.do("GET", "/tokens", ""), 200)
		require.Len(t, hers, 1)
		require.Equal(t, TokenOwner{"usr_ann", "ann"}, hers[0].Owner)
		require.Empty(t, read[[]Token](t, b.do("GET", "/tokens", ""), 200))
		requireProblem(t, b.do("DELETE", "/tokens/"+hers[0].ID, ""), 404)
		require.GreaterOrEqual(t, len(read[[]Token](t, root.do("GET", "/tokens", ""), 200)), 1)
		read[Deleted](t, root.do("DELETE", "/tokens/"+hers[0].ID, ""), 200)
		requireProblem(t, a.do("DELETE", "/tokens/"+hers[0].ID, ""), 404)
	})
	t.Run("the last admin stays", func(t *testing.T) {
		for _, change := range []string{`{"role":"viewer"}`, `{"disabled":true}`} {
			requireProblem(t, root.do("PATCH", "/users/usr_root", change), 409)
		}
		requireProblem(t, root.do("DELETE", "/users/usr_root", ""), 409)
		o.user("second", access.Admin)
		read[User](t, root.do("PATCH", "/users/usr_second", `{"disabled":true}`), 200)
		requireProblem(t, root.do("DELETE", "/users/usr_root", ""), 409)
	})
}

func TestTokens(t *testing.T) {
	o := newTown(t, nil)
	p := o.newPerson("alice", access.Operator)
	for body, status := range map[string]int{
		`{"name":"","role":"viewer"}`: 400, `{"name":"a\nb","role":"viewer"}`: 400, `{"name":"a","role":"root"}`: 400, `{"name":"a"}`: 400,
		`{"name":"a","role":"viewer","expires_at":"2020-01-01T00:00:00Z"}`: 400,
	} {
		requireProblem(t, p.do("POST", "/tokens", body), status)
	}
	until := testNow.Add(time.Hour)
	made := read[NewToken](t, p.do("POST", "/tokens", `{"name":"ci","role":"viewer","expires_at":"`+until.Format(time.RFC3339)+`"}`), 201)
	require.True(t, strings.HasPrefix(made.Secret, "tbt-"))
	require.GreaterOrEqual(t, len(made.Secret), 4+43)
	require.Nil(t, made.LastUsedAt)
	for _, header := range []map[string]string{{"Authorization": "Bearer " + made.Secret}, {"Authorization": "bearer  " + made.Secret}, {"X-Tokenboard-Token": made.Secret, "Authorization": "Bearer tb-a-key-to-verify"}} {
		ci := &person{o, "", header}
		require.Equal(t, "token", read[Session](t, ci.do("GET", "/session", ""), 200).User.Via)
		requireProblem(t, ci.do("POST", "/keys", `{"name":"x"}`), 403)
		requireProblem(t, ci.do("DELETE", "/session", ""), 409)
	}
	listed := read[[]Token](t, p.do("GET", "/tokens", ""), 200)
	require.Equal(t, testNow, *listed[0].LastUsedAt)
	require.Equal(t, until, *listed[0].ExpiresAt)
	o.now = until
	requireProblem(t, o.do("GET", base+"/stats", "", map[string]string{"Authorization": "Bearer " + made.Secret}), 401)
	entries := 0
	require.NoError(t, o.directory.Audit(context.Background(), store.AuditFilter{Actions: []string{"token"}}, func(e *store.AuditEntry) error {
		entries++
		require.Equal(t, store.AuditActor{ID: "usr_alice", Name: "alice", Via: "session"}, e.Actor)
		require.JSONEq(t, fmt.Sprintf(`{"name":"ci","owner":"alice","role":"viewer","display":%q,"expires_at":%q}`, made.Display, until.Format(time.RFC3339)), string(e.After))
		return nil
	}))
	require.Equal(t, 1, entries)
	for range tokensPerUser - 1 {
		require.Equal(t, 201, p.do("POST", "/tokens", `{"name":"many","role":"viewer"}`).Code)
	}
	requireProblem(t, p.do("POST", "/tokens", `{"name":"one more","role":"viewer"}`), 409)
}

func TestUsers(t *testing.T) {
	o := newTown(t, nil)
	root := o.newPerson("root", access.Admin)
	made := read[User](t, root.do("POST", "/users", `{"name":"Alice","display_name":"Alice A.","role":"member","password":"a long password of hers"}`), 201)
	require.Equal(t, User{ID: made.ID, Name: "alice", DisplayName: "Alice A.", Role: "member", Source: "local", CreatedAt: testNow}, made)
	for body, status := range map[string]int{
		`{"name":"ALICE","role":"member","password":"a long password of hers"}`:                       409,
		`{"name":"a b","role":"member","password":"a long password of hers"}`:                         400,
		`{"name":"bob","role":"member","password":"short"}`:                                           400,
		`{"name":"bob","role":"member"}`:                                                              400,
		`{"name":"bob","role":"member","password":"a long password","display_name":"a\u0000b"}`:       400,
		`{"name":"bob","role":"member","password":"a long password of his","disabled":true,"id":"x"}`: 400,
	} {
		requireProblem(t, root.do("POST", "/users", body), status)
	}
	requireProblem(t, root.do("PATCH", "/users/"+made.ID, `{}`), 400)
	requireProblem(t, root.do("PATCH", "/users/nobody", `{"disabled":true}`), 404)
	requireProblem(t, root.do("DELETE", "/users/nobody", ""), 404)
	requireProblem(t, root.do("DELETE", "/users/nobody/sessions", ""), 404)
	require.Equal(t, "Anna", read[User](t, root.do("PATCH", "/users/"+made.ID, `{"display_name":"Anna","role":"operator"}`), 200).DisplayName)
	require.Len(t, read[[]User](t, root.do("GET", "/users", ""), 200), 2)
	last := read[AuditPage](t, root.do("GET", "/audit?target=alice&limit=1", ""), 200).Items[0]
	require.Equal(t, "user.update", last.Action)
	require.JSONEq(t, `{"name":"alice","display_name":"Alice A.","role":"member","source":"local"}`, string(last.Before))
	require.JSONEq(t, `{"name":"alice","display_name":"Anna","role":"operator","source":"local"}`, string(last.After))
}

func TestSettings(t *testing.T) {
	o := newTown(t, nil)
	s := read[Settings](t, o.newPerson("alice", access.Viewer).do("GET", "/settings", ""), 200)
	require.Equal(t, "local", s.AccessMode)
	require.Equal(t, defaultMax, s.MaxKeys)
	require.EqualValues(t, 12*3600, s.Sessions.IdleSeconds)
	require.Nil(t, s.Retention.MaxAgeSeconds)
	require.Nil(t, s.GrafanaURL)
	linked := newBench(t, func(p *Options) {
		p.GrafanaURL, p.TraceURL = "https://grafana.example", "https://tempo.example/{trace_id}"
	})
	require.Equal(t, "https://grafana.example", *data[Settings](linked, "GET", "/settings", "", 200).GrafanaURL)
	require.Equal(t, "https://tempo.example/{trace_id}", *data[Settings](linked, "GET", "/settings", "", 200).TraceURL)
	open := data[Settings](newBench(t, nil), "GET", "/settings", "", 200)
	require.Equal(t, "open", open.AccessMode)
	require.Nil(t, open.Sessions)
}

// TestOpenHasNoSignIn shows what people meet who look for users where access is open.
func TestOpenHasNoSignIn(t *testing.T) {
	b := newBench(t, nil)
	s := data[Session](b, "GET", "/session", "", 200)
	require.Equal(t, "open", s.AccessMode)
	require.Equal(t, &SessionUser{Name: "local", DisplayName: "local", Role: "admin", Via: "open"}, s.User)
	for _, r := range [][3]string{
		{"POST", "/session", credentials("a", "b")}, {"DELETE", "/session", ""}, {"POST", "/session/password", `{"old_password":"a","new_password":"b"}`},
		{"POST", "/tokens", `{"name":"a","role":"viewer"}`}, {"POST", "/session/setup", `{"token":"a","username":"b","password":"c"}`},
	} {
		requireProblem(t, b.do(r[0], base+r[1], r[2], nil), 409)
	}
}

package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/console/users"
)

// hostile are texts that break what is careless with them.
var hostile = []string{
	"' OR '1'='1", "'; DROP TABLE users; --", `" OR ""="`, "1) UNION SELECT password FROM users --", "%", "_", "*", "%25%25", "\\", "\x00", "\r\nSet-Cookie: a=b",
	"../../../etc/passwd", "..%2f..%2fetc%2fpasswd", "<script>alert(1)</script>", "{{7*7}}", "${env:HOME}", "\u202eevil", strings.Repeat("a", 5000), "🂡", "\xff\xfe",
}

// TestHostileParameters returns every parameter of every route every hostile text. Nothing breaks, nothing
// is changed, nothing of the inside is shown, and no text is taken for a pattern.
func TestHostileParameters(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	o.Calls(consoletest.TestNow)
	root := o.NewPerson("root", access.Admin)
	before := o.Dump()
	for path, item := range o.Console.Router.API.OpenAPI().Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "PATCH": item.Patch, "DELETE": item.Delete} {
			if op == nil || strings.HasSuffix(path, "/stream") || path == api.Base+"/session" {
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
					w := o.Do(method, target, body, root.Header)
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
		require.Empty(t, consoletest.Read[audit.Page](t, root.Do("GET", target, ""), 200).Items, target)
	}
	require.Equal(t, before, o.Dump())
	for _, e := range o.Logs.All() {
		require.NotEqual(t, "a console request failed", e.Message, "%v", e.ContextMap())
	}
}

func TestHostileBodies(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	o.User("victim", access.Viewer)
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
			w := o.Do(method, target, tc.body, map[string]string{"Cookie": root.Header["Cookie"], "Content-Type": tc.kind})
			require.Contains(t, append(tc.status, 404), w.Code, "%s with %s: %s", e.route, name, w.Body)
			consoletest.RequireNoLeak(t, w)
		}
	}
}

func TestHostileRequests(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	for name, tc := range map[string]struct {
		target string
		header map[string]string
		status []int
	}{
		"a long address":           {api.Base + "/stats?model=" + strings.Repeat("x", 20_000), nil, []int{414}},
		"a path out of the page":   {"/console/../../etc/passwd", nil, []int{307, 404}},
		"the same, encoded":        {"/console/%2e%2e/%2e%2e/etc/passwd", nil, []int{200, 307, 400, 404}}, // the page, for any address under it
		"an encoded slash":         {"/console/..%2f..%2fetc%2fpasswd", nil, []int{200, 307, 400, 404}},
		"a file that is not there": {"/console/assets/..%2f..%2fgo.mod", nil, []int{307, 400, 404}},
		"double slashes":           {"//api/console/users", nil, []int{307, 301, 404}},
		"another method":           {api.Base + "/stats", map[string]string{"X-HTTP-Method-Override": "DELETE"}, []int{200}},
		"a forwarded admin":        {api.Base + "/users", map[string]string{"Cookie": "", "X-Forwarded-User": "root", "X-Remote-User": "root"}, []int{401}},
		"a cookie of nonsense":     {api.Base + "/users", map[string]string{"Cookie": "tokenboard=" + strings.Repeat("x", 5000)}, []int{401}},
		"two cookies":              {api.Base + "/users", map[string]string{"Cookie": "tokenboard=x; " + root.Header["Cookie"]}, []int{401}},
		"a cookie of another app":  {api.Base + "/users", map[string]string{"Cookie": "session=x"}, []int{401}},
		"an empty token":           {api.Base + "/users", map[string]string{"Cookie": "", "Authorization": "Bearer tbt-"}, []int{401}},
		"a basic password":         {api.Base + "/users", map[string]string{"Cookie": "", "Authorization": "Basic cm9vdDpjb3JyZWN0"}, []int{401}},
		"a token in the address":   {api.Base + "/users?token=tbt-x", map[string]string{"Cookie": ""}, []int{401}},
		"a bad token and a session": {
			api.Base + "/users", map[string]string{"Authorization": "Bearer tbt-x"}, []int{401},
		},
	} {
		header := map[string]string{"Cookie": root.Header["Cookie"]}
		for k, v := range tc.header {
			header[k] = v
		}
		w := o.Do("GET", tc.target, "", header)
		require.Contains(t, tc.status, w.Code, "%s: %s", name, w.Body)
		require.NotContains(t, w.Body.String(), "root:x:0")
		if to := w.Header().Get("Location"); to != "" {
			require.True(t, strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//"), to)
		}
	}
}

// TestRebinding asks the open console under names that a stranger can point at this machine.
func TestRebinding(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for _, host := range []string{"evil.example", "evil.example:8317", "127.0.0.1.evil.example", "localhost.", "0.0.0.0:8317", "[::ffff:10.0.0.1]", "169.254.169.254", "127.0.0.1@evil.example", ""} {
		for _, p := range console.New(console.Options{Ledger: b.Ledger, Open: true}).Router.Routes {
			r := httptest.NewRequest(p.Method, "http://x"+strings.NewReplacer("{id}", "x", "{name}", "model", "{$}", "").Replace(p.Path), strings.NewReader("{}"))
			r.Host = host
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Origin", "http://"+host)
			w := httptest.NewRecorder()
			b.Handler.ServeHTTP(w, r)
			require.Equal(t, 403, w.Code, "%s %s as %q", p.Method, p.Path, host)
		}
	}
}

// TestForeignOrigins sends every write from other sites' pages.
func TestForeignOrigins(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	before := o.Dump()
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
			h["Cookie"] = root.Header["Cookie"]
			want := 403
			if strings.Contains(target, "/forward-auth") {
				want = 401 // a proxy's question has its client's headers; the cookie of a page elsewhere is nobody's
			}
			w := o.Do(method, strings.NewReplacer("{id}", "x").Replace(target), e.body, h)
			if strings.HasPrefix(target, "/prometheus/") { // which has Prometheus' own envelope
				require.Equal(t, want, w.Code, w.Body)
				require.Contains(t, w.Body.String(), `"status":"error"`)
				continue
			}
			consoletest.RequireProblem(t, w, want)
		}
	}
	require.Equal(t, before, o.Dump())
}

func TestPrivilegesDoNotRise(t *testing.T) {
	o := consoletest.NewSecured(t, nil)
	root := o.NewPerson("root", access.Admin)
	for _, role := range []access.Role{access.Member, access.Viewer, access.Operator} {
		t.Run(role.String(), func(t *testing.T) {
			p := o.NewPerson("the-"+role.String(), role)
			consoletest.RequireProblem(t, p.Do("PATCH", "/users/usr_the-"+role.String(), `{"role":"admin"}`), 403)
			consoletest.RequireProblem(t, p.Do("POST", "/users", `{"name":"x","role":"admin","password":"a long password of x"}`), 403)
			for other := access.Verifier; other <= access.Admin; other++ {
				want := 403
				if other.Within(role) {
					want = 201
				}
				w := p.Do("POST", "/tokens", `{"name":"x","role":"`+other.String()+`"}`)
				require.Equal(t, want, w.Code, "a token of %s", other)
			}
			w := p.Do("POST", "/session", consoletest.Credentials("root", ""))
			consoletest.RequireProblem(t, w, 401)
		})
	}
	consoletest.RequireProblem(t, root.Do("POST", "/users", `{"name":"x","role":"verifier","password":"a long password of x"}`), 400)

	t.Run("a token falls with its owner", func(t *testing.T) {
		p := o.NewPerson("falling", access.Operator)
		operator, verifier := p.Token(access.Operator), p.Token(access.Verifier)
		consoletest.Read[stats.Stats](t, operator.Do("GET", "/stats", ""), 200)
		consoletest.Read[users.User](t, root.Do("PATCH", "/users/usr_falling", `{"role":"viewer"}`), 200)
		consoletest.RequireProblem(t, operator.Do("GET", "/stats", ""), 401)
		consoletest.RequireProblem(t, verifier.Do("GET", "/session", ""), 401)
		require.Equal(t, "viewer", consoletest.Read[users.Session](t, p.Do("GET", "/session", ""), 200).User.Role, "at once")
		consoletest.Read[users.User](t, root.Do("PATCH", "/users/usr_falling", `{"disabled":true}`), 200)
		consoletest.RequireProblem(t, p.Do("GET", "/stats", ""), 401)
	})
	t.Run("tokens of others are not there", func(t *testing.T) {
		a, b := o.NewPerson("ann", access.Viewer), o.NewPerson("ben", access.Viewer)
		a.Token(access.Viewer)
		hers := consoletest.Read[[]users.Token](t, a.Do("GET", "/tokens", ""), 200)
		require.Len(t, hers, 1)
		require.Equal(t, users.TokenOwner{ID: "usr_ann", Name: "ann"}, hers[0].Owner)
		require.Empty(t, consoletest.Read[[]users.Token](t, b.Do("GET", "/tokens", ""), 200))
		consoletest.RequireProblem(t, b.Do("DELETE", "/tokens/"+hers[0].ID, ""), 404)
		require.GreaterOrEqual(t, len(consoletest.Read[[]users.Token](t, root.Do("GET", "/tokens", ""), 200)), 1)
		consoletest.Read[users.Deleted](t, root.Do("DELETE", "/tokens/"+hers[0].ID, ""), 200)
		consoletest.RequireProblem(t, a.Do("DELETE", "/tokens/"+hers[0].ID, ""), 404)
	})
	t.Run("the last admin stays", func(t *testing.T) {
		for _, change := range []string{`{"role":"viewer"}`, `{"disabled":true}`} {
			consoletest.RequireProblem(t, root.Do("PATCH", "/users/usr_root", change), 409)
		}
		consoletest.RequireProblem(t, root.Do("DELETE", "/users/usr_root", ""), 409)
		o.User("second", access.Admin)
		consoletest.Read[users.User](t, root.Do("PATCH", "/users/usr_second", `{"disabled":true}`), 200)
		consoletest.RequireProblem(t, root.Do("DELETE", "/users/usr_root", ""), 409)
	})
}

package console

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden files anew")

// testNow is a Tuesday, between the daylight-saving days of New York that the tests look at.
var testNow = time.Date(2026, 11, 3, 18, 20, 0, 0, time.UTC)

// bench is a console over a real store.
type bench struct {
	console   *Console
	t         testing.TB
	ledger    *ledger.Ledger
	directory store.Directory
	handler   http.Handler
	served    http.Handler // of requests whose principal is known
}

func newBench(t testing.TB, with func(*Options)) *bench {
	t.Helper()
	b, o := openBench(t, with)
	b.console = New(o)
	b.served = b.console.Router.Handler()
	b.handler = b.console.Handler()
	return b
}

// openBench makes a bench that has no console yet, and the options for one.
func openBench(t testing.TB, with func(*Options)) (*bench, Options) {
	t.Helper()
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db"), Keyed: true})
	require.NoError(t, err)
	clock := func() time.Time { return testNow }
	l, err := ledger.Open(ctx, engine, ledger.Options{Now: clock, KeySecret: engine.KeySecret()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	o := Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: clock}
	if with != nil {
		with(&o)
	}
	return &bench{t: t, ledger: l, directory: o.Directory}, o
}

// calls commits one call for each time, of one input token and two output tokens.
func (b *bench) calls(at ...time.Time) {
	b.t.Helper()
	var batch usage.Batch
	for i, t := range at {
		c := usage.Call{
			Role: usage.RoleCall, Start: t, Model: "m", Provider: "openai", Service: "svc",
			Tokens: usage.Tokens{InputUncached: 1, OutputText: 2, Fields: usage.HasInput | usage.HasOutput},
		}
		c.Trace, c.Span = usage.TraceID{1, byte(i >> 8), byte(i)}, usage.SpanID{2, byte(i >> 8), byte(i)}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(b.t, b.ledger.Commit(context.Background(), batch))
}

func (b *bench) do(method, target, body string, header map[string]string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, "http://localhost:8317"+target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	return w
}

// decode reads the data of an answer.
func decode[T any](t testing.TB, w *httptest.ResponseRecorder) T {
	t.Helper()
	var e struct{ Data T }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e))
	return e.Data
}

// data reads an answer's data.
func data[T any](b *bench, method, target, body string, status int) T {
	b.t.Helper()
	w := b.do(method, base+target, body, nil)
	require.Equal(b.t, status, w.Code, w.Body)
	var e struct {
		Code *int
		Data T
	}
	require.NoError(b.t, json.Unmarshal(w.Body.Bytes(), &e))
	require.NotNil(b.t, e.Code)
	require.Zero(b.t, *e.Code)
	return e.Data
}

// requireProblem checks that an answer is a failure in the envelope.
func requireProblem(t testing.TB, w *httptest.ResponseRecorder, status int) problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	var p problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), w.Body)
	require.Equal(t, status, p.Code)
	require.NotEmpty(t, p.Message)
	require.NotNil(t, p.Details)
	return p
}

// requireNoLeak checks that an answer tells nothing of the inside.
func requireNoLeak(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	for _, leak := range []string{"goroutine", "SELECT", ".go:", "sqlite"} {
		require.NotContains(t, w.Body.String(), leak)
	}
}

func TestBadRequests(t *testing.T) {
	b := newBench(t, nil)
	data[NewKey](b, "POST", "/keys", `{"name":"taken"}`, 201)
	before := data[[]Key](b, "GET", "/keys", "", 200)
	for _, tc := range []struct {
		name, method, target, body string
		status                     int
		says                       string
	}{
		{"days of 0", "GET", "/usage-trend?days=0", "", 400, "days"},
		{"days of 91", "GET", "/usage-trend?days=91", "", 400, "days"},
		{"days in words", "GET", "/usage-trend?days=seven", "", 400, "days"},
		{"an unknown zone", "GET", "/usage-trend?timezone=Mars/Olympus", "", 400, "timezone"},
		{"the server's own zone", "GET", "/usage-trend?timezone=Local", "", 400, "timezone"},
		{"a path for a zone", "GET", "/usage-trend?timezone=../../etc/passwd", "", 400, "timezone"},
		{"an unknown interval", "GET", "/usage-trend?interval=minute", "", 400, "interval"},
		{"too many points", "GET", "/usage-trend?interval=15m&from=2020-01-01T00:00:00Z", "", 400, "interval"},
		{"an unknown group", "GET", "/usage-trend?group_by=mood", "", 400, "group_by"},
		{"a negative limit", "GET", "/logs?limit=-1", "", 400, "limit"},
		{"a limit of 0", "GET", "/logs?limit=0", "", 400, "limit"},
		{"a limit of 1001", "GET", "/logs?limit=1001", "", 400, "limit"},
		{"a bad cursor", "GET", "/logs?cursor=abc", "", 400, "cursor"},
		{"a cursor changed", "GET", "/logs?cursor=AQAAAAAAAAAAAA", "", 400, "cursor"},
		{"an unknown parameter", "GET", "/stats?colour=x", "", 400, "colour"},
		{"a time in words", "GET", "/stats?from=yesterday", "", 400, "from"},
		{"an empty range", "GET", "/stats?from=200&to=100", "", 400, "to"},
		{"an unknown status", "GET", "/logs?status=fine", "", 400, "status"},
		{"an open quotation", "GET", "/logs?q=%22abc", "", 400, "q"},
		{"an unknown format", "GET", "/export?format=xlsx", "", 400, "format"},
		{"a log id that is none", "GET", "/logs/zz", "", 404, "id"},
		{"an unknown route", "GET", "/nothing", "", 404, "route"},
		{"a method that is not there", "PUT", "/stats", "", 405, "GET"},
		{"malformed JSON", "POST", "/keys", `{"name":`, 400, ""},
		{"an unknown field", "POST", "/keys", `{"name":"a","secret":"b"}`, 400, "secret"},
		{"no name", "POST", "/keys", `{}`, 400, "name"},
		{"no body", "POST", "/keys", ``, 400, "body"},
		{"an empty name", "POST", "/keys", `{"name":"  "}`, 400, "name"},
		{"a long name", "POST", "/keys", `{"name":"` + strings.Repeat("x", 101) + `"}`, 400, "name"},
		{"a name with a line end", "POST", "/keys", `{"name":"a\nb"}`, 400, "name"},
		{"a name that is a number", "POST", "/keys", `{"name":5}`, 400, "name"},
		{"a name that is taken", "POST", "/keys", `{"name":"TAKEN"}`, 409, "name"},
		{"an end in the past", "POST", "/keys", `{"name":"a","expires_at":"2020-01-01T00:00:00Z"}`, 400, "expires_at"},
		{"an unknown key", "DELETE", "/keys/key_none", "", 404, "id"},
		{"a body of 10 MB", "POST", "/keys", `{"name":"` + strings.Repeat("x", 10<<20) + `"}`, 413, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := b.do(tc.method, base+tc.target, tc.body, nil)
			requireNoLeak(t, w)
			p := requireProblem(t, w, tc.status)
			require.Contains(t, p.Message+fmt.Sprint(p.Details), tc.says)
			require.Less(t, len(p.Message), 1000)
		})
	}
	t.Run("a body that is no JSON", func(t *testing.T) {
		requireProblem(t, b.do("POST", base+"/keys", "name=a", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}), 415)
	})
	require.Equal(t, before, data[[]Key](b, "GET", "/keys", "", 200), "nothing was changed")
}

func TestGuards(t *testing.T) {
	b := newBench(t, nil)
	require.Equal(t, 200, b.do("GET", base+"/stats", "", nil).Code)
	own := map[string]string{"Origin": "http://localhost:8317"}
	require.Equal(t, 201, b.do("POST", base+"/keys", `{"name":"a"}`, own).Code)
	for _, h := range []map[string]string{
		{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:1"}, {"Sec-Fetch-Site": "cross-site"},
	} {
		requireProblem(t, b.do("GET", base+"/stats", "", h), 403)
		requireProblem(t, b.do("POST", base+"/keys", `{"name":"b"}`, h), 403)
	}
	for host, want := range map[string]int{
		"localhost:8317": 200, "127.0.0.1": 200, "[::1]:8317": 200, "LOCALHOST": 200,
		"rebound.example:8317": 403, "192.168.1.5:8317": 403, "localhost.evil.example": 403, "": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://x"+base+"/stats", nil)
		r.Host = host
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, host)
	}
	closed := newBench(t, func(o *Options) {
		o.Open = false
		o.Authenticated = func(context.Context) access.Principal { return access.Principal{Role: access.Viewer} }
	})
	r := httptest.NewRequest(http.MethodGet, "http://board.example"+base+"/stats", nil)
	w := httptest.NewRecorder()
	closed.handler.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code, "with an authenticator before it any name will do")
}

func TestPages(t *testing.T) {
	b := newBench(t, nil)
	for path, kind := range map[string]string{
		"/console/": "text/html", "/console/login": "text/html", "/console/style.css": "text/css",
		base + "/docs": "text/html", base + "/openapi.json": "application/", "/metrics": "text/plain", "/health": "text/plain", "/ready": "text/plain",
	} {
		w := b.do("GET", path, "", nil)
		require.Equal(t, 200, w.Code, path)
		require.True(t, strings.HasPrefix(w.Header().Get("Content-Type"), kind), "%s is %s", path, w.Header().Get("Content-Type"))
		require.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
		require.NotContains(t, w.Body.String(), "src=\"http", path)
		require.NotContains(t, w.Body.String(), "<script>", path)
	}
	require.Equal(t, "/console/", b.do("GET", "/console", "", nil).Header().Get("Location"))
	require.Contains(t, b.do("GET", base+"/docs", "", nil).Body.String(), "/usage-trend")
}

func TestOpenAPI(t *testing.T) {
	b := newBench(t, nil)
	got := b.do("GET", base+"/openapi.json", "", nil).Body.Bytes()
	var doc any
	require.NoError(t, json.Unmarshal(got, &doc))
	pretty, err := json.MarshalIndent(doc, "", "  ")
	require.NoError(t, err)
	golden := filepath.Join("testdata", "openapi.json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, append(pretty, '\n'), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.True(t, string(want) == string(pretty)+"\n", "the API changed; if that is meant: go test ./internal/console -run OpenAPI -update, and look at the difference")
}

// FuzzParams gives the API whatever parameters: it answers in the envelope, and never breaks.
func FuzzParams(f *testing.F) {
	for _, s := range []string{
		"days=7", "limit=1&cursor=AQ", "from=1&to=2", "q=model:x+%22a b%22", "timezone=Asia/Kathmandu&interval=15m&days=90", "status=429",
		"key=&model=&group_by=key&top=1", "format=csv", "from=9999999999999", "superseded=true", "%zz", "q=" + strings.Repeat("a:", 200),
	} {
		for i := range 5 {
			f.Add(byte(i), s)
		}
	}
	b := newBench(f, nil)
	b.calls(testNow.Add(-time.Hour), testNow.Add(-48*time.Hour))
	routes := []string{
		"/stats", "/usage-trend", "/logs", "/export", "/breakdown", "/heatmap", "/quality", "/audit", "/keys", "/dimensions/model", "/prices", "/audit/export", "/metrics",
	}
	f.Fuzz(func(t *testing.T, route byte, query string) {
		r := &http.Request{
			Method: http.MethodGet, Host: "localhost", Header: http.Header{}, Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			URL: &url.URL{Path: base + routes[int(route)%len(routes)], RawQuery: query},
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		if w.Code >= 400 {
			require.Less(t, w.Code, 500, w.Body)
			requireProblem(t, w, w.Code)
		}
	})
}

package console_test

import (
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

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keys"
)

var Update = flag.Bool("update", false, "write the golden files again")

func TestBadRequests(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	consoletest.Data[keys.NewKey](b, "POST", "/keys", `{"name":"taken"}`, 201)
	before := consoletest.Data[[]keys.Key](b, "GET", "/keys", "", 200)
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
			w := b.Do(tc.method, api.Base+tc.target, tc.body, nil)
			consoletest.RequireNoLeak(t, w)
			p := consoletest.RequireProblem(t, w, tc.status)
			require.Contains(t, p.Message+fmt.Sprint(p.Details), tc.says)
			require.Less(t, len(p.Message), 1000)
		})
	}
	t.Run("a body that is no JSON", func(t *testing.T) {
		consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys", "name=a", map[string]string{"Content-Type": "application/x-www-form-urlencoded"}), 415)
	})
	require.Equal(t, before, consoletest.Data[[]keys.Key](b, "GET", "/keys", "", 200), "nothing was changed")
}

func TestPages(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for path, kind := range map[string]string{
		"/console/": "text/html", "/console/login": "text/html", "/console/style.css": "text/css",
		api.Base + "/docs": "text/html", api.Base + "/openapi.json": "application/", "/metrics": "text/plain", "/health": "text/plain", "/ready": "text/plain",
	} {
		w := b.Do("GET", path, "", nil)
		require.Equal(t, 200, w.Code, path)
		require.True(t, strings.HasPrefix(w.Header().Get("Content-Type"), kind), "%s is %s", path, w.Header().Get("Content-Type"))
		require.NotContains(t, w.Header().Get("Content-Security-Policy"), "unsafe")
		require.NotContains(t, w.Body.String(), "src=\"http", path)
		require.NotContains(t, w.Body.String(), "<script>", path)
	}
	require.Equal(t, "/console/", b.Do("GET", "/console", "", nil).Header().Get("Location"))
	require.Contains(t, b.Do("GET", api.Base+"/docs", "", nil).Body.String(), "/usage-trend")
}

func TestOpenAPI(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	got := b.Do("GET", api.Base+"/openapi.json", "", nil).Body.Bytes()
	var doc any
	require.NoError(t, json.Unmarshal(got, &doc))
	pretty, err := json.MarshalIndent(doc, "", "  ")
	require.NoError(t, err)
	golden := filepath.Join("testdata", "openapi.json")
	if *Update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, append(pretty, '\n'), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.True(t, string(want) == string(pretty)+"\n", "the API changed; if that is meant: go test ./internal/console -run OpenAPI -update, and look at the difference")
}

// FuzzParams returns the API whatever parameters: it answers in the envelope, and never breaks.
func FuzzParams(f *testing.F) {
	for _, s := range []string{
		"days=7", "limit=1&cursor=AQ", "from=1&to=2", "q=model:x+%22a b%22", "timezone=Asia/Kathmandu&interval=15m&days=90", "status=429",
		"key=&model=&group_by=key&top=1", "format=csv", "from=9999999999999", "superseded=true", "%zz", "q=" + strings.Repeat("a:", 200),
	} {
		for i := range 5 {
			f.Add(byte(i), s)
		}
	}
	b := consoletest.NewBench(f, nil)
	b.Calls(consoletest.TestNow.Add(-time.Hour), consoletest.TestNow.Add(-48*time.Hour))
	routes := []string{
		"/stats", "/usage-trend", "/logs", "/export", "/export/focus", "/breakdown", "/heatmap", "/quality", "/audit", "/keys", "/dimensions/model", "/prices", "/audit/export", "/metrics",
	}
	f.Fuzz(func(t *testing.T, route byte, query string) {
		r := &http.Request{
			Method: http.MethodGet, Host: "localhost", Header: http.Header{}, Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			URL: &url.URL{Path: api.Base + routes[int(route)%len(routes)], RawQuery: query},
		}
		w := httptest.NewRecorder()
		b.Handler.ServeHTTP(w, r)
		if w.Code >= 400 {
			require.Less(t, w.Code, 500, w.Body)
			consoletest.RequireProblem(t, w, w.Code)
		}
	})
}

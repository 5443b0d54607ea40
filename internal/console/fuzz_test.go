package console_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

// FuzzBodies: a body of anyone to any route that takes one is served or refused, and is no fault of the server.
func FuzzBodies(f *testing.F) {
	routes := []struct{ method, path, body string }{
		{"POST", "/keys", `{"name":"k","limits":{"day":{"tokens":5}},"models":["gpt-*"]}`},
		{"POST", "/keys/import", `{"keys":[{"name":"n","key":"sk-0123456789abcdefgh"}]}`},
		{"POST", "/keys/verify", `{"key":"sk-0123456789abcdefgh","model":"m","estimate":5}`},
		{"POST", "/users", `{"name":"u","role":"viewer","password":"a long enough password"}`},
		{"POST", "/tokens", `{"name":"t","role":"viewer"}`},
		{"POST", "/session", `{"username":"u","password":"p"}`},
		{"POST", "/reprice", `{"from":"2026-01-01T00:00:00Z","dry_run":true}`},
		{"POST", "/logs/import?format=ndjson", `{"id":"x","time":"2026-11-01T00:00:00Z"}`},
		{"PUT", "/quota", `{"limits":{"day":{"usd":"5"}}}`},
		{"PUT", "/settings", `{"timezone":"Europe/Berlin"}`},
	}
	for i := range routes {
		f.Add(uint8(i), routes[i].body)
	}
	b := consoletest.NewBench(f, nil)
	b.Calls(consoletest.TestNow.Add(-time.Hour))
	f.Fuzz(func(t *testing.T, route uint8, body string) {
		to := routes[int(route)%len(routes)]
		r := httptest.NewRequest(to.method, "http://localhost:8317"+api.Base+to.path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		b.Handler.ServeHTTP(w, r)
		require.Less(t, w.Code, 500, w.Body)
	})
}

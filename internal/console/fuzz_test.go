package console

import (
	"bytes"
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	b := newBench(f, nil)
	b.calls(testNow.Add(-time.Hour))
	f.Fuzz(func(t *testing.T, route uint8, body string) {
		to := routes[int(route)%len(routes)]
		r := httptest.NewRequest(to.method, "http://localhost:8317"+base+to.path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		require.Less(t, w.Code, 500, w.Body)
	})
}

// FuzzForwardAuth: headers and paths that a proxy hands on, of anyone.
func FuzzForwardAuth(f *testing.F) {
	f.Add("Bearer sk-0123456789abcdefgh", "", "v1/chat/completions", "model=gpt-4o", "1.2.3.4, 5.6.7.8", "/v1/chat?x=1")
	f.Add("", "sk-x", "v1beta/models/gemini-2.5-pro:generateContent", "over_limit=403", "[::1]:80", "?")
	f.Add("Basic eDp5", "\xff", "openai/deployments/a%2fb/chat", "%zz", ",", "/models/a/../b;models/c")
	b := newBench(f, nil)
	f.Fuzz(func(t *testing.T, authorization, apiKey, path, query, forwarded, uri string) {
		u, err := url.ParseRequestURI(forwardAuth + "/" + path + "?" + query)
		if err != nil {
			t.Skip("the server answers 400 before a handler sees it")
		}
		r := &http.Request{
			Method: http.MethodGet, Host: "localhost", Body: http.NoBody, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "127.0.0.1:5",
			URL: u,
			Header: http.Header{
				"Authorization": {authorization}, "X-Api-Key": {apiKey}, "X-Forwarded-For": {forwarded}, "X-Forwarded-Uri": {uri}, "X-Real-Ip": {forwarded},
			},
		}
		w := httptest.NewRecorder()
		b.handler.ServeHTTP(w, r)
		require.Less(t, w.Code, 500)
		for name, values := range w.Header() {
			require.NotContains(t, name+strings.Join(values, ""), "\n")
		}
	})
}

// FuzzCSV: a cell is one cell whatever it holds, and no formula.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"=1+1", " =x", "\ufeff=x", "\u200b=x", "a,b\n\"c", "@x", "\t+1", "＝1", "-", "-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var out bytes.Buffer
		w := csv.NewWriter(&out)
		require.NoError(t, w.Write([]string{"x", cell(s), "y"}))
		w.Flush()
		rows, err := csv.NewReader(&out).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Len(t, rows[0], 3)
		if !plainNumber(rows[0][1]) { // a negative number is no formula
			require.NotContains(t, "=+-@", firstByte(rows[0][1]))
		}
	})
}

func firstByte(s string) string {
	if s == "" {
		return "none"
	}
	return s[:1]
}

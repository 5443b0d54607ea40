package keycheck_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/keycheck"
)

// FuzzForwardAuth: headers and paths that a proxy hands on, of anyone.
func FuzzForwardAuth(f *testing.F) {
	f.Add("Bearer sk-0123456789abcdefgh", "", "v1/chat/completions", "model=gpt-4o", "1.2.3.4, 5.6.7.8", "/v1/chat?x=1")
	f.Add("", "sk-x", "v1beta/models/gemini-2.5-pro:generateContent", "over_limit=403", "[::1]:80", "?")
	f.Add("Basic eDp5", "\xff", "openai/deployments/a%2fb/chat", "%zz", ",", "/models/a/../b;models/c")
	b := consoletest.NewBench(f, nil)
	f.Fuzz(func(t *testing.T, authorization, apiKey, path, query, forwarded, uri string) {
		u, err := url.ParseRequestURI(keycheck.ForwardAuth + "/" + path + "?" + query)
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
		b.Handler.ServeHTTP(w, r)
		require.Less(t, w.Code, 500)
		for name, values := range w.Header() {
			require.NotContains(t, name+strings.Join(values, ""), "\n")
		}
	})
}

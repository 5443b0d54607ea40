package guard_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

// get asks for a page as a browser at a host does.
func get(b *consoletest.Bench, host string, overTLS bool) http.Header {
	r := httptest.NewRequest(http.MethodGet, "http://"+host+"/console/", nil)
	if overTLS {
		r.TLS = &tls.ConnectionState{}
	}
	w := httptest.NewRecorder()
	b.Handler.ServeHTTP(w, r)
	return w.Header()
}

func TestSecurityHeaders(t *testing.T) {
	plain, behind := consoletest.NewSecured(t, nil).Bench, consoletest.NewSecured(t, func(o *console.Options) { o.SignIn.Secure = true }).Bench
	for _, h := range []http.Header{get(plain, "board.example.com", false), get(behind, "board.example.com", false), get(plain, "board.example.com", true)} {
		require.Equal(t, "same-origin", h.Get("Cross-Origin-Opener-Policy"))
		require.Equal(t, "same-origin", h.Get("Cross-Origin-Resource-Policy"))
		require.Contains(t, h.Get("Permissions-Policy"), "camera=()")
		require.NotContains(t, h.Get("Permissions-Policy"), "clipboard-write", "the page copies keys")
	}
	require.Empty(t, get(plain, "board.example.com", false).Get("Strict-Transport-Security"), "a server without TLS")
	require.Equal(t, "max-age=31536000", get(plain, "board.example.com", true).Get("Strict-Transport-Security"))
	require.Equal(t, "max-age=31536000", get(behind, "board.example.com", false).Get("Strict-Transport-Security"), "TLS is at the proxy")
	require.Empty(t, get(plain, "localhost:8317", true).Get("Strict-Transport-Security"), "localhost is shared with other programs")
}

// TestOriginsWithoutTLS: whoever can change what a browser gets over HTTP must not act for a session of HTTPS.
func TestOriginsWithoutTLS(t *testing.T) {
	for _, tc := range []struct {
		name            string
		secure, overTLS bool
		origin          string
		status          int
	}{
		{"plain", false, false, "http://board.example.com", 201},
		{"a proxy with TLS that was not configured", false, false, "https://board.example.com", 201},
		{"TLS", false, true, "https://board.example.com", 201},
		{"TLS, a page without", false, true, "http://board.example.com", 403},
		{"a proxy with TLS", true, false, "https://board.example.com", 201},
		{"a proxy with TLS, a page without", true, false, "http://board.example.com", 403},
		{"another scheme", false, false, "ftp://board.example.com", 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			o := consoletest.NewSecured(t, func(p *console.Options) { p.SignIn.Secure = tc.secure })
			alice := o.NewPerson("alice", access.Operator)
			r := httptest.NewRequest(http.MethodPost, "http://board.example.com"+api.Base+"/keys", strings.NewReader(`{"name":"a"}`))
			if tc.overTLS {
				r.TLS = &tls.ConnectionState{}
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Cookie", alice.Header["Cookie"])
			r.Header.Set("Origin", tc.origin)
			w := httptest.NewRecorder()
			o.Handler.ServeHTTP(w, r)
			require.Equal(t, tc.status, w.Code, w.Body)
		})
	}
}

// TestPackagesRunNoScripts: an npm package that was taken over runs nothing on the machine that installs it.
func TestPackagesRunNoScripts(t *testing.T) {
	makefile, err := os.ReadFile("../../../Makefile")
	require.NoError(t, err)
	installs := regexp.MustCompile(`npm (ci|install|i)\b[^&\n]*`).FindAllString(string(makefile), -1)
	require.GreaterOrEqual(t, len(installs), 3)
	for _, line := range installs {
		require.Contains(t, line, "--ignore-scripts")
	}
}

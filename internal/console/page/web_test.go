package page_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/compress"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/guard"
	"github.com/tokenboard/tokenboard/internal/console/page"
	"github.com/tokenboard/tokenboard/internal/console/users"
	"github.com/tokenboard/tokenboard/web"
)

func TestPageFiles(t *testing.T) {
	script := strings.Repeat("const a = 1;\n", 1000)
	files, err := page.NewPageFiles(fstest.MapFS{
		"index.html":       {Data: []byte("<!doctype html>" + strings.Repeat(" ", compress.Worthwhile))},
		"assets/a-1234.js": {Data: []byte(script)},
		"icon.svg":         {Data: []byte("<svg/>")},
	})
	require.NoError(t, err)
	get := func(path string, header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		files.ServeHTTP(w, r)
		return w
	}
	t.Run("a file with a hash in its name is kept for ever", func(t *testing.T) {
		w := get("/console/assets/a-1234.js")
		require.Equal(t, script, w.Body.String())
		require.Equal(t, "public, max-age=31536000, immutable", w.Header().Get("Cache-Control"))
		require.Equal(t, "text/javascript; charset=utf-8", w.Header().Get("Content-Type"))
		require.Empty(t, w.Header().Get("Content-Encoding"))
	})
	t.Run("brotli", func(t *testing.T) {
		w := get("/console/assets/a-1234.js", "Accept-Encoding", "gzip, deflate, br, zstd")
		require.Equal(t, "br", w.Header().Get("Content-Encoding"))
		b, err := io.ReadAll(brotli.NewReader(w.Body))
		require.NoError(t, err)
		require.Equal(t, script, string(b))
	})
	t.Run("gzip", func(t *testing.T) {
		w := get("/console/assets/a-1234.js", "Accept-Encoding", "gzip, br;q=0")
		require.Equal(t, "gzip", w.Header().Get("Content-Encoding"))
		z, err := gzip.NewReader(w.Body)
		require.NoError(t, err)
		b, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, script, string(b))
	})
	t.Run("the page is asked for again, and not sent where it is the same", func(t *testing.T) {
		w := get("/console/logs", "Accept-Encoding", "br")
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		require.Equal(t, "text/html; charset=utf-8", w.Header().Get("Content-Type"))
		same := get("/console/", "Accept-Encoding", "br", "If-None-Match", w.Header().Get("ETag"))
		require.Equal(t, http.StatusNotModified, same.Code)
		require.Zero(t, same.Body.Len())
		require.Equal(t, http.StatusOK, get("/console/", "If-None-Match", w.Header().Get("ETag")).Code, "another encoding is another body")
	})
	t.Run("a file that is not there", func(t *testing.T) {
		for _, path := range []string{"/console/assets/gone-1.js", "/console/favicon.ico"} {
			require.Equal(t, http.StatusNotFound, get(path).Code)
		}
	})
	_, err = page.NewPageFiles(fstest.MapFS{"a.js": {}})
	require.ErrorContains(t, err, "not built")
}

// TestBuiltPage looks at what is embedded: whole, small, and made for the content security policy.
func TestBuiltPage(t *testing.T) {
	files, err := page.NewPageFiles(web.Page())
	require.NoError(t, err)
	index := string(files["index.html"].Plain)
	require.NotRegexp(t, `<style|<script>| style=| on[a-z]+=|data:`, index)
	for _, m := range regexp.MustCompile(`(?:src|href)="/console/([^"]+)"`).FindAllStringSubmatch(index, -1) {
		require.Contains(t, files, m[1])
	}
	inBrotli, inGzip := 0, 0
	for name, f := range files {
		body, _ := f.Encoded("br")
		inBrotli += len(body)
		body, _ = f.Encoded("gzip")
		inGzip += len(body)
		require.NotContains(t, string(f.Plain), "new Function(", name)
	}
	t.Logf("the page's %d files: %d bytes in brotli, %d in gzip", len(files), inBrotli, inGzip)
	require.Less(t, inGzip, 400<<10)
	require.Less(t, inBrotli, 400<<10)
}

// TestEveryAddressOfThePage: the server knows the page's own addresses, so that a reload and a link work.
func TestEveryAddressOfThePage(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	for _, path := range []string{"/console/", "/console/logs?range=30d&model=gpt-4o", "/console/keys", users.LoginPage} {
		w := b.Do(http.MethodGet, path, "", nil)
		require.Equal(t, http.StatusOK, w.Code, path)
		require.Contains(t, w.Body.String(), `<div id="app">`)
		require.Equal(t, guard.ContentSecurity, w.Header().Get("Content-Security-Policy"))
	}
}

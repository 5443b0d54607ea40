package test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"

	"github.com/tokenboard/tokenboard/proxytrace"
)

// FuzzRequest: a request of anyone passes as it is, whatever its path, its headers and its body.
func FuzzRequest(f *testing.F) {
	for i := range answers.Cases {
		f.Add(answers.Cases[i].Path, "", answers.Cases[i].Request, "Bearer sk-0123456789abcdef")
	}
	f.Add("/v1/models/%2e%2e/x:generateContent", "key=abc", `{"model":"a","stream":tru`, "")
	f.Add("/model//converse", "", "--B\r\nContent-Disposition: form-data; name=model\r\n\r\nm\r\n--B--", "")
	f.Fuzz(func(t *testing.T, path, query, body, authorization string) {
		for _, kind := range []string{"application/json", "multipart/form-data; boundary=B", answers.Form} {
			passes(t, kind, path, query, body, authorization)
		}
	})
}

// passes requires that a request reaches the handler as it came.
func passes(t *testing.T, kind, path, query, body, authorization string) {
	s := newSpans(t)
	r := &http.Request{
		Method: http.MethodPost, Host: "localhost", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, URL: &url.URL{Path: "/" + path, RawQuery: query},
		Header: http.Header{"Authorization": {authorization}, "Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body)),
	}
	w := httptest.NewRecorder()
	proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, body, string(got))
		w.WriteHeader(http.StatusTooManyRequests)
	}), proxytrace.WithTracerProvider(s.provider)).ServeHTTP(w, r)
	require.Equal(t, http.StatusTooManyRequests, w.Code)
}

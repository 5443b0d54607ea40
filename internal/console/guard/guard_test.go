package guard_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

func TestGuards(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	require.Equal(t, 200, b.Do("GET", api.Base+"/stats", "", nil).Code)
	own := map[string]string{"Origin": "http://localhost:8317"}
	require.Equal(t, 201, b.Do("POST", api.Base+"/keys", `{"name":"a"}`, own).Code)
	for _, h := range []map[string]string{
		{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://localhost:1"}, {"Sec-Fetch-Site": "cross-site"},
	} {
		consoletest.RequireProblem(t, b.Do("GET", api.Base+"/stats", "", h), 403)
		consoletest.RequireProblem(t, b.Do("POST", api.Base+"/keys", `{"name":"b"}`, h), 403)
	}
	for host, want := range map[string]int{
		"localhost:8317": 200, "127.0.0.1": 200, "[::1]:8317": 200, "LOCALHOST": 200,
		"rebound.example:8317": 403, "192.168.1.5:8317": 403, "localhost.evil.example": 403, "": 403,
	} {
		r := httptest.NewRequest(http.MethodGet, "http://x"+api.Base+"/stats", nil)
		r.Host = host
		w := httptest.NewRecorder()
		b.Handler.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, host)
	}
	closed := consoletest.NewBench(t, func(o *console.Options) {
		o.Open = false
		o.Authenticated = func(context.Context) access.Principal { return access.Principal{Role: access.Viewer} }
	})
	r := httptest.NewRequest(http.MethodGet, "http://board.example"+api.Base+"/stats", nil)
	w := httptest.NewRecorder()
	closed.Handler.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code, "with an authenticator before it any name will do")
}

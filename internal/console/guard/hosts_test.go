package guard_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

func TestHosts(t *testing.T) {
	o := consoletest.NewSecured(t, func(p *console.Options) { p.Hosts = []string{"board.example", "localhost"} })
	for host, want := range map[string]int{"board.example": 200, "BOARD.example:443": 200, "localhost:8317": 200, "evil.example": 403, "board.example.evil.example": 403, "": 403, "127.0.0.1": 403} {
		r := httptest.NewRequest(http.MethodGet, "http://x"+api.Base+"/session", nil)
		r.Host = host
		w := httptest.NewRecorder()
		o.Handler.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, host)
	}
}

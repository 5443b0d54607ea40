package console_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
)

// TestErrorsOfHuma: an API answers in the form of a problem what huma finds wrong, and changes nothing for other APIs
// of the process.
func TestErrorsOfHuma(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	require.IsType(t, &huma.ErrorModel{}, huma.NewError(http.StatusTeapot, "x"))
	require.False(t, huma.ValidateStrictCasing)
	for target, status := range map[string]int{"/logs?limit=x": 400, "/logs?limit=0": 400, "/keys/x": 404} {
		w := b.Do("GET", api.Base+target, "", nil)
		consoletest.RequireProblem(t, w, status)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	}
	r := httptest.NewRequest(http.MethodGet, "http://localhost"+api.Base+"/stats", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	b.Handler.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code, w.Body)
}

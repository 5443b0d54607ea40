package console

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"
)

// TestErrorsOfHuma: an API answers in the form of a problem what huma finds wrong, and changes nothing for other APIs
// of the process.
func TestErrorsOfHuma(t *testing.T) {
	b := newBench(t, nil)
	require.IsType(t, &huma.ErrorModel{}, huma.NewError(http.StatusTeapot, "x"))
	require.False(t, huma.ValidateStrictCasing)
	for target, status := range map[string]int{"/logs?limit=x": 400, "/logs?limit=0": 400, "/keys/x": 404} {
		w := b.do("GET", base+target, "", nil)
		requireProblem(t, w, status)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
	}
	r := httptest.NewRequest(http.MethodGet, "http://localhost"+base+"/stats", nil)
	r.Header.Set("Accept", "text/html")
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	require.Equal(t, 200, w.Code, w.Body)
}

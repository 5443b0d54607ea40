// Package consoletest builds consoles for tests: open or with people, over ledgers with calls.
package consoletest

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

// Decode reads the data of an answer.
func Decode[T any](t testing.TB, w *httptest.ResponseRecorder) T {
	t.Helper()
	var e struct{ Data T }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e))
	return e.Data
}

// Data reads an answer's data.
func Data[T any](b *Bench, method, target, body string, status int) T {
	b.T.Helper()
	w := b.Do(method, api.Base+target, body, nil)
	require.Equal(b.T, status, w.Code, w.Body)
	var e struct {
		Code *int
		Data T
	}
	require.NoError(b.T, json.Unmarshal(w.Body.Bytes(), &e))
	require.NotNil(b.T, e.Code)
	require.Zero(b.T, *e.Code)
	return e.Data
}

// RequireProblem checks that an answer is a failure in the envelope.
func RequireProblem(t testing.TB, w *httptest.ResponseRecorder, status int) api.Problem {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	var p api.Problem
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), w.Body)
	require.Equal(t, status, p.Code)
	require.NotEmpty(t, p.Message)
	require.NotNil(t, p.Details)
	return p
}

// RequireNoLeak checks that an answer reveals nothing of the inside.
func RequireNoLeak(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	for _, leak := range []string{"goroutine", "SELECT", ".go:", "sqlite"} {
		require.NotContains(t, w.Body.String(), leak)
	}
}

// Beginning asks for an answer that never ends, and hangs up when it begins.
func (b *Bench) Beginning(method, target string, header map[string]string) *httptest.ResponseRecorder {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, method, "http://localhost:8317"+target, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	b.Handler.ServeHTTP(&HangUp{w, cancel}, r)
	return w
}

// HangUp ends a request when its answer begins.
type HangUp struct {
	*httptest.ResponseRecorder
	Cancel context.CancelFunc
}

// WriteHeader does nothing: nobody reads the answer any more.
func (h *HangUp) WriteHeader(status int) {
	h.ResponseRecorder.WriteHeader(status)
	h.Cancel()
}

func (h *HangUp) Write(b []byte) (int, error) {
	defer h.Cancel()
	return h.ResponseRecorder.Write(b)
}

// Read reads the data of an answer.
func Read[T any](t testing.TB, w *httptest.ResponseRecorder, status int) T {
	t.Helper()
	require.Equal(t, status, w.Code, w.Body)
	var e struct{ Data T }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e))
	return e.Data
}

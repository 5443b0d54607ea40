package console

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
)

// TestEqualReadsShareAnAnswer: those that wait at one time, and none with what was worked out before
// it came.
func TestEqualReadsShareAnAnswer(t *testing.T) {
	var runs atomic.Int64
	release := make(chan struct{})
	entered := make(chan struct{}, 100)
	g := newCoalescer()
	h := g.share(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := runs.Add(1)
		entered <- struct{}{}
		<-release
		w.Header().Set("X-Run", fmt.Sprint(n))
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprint(w, "run ", n)
	}))
	ask := func(ctx context.Context, p access.Principal, address string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, base+address, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(access.With(ctx, p)))
		return w
	}
	viewer := access.Principal{Role: access.Viewer}
	var first, rest sync.WaitGroup
	first.Go(func() { require.Equal(t, "run 1", ask(context.Background(), viewer, "/stats").Body.String()) })
	<-entered
	gone, leave := context.WithCancel(context.Background())
	for range 20 { // all of them came after the first began
		rest.Go(func() {
			w := ask(context.Background(), viewer, "/stats")
			require.Equal(t, "run 2", w.Body.String())
			require.Equal(t, http.StatusTeapot, w.Code)
			require.Equal(t, "2", w.Header().Get("X-Run"))
		})
	}
	var left sync.WaitGroup
	left.Go(func() { ask(gone, viewer, "/stats") })
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		read := g.reads[sharedKey{base + "/stats", "role viewer"}]
		return read.next != nil && read.next.shared == 21
	}, 2*time.Minute, time.Millisecond)
	leave()
	release <- struct{}{}
	first.Wait()
	<-entered
	close(release)
	rest.Wait()
	left.Wait()
	require.EqualValues(t, 2, runs.Load())
	require.Empty(t, g.reads)

	// other addresses, other members and other roles have answers of their own
	before := runs.Load()
	for _, p := range []access.Principal{viewer, {Role: access.Admin}, {ID: "1", Name: "a", Role: access.Member}, {ID: "2", Name: "b", Role: access.Member}} {
		for _, address := range []string{"/logs?limit=1", "/logs?limit=2", "/keys", "/stats"} {
			ask(context.Background(), p, address)
		}
	}
	require.EqualValues(t, before+16, runs.Load())
}

func TestSharedAfterAPanic(t *testing.T) {
	fail := true
	h := newCoalescer().share(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fail {
			panic("no")
		}
		w.WriteHeader(http.StatusOK)
	}))
	r := httptest.NewRequest(http.MethodGet, base+"/stats", nil)
	require.Panics(t, func() { h.ServeHTTP(httptest.NewRecorder(), r) })
	fail = false
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
}

func TestWhatIsShared(t *testing.T) {
	for target, want := range map[string]bool{
		"/stats": true, "/stats?x=1": true, "/usage-trend": true, "/logs": true, "/logs/abc": true, "/breakdown/heatmap": true,
		"/dimensions/user": true, "/quality": true, "/logs/stream": false, "/keys": false, "/export": false, "/session": false,
		"/statistics": false, "/audit": false,
	} {
		require.Equal(t, want, isShared(httptest.NewRequest(http.MethodGet, base+target, nil)), target)
		require.False(t, isShared(httptest.NewRequest(http.MethodPost, base+target, nil)), target)
	}
	require.False(t, isShared(httptest.NewRequest(http.MethodGet, "/stats", nil)))
}

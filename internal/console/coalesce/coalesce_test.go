package coalesce

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
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/gate"
)

// TestEqualReadsShareAnAnswer: those that wait at one time, and none with what was worked out before
// it came.
func TestEqualReadsShareAnAnswer(t *testing.T) {
	var runs atomic.Int64
	release := make(chan struct{})
	entered := make(chan struct{}, 100)
	g := New(gate.NewGate(8, 4, 100, time.Minute))
	h := g.Share(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := runs.Add(1)
		entered <- struct{}{}
		<-release
		w.Header().Set("X-Run", fmt.Sprint(n))
		w.WriteHeader(http.StatusTeapot)
		_, _ = fmt.Fprint(w, "run ", n)
	}))
	ask := func(ctx context.Context, p access.Principal, address string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, api.Base+address, nil)
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
		read := g.reads[sharedKey{api.Base + "/stats", "role viewer"}]
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
	h := New(gate.NewGate(8, 4, 100, time.Minute)).Share(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if fail {
			panic("no")
		}
		w.WriteHeader(http.StatusOK)
	}))
	r := httptest.NewRequest(http.MethodGet, api.Base+"/stats", nil)
	r = r.WithContext(access.With(r.Context(), access.Principal{Role: access.Viewer}))
	require.Panics(t, func() { h.ServeHTTP(httptest.NewRecorder(), r) })
	fail = false
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	require.Equal(t, http.StatusOK, w.Code)
}

func TestWhatIsShared(t *testing.T) {
	for target, want := range map[string]bool{
		"/stats": true, "/stats?x=1": true, "/usage-trend": true, "/logs": true, "/logs/abc": true, "/breakdown/heatmap": true,
		"/forecast": true, "/changes": true, "/forecasts": false,
		"/dimensions/user": true, "/quality": true, "/logs/stream": false, "/keys": false, "/export": false, "/session": false,
		"/statistics": false, "/audit": false,
	} {
		require.Equal(t, want, isShared(httptest.NewRequest(http.MethodGet, api.Base+target, nil)), target)
		require.False(t, isShared(httptest.NewRequest(http.MethodPost, api.Base+target, nil)), target)
	}
	require.False(t, isShared(httptest.NewRequest(http.MethodGet, "/stats", nil)))
}

// TestWorkEndsWithTheLastClient: an answer that nobody waits for is not worked out to its end, and who comes
// then gets one of its own.
func TestWorkEndsWithTheLastClient(t *testing.T) {
	entered, ended := make(chan struct{}, 10), make(chan error, 10)
	var hold atomic.Bool
	hold.Store(true)
	g := New(gate.NewGate(8, 4, 100, time.Minute))
	h := g.Share(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		if hold.Load() {
			<-r.Context().Done()
		}
		ended <- r.Context().Err()
		_, _ = w.Write([]byte("answer"))
	}))
	ask := func(ctx context.Context) string {
		r := httptest.NewRequest(http.MethodGet, api.Base+"/stats", nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(access.With(ctx, access.Principal{Role: access.Viewer})))
		return w.Body.String()
	}
	waiting := func(now, next int) {
		require.Eventually(t, func() bool {
			g.mu.Lock()
			defer g.mu.Unlock()
			read := g.reads[sharedKey{api.Base + "/stats", "role viewer"}]
			return read != nil && read.now.shared == now && (read.next == nil && next < 0 || read.next != nil && read.next.shared == next)
		}, time.Minute, time.Millisecond)
	}
	first, leaveFirst := context.WithCancel(context.Background())
	second, leaveSecond := context.WithCancel(context.Background())
	third, leaveThird := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { ask(first) })
	<-entered
	all.Go(func() { ask(second) })
	waiting(1, 1)
	all.Go(func() { ask(third) })
	waiting(1, 2)
	leaveSecond() // it would have worked for the third, and still does
	waiting(1, 1)
	require.Empty(t, ended)
	leaveFirst()
	require.ErrorIs(t, <-ended, context.Canceled)
	<-entered
	waiting(1, -1)
	leaveThird()
	require.ErrorIs(t, <-ended, context.Canceled)
	all.Wait()
	require.Empty(t, g.reads)
	require.Zero(t, g.gate.Busy+g.gate.Waiting)

	// all who wait for the next answer leave before it is begun
	first, leaveFirst = context.WithCancel(context.Background())
	second, leaveSecond = context.WithCancel(context.Background())
	all.Go(func() { ask(first) })
	<-entered
	all.Go(func() { ask(second) })
	waiting(1, 1)
	leaveSecond()
	waiting(1, 0)
	all.Go(func() { require.Equal(t, "answer", ask(context.Background())) })
	waiting(1, 1)
	hold.Store(false)
	leaveFirst()
	<-ended
	require.NoError(t, <-ended)
	all.Wait()
	require.Empty(t, g.reads)
	require.Zero(t, g.gate.Busy+g.gate.Waiting)
}

// TestLargeAnswersHoldTheirRoom until they were read.
func TestLargeAnswersHoldTheirRoom(t *testing.T) {
	g := New(gate.NewGate(1, 1, 100, time.Minute))
	h := g.Share(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, largeAnswer+1)) }))
	slow := &slowReader{ResponseRecorder: httptest.NewRecorder(), writing: make(chan struct{}), Read: make(chan struct{})}
	request := func(address string) *http.Request {
		r := httptest.NewRequest(http.MethodGet, api.Base+address, nil)
		return r.WithContext(access.With(r.Context(), access.Principal{Role: access.Viewer}))
	}
	var all sync.WaitGroup
	all.Go(func() { h.ServeHTTP(slow, request("/stats")) })
	<-slow.writing
	require.Equal(t, 1, g.gate.Busy)
	all.Go(func() { h.ServeHTTP(httptest.NewRecorder(), request("/logs")) })
	require.Eventually(t, func() bool {
		g.gate.Mu.Lock()
		defer g.gate.Mu.Unlock()
		return g.gate.Waiting == 1
	}, time.Minute, time.Millisecond)
	close(slow.Read)
	all.Wait()
	require.Zero(t, g.gate.Busy+g.gate.Waiting)
}

type slowReader struct {
	*httptest.ResponseRecorder
	writing, Read chan struct{}
}

func (s *slowReader) Write(b []byte) (int, error) {
	close(s.writing)
	<-s.Read
	return s.ResponseRecorder.Write(b)
}

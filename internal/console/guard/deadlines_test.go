package guard_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/guard"
)

// deadlines is a connection that says which deadlines were set for reading from it.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

// TestBodiesHaveTheirTime: a request's body has a deadline until it was read, and none after.
func TestBodiesHaveTheirTime(t *testing.T) {
	for _, tc := range []struct {
		name   string
		length int64
		reads  bool
		limits []bool // whether each deadline that is set is one
	}{
		{"no body", 0, true, []bool{false}},
		{"a body that is read", 5, true, []bool{true, false}},
		{"a body of unknown length", -1, true, []bool{true, false}},
		{"a body that nobody reads", 5, false, []bool{true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			r := httptest.NewRequest(http.MethodPost, "/", consoletest.ReaderFunc(func([]byte) (int, error) { return 0, io.EOF }))
			r.ContentLength = tc.length
			guard.BodyDeadline(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				if tc.reads {
					_, err := io.ReadAll(r.Body)
					require.NoError(t, err)
				}
			})).ServeHTTP(w, r)
			require.Len(t, w.set, len(tc.limits))
			for i, limited := range tc.limits {
				require.Equal(t, limited, !w.set[i].IsZero())
			}
		})
	}
}

// TestMissingBodies: a connection whose body does not come is ended, whether the request is refused before
// or not.
func TestMissingBodies(t *testing.T) {
	b := consoletest.NewBench(t, nil)
	s := httptest.NewServer(shortened(b.Handler))
	defer s.Close()
	for _, path := range []string{"/keys", "/nowhere", "/logs/import?format=ndjson", "/keys/verify"} {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		require.NoError(t, err)
		_, err = fmt.Fprintf(c, "POST %s%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", api.Base, path)
		require.NoError(t, err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = io.Copy(io.Discard, bufio.NewReader(c))
		require.NoError(t, err, "the server ends the connection: %s", path)
		require.NoError(t, c.Close())
	}
}

// shortened makes every deadline a short one.
func shortened(next http.Handler) http.Handler {
	limited := guard.BodyDeadline(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		limited.ServeHTTP(&hasty{w, http.NewResponseController(w)}, r)
	})
}

type hasty struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (h *hasty) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		t = time.Now().Add(10 * time.Millisecond)
	}
	return h.control.SetReadDeadline(t)
}

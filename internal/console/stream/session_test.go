package stream_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/stream"
	"github.com/tokenboard/tokenboard/internal/console/users"
)

func TestStreamsEndWithTheirSession(t *testing.T) {
	for name, end := range map[string]func(o *consoletest.Secured, root *consoletest.Person){
		"session ended": func(_ *consoletest.Secured, root *consoletest.Person) {
			consoletest.Read[users.Ended](t, root.Do("DELETE", "/users/usr_alice/sessions", ""), 200)
		},
		"another role": func(_ *consoletest.Secured, root *consoletest.Person) {
			consoletest.Read[users.User](t, root.Do("PATCH", "/users/usr_alice", `{"role":"member"}`), 200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := consoletest.NewSecured(t, nil)
			root, alice := o.NewPerson("root", access.Admin), o.NewPerson("alice", access.Viewer)
			o.Console.Stream.SetTimes(stream.StreamPing, time.Millisecond, stream.StreamMaxAge)
			defer o.Console.Close()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			begun, ended := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(ended)
				r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost:8317"+api.Base+"/logs/stream", nil)
				r.Header.Set("Cookie", alice.Header["Cookie"])
				o.Handler.ServeHTTP(&consoletest.HangUp{ResponseRecorder: httptest.NewRecorder(), Cancel: sync.OnceFunc(func() { close(begun) })}, r)
			}()
			<-begun
			select {
			case <-ended:
				require.Fail(t, "the stream ended while its reader was signed in")
			default:
			}
			end(o, root)
			select {
			case <-ended:
			case <-time.After(time.Minute):
				require.Fail(t, "the stream goes on")
			}
		})
	}
}

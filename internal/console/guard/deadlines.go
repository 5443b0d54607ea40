// Package guard refuses requests before any route sees them: foreign hosts and origins, bodies and URLs that are too
// long, senders that are too slow.
package guard

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// bodyPatience is how long the body of a request may take to come. Those that are longer than some
// kilobytes give every piece its own time, see steady.
const bodyPatience = 15 * time.Second

// BodyDeadline ends the wait for a body that was announced and does not come, also where nobody reads it: the
// server would wait for what is left of it before it answers. From when the body is there nothing more is
// read, and how long the answer takes is the handler's own.
func BodyDeadline(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		done := func() { _ = control.SetReadDeadline(time.Time{}) } // not every server has deadlines
		if r.ContentLength == 0 {
			done()
		} else {
			_ = control.SetReadDeadline(time.Now().Add(bodyPatience))
			r.Body = &awaitedBody{ReadCloser: r.Body, done: sync.OnceFunc(done), failed: func() { w.Header().Set("Connection", "close") }}
		}
		next.ServeHTTP(w, r)
	})
}

// awaitedBody is a body that has a time limit until it was read. After an error its connection is not used
// again: net/http would wait there for another request, and take for one what may still come of the body.
type awaitedBody struct {
	io.ReadCloser
	done, failed func()
}

func (b *awaitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch err {
	case nil:
	case io.EOF:
		b.done()
	default:
		b.failed()
	}
	return n, err
}

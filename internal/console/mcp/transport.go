package mcp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tokenboard/tokenboard/internal/console/api"
)

// maxReply bounds the bytes that a tool takes of one answer of the API.
const maxReply = 9 << 20

// inProcess sends the requests of the console's own client to the console's own routes, in the goroutine of the caller and
// for the principal in the request's context. A principal that is not there is nobody, and refused.
type inProcess struct{ routes http.Handler }

// RoundTrip answers a request.
func (t *inProcess) RoundTrip(r *http.Request) (res *http.Response, err error) {
	if r.Method != http.MethodGet || !strings.HasPrefix(r.URL.Path, api.Base+"/") {
		return nil, fmt.Errorf("%s %s is not for tools", r.Method, r.URL.Path)
	}
	in := r.Clone(r.Context())
	in.Body, in.Host, in.RequestURI = http.NoBody, r.URL.Host, r.URL.RequestURI()
	w := &reply{header: http.Header{}}
	defer func() { // no net/http is around this handler that would catch a panic
		if recover() != nil {
			res, err = nil, errors.New("the answer could not be worked out; the collector's log says why")
		}
	}()
	t.routes.ServeHTTP(w, in)
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if err := r.Context().Err(); err != nil {
		return nil, fmt.Errorf("wait for the answer: %w", err)
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status, Proto: r.Proto, ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// reply keeps an answer, up to a limit.
type reply struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header returns the header of the answer.
func (w *reply) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *reply) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

var errReplyTooLong = errors.New("the answer is longer than a tool takes")

// Write keeps a part of the body.
func (w *reply) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.body.Len()+len(b) > maxReply {
		return 0, errReplyTooLong
	}
	n, err := w.body.Write(b)
	if err != nil {
		return n, fmt.Errorf("keep the answer: %w", err)
	}
	return n, nil
}

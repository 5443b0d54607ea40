package proxytrace

import (
	"bufio"
	"net"
	"net/http"
)

// answer is a ResponseWriter whose call reads what is written, after it has been forwarded.
type answer struct {
	http.ResponseWriter
	call     *call
	flusher  http.Flusher // of the writer below; looked up once, not for every event
	flushes  interface{ FlushError() error }
	hasHead  bool // the call has the head of the answer
	status   int  // of a session
	failed   bool // writing to the client failed
	hijacked bool
	session  *session // reads the connection once a handler has hijacked it; nil for none
}

// Unwrap returns the writer below, for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) WriteHeader(status int) {
	a.ResponseWriter.WriteHeader(status)
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols { // other 1xx are not the answer yet
		a.head(status)
	}
}

// head passes the head of the answer to the call, once.
func (a *answer) head(status int) {
	if a.call == nil { // a session has no answer of its own
		a.status = status
		return
	}
	if !a.hasHead {
		a.hasHead = true
		a.call.answered(status, a.Header())
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.head(http.StatusOK)
	n, err := a.ResponseWriter.Write(p)
	if a.call != nil {
		a.call.passed(p[:max(0, min(n, len(p)))])
	}
	a.failed = a.failed || err != nil
	return n, err
}

func (a *answer) flush() error {
	a.head(http.StatusOK)
	if a.flushes != nil {
		return a.flushes.FlushError()
	}
	a.flusher.Flush()
	return nil
}

func (a *answer) hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := a.ResponseWriter.(http.Hijacker).Hijack()
	a.hijacked = a.hijacked || err == nil
	if err == nil && a.session != nil {
		conn = a.session.watch(conn, rw)
	}
	return conn, rw, err
}

// The wrapper has the optional interfaces of the writer below and no others: handlers test for them. These are the
// combinations that occur: servers of HTTP/1, of HTTP/2, recorders, other wrappers.
type (
	flushing struct{ *answer }
	hijacks  struct{ *answer }
	both     struct{ *answer }
	http1    struct {
		*answer
		http.CloseNotifier
	}
	http2 struct {
		*answer
		http.CloseNotifier
		http.Pusher
	}
)

func (w flushing) Flush() { _ = w.flush() }
func (w both) Flush()     { _ = w.flush() }
func (w http1) Flush()    { _ = w.flush() }
func (w http2) Flush()    { _ = w.flush() }

// FlushError is the method that http.ResponseController prefers.
func (w flushing) FlushError() error { return w.flush() }
func (w both) FlushError() error     { return w.flush() }
func (w http1) FlushError() error    { return w.flush() }
func (w http2) FlushError() error    { return w.flush() }

func (w hijacks) Hijack() (net.Conn, *bufio.ReadWriter, error) { return w.hijack() }
func (w both) Hijack() (net.Conn, *bufio.ReadWriter, error)    { return w.hijack() }
func (w http1) Hijack() (net.Conn, *bufio.ReadWriter, error)   { return w.hijack() }

// as returns the answer with the optional interfaces of the writer below it.
func (a *answer) as(w http.ResponseWriter) http.ResponseWriter {
	var flusher bool
	a.flusher, flusher = w.(http.Flusher)
	a.flushes, _ = w.(interface{ FlushError() error })
	_, hijacker := w.(http.Hijacker)
	notifier, notifies := w.(http.CloseNotifier) //nolint:staticcheck // gin asks for it
	pusher, pushes := w.(http.Pusher)
	switch {
	case flusher && hijacker && notifies:
		return http1{a, notifier}
	case flusher && notifies && pushes:
		return http2{a, notifier, pusher}
	case flusher && hijacker:
		return both{a}
	case flusher:
		return flushing{a}
	case hijacker:
		return hijacks{a}
	default:
		return a
	}
}

package proxytrace

import (
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Middleware returns a handler that makes a span of every model call that next answers, and passes any other request to it
// untouched. It belongs outside of handlers that change or compress bodies, and inside of those that reject requests, unless
// rejected calls are to be counted as calls.
//
// The span ends when next returns.
func Middleware(next http.Handler, opts ...Option) http.Handler {
	return &middleware{next: next, config: newConfig(opts)}
}

type middleware struct {
	next   http.Handler
	config *config
}

var errClientDisconnected = errors.New("the client has disconnected")

func (m *middleware) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a := m.config.recognize(r)
	if a == None {
		m.next.ServeHTTP(w, r)
		return
	}
	in := r
	if p := m.config.propagator; p != nil {
		in = r.WithContext(p.Extract(r.Context(), propagation.HeaderCarrier(r.Header)))
	}
	if a == OpenAIRealtime {
		m.session(w, in)
		return
	}
	k, in := m.config.begin(in, a, trace.SpanKindServer, r.Host)
	answer := &answer{ResponseWriter: w, call: k}
	err := errAborted
	defer func() { // also after a panic, which continues
		m.end(k, answer, r, in, err)
	}()
	m.next.ServeHTTP(answer.as(w), in)
	err = nil
}

func (m *middleware) end(k *call, a *answer, r, in *http.Request, err error) {
	r.Pattern = in.Pattern // for handlers outside of this one
	route := in.Pattern
	if m.config.route != nil {
		route = m.config.route(in)
	}
	k.mu.Lock()
	k.route = route
	k.mu.Unlock()
	if err == nil && a.failed {
		err = errClientDisconnected
	}
	if err == nil && !a.hijacked {
		a.head(http.StatusOK)
	}
	k.finish(err)
}

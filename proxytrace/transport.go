package proxytrace

import (
	"errors"
	"io"
	"net/http"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// NewTransport returns a transport that makes a span of every model call that it sends, and otherwise does what base does
// (http.DefaultTransport where base is nil).
//
// The span ends when the answer's body has been read to its end or closed, as every body must be. Calls that a handler behind
// Middleware makes with the request's context are attributed to its client. A retry is a call of its own.
func NewTransport(base http.RoundTripper, opts ...Option) *Transport {
	if base == nil {
		base = http.DefaultTransport
	}
	return &Transport{base: base, config: newConfig(opts)}
}

// Transport is an http.RoundTripper made by NewTransport.
type Transport struct {
	base   http.RoundTripper
	config *config
}

// RoundTrip sends a request.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	a := t.config.recognize(r)
	if a == None {
		return t.base.RoundTrip(r)
	}
	if a == OpenAIRealtime {
		return t.session(r)
	}
	k, out := t.config.begin(r, a, trace.SpanKindClient, r.URL.Host)
	if p := t.config.propagator; p != nil {
		out.Header = out.Header.Clone() // a RoundTripper must not change the caller's request
		p.Inject(k.ctx, propagation.HeaderCarrier(out.Header))
	}
	res, err := t.base.RoundTrip(out)
	if err != nil {
		k.finish(err)
		return res, err
	}
	res.Request = r
	k.answered(res.StatusCode, res.Header)
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols, res.Body == nil, res.Body == http.NoBody:
		k.finish(nil)
	default:
		res.Body = &answerBody{ReadCloser: res.Body, call: k}
	}
	return res, nil
}

// CloseIdleConnections calls the method of base, if it has one.
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// answerBody is the body of an answer, read by its call as it passes.
type answerBody struct {
	io.ReadCloser
	call *call
}

func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.call.passed(p[:n])
	switch {
	case errors.Is(err, io.EOF):
		b.call.finish(nil)
	case err != nil:
		b.call.finish(err)
	}
	return n, err
}

func (b *answerBody) Close() error {
	err := b.ReadCloser.Close()
	b.call.finish(errNotRead)
	return err
}

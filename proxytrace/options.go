package proxytrace

import (
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the instrumentation scope of the spans.
const Scope = "github.com/tokenboard/tokenboard/proxytrace"

// Option changes how calls are told.
type Option func(*config)

type config struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	recognize  func(*http.Request) API
	user       func(*http.Request) string
	provider   func(*http.Request) string
	route      func(*http.Request) string
	bodyUser   bool
	seen       seen
}

func newConfig(opts []Option) *config {
	c := &config{recognize: Recognize}
	for _, o := range opts {
		o(c)
	}
	if c.tracer == nil {
		c.tracer = otel.GetTracerProvider().Tracer(Scope)
	}
	return c
}

// WithTracerProvider gives the spans to a provider other than the global one.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(c *config) { c.tracer = p.Tracer(Scope) }
}

// WithPropagator makes Middleware continue the trace that a request names in its headers, and
// Transport write its own into them. Without it no header is read or written: a trace id that comes
// from outside is the choice of whoever sends it, and with the SDK's ParentBased sampler it decides
// whether the call is counted.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(c *config) { c.propagator = p }
}

// WithRecognizer replaces Recognize, for paths of one's own. The function must be safe for
// concurrent use, as must those of the other options.
func WithRecognizer(f func(*http.Request) API) Option {
	return func(c *config) { c.recognize = f }
}

// WithUser tells who a request is from; "" where that is not known. It is asked when the request
// comes, before the next handler. A handler that finds out later calls SetUser.
func WithUser(f func(*http.Request) string) Option {
	return func(c *config) { c.user = f }
}

// WithBodyUser takes the user from the request's body where neither WithUser nor SetUser named one:
// OpenAI's "safety_identifier" or "user", Anthropic's "metadata.user_id". Whoever holds a key can
// write there what they like, and coding agents write long ids of machine and session there.
func WithBodyUser() Option {
	return func(c *config) { c.bodyUser = true }
}

// WithProvider names the provider (gen_ai.provider.name) that a request goes to; where it gives "",
// and without it, a known host of the provider tells, else the API.
func WithProvider(f func(*http.Request) string) Option {
	return func(c *config) { c.provider = f }
}

// WithRoute gives http.route for Middleware, from the request as the next handler had it, after it
// has answered. Without it that is the pattern by which http.ServeMux found the handler.
func WithRoute(f func(*http.Request) string) Option {
	return func(c *config) { c.route = f }
}

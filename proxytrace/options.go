package proxytrace

import (
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Scope is the instrumentation scope of the spans.
const Scope = "github.com/tokenboard/tokenboard/proxytrace"

// Option changes how calls are reported.
type Option func(*config)

type config struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator
	recognize  func(*http.Request) API
	user       func(*http.Request) string
	provider   func(*http.Request) string
	route      func(*http.Request) string
	bodyUser   bool
	seen       seenIDs
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

// WithTracerProvider sets the provider of the spans' tracer, instead of the global one.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(c *config) { c.tracer = p.Tracer(Scope) }
}

// WithPropagator makes Middleware continue the trace of a request's headers, and Transport write its own into them. Without
// it no header is read or written: a trace id from outside is chosen by the client, and with the SDK's ParentBased sampler
// it decides whether the call is counted.
func WithPropagator(p propagation.TextMapPropagator) Option {
	return func(c *config) { c.propagator = p }
}

// WithRecognizer replaces Recognize, for other paths. The function must be safe for concurrent use, and so must the
// functions of the other options.
func WithRecognizer(f func(*http.Request) API) Option {
	return func(c *config) { c.recognize = f }
}

// WithUser sets the function that returns the user of a request, "" where it is unknown. It is called when the request
// arrives, before the next handler. A handler that identifies the user later calls SetUser.
func WithUser(f func(*http.Request) string) Option {
	return func(c *config) { c.user = f }
}

// WithBodyUser takes the user from the request's body where neither WithUser nor SetUser set one: OpenAI's
// "safety_identifier" or "user", Anthropic's "metadata.user_id". Clients choose these freely, and coding agents send long
// ids of machine and session.
func WithBodyUser() Option {
	return func(c *config) { c.bodyUser = true }
}

// WithProvider sets the function that returns the provider (gen_ai.provider.name) of a request. Where it returns "",
// and without it, the provider is the host's, if the host is a known one, else the API's.
func WithProvider(f func(*http.Request) string) Option {
	return func(c *config) { c.provider = f }
}

// WithRoute sets the function that returns http.route for Middleware. Its argument is the request as the next handler had
// it, after the answer. Without it the route is the pattern by which http.ServeMux found the handler.
func WithRoute(f func(*http.Request) string) Option {
	return func(c *config) { c.route = f }
}

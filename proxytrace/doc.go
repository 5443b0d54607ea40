// Package proxytrace reports the token usage of calls to language models as OpenTelemetry spans: a proxy or server uses
// Middleware, a client NewTransport.
//
// It recognises the calls of OpenAI's, Anthropic's, Google's, Bedrock's and Ollama's APIs by their paths, reads the usage from
// the answers as they pass, and makes one span per call by the OpenTelemetry GenAI conventions, with what Tokenboard needs
// beside them: the fingerprint of the client's key, the user, the quality of the figures.
//
// It never changes, delays or stores a byte of a body, never makes a call fail, and never records a prompt, an answer or a
// key. Bodies are read in pieces as they come, with memory that does not grow with them. The package needs OpenTelemetry's
// API only: the program configures a TracerProvider that exports the spans. Its sampler must be always-on (the SDK's
// default): a call that is not sampled is not counted.
package proxytrace

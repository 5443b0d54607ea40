// Package proxytrace lets a Go program that carries calls to language models tell what they spent:
// a proxy or server by Middleware, a client by NewTransport.
//
// It recognises the calls of OpenAI's, Anthropic's, Google's, Bedrock's and Ollama's APIs by their paths, reads the usage
// out of the answers as they pass, and makes one span a call by the OpenTelemetry GenAI conventions,
// with what Tokenboard needs beside them: the fingerprint of the client's key, the user, the
// quality of the figures.
//
// It never changes, holds back or keeps a byte of a body; it never fails a call; it never records a
// prompt, an answer or a key. What it looks at, it looks at in pieces, as they come, with memory
// that does not grow with them. It needs OpenTelemetry's API only: exporting spans is the business of
// the TracerProvider that the program has set up. Sample always (the SDK's default): a call that is
// sampled out is a call that nobody counts.
package proxytrace

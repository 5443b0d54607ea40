//go:generate go tool mdatagen metadata.yaml

// Package otlpguardextension refuses OTLP requests that would take too much memory before the receiver
// decodes them, and has the others wait where many come at one time. It is a middleware of the receiver's
// servers.
//
// It never changes a request: the receiver gets the bytes that came. The package internal/otlpsize estimates the memory
// of a request.
package otlpguardextension

//go:generate go tool mdatagen metadata.yaml

// Package tokenconsoleextension serves the REST API, the metrics and the web page of a token
// store. It is a shell: the routes are in internal/console.
//
// It denies by default: without an authenticator it listens on loopback only, and answers only to
// loopback names.
package tokenconsoleextension

//go:generate go tool mdatagen metadata.yaml

// Package cliproxyreceiver takes the usage feed of CLIProxyAPI and emits one GenAI span for each
// attempt at an upstream: what the proxy's users miss since it keeps no statistics any more.
//
// The proxy's queue forgets what it has handed out. So what was taken is written, redacted, into a
// storage extension before anything else happens to it, and removed when the pipeline has accepted it.
// Trace and span ids follow from the event, so that a repeat counts once.
//
// Client keys leave this package as fingerprints only. Upstream keys, e-mail addresses, client
// addresses, headers and bodies do not leave it at all, not even into a log line or the storage.
package cliproxyreceiver

//go:generate go tool mdatagen metadata.yaml

// Package tokenusageprocessor recognises the token usage that spans and log records have in any
// dialect, and writes it in the current OpenTelemetry GenAI conventions, with the fingerprint of
// the client's key and what is known of the quality of the figures.
//
// It also takes out what must go no further: prompt and answer texts, and keys in clear. It is
// stateless, so that it works in any pipeline, before any exporter; which of several records of
// one call counts is for the ledger to say.
//
// The order within a record matters: it is read before texts are dropped, because emitters hide
// response ids and usage in them. Reading its own output changes nothing.
package tokenusageprocessor

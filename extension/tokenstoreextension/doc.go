//go:generate go tool mdatagen metadata.yaml

// Package tokenstoreextension opens the ledger and its database, and returns them to the
// exporter that writes and to the console that reads. Both find it by its configured id.
//
// It decides nothing: what counts is for internal/ledger, how it is kept for internal/store.
package tokenstoreextension

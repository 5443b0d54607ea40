//go:generate go tool mdatagen metadata.yaml

// Package tokenboardexporter writes the model calls in spans and log records to a token store.
// It returns when they are on disk, so that a receiver acknowledges nothing that could be lost.
//
// It holds no rule of counting: what a record says is for internal/dialect, what counts for
// internal/ledger.
package tokenboardexporter

// Package ledger decides what counts: one call once, whatever its emitters say of it how
// often, on how many spans and in which order. It keeps the rolling sums that every reader
// shows, equal to the stored records at any time.
//
// It knows no SQL and no telemetry: calls come in as usage.Batch, and a store.Engine keeps
// them. What it must never do is acknowledge a batch that is not on disk, or let two readers
// see different sums.
package ledger

import (
	"context"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Options are the limits a ledger works within. Zero values mean the defaults.
type Options struct {
	// Window is how long records of one call may lie apart and still be found to be one:
	// the spans of a trace, the same response id elsewhere. Default 24 h.
	Window time.Duration
	// MaxSpans bounds the spans kept in memory to find relatives of late ones. Default 500,000.
	MaxSpans int
	// MaxAge drops records older than this; 0 keeps them.
	MaxAge time.Duration
	// MaxRecords drops the oldest records above this number; 0 keeps them.
	MaxRecords int64
	// MaxBytes drops the oldest records while the store is larger; 0 keeps them.
	MaxBytes int64
	// RetentionInterval is how often the three limits above are applied. Default 1 minute.
	RetentionInterval time.Duration
	// Now is the clock; time.Now where nil.
	Now func() time.Time
}

// Status is what a ledger knows of itself.
type Status struct {
	LastCommit time.Time // zero before the first
	Info       store.Info
	Counters   Counters
}

// Counters count, since start, what happened to records.
type Counters struct {
	Committed  int64 // batches acknowledged
	Duplicates int64 // records delivered again that changed nothing
	Fuller     int64 // records replaced by a fuller delivery of themselves
	Superseded int64 // records that counted and were superseded later
	RefusedOld int64 // records older than what is kept
	RefusedNew int64 // records from further in the future than clocks go wrong
	Evicted    int64 // spans forgotten because MaxSpans was reached
}

// ErrClosed reports a ledger that is shut down; the sender should try again elsewhere.
var ErrClosed = errors.New("the ledger is closed")

// ErrQuery reports a query that the ledger cannot answer.
var ErrQuery = errors.New("the query is not one that sums can answer")

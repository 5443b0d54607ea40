package store

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Reason is why a record does not count.
type Reason uint8

// The reasons. String returns their names.
const (
	ReasonNone     Reason = iota
	ReasonAncestor        // a span below it has the same usage (the leaf rule)
	ReasonSameCall        // a more complete record has the same response or request id
	ReasonEcho            // its emitter reports its calls more completely on another signal
	ReasonTwin            // a more complete record of another instrumentation is the same call
)

// String is the reason's name in the API.
func (r Reason) String() string {
	return [...]string{"", "ancestor", "same_call", "echo", "twin"}[r]
}

// Record is one call record with its standing in the ledger.
type Record struct {
	usage.Call
	Counted      bool
	SupersededBy usage.ID  // zero where Counted, or where no single record supersedes it
	Reason       Reason    // ReasonNone where Counted
	StoredAt     time.Time // when it was last stored, to the second
}

// Mark changes the standing of a record that is stored already; one of a record that is
// not (dropped in the meantime) does nothing.
type Mark struct {
	ID           usage.ID
	Start        time.Time // the record's own start: with the id it finds the record
	Counted      bool
	SupersededBy usage.ID
	Reason       Reason
}

// Cost changes what a record that is stored costs; one of a record that is not does nothing.
type Cost struct {
	ID           usage.ID
	Start        time.Time // the record's own start: with the id it finds the record
	Cost         usage.NanoUSD
	PriceVersion string
	Quality      usage.Quality // all of the record's flags
}

// Ref names a stored record.
type Ref struct {
	ID    usage.ID
	Start time.Time
}

package store

import (
	"context"
	"time"
)

// SumPage is a piece of the ledger's sums, which an engine keeps without looking into it.
type SumPage struct {
	Day  int64 // UTC days since the Unix epoch; beyond 1<<32, what else the ledger keeps by number
	Axis uint8
	Data []byte // empty: there is nothing; the page is removed
}

// Hour is what is known of the records that start in one hour.
type Hour struct {
	Number int64 // Unix time in hours
	// Untrue says that records of the hour changed since its sums were stored.
	Untrue bool
	Seen   time.Time // at that time, or later, one of its records was last put
}

// SumsWrite is one transaction that stores sums.
type SumsWrite struct {
	ID      WriteID
	Pages   []SumPage
	Journal []byte // empty: there is none
	At      time.Time
}

// Sums is what an engine does with the ledger's sums. They can always be worked out anew from the
// records; that they are stored saves reading all of these at start.
type Sums interface {
	// SaveSums stores pages, and notes that the stored sums of all hours are true at that time. The
	// journals of all writes are replaced by one that says the same. What Apply says of identities and
	// errors holds for it too.
	SaveSums(ctx context.Context, w SumsWrite) error
	// Sums visits the stored pages of the days from (included) to to (excluded).
	Sums(ctx context.Context, from, to int64, visit func(SumPage) error) error
	// Journals visits the journals of writes, see Write.Journal, in their order.
	Journals(ctx context.Context, visit func([]byte) error) error
	// Hours lists the hours whose records changed lately, oldest first.
	Hours(ctx context.Context) ([]Hour, error)
}

package store

import (
	"context"
	"time"
)

// SumKey names a piece of the ledger's sums.
type SumKey struct {
	Part uint8 // 0 is read at the start; others are read one by one
	Axis uint8 // less than 16
	Day  int64 // UTC days since the Unix epoch
}

// SumPage is a piece of the ledger's sums, which an engine keeps without looking into it.
type SumPage struct {
	SumKey
	Data []byte // empty: there is nothing; the page is removed
}

// Hour describes the records that start in one hour.
type Hour struct {
	Number int64 // Unix time in hours
	// Dirty says that records of the hour changed since its sums were stored.
	Dirty      bool
	LastStored time.Time // at that time, or later, one of its records was last put
}

// SumsWrite is one transaction that stores sums.
type SumsWrite struct {
	ID    WriteID
	Epoch int64 // as of Write
	Pages []SumPage
	// Series is the ledger's series as a whole; empty: there is none.
	Series []byte
	At     time.Time
}

// Sums is the ability to keep the ledger's sums. They can always be computed again from the
// records; that they are stored saves reading all of these at start.
type Sums interface {
	// SaveSums stores pages and the series, and notes that the stored sums lack nothing that was committed until then.
	// The rules of Calls.Commit for identities and errors apply.
	SaveSums(ctx context.Context, w SumsWrite) error
	// SumPages visits the stored pages of a part, by day, then by axis.
	SumPages(ctx context.Context, part uint8, visit func(SumPage) error) error
	// SumPage returns the bytes of one page; none where it is not stored.
	SumPage(ctx context.Context, k SumKey) ([]byte, error)
	// Series returns the series as they were stored, and the number of the last change that is in them.
	Series(ctx context.Context) (data []byte, through int64, err error)
	// Hours lists the hours whose records changed recently, oldest first.
	Hours(ctx context.Context) ([]Hour, error)
}

// Maintenance is the ability to defer work, and to return space to the system.
type Maintenance interface {
	// Compact does work that Commit deferred: an engine that buffers recent records merges them into its blocks. It is
	// called now and then while no write waits.
	Compact(ctx context.Context) error
	// Vacuum returns disk space that removed records left to the file system.
	Vacuum(ctx context.Context) error
}

// Backup is the ability to copy the store.
type Backup interface {
	// Backup writes a consistent copy, while writing goes on, to a path that does not exist.
	Backup(ctx context.Context, path string) error
}

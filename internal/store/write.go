package store

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Write is one transaction: all of it is on disk, or none. Its parts are applied in the order of the
// fields.
type Write struct {
	ID WriteID // see Calls.Commit and Calls.Committed
	// Epoch is the epoch of the lease of TaskLedger under which the write was decided; 0 asks for no check.
	Epoch  int64
	Remove []Ref    // what is not stored is left out
	Put    []Record // inserted; a stored record of the same ID and Start is replaced
	Mark   []Mark
	Costs  []Cost
	Links  []usage.SpanParent // places of spans in their traces; stored ones are left as they are
	// DirtyHours are the hours (Unix time in hours) whose stored sums lack this write, see Sums.
	DirtyHours []int64
	// Change has the write's changes to the ledger's series, as the ledger encodes them; empty: none.
	Change []byte
	// Feed has the write's changes to all sums, as the ledger encodes them for the processes that follow it; empty: no
	// process does. An engine that is not Shared leaves it out.
	Feed []byte
	// Decided are the numbers of the deliveries of the inbox that this write decides: they are removed.
	Decided []int64
	At      time.Time // when this write was made; ages the links
}

// Change describes the changes of one commit.
type Change struct {
	Seq  int64 // ascending in the order of commits
	Data []byte
	Feed []byte // Write.Feed; not read where Calls.Changes is asked
}

// Retirement is one transaction that removes old records.
type Retirement struct {
	ID    WriteID // see Calls.Committed
	Epoch int64   // as of Write
	// Before is where the records begin that stay: those that come before it in the order of Scan are removed.
	Before Ref
	// Watermark is the new Info.Watermark, unless the old one is later.
	Watermark time.Time
	// LinksBefore removes links, and hours of Sums that are not dirty, that were last seen before.
	LinksBefore time.Time
	// Spent is the spending of the removed records, as the ledger counts it. It is added to earlier sums of the same
	// fingerprint and start, saturated at 63 bits. The spending of fingerprints without a key in the Directory is not
	// kept.
	Spent []Spent
	// JoinBefore merges sums that start before it into one for each fingerprint, whose start is zero.
	JoinBefore time.Time
}

// Spent is the spending of one key in a quarter of an hour.
type Spent struct {
	Fingerprint string    // "" for all calls, whatever their key
	Start       time.Time // of the quarter of an hour; zero for what was spent long ago
	Calls       int64
	Tokens      int64
	Cost        usage.NanoUSD // of the calls whose cost is known
}

package store

import (
	"context"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Calls keeps call records. Its methods are safe for concurrent use; readers never wait for a writer.
type Calls interface {
	// Commit commits one write durably. One whose identity was committed before is not made again: Commit returns nil.
	// After an error the outcome is not known: a connection may end, or a file system fail, between the commit and the
	// answer. Committed reports it. When Commit returns, the caller may reuse the contents of w, except for texts,
	// which never change.
	Commit(ctx context.Context, w Write) error
	// Committed reports whether a write was committed: one of Commit, Retire or SaveSums, of the last
	// RememberedWrites. After false it is never going to be: an engine waits for a write that may still
	// be under way, or keeps it from committing. Where it cannot find out, it returns an error.
	Committed(ctx context.Context, id WriteID) (bool, error)
	// Changes visits what commits changed (Write.Change, where it is not empty) whose numbers follow after, in their
	// order. It returns ErrBehind where some of these are not kept any more: an engine keeps at least those since the
	// sums were last stored, or all where it stores no sums.
	Changes(ctx context.Context, after int64, visit func(Change) error) error

	// Lookup returns the records that a query selects, by start, then by id.
	Lookup(ctx context.Context, q Lookup) ([]Record, error)
	// Links visits the links seen since a time.
	Links(ctx context.Context, since time.Time, visit func(usage.SpanParent) error) error
	// Scan visits the records that match, by start, then by id, until visit fails. The record is valid during the visit
	// only. A visit may take long: nothing waits for it. Records that are written meanwhile may be visited or not; no
	// record is visited twice.
	Scan(ctx context.Context, f Filter, visit func(*Record) error) error
	// Figures visits the records that match, in no order, with what sums are made of: ids, and the texts that
	// only single records have, are left out. The record is valid during the visit only.
	Figures(ctx context.Context, f Filter, visit func(*Record) error) error
	// Totals sums the records that match and count, grouped by fields. It returns ErrTooMany
	// where there are more groups than max; memory is bounded by that, whatever it reads.
	Totals(ctx context.Context, f Filter, by []Field, max int) ([]Total, error)
	// List returns one page of records and the cursor of the next ("" at the end).
	List(ctx context.Context, p Page) (records []Record, next string, err error)
	// Nth returns the start of the n-th oldest record, counted from 0.
	Nth(ctx context.Context, n int64) (time.Time, bool, error)
	Info(ctx context.Context) (Info, error)

	// Retire removes old records. The rules of Commit for identities and errors apply.
	Retire(ctx context.Context, r Retirement) error
	// Retired visits, as of one moment, the sums that Retire was given, and the records that count, start before a time
	// and were not removed yet, as Figures does.
	Retired(ctx context.Context, before time.Time, sum func(Spent) error, record func(*Record) error) error

	Close() error
}

// Engine is the storage of a ledger.
type Engine interface {
	Calls
	Leases
}

// Lookup selects records by what they are, and by what they share with others: the candidates to be relatives
// of these. A record that several of its lists select comes once.
type Lookup struct {
	// Refs selects by identity and start.
	Refs []Ref
	// From and To select, with what follows, records that start at From or later and before To; zero is open.
	From, To     time.Time
	IDs          []usage.ID // their own identities
	SupersededBy []usage.ID // identities of the records that supersede them
	CallIDs      []string   // response or request ids
	Processes    []uint64   // their emitters
	// Max bounds the records that From and what follows select; of more, the oldest come. 0 is none.
	Max int
}

// Info is the size and age of a store.
type Info struct {
	Records    int64     // stored call records, superseded ones included
	Bytes      int64     // size on disk, write-ahead log included
	Oldest     time.Time // start of the oldest record, or a little before, where that was removed; zero where empty
	LastStored time.Time // when a record was last put; zero where none was
	Watermark  time.Time // records that start before it were dropped and must not be taken again
	// Dictionaries are the tables of the texts that many records share, each of which is kept once, in memory too.
	Dictionaries []DictionaryUse
}

// DictionaryUse is how many texts of a kind a dictionary has, and how many it can have. Those beyond are kept with
// each record that has them.
type DictionaryUse struct {
	Kind       string
	Count, Max int
}

// Package store is the interface between the ledger and a database engine. It is
// small on purpose: every write is one idempotent batch, no type of any engine
// crosses it, and nothing in it assumes that one process owns the data.
//
// An engine keeps what it is told. It never decides what counts: that is the
// ledger's work.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Reason says why a record does not count.
type Reason uint8

// The reasons, with the names that String gives.
const (
	ReasonNone     Reason = iota
	ReasonAncestor        // a span below it bears the same usage (the leaf rule)
	ReasonSameCall        // a fuller record has the same response or request id
	ReasonEcho            // its emitter tells its calls more fully on another kind of record
	ReasonTwin            // a fuller record of another instrumentation tells the same call
)

// String is the reason's name in the API.
func (r Reason) String() string {
	return [...]string{"", "ancestor", "same_call", "echo", "twin"}[r]
}

// Record is one call record with its standing in the ledger.
type Record struct {
	usage.Call
	Counted      bool
	SupersededBy usage.ID  // zero where Counted, or where no single record stands for it
	Reason       Reason    // ReasonNone where Counted
	Seen         time.Time // when it was last put, to the second
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

// Write is one transaction: all of it is on disk, or none. Its parts are applied in the order of the
// fields.
type Write struct {
	ID     WriteID  // see Apply and Committed
	Remove []Ref    // what is not stored is left out
	Put    []Record // inserted; a stored record of the same ID and Start is replaced
	Mark   []Mark
	Costs  []Cost
	Links  []usage.Link // places of spans in their traces; known ones are left as they are
	// Untrue are the hours (Unix time in hours) whose stored sums this write makes untrue.
	Untrue []int64
	// Journal is what this write changes in the ledger's series, as it encodes it; empty: nothing.
	Journal []byte
	Seen    time.Time // when this write was made; ages the links
}

// Filter selects records. A zero field selects everything; several values of one field
// are alternatives, different fields must all match. Matching of values is exact.
type Filter struct {
	From, To  time.Time // From <= start < To; zero is open
	Models    []string
	Providers []string
	Keys      []string // key fingerprints; "" is "no key"
	Users     []string
	Services  []string
	Projects  []string
	Statuses  []string // "ok", "error", or an HTTP status code such as "429"
	Text      []Term   // all must match
	// None matches nothing, whatever the other fields say: who may see no key sees no call.
	None bool
	// SeenSince lets through only records that were put then or later.
	SeenSince time.Time
	// Superseded includes records that do not count. Sums never use it.
	Superseded bool
}

// Page asks for records, newest first unless Order says otherwise.
type Page struct {
	Filter Filter
	Order  Order
	Cursor string // "" for the first page, else the Next of the page before
	Limit  int
}

// Order is what the records of a list are sorted by. Those with equal figures stand newest first, and
// those whose figure is not known last, whichever way the list is sorted.
type Order struct {
	By        Figure
	Ascending bool
}

// Figure is something of a record that lists can be sorted by.
type Figure uint8

// The figures. A list by another one than ByTime reads the figures of everything that matches, for every page.
const (
	ByTime Figure = iota
	ByCost
	ByDuration
	ByTTFT
	ByTotalTokens
	FigureCount
)

// ErrCursor reports a cursor that this engine did not give.
var ErrCursor = errors.New("the cursor is not one that this server gave")

// ErrTooMany reports totals of more groups than were allowed.
var ErrTooMany = errors.New("there are too many groups")

// Info is what an engine knows about itself.
type Info struct {
	Records int64     // stored call records, superseded ones included
	Bytes   int64     // size on disk, write-ahead log included
	Oldest  time.Time // start of the oldest record; zero where empty
	Seen    time.Time // when a record was last put; zero where none was
	Floor   time.Time // records that start before it were dropped and must not be taken again
	// Texts are the texts that many records share and that are kept once, in memory too, by kind.
	Texts []TextCount
}

// TextCount is how many texts of a kind are kept once, and how many can be. Those beyond are kept with each
// record that has them.
type TextCount struct {
	Kind       string
	Count, Max int
}

// Errors of an engine that callers tell apart. All others mean that the write may be
// tried again (a full disk, a locked file).
var (
	ErrNewer = errors.New("the database was written by a newer version of tokenboard")
	// ErrUnreleased reports a database of a version from before the first release.
	ErrUnreleased = errors.New("the database was written by a development version of tokenboard, from before its first release")
	ErrCorrupt    = errors.New("the database is damaged or is not a tokenboard database")
	ErrSecret     = errors.New("the secret that belongs to the database is not there")
	ErrReadOnly   = errors.New("the database cannot be written")
	ErrInUse      = errors.New("another tokenboard process has this database open; stop it or name another directory")
)

// Engine is a database that keeps call records. Its methods are safe for concurrent
// use; readers never wait for a writer.
type Engine interface {
	// Apply commits one write durably. One whose identity was committed before is not applied again:
	// Apply returns nil. After an error the outcome is not known: a connection may end, or a file system
	// fail, between the commit and the answer. Committed tells it. What w holds is the caller's again when
	// Apply returns, but for texts, which never change.
	Apply(ctx context.Context, w Write) error
	// Committed tells whether a write was committed: one of Apply or SaveSums, of the last
	// RememberedWrites. After false it is never going to be: an engine waits for a write that may still
	// be under way, or keeps it from committing. Where it cannot tell, it gives an error.
	Committed(ctx context.Context, id WriteID) (bool, error)
	// Find gives the stored record of an identity and start.
	Find(ctx context.Context, id usage.ID, start time.Time) (Record, bool, error)
	// Get gives the stored record of an identity whose start is not known.
	Get(ctx context.Context, id usage.ID) (Record, bool, error)
	// Relatives gives the records that start in a range of time and are superseded by the record
	// of one identity, or have another identity, oldest first and at most max and one.
	Relatives(ctx context.Context, by, other usage.ID, from, to time.Time, max int) ([]Record, error)
	// Scan visits the records that match, oldest first, until visit fails. The record is
	// valid during the visit only. A visit may take long: nothing waits for it. What is written
	// meanwhile may be visited or not; no record is visited twice.
	Scan(ctx context.Context, f Filter, visit func(*Record) error) error
	// Figures visits the records that match, in no order, with what sums are made of: ids, and the texts that
	// only single records have, are left out. The record is valid during the visit only.
	Figures(ctx context.Context, f Filter, visit func(*Record) error) error
	// Totals sums the records that match and count, grouped by fields. It gives ErrTooMany
	// where there are more groups than max; memory is bounded by that, whatever it reads.
	Totals(ctx context.Context, f Filter, by []Field, max int) ([]Total, error)
	// Links visits the links seen since a time.
	Links(ctx context.Context, since time.Time, visit func(usage.Link) error) error
	// List gives one page of records and the cursor of the next ("" at the end).
	List(ctx context.Context, p Page) (records []Record, next string, err error)

	// Drop removes at most max records that start before a time, oldest first, raises Floor
	// to it, and removes links last seen before linksBefore. It tells how many records went.
	Drop(ctx context.Context, before, linksBefore time.Time, max int) (int, error)
	// Nth gives the start of the n-th oldest record, counted from 0.
	Nth(ctx context.Context, n int64) (time.Time, bool, error)
	// Fold does work that Apply put off. It is to be called now and then when no write waits.
	Fold(ctx context.Context) error
	// Compact gives disk space that dropped records left back to the system.
	Compact(ctx context.Context) error
	Info(ctx context.Context) (Info, error)

	Sums
	Admin

	// Backup writes a consistent copy, while writing goes on, to a path that does not exist.
	Backup(ctx context.Context, path string) error
	Close() error
}

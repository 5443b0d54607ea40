package store

import (
	"context"
	"time"
)

// Shared is the ability of a store that several processes use at a time. One of them, the leader, has the lease of
// TaskLedger and commits; every process takes batches into the inbox and follows the commits of the leader.
type Shared interface {
	Inbox
	Members
	// Pin makes every later read of records see the state that Follow showed last, with the commits of this process
	// since, instead of the newest: sums in memory that follow the same commits then agree with the records. A read that
	// needs what another process has removed since returns ErrMoved. It cannot be undone.
	Pin()
	// Follow reads, as of one moment, what was committed after a number. It calls prepare with it, and returns a function
	// that makes reads see it; nil where it failed. Nothing may be committed by this process in between. A step that is
	// not wanted need not be shown. After FromStart the step is Whole.
	Follow(ctx context.Context, after int64, prepare func(context.Context, *Step) error) (show func(), err error)
	// Seq is the number of the last commit that reads see: of the last step that was shown, or of the last commit of this
	// process.
	Seq() int64
}

// FromStart asks for all, see Shared.Follow.
const FromStart = -1

// Step is what processes committed, see Shared.Follow.
type Step struct {
	// Seq is the number of the last commit that is included; From the number after which it begins.
	From, Seq int64
	// Whole says that the changes since From are not kept any more: the follower starts again from View.
	Whole     bool
	Changes   []Change // those that follow From; none where Whole
	Watermark time.Time
	// LastStored is when a record was last put, to the second.
	LastStored time.Time
	Records    int64
	View       View
}

// View reads the store as of a step. It is valid until prepare returns.
type View interface {
	// Figures is as of Calls.
	Figures(ctx context.Context, f Filter, visit func(*Record) error) error
	// SumPages, Hours and Series are as of Sums.
	SumPages(ctx context.Context, part uint8, visit func(SumPage) error) error
	Hours(ctx context.Context) ([]Hour, error)
	Series(ctx context.Context) (data []byte, through int64, err error)
	// Changes is as of Calls.
	Changes(ctx context.Context, after int64, visit func(Change) error) error
}

// Delivery is a batch that was accepted and is not decided yet. Its data is the ledger's own encoding.
type Delivery struct {
	Seq  int64 // ascending, mostly in the order of acceptance; given by the engine
	Data []byte
}

// InboxUse is how much waits in the inbox.
type InboxUse struct {
	Deliveries int64
	Bytes      int64
	// Oldest is how long the first one waits, by the store's clock.
	Oldest time.Duration
}

// InboxLimits bound the inbox. A process notices what others add with a delay of some tenths of a second.
type InboxLimits struct{ Deliveries, Bytes int64 }

// Inbox is the ability to accept batches in any process, for the leader to decide.
type Inbox interface {
	// Accept stores a batch. When it returns nil, the batch is on stable storage, and stays until a Write that names it in
	// Decided is committed. It returns ErrInboxFull where the limits do not allow it. After any other error the batch may
	// have been stored: a repeat with the same identity stores it once as long as it waits.
	Accept(ctx context.Context, id WriteID, data []byte, limits InboxLimits) error
	// Deliveries returns the first batches in the order of their numbers that follow after: as many as have together
	// at most the number of bytes, and at least one where there is one.
	Deliveries(ctx context.Context, after int64, bytes int64) ([]Delivery, error)
	// InboxUse returns how much waits.
	InboxUse(ctx context.Context) (InboxUse, error)
}

// Member is a process that uses a store.
type Member struct {
	Holder  string // its name in leases
	Version string // of the program
	// Seq is the last commit that its answers include. Lag is how long ago, by the store's clock, a later one was
	// committed first; 0 where there is none.
	Seq     int64
	Lag     time.Duration
	Started time.Time
	Seen    time.Duration // how long ago it was last heard of, by the store's clock
	// Reads is the newest format of calls that it reads, see internal/usage/format.
	Reads int
}

// Formats are the formats of calls that a store and the processes that share it have, see internal/usage/format.
type Formats struct {
	// Written is the newest one that the store may have.
	Written int
	// Readable is the newest one that all processes read that were heard of lately.
	Readable int
}

// Cluster is the processes that use a store.
type Cluster struct {
	Members []Member // by name
	// Leader is the holder of the lease of TaskLedger; "" where that is free.
	Leader string
	Epoch  int64
	// LeaseLeft is how long the lease lasts if it is not renewed.
	LeaseLeft time.Duration
	Seq       int64 // of the last commit
	Inbox     InboxUse
}

// Members is the ability to know the processes that use a store.
type Members interface {
	// Join is Beat before a process begins to read. It waits for a write that is under way, so that no format is raised
	// by who has not seen the process. A process that does not read what is written may not go on, and is not noted.
	Join(ctx context.Context, m Member) (Formats, error)
	// Beat notes that a process lives, and removes those that were not heard of for long.
	Beat(ctx context.Context, m Member) (Formats, error)
	// RaiseFormat lets calls of a format be written from now on, where all processes read it that were heard of lately. It
	// returns what may be written afterwards. The epoch is that of the lease of TaskLedger.
	RaiseFormat(ctx context.Context, epoch int64, to int) (Formats, error)
	// Leave removes a process.
	Leave(ctx context.Context, holder string) error
	// Cluster returns what is known.
	Cluster(ctx context.Context) (Cluster, error)
}

// inStep marks a context, see InStep.
type inStep struct{}

// WithinStep returns a context for reads during which Follow shows nothing, because the reader keeps it from that: a read
// that needs another state fails with ErrMoved at once instead of waiting for it.
func WithinStep(ctx context.Context) context.Context {
	return context.WithValue(ctx, inStep{}, true)
}

// InStep reports whether a context is one of WithinStep.
func InStep(ctx context.Context) bool { return ctx.Value(inStep{}) != nil }

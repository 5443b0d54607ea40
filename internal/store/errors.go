package store

import "errors"

// ErrCursor reports a cursor that this engine did not return.
var ErrCursor = errors.New("the cursor is not one that this server returned")

// ErrTooMany reports totals of more groups than were allowed.
var ErrTooMany = errors.New("there are too many groups")

// Errors of an engine that callers distinguish. All others mean that the write may be
// tried again (a full disk, a locked file).
var (
	ErrNewer = errors.New("the database was written by a newer version of tokenboard")
	// ErrUnreleased reports a database of a version from before the first release.
	ErrUnreleased = errors.New("the database was written by a development version of tokenboard, from before its first release")
	ErrCorrupt    = errors.New("the database is damaged or is not a tokenboard database")
	ErrSecret     = errors.New("the secret that belongs to the database is missing")
	ErrReadOnly   = errors.New("the database cannot be written")
	ErrInUse      = errors.New("another tokenboard process has this database open; stop it or name another directory")
	// ErrFenced reports a write under a lease that was released, or that another holder has taken since; see Leases.
	ErrFenced = errors.New("this process does not have the lease of the task any more; nothing was written")
	// ErrHeld reports a lease that another holder has.
	ErrHeld = errors.New("another process has the lease of this task")
	// ErrBehind reports changes that are not kept any more: a reader that follows them starts again from the stored
	// sums.
	ErrBehind = errors.New("the changes that follow are not kept any more")
	// ErrMoved reports a read that needs what another process has removed or moved since the state that reads see: it
	// can be repeated when the process has followed. See Shared.Pin.
	ErrMoved = errors.New("the store was changed by another process meanwhile; read again")
	// ErrInboxFull reports an inbox that takes no more until the leader has decided some of what waits.
	ErrInboxFull = errors.New("too many batches wait to be decided; send it again later")
	// ErrUnavailable reports a database server that cannot be reached now, or that takes no statement now: it is
	// starting, shutting down, or has no connection left. The same request may succeed later.
	ErrUnavailable = errors.New("the database cannot be reached now")
	// ErrChanged reports that the stored version is not the one that a change was made to.
	ErrChanged = errors.New("it was changed meanwhile; read it again")
)

package store

import (
	"context"
	"encoding/json"
	"time"
)

// AuditEntry describes one change: who made it, from where, to what. It holds no secrets, no
// fingerprints and no hashes.
type AuditEntry struct {
	ID     int64 // ascending; given by the engine
	Time   time.Time
	Actor  AuditActor
	Source string // address that the request came from; "" where there was none
	Action string // what was done to what: "key.create"; required
	Target AuditTarget
	Before json.RawMessage // a JSON object; nil where there was nothing before
	After  json.RawMessage // a JSON object; nil where there is nothing after
	// Own says that the user who made the change may only change its own resources. It is for AuditEntry.Class, and
	// not read back.
	Own bool
}

// AuditClass is a part of the audit log of which the oldest entries are dropped without regard to the others, so that a
// class of which many people can make many entries does not push out the rest. The numbers are stored.
type AuditClass uint8

// The classes.
const (
	AuditWork   AuditClass = iota // what operators, admins and the server itself change
	AuditRights                   // who may do what: users, and what is done to their sessions by others
	AuditOwn                      // what members and viewers change of their own: keys, API tokens, sessions
)

// AuditClasses lists all classes.
func AuditClasses() []AuditClass {
	return []AuditClass{AuditWork, AuditRights, AuditOwn}
}

// Class is the entry's class.
func (e *AuditEntry) Class() AuditClass {
	switch e.Action {
	case "user.create", "user.update", "user.delete", "user.sign_out":
		return AuditRights
	}
	if e.Own {
		return AuditOwn
	}
	return AuditWork
}

// AuditActor is who made a change.
type AuditActor struct {
	ID   string // of a user; "" for others
	Name string
	Via  string // how it signed in, or "command line"
}

// AuditTarget identifies the object that was changed.
type AuditTarget struct{ Type, ID, Name string }

// AuditFilter selects entries. A zero field selects everything; several values are alternatives.
type AuditFilter struct {
	From, To time.Time // From <= time < To
	Actors   []string  // ids or names
	Actions  []string  // "key.create", or "key" for all that is done to keys
	Targets  []string  // types, ids or names
	Before   int64     // entries with a smaller id; 0 for the newest
	Limit    int       // at most so many; 0 for all
}

// Audit is the storage of the audit log. An entry is never changed. The entry of a change is on disk with the change or
// not at all, which is why the methods that change something take one.
type Audit interface {
	// AddAudit stores the entry of a change that is not the engine's own.
	AddAudit(ctx context.Context, e AuditEntry) error
	// Audit visits the entries that match, newest first, until visit fails.
	Audit(ctx context.Context, f AuditFilter, visit func(*AuditEntry) error) error
	// DropAudit removes entries made before a time, and of each class the oldest above a number (0: any), at
	// most max in one go. It returns how many went: fewer than max where nothing is left to remove.
	DropAudit(ctx context.Context, before time.Time, keep int64, max int) (int, error)
}

package store

import (
	"context"
	"errors"
	"time"
)

// DocumentKind names what documents describe. The values are stored.
type DocumentKind string

// The kinds.
const (
	DocumentPrice   DocumentKind = "price"   // prices of the operator's own
	DocumentBook    DocumentKind = "book"    // a price book that takes the place of the program's
	DocumentBilling DocumentKind = "billing" // currency, mark-up and credits
	DocumentJob     DocumentKind = "job"     // work that was begun, and how far it is
	DocumentReport  DocumentKind = "report"  // reports that are sent by the calendar
)

// Document is a JSON object that an engine keeps without looking into it.
type Document struct {
	ID        string
	Body      []byte // a JSON object
	CreatedAt time.Time
	UpdatedAt time.Time
	// Version changes with every change of the document; see DocumentChange.
	Version int64
}

// AnyVersion in the place of a version asks for no comparison.
const AnyVersion = -1

// DocumentChange is one change of the documents of a kind: all of it is stored, or nothing.
type DocumentChange struct {
	// Put are stored: with version 0 a document must be new, with AnyVersion it may be, with another one it replaces the one
	// of that version, whose CreatedAt stays.
	Put []Document
	// Remove has the ids and versions of documents that go; nothing else of them is looked at.
	Remove []Document
	// Limit is how many documents of the kind there may be afterwards; 0: no limit.
	Limit int
}

// Errors about documents that callers distinguish.
var (
	ErrDocumentExists   = errors.New("a document of this id exists already")
	ErrDocumentUnknown  = errors.New("no document has this id")
	ErrTooManyDocuments = errors.New("there are as many documents as are allowed")
)

// Documents is the storage of what people set in the console and of what programs note of their work.
type Documents interface {
	// Documents lists the documents of a kind by id, as of one moment, with the version of the last change of the kind; 0
	// where there never was one. It lists none where that is the version after.
	Documents(ctx context.Context, kind DocumentKind, after int64) (list []Document, version int64, err error)
	// ChangeDocuments makes a change and returns the new version of the kind. It returns ErrDocumentExists, ErrChanged where a
	// document is of another version, ErrDocumentUnknown, or ErrTooManyDocuments. An entry for the audit log is given where a
	// person asked for it.
	ChangeDocuments(ctx context.Context, kind DocumentKind, c DocumentChange, e ...AuditEntry) (version int64, err error)
}

package store

import (
	"crypto/rand"
	"errors"
)

// WriteID is the identity of one write: whoever does not know its outcome asks for it by this. The zero
// value is none.
type WriteID [16]byte

// NewWriteID makes an identity that no other write has.
func NewWriteID() (id WriteID) {
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	return id
}

// RememberedWrites is how many of the last writes an engine knows the outcome of, at least.
const RememberedWrites = 256

// ErrOutcomeUnknown reports that nobody can tell at present whether a write was committed.
var ErrOutcomeUnknown = errors.New("it is not known whether the write was committed")

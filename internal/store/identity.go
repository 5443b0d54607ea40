package store

import (
	"crypto/rand"
	"errors"
)

// WriteID is the identity of one write, by which its outcome can be asked for. The zero value is none.
type WriteID [16]byte

// NewWriteID makes an identity that no other write has.
func NewWriteID() (id WriteID) {
	_, _ = rand.Read(id[:]) // never fails, see crypto/rand
	return id
}

// RememberedWrites is of how many of the last writes, at least, an engine has the outcome.
const RememberedWrites = 256

// ErrOutcomeUnknown reports that it cannot be found out at present whether a write was committed.
var ErrOutcomeUnknown = errors.New("it is not known whether the write was committed")

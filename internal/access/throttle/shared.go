package throttle

import (
	"context"
	"time"
)

// CauseID names one cause of attempts, as a keyed hash: what people type is not to be found in a store.
type CauseID [16]byte

// Kind is a kind of causes. Each is bounded by itself.
type Kind uint8

// The kinds of causes.
const (
	OfPair     Kind = iota + 1 // a source at an account
	OfSource                   // a source, at any account
	AtAccount                  // at an account, from any source
	AtImagined                 // at an account that is not there
	WithDevice                 // with a device that the account's owner has used
)

// Cause is who or what attempts count for.
type Cause struct {
	Kind Kind
	ID   CauseID
}

// Count is what is counted of a cause; zero where nothing is.
type Count struct {
	Failures    int
	Last        time.Time
	Often, Rare time.Time // when limits are free again
	Until       time.Time // nothing of it counts from then on
}

// Shared is the ability of a directory that several processes share to count attempts for all of them. It remembers MaxKept
// causes of each kind, and never many more: those that were changed last.
type Shared interface {
	// ChangeAttempts lets change change the counts of causes, which are different ones, at one moment of the store's clock, while nobody else changes
	// them. Where change returns false nothing is stored. It is called more than once, each time with what is stored. What was stored within the last second may
	// be lost where the server crashes.
	ChangeAttempts(ctx context.Context, of []Cause, change func(now time.Time, counts []Count) bool) error
}

package store

import (
	"context"
	"time"
)

// AttemptID names one cause of attempts, as a keyed hash: what people type is not to be found in a store.
type AttemptID [16]byte

// AttemptKind is a kind of causes. Each is bounded by itself.
type AttemptKind uint8

// The kinds of causes.
const (
	AttemptsOfPair     AttemptKind = iota + 1 // a source at an account
	AttemptsOfSource                          // a source, at any account
	AttemptsAtAccount                         // at an account, from any source
	AttemptsAtImagined                        // at an account that is not there
	AttemptsWithDevice                        // with a device that the account's owner has used
)

// AttemptCause is who or what attempts count for.
type AttemptCause struct {
	Kind AttemptKind
	ID   AttemptID
}

// AttemptCount is what is counted of a cause; zero where nothing is.
type AttemptCount struct {
	Failures    int
	Last        time.Time
	Often, Rare time.Time // when limits are free again
	Until       time.Time // nothing of it counts from then on
}

// MaxAttempts is how many causes of a kind are remembered at least; there are never many more. The ones that were changed last stay.
const MaxAttempts = 10_000

// Attempts is the ability of a directory that several processes share to count attempts for all of them.
type Attempts interface {
	// ChangeAttempts lets change change the counts of causes, which are different ones, at one moment of the store's clock, while nobody else changes
	// them. Where change returns false nothing is stored. It is called more than once, each time with what is stored. What was stored within the last second may
	// be lost where the server crashes.
	ChangeAttempts(ctx context.Context, of []AttemptCause, change func(now time.Time, counts []AttemptCount) bool) error
}

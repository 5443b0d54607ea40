package store

import (
	"context"
	"errors"
	"time"
)

// Key is an API key as it is stored: never the key itself.
type Key struct {
	ID          string
	Name        string // unique among keys that are not revoked, compared without regard to case
	Description string
	Fingerprint string // usage.Fingerprint of the key
	Display     string // usage.DisplayKey of the key
	Owner       string
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero: never
	RevokedAt   time.Time // zero: not revoked
}

// Errors about keys that callers tell apart.
var (
	ErrKeyExists  = errors.New("a key of this name exists already")
	ErrKeyUnknown = errors.New("no key has this id")
)

// Keys is what an engine does with API keys.
type Keys interface {
	// Keys lists all keys, revoked ones too, oldest first.
	Keys(ctx context.Context) ([]Key, error)
	// AddKey stores a new key, or answers ErrKeyExists.
	AddKey(ctx context.Context, k Key, e AuditEntry) error
	// RevokeKey marks a key as revoked, or answers ErrKeyUnknown (a revoked key is unknown).
	RevokeKey(ctx context.Context, id string, at time.Time, e AuditEntry) error
}

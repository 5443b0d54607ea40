package store

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Key is an API key as it is stored: never the key itself.
type Key struct {
	ID          string
	Name        string // unique among the keys of its owner that are not revoked, compared without regard to case
	Description string
	Fingerprint string // usage.Fingerprint of the key
	Display     string // usage.DisplayKey of the key
	Owner       string
	Imported    bool // made elsewhere: its secret may be short
	CreatedAt   time.Time
	ExpiresAt   time.Time // zero: never
	RevokedAt   time.Time // zero: not revoked
	Disabled    bool
	Models      []string // patterns with * of the models that it may ask for; none: all
	Limits      Limits
	Older       []Secret // that rotation replaced, oldest first: what was spent with them is this key's
	// ByOwner reports that its owner, who may not change keys of others, made the key and set what it may do.
	ByOwner bool
	// Pared reports that Description, Models and Limits were left out, see Keys.Keys.
	Pared bool
	// Restrained is Restricted of a key that is pared.
	Restrained bool
	// Version changes with every change of the key; see Keys.UpdateKey.
	Version int64
}

// Restricted reports whether somebody other than its owner has restricted what the key may do.
func (k *Key) Restricted() bool {
	return k.Restrained || !k.ByOwner && (k.Disabled || len(k.Models) > 0 || k.Limits != Limits{})
}

// Pare returns a copy without description, models and limits, for a key that is no longer valid: its name and its owner
// are still needed for its calls.
func (k *Key) Pare() Key {
	out := *k
	out.Description, out.Models, out.Limits = "", nil, Limits{}
	out.Pared, out.Restrained = true, k.Restricted()
	return out
}

// Secret is one that a key had before.
type Secret struct {
	Fingerprint string
	Display     string
	Until       time.Time // it opens what the key opens until then
}

// Period is a span of the calendar after which a budget starts again.
type Period uint8

// The periods. Ever never starts again; the API calls it total.
const (
	Daily Period = iota
	Weekly
	Monthly
	Ever
	PeriodCount
)

// String is the period's name in the API.
func (p Period) String() string { return [...]string{"day", "week", "month", "total"}[p] }

// Budget is an amount for each period; 0 is no limit.
type Budget [PeriodCount]int64

// Limits bound what a key may spend; 0 is no limit.
type Limits struct {
	RequestsPerMinute int64
	TokensPerMinute   int64
	Tokens            Budget
	Cost              Budget // in usage.NanoUSD
}

// Fingerprints returns all fingerprints of a key, the one in use first.
func (k *Key) Fingerprints() []string {
	out := make([]string, 1, 1+len(k.Older))
	out[0] = k.Fingerprint
	for _, o := range k.Older {
		out = append(out, o.Fingerprint)
	}
	return out
}

// Errors about keys that callers distinguish.
var (
	ErrKeyExists   = errors.New("a key of this name or with this fingerprint exists already")
	ErrKeyUnknown  = errors.New("no key has this id")
	ErrTooManyKeys = errors.New("there are as many keys as are allowed")
)

// KeyConflict is the ErrKeyExists of one of several keys.
type KeyConflict struct {
	Index       int    // of the key that cannot be stored
	With        string // id of the key that is there; "" for another one of the same call
	Fingerprint bool   // the fingerprint is taken; else the name
}

// Error names the conflict.
func (c *KeyConflict) Error() string {
	what := "name"
	if c.Fingerprint {
		what = "fingerprint"
	}
	return fmt.Sprintf("key %d: its %s is that of another key", c.Index, what)
}

// Is makes it an ErrKeyExists.
func (c *KeyConflict) Is(target error) bool { return target == ErrKeyExists }

// Keys is the storage of API keys. Keys are never removed.
type Keys interface {
	// Keys lists the keys that were added or changed after a version, oldest first, and returns the
	// version of the last change. Version 0 lists all, revoked ones too, which are pared: there may be
	// far more of them than of those that open something.
	Keys(ctx context.Context, after int64) (keys []Key, version int64, err error)
	// KeysOf returns the keys of ids, oldest first. Ids without a key are left out.
	KeysOf(ctx context.Context, ids []string) ([]Key, error)
	// AddKeys stores new keys, all or none. It returns ErrTooManyKeys where more than limit keys
	// would not be revoked then, and a KeyConflict where a name or a fingerprint is taken.
	AddKeys(ctx context.Context, limit int, keys []Key, audit ...AuditEntry) error
	// UpdateKey replaces what is stored of k.ID, apart from CreatedAt and Imported, where that is of k.Version.
	// It returns ErrChanged where it is not, ErrKeyUnknown, or a KeyConflict.
	UpdateKey(ctx context.Context, k Key, e AuditEntry) error
}

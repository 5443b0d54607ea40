// Package audit writes the audit log, and answers what it has.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	defaultAuditMaxAge = 365 * 24 * time.Hour
	defaultAuditMax    = 1_000_000 // entries
	auditPruneEvery    = time.Hour
	auditPruneShare    = 100 // of the entries that are kept: so many new ones, and the oldest go
	auditPruneMost     = 500 // entries in one transaction, which others wait for
	auditPrunePatience = 200 * time.Millisecond
	maxAuditDocument   = 16 << 10 // bytes of what was before, and of what is after
)

// Log is the audit log: what writes its entries and drops old ones, and answers its routes.
type Log struct {
	*api.Env
	Directory store.Directory
	// Entries go when they are older than MaxAge, and the oldest when there are more than Max.
	MaxAge time.Duration
	Max    int64

	audits retention
}

// New returns the audit log of a directory. Entries are kept for maxAge (a year where 0), and max of them (a
// million where 0).
func New(e *api.Env, d store.Directory, maxAge time.Duration, max int64) *Log {
	if maxAge == 0 {
		maxAge = defaultAuditMaxAge
	}
	if max == 0 {
		max = defaultAuditMax
	}
	return &Log{Env: e, Directory: d, MaxAge: maxAge, Max: max}
}

// Entry describes a change for the audit log: what is done ("key.create") to what, and what it was
// before and is after, as small structs without secrets (nil where there is nothing). The entry
// goes to the store with the change itself, so that there is never one without the other:
//
//	entry, err := c.Audit.Entry(ctx, "key.create", store.AuditTarget{Type: "key", ID: k.ID, Name: k.Name}, nil, auditedKey(&k))
//	...
//	err = c.Directory.AddKeys(ctx, c.MaxKeys, []store.Key{k}, entry)
//
// A change outside the store is noted with note. The error is an answer to the client.
func (c *Log) Entry(ctx context.Context, action string, target store.AuditTarget, before, after any) (store.AuditEntry, error) {
	c.Prune(ctx)
	return c.EntryInChange(ctx, action, target, before, after)
}

// EntryInChange is Entry for use within a change of the store: it asks the store for nothing.
func (c *Log) EntryInChange(ctx context.Context, action string, target store.AuditTarget, before, after any) (store.AuditEntry, error) {
	p := access.From(ctx)
	e := store.AuditEntry{
		Time: c.Now().UTC(), Actor: store.AuditActor{ID: p.ID, Name: api.Redact(p.Name), Via: p.Via}, Source: p.Source, Action: action,
		Target: store.AuditTarget{Type: target.Type, ID: api.Redact(target.ID), Name: api.Redact(target.Name)},
		Own:    p.Role == access.Member || p.Role == access.Viewer,
	}
	c.audits.written.Add(1)
	var err error
	if e.Before, err = document(before); err == nil {
		e.After, err = document(after)
	}
	if err != nil {
		return e, c.Failed("audit "+action, err)
	}
	return e, nil
}

// Note writes the entry of a change that the store does not make itself. Where it cannot be
// written the change must not be made, or must be said to have failed.
func (c *Log) Note(ctx context.Context, action string, target store.AuditTarget, before, after any) error {
	e, err := c.Entry(ctx, action, target, before, after)
	if err != nil {
		return err
	}
	if err := c.Directory.AddAudit(ctx, e); err != nil {
		return c.Failed("audit "+action, err)
	}
	return nil
}

// secretFields are names of fields that the audit log never has.
var secretFields = []string{"password", "secret", "token", "fingerprint", "hash", "key", "authorization", "cookie", "client_secret"}

// document makes the JSON object of an entry. Secrets in texts that people wrote are taken out; a
// field that is made for one is a mistake of ours, and refused.
func document(v any) (json.RawMessage, error) {
	if v == nil {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode for the audit log: %w", err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		return nil, fmt.Errorf("the audit log takes objects: %w", err)
	}
	if err := refuseSecrets(fields); err != nil {
		return nil, err
	}
	b = api.SecretForms.ReplaceAll(b, []byte("[redacted]"))
	if len(b) > maxAuditDocument {
		b, err = json.Marshal(map[string]int{"bytes_left_out": len(b)})
	}
	return b, err
}

func refuseSecrets(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			if text, ok := value.(string); ok && text != "" && slices.Contains(secretFields, name) {
				return fmt.Errorf("a field named %s does not belong in the audit log", name)
			}
			if err := refuseSecrets(value); err != nil {
				return err
			}
		}
	case []any:
		for _, value := range v {
			if err := refuseSecrets(value); err != nil {
				return err
			}
		}
	}
	return nil
}

// retention remembers when old entries were dropped last.
type retention struct {
	written atomic.Int64 // entries since then
	mu      sync.Mutex   // held while entries are dropped
	last    time.Time    // zero: some may be left to drop
}

// Prune drops old entries before a change adds one: when there are a hundredth more than are kept, and once
// in an hour. Many are dropped in steps, between which others write, and the next changes go on with them.
// Readers do not see what is too old before that.
func (c *Log) Prune(ctx context.Context) {
	r := &c.audits
	if !r.mu.TryLock() {
		return // another change does it
	}
	defer r.mu.Unlock()
	now := c.Now()
	if now.Sub(r.last) < auditPruneEvery && r.written.Load() < max(1, c.Max/auditPruneShare) {
		return
	}
	r.last = now
	r.written.Store(0)
	for begun := time.Now(); ; {
		n, err := c.Directory.DropAudit(ctx, now.Add(-c.MaxAge), c.Max, auditPruneMost)
		if err != nil {
			c.Logger.Sugar().Warnw("old entries of the audit log could not be dropped", "error", err)
			return
		}
		if n < auditPruneMost {
			return
		}
		if time.Since(begun) > auditPrunePatience {
			r.last = time.Time{}
			return
		}
	}
}

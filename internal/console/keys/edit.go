// Package keys answers and changes API keys, their limits, and what is left of them.
package keys

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// keyPrefix begins the keys made here, so that people and secret scanners know them.
const keyPrefix = "tb-"

const (
	maxDescription = 1000
	maxOwnKeys     = 100   // that a member may have and that are not revoked
	maxOwnSecrets  = 1_000 // that a member's keys may ever have had: they name its calls for ever
	maxOlder       = 1_000 // secrets that a key may have had
	maxOverlap     = 30 * 24 * time.Hour
)

// KeySettings are the settings of a new key.
type KeySettings struct {
	Name        string     `json:"name" doc:"unique among the keys of its owner that are not revoked, whatever the case" maxLength:"100"`
	Description string     `json:"description,omitempty" maxLength:"1000"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" nullable:"true"`
	Owner       string     `json:"owner,omitempty" maxLength:"100" doc:"name of a user; members see their own keys"`
	Models      []string   `json:"models,omitempty" maxItems:"100" doc:"patterns with * of the models that it may ask for, such as gpt-*; none: all"`
	Limits      *Limits    `json:"limits,omitempty"`
}

// key checks the settings. location says where they are in the body.
func (c *Handlers) newKey(ctx context.Context, location string, s *KeySettings) (store.Key, error) {
	now := c.Now().UTC()
	k := store.Key{CreatedAt: now}
	field := strings.TrimPrefix(location+".", "body.")
	var err error
	if k.Name, err = cleanName(field+"name", s.Name); err != nil {
		return k, err
	}
	if k.Description, err = api.CleanText(field+"description", s.Description, maxDescription); err != nil {
		return k, err
	}
	if k.Owner, err = api.CleanText(field+"owner", s.Owner, api.MaxName); err != nil {
		return k, err
	}
	if p := access.From(ctx); p.OwnOnly() {
		if k.Owner != "" && k.Owner != p.Name {
			return k, api.WithReason("key_owner_forbidden", api.NewProblem(http.StatusForbidden, "your role, "+p.Role.String()+", makes keys of your own only: leave owner out"))
		}
		if k.Owner = p.Name; k.Owner == "" {
			return k, api.WithReason("key_owner_nameless", api.NewProblem(http.StatusForbidden, "who has no name can own no key"))
		}
		k.ByOwner = true
	}
	if k.ExpiresAt, err = c.expiry(location+".expires_at", s.ExpiresAt); err != nil {
		return k, err
	}
	if k.Models, err = cleanPatterns(location+".models", s.Models); err != nil {
		return k, err
	}
	if k.Limits, err = s.Limits.Read(location + ".limits"); err != nil {
		return k, err
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails, see crypto/rand
	k.ID = "key_" + hex.EncodeToString(id)
	return k, nil
}

// expiry reads the end of a key; nil is none.
func (c *Handlers) expiry(location string, at *time.Time) (time.Time, error) {
	if at == nil {
		return time.Time{}, nil
	}
	if t := at.UTC(); t.After(c.Now()) && t.Year() <= 2200 {
		return t, nil
	}
	return time.Time{}, api.WithReason("expiry_past", api.Invalid(location, "must lie in the future", nil))
}

// newSecret makes a key of 256 bits from the system's random source.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return keyPrefix + base64.RawURLEncoding.EncodeToString(b)
}

func (c *Handlers) createKey(ctx context.Context, in *struct{ Body KeySettings }) (*api.Envelope[NewKey], error) {
	k, err := c.newKey(ctx, "body", &in.Body)
	if err != nil {
		return nil, err
	}
	if err := c.roomForOwn(ctx); err != nil {
		return nil, err
	}
	secret := newSecret()
	k.Fingerprint, k.Display = c.Keys.Identity(secret), usage.DisplayKey(secret)
	entry, err := c.Audit.Entry(ctx, "key.create", keyTarget(&k), nil, auditedKey(&k))
	if err != nil {
		return nil, err
	}
	c.Keys.Ring.Made(k.Fingerprint)
	if err := c.Directory.AddKeys(ctx, c.MaxKeys, []store.Key{k}, entry); err != nil {
		return nil, c.keyFailed("create a key", "body.name", err)
	}
	out, err := c.changed(ctx, k.ID)
	if err != nil {
		return nil, err
	}
	c.keysChanged(secret)
	return api.Answer(NewKey{Key: out, Secret: secret}), nil
}

// roomForOwn keeps one member from using up the keys of all, and from making a key beside one that somebody has
// restricted: what one key must not do, the next one would.
func (c *Handlers) roomForOwn(ctx context.Context) error {
	p := access.From(ctx)
	if !p.OwnOnly() {
		return nil
	}
	keys, err := c.visibleKeys(ctx)
	if err != nil {
		return c.Failed("create a key", err)
	}
	live := 0
	var newest *store.Key // of those that somebody else set up
	for _, k := range keys {
		if k.RevokedAt.IsZero() {
			live++
		}
		if !k.ByOwner {
			newest = k
		}
	}
	switch {
	case newest != nil && newest.Restricted():
		return api.WithReason("own_key_restricted", api.NewProblem(http.StatusForbidden, fmt.Sprintf("an operator has restricted your key %q, and a further key would not be; ask an operator for one", newest.Name)))
	case live >= maxOwnKeys:
		return api.WithReason("own_keys_full", api.NewProblem(http.StatusConflict, fmt.Sprintf("you have %d keys already, the most that a member may have; revoke some", live)), int64(live))
	}
	return roomForSecret(keys)
}

// roomForSecret bounds the secrets that a member's keys have had, revoked ones and those before a rotation too.
func roomForSecret(keys []*store.Key) error {
	n := 0
	for _, k := range keys {
		n += 1 + len(k.Older)
	}
	if n >= maxOwnSecrets {
		return api.WithReason("own_secrets_full", api.NewProblem(http.StatusConflict, fmt.Sprintf("you have made or rotated %d keys, revoked ones included, the most that a member may; ask an operator for one", n)), int64(n))
	}
	return nil
}

// changed describes a key that was just changed.
func (c *Handlers) changed(ctx context.Context, id string) (Key, error) {
	c.Keys.Forget()
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return Key{}, c.Failed("read a key", err)
	}
	k := index.Ring.ID(id)
	if k == nil {
		return Key{}, errNoKey()
	}
	out, err := c.describe(ctx, []*store.Key{k})
	if err != nil {
		return Key{}, c.Failed("read a key", err)
	}
	return out[0], nil
}

// keyFailed turns an error of a change of keys into an answer. An answer stays as it is.
func (c *Handlers) keyFailed(doing, location string, err error) error {
	var conflict *store.KeyConflict
	var p *api.Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &conflict) && conflict.Fingerprint:
		return api.WithReason("key_stored", api.NewProblem(http.StatusConflict, "this key is stored already, as "+conflict.With+"; a key has one name, and keeps it in history when it is revoked"))
	case errors.Is(err, store.ErrKeyExists):
		return api.WithReason("key_name_taken", api.NewProblem(http.StatusConflict, location+": its owner has a key of this name already; choose another name, or revoke that key first"))
	case errors.Is(err, store.ErrTooManyKeys):
		return api.WithReason("keys_full", api.NewProblem(http.StatusConflict, fmt.Sprintf("there would be more than %d keys, the most that keys::max allows; revoke some, or raise it", c.MaxKeys)), int64(c.MaxKeys))
	case errors.Is(err, store.ErrKeyUnknown):
		return errNoKey()
	}
	return c.Failed(doing, err)
}

// edit changes a key that a request names, in one transaction with its audit entry. The change may be made several
// times, each time to the key as it is then.
func (c *Handlers) edit(ctx context.Context, id, action string, change func(*store.Key) error) (Key, error) {
	seen, err := c.keyForRequest(ctx, id)
	if err != nil {
		return Key{}, err
	}
	c.Audit.Prune(ctx)
	err = api.UntilUnchanged(ctx, func() error { return c.editOnce(ctx, seen.ID, action, change) })
	if err != nil {
		return Key{}, c.keyFailed("change a key", "body.name", err)
	}
	return c.changed(ctx, seen.ID)
}

// editOnce is edit of the key as it is now; store.ErrChanged where somebody else changes it meanwhile.
func (c *Handlers) editOnce(ctx context.Context, id, action string, change func(*store.Key) error) error {
	keys, err := c.Directory.KeysOf(ctx, []string{id})
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		return store.ErrKeyUnknown
	}
	k := &keys[0]
	if p := access.From(ctx); p.OwnOnly() && !keyindex.Owns(p, k) {
		return errNoKey()
	}
	if !k.RevokedAt.IsZero() {
		return api.WithReason("key_revoked", api.NewProblem(http.StatusConflict, "this key is revoked, which is for good; make a new one"))
	}
	before := auditedKey(k)
	if err := change(k); err != nil {
		return err
	}
	entry, err := c.Audit.EntryInChange(ctx, action, keyTarget(k), before, auditedKey(k))
	if err != nil {
		return err
	}
	return c.Directory.UpdateKey(ctx, *k, entry)
}

type changeKeyInput struct {
	KeyPath
	Body struct {
		Name        Change[string]    `json:"name" required:"false" maxLength:"100"`
		Description Change[string]    `json:"description" required:"false" maxLength:"1000"`
		Owner       Change[string]    `json:"owner" required:"false" maxLength:"100"`
		Models      Change[[]string]  `json:"models" required:"false" doc:"replaces all patterns"`
		Limits      Change[Limits]    `json:"limits" required:"false" doc:"replaces all limits"`
		ExpiresAt   Change[time.Time] `json:"expires_at" required:"false"`
		Disabled    Change[bool]      `json:"disabled" required:"false" doc:"a disabled key opens nothing until it is enabled again"`
	}
}

// changedFields checks what a request sets of a key, and returns a key that has it.
func (c *Handlers) changedFields(in *changeKeyInput) (next store.Key, err error) {
	b := &in.Body
	if b.Name.Set {
		if next.Name, err = cleanName("name", text(b.Name)); err != nil {
			return next, err
		}
	}
	if next.Description, err = api.CleanText("description", text(b.Description), maxDescription); err != nil {
		return next, err
	}
	if next.Owner, err = api.CleanText("owner", text(b.Owner), api.MaxName); err != nil {
		return next, err
	}
	if b.Models.Value != nil {
		if next.Models, err = cleanPatterns("body.models", *b.Models.Value); err != nil {
			return next, err
		}
	}
	if next.Limits, err = b.Limits.Value.Read("body.limits"); err != nil {
		return next, err
	}
	if next.ExpiresAt, err = c.expiry("body.expires_at", b.ExpiresAt.Value); err != nil {
		return next, err
	}
	next.Disabled = b.Disabled.Value != nil && *b.Disabled.Value
	return next, nil
}

func (c *Handlers) changeKey(ctx context.Context, in *changeKeyInput) (*api.Envelope[Key], error) {
	b := &in.Body
	next, err := c.changedFields(in)
	if err != nil {
		return nil, err
	}
	out, err := c.edit(ctx, in.ID, "key.change", func(k *store.Key) error {
		if err := c.mayChange(ctx, in, k, &next); err != nil {
			return err
		}
		if b.Name.Set {
			k.Name = next.Name
		}
		if b.Description.Set {
			k.Description = next.Description
		}
		if b.Owner.Set {
			k.Owner = next.Owner
		}
		if b.Models.Set {
			k.Models = next.Models
		}
		if b.Limits.Set {
			k.Limits = next.Limits
		}
		if b.ExpiresAt.Set {
			k.ExpiresAt = next.ExpiresAt
		}
		if b.Disabled.Set {
			k.Disabled = next.Disabled
		}
		if (b.Owner.Set || b.Models.Set || b.Limits.Set || b.Disabled.Set) && !access.From(ctx).OwnOnly() {
			k.ByOwner = false
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.Answer(out), nil
}

// mayChange keeps members from taking away what an operator has set on their keys: they may close a
// key, not open it wider.
func (c *Handlers) mayChange(ctx context.Context, in *changeKeyInput, k, next *store.Key) error {
	p := access.From(ctx)
	if p.Role.May(access.ManageKeys) {
		return nil
	}
	b := &in.Body
	var what string
	switch {
	case b.Owner.Set && next.Owner != k.Owner:
		what = "owner"
	case b.Models.Set:
		what = "models"
	case b.Limits.Set:
		what = "limits"
	case b.Disabled.Set && k.Disabled && !next.Disabled:
		what = "disabled"
	case b.ExpiresAt.Set && !k.ExpiresAt.IsZero() && (next.ExpiresAt.IsZero() || next.ExpiresAt.After(k.ExpiresAt)):
		what = "expires_at"
	default:
		return nil
	}
	return api.WithReason("key_wider_forbidden", api.NewProblem(http.StatusForbidden, "body."+what+": your role, "+p.Role.String()+", may close a key and not open it wider; ask an operator"))
}

// RotateBody says how to rotate.
type RotateBody struct {
	Overlap int64 `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"for how long the old secret still works"`
}

func (c *Handlers) rotateKey(ctx context.Context, in *struct {
	KeyPath
	Body *RotateBody
}) (*api.Envelope[NewKey], error) {
	var overlap time.Duration
	if in.Body != nil {
		overlap = time.Duration(in.Body.Overlap) * time.Second
	}
	if overlap < 0 || overlap > maxOverlap {
		return nil, api.WithReason("overlap_range", api.Invalid("body.overlap_seconds", "must be between 0 and 2592000 (30 days)", nil))
	}
	if access.From(ctx).OwnOnly() {
		keys, err := c.visibleKeys(ctx)
		if err != nil {
			return nil, c.Failed("rotate a key", err)
		}
		if err := roomForSecret(keys); err != nil {
			return nil, err
		}
	}
	secret := newSecret()
	out, err := c.edit(ctx, in.ID, "key.rotate", func(k *store.Key) error {
		if len(k.Older) >= maxOlder {
			return api.WithReason("key_rotated_too_often", api.NewProblem(http.StatusConflict, fmt.Sprintf("this key was rotated %d times, which is all that is kept; make a new one", len(k.Older))))
		}
		if Status(k, c.Now()) == "expired" {
			return api.WithReason("key_expired", api.NewProblem(http.StatusConflict, "this key is expired; give it a later expires_at first, or make a new one"))
		}
		k.Older = append(k.Older, store.Secret{Fingerprint: k.Fingerprint, Display: k.Display, Until: c.Now().UTC().Add(overlap)})
		k.Fingerprint, k.Display = c.Keys.Identity(secret), usage.DisplayKey(secret)
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.keysChanged(secret)
	return api.Answer(NewKey{Key: out, Secret: secret}), nil
}

// Revoked is a key that is revoked.
type Revoked struct {
	ID     string `json:"id"`
	Status string `json:"status" enum:"revoked"`
}

func (c *Handlers) revokeKey(ctx context.Context, in *KeyPath) (*api.Envelope[Revoked], error) {
	k, err := c.keyForRequest(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if !k.RevokedAt.IsZero() {
		return nil, api.WithReason("key_revoked", api.NewProblem(http.StatusNotFound, "this key is revoked already"))
	}
	_, err = c.edit(ctx, in.ID, "key.revoke", func(k *store.Key) error {
		k.RevokedAt = c.Now().UTC()
		return nil
	})
	if err != nil {
		return nil, err
	}
	return api.Answer(Revoked{ID: in.ID, Status: "revoked"}), nil
}

// auditKey is the form of a key in the audit log.
type auditKey struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Display     string     `json:"display"`
	Owner       string     `json:"owner,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
	RevokedAt   *time.Time `json:"revoked_at,omitempty"`
	Disabled    bool       `json:"disabled,omitempty"`
	Models      []string   `json:"models,omitempty"`
	Limits      *Limits    `json:"limits,omitempty"`
	OldUntil    *time.Time `json:"old_secret_until,omitempty"`
	Imported    bool       `json:"imported,omitempty"`
}

func auditedKey(k *store.Key) auditKey {
	a := auditKey{
		Name: k.Name, Description: k.Description, Display: k.Display, Owner: k.Owner, ExpiresAt: api.OptionalTime(k.ExpiresAt), RevokedAt: api.OptionalTime(k.RevokedAt),
		Disabled: k.Disabled, Models: k.Models, Limits: limitsOf(k.Limits), Imported: k.Imported,
	}
	if n := len(k.Older); n > 0 {
		a.OldUntil = api.OptionalTime(k.Older[n-1].Until)
	}
	return a
}

func keyTarget(k *store.Key) store.AuditTarget {
	return store.AuditTarget{Type: "key", ID: k.ID, Name: k.Name}
}

// cleanName is cleanText of a name, which must not be empty.
func cleanName(field, s string) (string, error) {
	name, err := api.CleanText(field, s, api.MaxName)
	if err == nil && name == "" {
		err = api.WithReason("name_empty", api.Invalid("body."+field, "must not be empty; give the key a name by which you will know it", nil))
	}
	return name, err
}

package console

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func (c *Console) keyRoutes() {
	register(c, access.ReadKeys, route(http.MethodGet, "/keys", "keys", "All keys, without their secrets"), c.listKeys)
	create := route(http.MethodPost, "/keys", "create-key", "Make a key; the answer holds it this once")
	create.DefaultStatus = http.StatusCreated
	register(c, access.WriteKeys, create, c.createKey)
	register(c, access.WriteKeys, route(http.MethodDelete, "/keys/{id}", "revoke-key", "Revoke a key at once"), c.revokeKey)
}

// keyPrefix begins the keys made here, so that people and secret scanners know them.
const keyPrefix = "tb-"

// keyBook caches the stored keys. Another process may change them, so that it reads them again
// after a while.
type keyBook struct {
	ledger *ledger.Ledger
	now    func() time.Time

	mu   sync.Mutex
	last *keyIndex
	read time.Time
}

const keysFresh = 5 * time.Second

// keyIndex is the keys at one time. It is never changed.
type keyIndex struct {
	keys          []store.Key
	byFingerprint map[string]*store.Key
	byID          map[string]*store.Key
}

func (b *keyBook) index(ctx context.Context) (*keyIndex, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last != nil && b.now().Sub(b.read) < keysFresh {
		return b.last, nil
	}
	keys, _, err := b.ledger.Admin().Keys(ctx, 0)
	if err != nil {
		return nil, fmt.Errorf("read the keys: %w", err)
	}
	x := &keyIndex{keys: keys, byFingerprint: make(map[string]*store.Key, len(keys)), byID: make(map[string]*store.Key, len(keys))}
	for i := range keys {
		x.byFingerprint[keys[i].Fingerprint], x.byID[keys[i].ID] = &keys[i], &keys[i]
	}
	b.last, b.read = x, b.now()
	return x, nil
}

// forget makes the next reader look again.
func (b *keyBook) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = nil
}

// fingerprints gives the fingerprints that a filter's value means: of the key of this id, of the
// keys of this name, or the value itself.
func (x *keyIndex) fingerprints(value string) []string {
	if k := x.byID[value]; k != nil {
		return []string{k.Fingerprint}
	}
	var out []string
	for i := range x.keys {
		if value != "" && strings.EqualFold(x.keys[i].Name, value) {
			out = append(out, x.keys[i].Fingerprint)
		}
	}
	if out == nil {
		out = []string{value}
	}
	return out
}

// inTerms makes a search find a key by a part of its name, which no record holds.
func (x *keyIndex) inTerms(terms []store.Term) []store.Term {
	for i, t := range terms {
		if t.Field != "key" && t.Field != "" {
			continue
		}
		needle := strings.ToLower(t.Value)
		for j := range x.keys {
			k := &x.keys[j]
			if strings.Contains(strings.ToLower(k.Name), needle) || (t.Field == "key" && k.ID == t.Value) {
				terms[i].Keys = append(terms[i].Keys, k.Fingerprint)
			}
		}
	}
	return terms
}

// name is what people see of a fingerprint.
func (x *keyIndex) name(fingerprint string) string {
	if k := x.byFingerprint[fingerprint]; k != nil {
		return k.Name
	}
	if len(fingerprint) > 12 {
		return fingerprint[:12] + "…"
	}
	return fingerprint
}

// Key is a key without its secret.
type Key struct {
	ID          string     `json:"id"`
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Display     string     `json:"display" doc:"first letters and last four"`
	CreatedAt   time.Time  `json:"created_at"`
	ExpiresAt   *time.Time `json:"expires_at"`
	LastUsedAt  *time.Time `json:"last_used_at" doc:"start of the last call that telemetry told of"`
	Status      string     `json:"status" enum:"active,expired,revoked"`
	Owner       string     `json:"owner"`
	Limits      *struct{}  `json:"limits" doc:"null: none are set"`
	Usage       Sums       `json:"usage" doc:"all calls with this key that are kept"`
}

// NewKey is a key with its secret.
type NewKey struct {
	Key
	Secret string `json:"key" doc:"the key itself; it is shown this once and stored nowhere"`
}

func (c *Console) keyOf(k *store.Key, s *ledger.Sums) Key {
	out := Key{
		ID: k.ID, Name: k.Name, Description: k.Description, Display: k.Display, CreatedAt: k.CreatedAt, ExpiresAt: known(k.ExpiresAt),
		LastUsedAt: known(c.o.Ledger.LastUsed(k.Fingerprint)), Owner: k.Owner, Status: "active",
	}
	switch {
	case !k.RevokedAt.IsZero():
		out.Status = "revoked"
	case !k.ExpiresAt.IsZero() && !c.o.Now().Before(k.ExpiresAt):
		out.Status = "expired"
	}
	if s != nil {
		out.Usage = sumsOf(s)
	}
	return out
}

func (c *Console) listKeys(ctx context.Context, _ *struct{}) (*envelope[[]Key], error) {
	keys, err := c.allKeys(ctx)
	if err != nil {
		return nil, c.failed("keys", err)
	}
	return answer(keys), nil
}

// allKeys gives the keys, revoked ones too, oldest first.
func (c *Console) allKeys(ctx context.Context) ([]Key, error) {
	index, err := c.keys.index(ctx)
	if err != nil {
		return nil, err
	}
	a, err := c.o.Ledger.Query(ctx, ledger.Query{By: ledger.ByKey, CountsOnly: true})
	if err != nil {
		return nil, err
	}
	sums := make(map[string]*ledger.Sums, len(a.Groups))
	for i := range a.Groups {
		sums[a.Groups[i].Value] = &a.Groups[i].Points[0]
	}
	out := make([]Key, 0, len(index.keys))
	for i := range index.keys {
		if k := &index.keys[i]; c.maySee(ctx, index, k.Fingerprint) {
			out = append(out, c.keyOf(k, sums[k.Fingerprint]))
		}
	}
	return out, nil
}

const (
	maxName        = 100 // characters
	maxDescription = 1000
)

type createKeyInput struct {
	Body struct {
		Name        string     `json:"name" doc:"unique among keys that are not revoked, whatever the case" maxLength:"100"`
		Description string     `json:"description,omitempty" maxLength:"1000"`
		ExpiresAt   *time.Time `json:"expires_at,omitempty"`
		Owner       string     `json:"owner,omitempty" maxLength:"100"`
	}
}

// createKey makes a key: 256 bits from the system's random source.
func (c *Console) createKey(ctx context.Context, in *createKeyInput) (*envelope[NewKey], error) {
	b := &in.Body
	now := c.o.Now().UTC()
	name, err := cleanText("name", b.Name, maxName)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, wrong("body.name", "must not be empty; give the key a name by which you will know it", nil)
	}
	description, err := cleanText("description", b.Description, maxDescription)
	if err != nil {
		return nil, err
	}
	owner, err := cleanText("owner", b.Owner, maxName)
	if err != nil {
		return nil, err
	}
	if p := access.From(ctx); p.OwnOnly() {
		if owner != "" && owner != p.Name {
			return nil, newProblem(http.StatusForbidden, "your role, "+p.Role.String()+", makes keys of your own only: leave owner out")
		}
		if owner = p.Name; owner == "" {
			return nil, newProblem(http.StatusForbidden, "who has no name can own no key")
		}
	}
	k := store.Key{Name: name, Description: description, Owner: owner, CreatedAt: now}
	if b.ExpiresAt != nil {
		if k.ExpiresAt = b.ExpiresAt.UTC(); !k.ExpiresAt.After(now) || k.ExpiresAt.Year() > 2200 {
			return nil, wrong("body.expires_at", "must lie in the future", nil)
		}
	}
	secret, id := make([]byte, 32), make([]byte, 8)
	_, _ = rand.Read(secret) // never fails, see crypto/rand
	_, _ = rand.Read(id)
	key := keyPrefix + base64.RawURLEncoding.EncodeToString(secret)
	k.ID, k.Fingerprint, k.Display = "key_"+hex.EncodeToString(id), usage.Fingerprint(key), usage.DisplayKey(key)
	entry, err := c.audit(ctx, "key.create", store.AuditTarget{Type: "key", ID: k.ID, Name: k.Name}, nil, auditedKey(&k))
	if err != nil {
		return nil, err
	}
	err = c.o.Ledger.Admin().AddKeys(ctx, c.o.MaxKeys, []store.Key{k}, entry)
	c.keys.forget()
	if errors.Is(err, store.ErrTooManyKeys) {
		return nil, newProblem(http.StatusConflict, fmt.Sprintf("there are %d keys already, the most that keys::max allows; revoke some, or raise it", c.o.MaxKeys))
	}
	if errors.Is(err, store.ErrKeyExists) {
		return nil, newProblem(http.StatusConflict, "a key of this name exists already; choose another name, or revoke that key first")
	}
	if err != nil {
		return nil, c.failed("create a key", err)
	}
	c.keysChanged(key)
	return answer(NewKey{Key: c.keyOf(&k, nil), Secret: key}), nil
}

// auditKey is what the audit log tells of a key.
type auditKey struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Display     string     `json:"display"`
	Owner       string     `json:"owner,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
}

func auditedKey(k *store.Key) auditKey {
	return auditKey{Name: k.Name, Description: k.Description, Display: k.Display, Owner: k.Owner, ExpiresAt: known(k.ExpiresAt)}
}

// cleanText trims a text and refuses what would make it look like another.
func cleanText(field, s string, maxLen int) (string, error) {
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > maxLen {
		return "", wrong("body."+field, fmt.Sprintf("must have at most %d characters", maxLen), nil)
	}
	for _, r := range s {
		if !unicode.IsGraphic(r) || r == utf8.RuneError || (unicode.IsSpace(r) && r != ' ') {
			return "", wrong("body."+field, "must hold no control characters, line ends or invisible marks", nil)
		}
	}
	return s, nil
}

// Revoked tells of a key that is revoked.
type Revoked struct {
	ID     string `json:"id"`
	Status string `json:"status" enum:"revoked"`
}

func errNoKey() error {
	return newProblem(http.StatusNotFound, "no key has this id, or it is revoked already; "+base+"/keys lists them")
}

func (c *Console) revokeKey(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
}) (*envelope[Revoked], error) {
	index, err := c.keys.index(ctx)
	if err != nil {
		return nil, c.failed("revoke a key", err)
	}
	if k := index.byID[in.ID]; k != nil && !c.maySee(ctx, index, k.Fingerprint) {
		return nil, errNoKey()
	}
	err = c.o.Ledger.Admin().UpdateKey(ctx, in.ID, func(k *store.Key) (store.AuditEntry, error) {
		if !k.RevokedAt.IsZero() {
			return store.AuditEntry{}, store.ErrKeyUnknown
		}
		before := auditedKey(k)
		k.RevokedAt = c.o.Now().UTC()
		return c.auditEntry(ctx, "key.revoke", store.AuditTarget{Type: "key", ID: k.ID, Name: k.Name}, before, nil)
	})
	c.keys.forget()
	if errors.Is(err, store.ErrKeyUnknown) {
		return nil, errNoKey()
	}
	if err != nil {
		return nil, c.failed("revoke a key", err)
	}
	return answer(Revoked{ID: in.ID, Status: "revoked"}), nil
}

package keys

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/audit"
	"github.com/tokenboard/tokenboard/internal/console/budgets"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/keysync"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
)

// Handlers answer the routes of keys.
type Handlers struct {
	*api.Env
	Keys      *keyindex.Book
	Ledger    *ledger.Ledger
	Directory store.Directory
	Audit     *audit.Log
	KeySync   *keysync.Sync     // nil where there are no proxies whose keys follow those here
	MaxKeys   int               // that are not revoked
	Budgets   *budgets.Handlers // shown with keys
}

// Routes registers the handlers of keys.
func (c *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadKeys, api.Operation(http.MethodGet, "/keys", "keys", "Keys, without their secrets, oldest first, a thousand in one answer at most"), c.listKeys)
	api.Register(r, access.ReadKeys, api.Operation(http.MethodGet, "/keys/{id}", "key", "One key, without its secret"), c.getKey)
	create := api.Operation(http.MethodPost, "/keys", "create-key", "Make a key; the answer holds it this once")
	create.DefaultStatus = http.StatusCreated
	api.Register(r, access.WriteKeys, create, c.createKey)
	api.Register(r, access.WriteKeys, api.Operation(http.MethodPatch, "/keys/{id}", "change-key", "Change a key; null clears a field"), c.changeKey)
	rotate := api.Operation(http.MethodPost, "/keys/{id}/rotate", "rotate-key", "Give a key a new secret; the answer holds it this once")
	rotate.DefaultStatus = http.StatusCreated
	api.Register(r, access.WriteKeys, rotate, c.rotateKey)
	api.Register(r, access.WriteKeys, api.Operation(http.MethodDelete, "/keys/{id}", "revoke-key", "Revoke a key at once and for good"), c.revokeKey)
	imports := api.Operation(http.MethodPost, "/keys/import", "import-keys", "Give names to keys that were made elsewhere, by value or by fingerprint; all or none")
	imports.MaxBodyBytes = maxImportBody
	api.Register(r, access.ManageKeys, imports, c.importKeys)
	c.keySyncRoutes(r)
}

// Rotation is a secret that rotation replaced and that still opens what the key opens.
type Rotation struct {
	Display string    `json:"old_display"`
	Until   time.Time `json:"until"`
}

// Key is a key without its secret.
type Key struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Description string           `json:"description"`
	Display     string           `json:"display" doc:"first letters and last four"`
	CreatedAt   time.Time        `json:"created_at"`
	ExpiresAt   *time.Time       `json:"expires_at"`
	LastUsedAt  *time.Time       `json:"last_used_at" doc:"start of the last call that telemetry reported"`
	Status      string           `json:"status" enum:"active,disabled,expired,revoked"`
	Owner       string           `json:"owner"`
	Models      []string         `json:"models" doc:"patterns with * of the models that it may ask for; empty: all" nullable:"false"`
	Limits      *Limits          `json:"limits" doc:"null: none are set"`
	Usage       stats.Sums       `json:"usage" doc:"all calls with this key that are kept, with its older secrets too"`
	Left        *Left            `json:"left" doc:"what is left of the limits; null where none are set"`
	Budgets     []budgets.Budget `json:"budgets" nullable:"false" doc:"budgets of this key, besides its limits; see /budgets"`
	Rotated     *Rotation        `json:"rotated" doc:"the older secret, while it still works"`
	Origin      string           `json:"origin" enum:"created,imported"`
}

// NewKey is a key with its secret.
type NewKey struct {
	Key
	Secret string `json:"key" doc:"the key itself; it is shown this once and stored nowhere"`
}

// Status is a key's status in the API.
func Status(k *store.Key, now time.Time) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "revoked"
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return "expired"
	case k.Disabled:
		return "disabled"
	}
	return "active"
}

// keyOf describes a key with what was spent with it.
func (c *Handlers) keyOf(k *store.Key, spent map[string]*ledger.Sums) Key {
	out := Key{
		ID: k.ID, Name: k.Name, Description: k.Description, Display: k.Display, CreatedAt: k.CreatedAt, ExpiresAt: api.OptionalTime(k.ExpiresAt),
		Owner: k.Owner, Status: Status(k, c.Now()), Models: append([]string{}, k.Models...), Limits: limitsOf(k.Limits),
		Left: LeftOf(c.Keys.Ring.Left(k.ID)), Origin: "created",
	}
	if k.Imported {
		out.Origin = "imported"
	}
	var last time.Time
	var sums ledger.Sums
	for _, f := range k.Fingerprints() {
		if at := c.Ledger.LastUsed(f); at.After(last) {
			last = at
		}
		if s := spent[f]; s != nil {
			sums.Merge(s)
		}
	}
	out.LastUsedAt, out.Usage = api.OptionalTime(last), stats.SumsOf(&sums)
	if n := len(k.Older); n > 0 && k.RevokedAt.IsZero() && c.Now().Before(k.Older[n-1].Until) {
		out.Rotated = &Rotation{Display: k.Older[n-1].Display, Until: k.Older[n-1].Until}
	}
	return out
}

// spentWith returns the sums of some keys by fingerprint; where there are many, of all keys.
func (c *Handlers) spentWith(ctx context.Context, keys []*store.Key) (map[string]*ledger.Sums, error) {
	const few = 20
	q := ledger.Query{By: ledger.ByKey, CountsOnly: true}
	if len(keys) <= few {
		for _, k := range keys {
			q.Filter.Keys = append(q.Filter.Keys, k.Fingerprints()...)
		}
		q.Filter.None = len(keys) == 0
	}
	a, err := c.Ledger.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	sums := make(map[string]*ledger.Sums, len(a.Groups))
	for i := range a.Groups {
		sums[a.Groups[i].Value] = &a.Groups[i].Points[0]
	}
	return sums, nil
}

// describe returns keys as the API shows them.
func (c *Handlers) describe(ctx context.Context, keys []*store.Key) ([]Key, error) {
	keys, err := c.whole(ctx, keys)
	if err != nil {
		return nil, err
	}
	spent, err := c.spentWith(ctx, keys)
	if err != nil {
		return nil, err
	}
	of, err := c.Budgets.Of(ctx, store.ScopeKey)
	if err != nil {
		return nil, err
	}
	out := make([]Key, len(keys))
	for i, k := range keys {
		out[i] = c.keyOf(k, spent)
		out[i].Budgets = append([]budgets.Budget{}, of[k.ID]...)
	}
	return out, nil
}

// whole reads what was pared of keys.
func (c *Handlers) whole(ctx context.Context, keys []*store.Key) ([]*store.Key, error) {
	var ids []string
	for _, k := range keys {
		if k.Pared {
			ids = append(ids, k.ID)
		}
	}
	if len(ids) == 0 {
		return keys, nil
	}
	stored, err := c.Directory.KeysOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	of := make(map[string]*store.Key, len(stored))
	for i := range stored {
		of[stored[i].ID] = &stored[i]
	}
	out := slices.Clone(keys)
	for i, k := range out {
		if w := of[k.ID]; k.Pared && w != nil {
			out[i] = w
		}
	}
	return out, nil
}

// visibleKeys returns the keys that a request's principal may see, revoked ones too, oldest first.
func (c *Handlers) visibleKeys(ctx context.Context) ([]*store.Key, error) {
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return nil, err
	}
	p := access.From(ctx)
	if !p.OwnOnly() {
		return index.Ring.All(), nil
	}
	own := index.Owned(p)
	slices.SortFunc(own, func(a, b *store.Key) int {
		if d := a.CreatedAt.Compare(b.CreatedAt); d != 0 {
			return d
		}
		return strings.Compare(a.ID, b.ID)
	})
	return own, nil
}

// All describes all keys that the principal of a request may see, oldest first.
func (c *Handlers) All(ctx context.Context) ([]Key, error) {
	keys, err := c.visibleKeys(ctx)
	if err != nil {
		return nil, err
	}
	return c.describe(ctx, keys)
}

type listKeysInput struct {
	Query  string   `query:"q" maxLength:"256" doc:"a part of the name, the description, the display form, the owner or the id, whatever the case; of revoked keys not of the description"`
	Status []string `query:"status,explode" enum:"active,disabled,expired,revoked" maxItems:"4"`
	Owner  []string `query:"owner,explode" maxItems:"100"`
	api.ListPage
}

func (c *Handlers) listKeys(ctx context.Context, in *listKeysInput) (*api.List[Key], error) {
	keys, err := c.visibleKeys(ctx)
	if err != nil {
		return nil, c.Failed("keys", err)
	}
	needle := strings.ToLower(strings.TrimSpace(in.Query))
	var found []*store.Key
	for _, k := range keys {
		if in.matches(k, Status(k, c.Now()), needle) {
			found = append(found, k)
		}
	}
	out := &api.List[Key]{}
	out.Total = len(found)
	found, more, last, err := api.PageOf(found, in.ListPage, func(k **store.Key) string { return (*k).ID })
	if err != nil {
		return nil, c.Failed("keys", err)
	}
	if more {
		out.More("/keys", in.ListPage, last, url.Values{"q": {in.Query}, "status": in.Status, "owner": in.Owner})
	}
	if out.Body.Data, err = c.describe(ctx, found); err != nil {
		return nil, c.Failed("keys", err)
	}
	return out, nil
}

func (in *listKeysInput) matches(k *store.Key, status, needle string) bool {
	if len(in.Status) > 0 && !slices.Contains(in.Status, status) || len(in.Owner) > 0 && !slices.Contains(in.Owner, k.Owner) {
		return false
	}
	if needle == "" {
		return true
	}
	for _, text := range []string{k.Name, k.Description, k.Display, k.Owner, k.ID} {
		if strings.Contains(strings.ToLower(text), needle) {
			return true
		}
	}
	return false
}

// KeyPath names a key.
type KeyPath struct {
	ID string `path:"id" maxLength:"100"`
}

func (c *Handlers) getKey(ctx context.Context, in *KeyPath) (*api.Envelope[Key], error) {
	k, err := c.keyForRequest(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out, err := c.describe(ctx, []*store.Key{k})
	if err != nil {
		return nil, c.Failed("key", err)
	}
	return api.Answer(out[0]), nil
}

// keyForRequest finds a key that a request names and that its principal may see.
func (c *Handlers) keyForRequest(ctx context.Context, id string) (*store.Key, error) {
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return nil, c.Failed("key", err)
	}
	k := index.Ring.ID(id)
	if p := access.From(ctx); k == nil || p.OwnOnly() && !keyindex.Owns(p, k) {
		return nil, errNoKey()
	}
	return k, nil
}

func errNoKey() error {
	return api.WithReason("key_unknown", api.NewProblem(http.StatusNotFound, "no key has this id; "+api.Base+"/keys lists them"))
}

package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	maxImportKeys = 5_000   // keys in one request
	maxImportBody = 1 << 20 // bytes
	maxKeyLength  = 4_096   // bytes of a key
	maxDisplay    = 24      // characters
)

// ImportedKey is a key that was made elsewhere.
type ImportedKey struct {
	KeySettings
	Value       string `json:"key,omitempty" doc:"the key itself; only its fingerprint is kept" maxLength:"4096"`
	Fingerprint string `json:"fingerprint,omitempty" doc:"instead of the key: its SHA-256 in 64 hexadecimal digits, or the name (ext_...) that a key made elsewhere has here" maxLength:"64"`
	Display     string `json:"display,omitempty" doc:"what people see of a key that comes by its fingerprint, such as sk-ab…9f3a" maxLength:"24"`
}

// Imported is the result of an import.
type Imported struct {
	Added int   `json:"added"`
	Known int   `json:"known" doc:"keys that were stored already, which are left as they are"`
	Keys  []Key `json:"keys" doc:"all of them, in the order of the request" nullable:"false"`
}

// importKeys returns names to keys. A key that is stored already is left as it is, so that an import can
// be repeated.
func (c *Handlers) importKeys(ctx context.Context, in *struct {
	Body struct {
		Keys []ImportedKey `json:"keys" minItems:"1" maxItems:"5000" nullable:"false"`
	}
}) (*api.Envelope[Imported], error) {
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return nil, c.Failed("import keys", err)
	}
	c.Audit.Prune(ctx)
	batch, err := c.importBatchOf(ctx, in.Body.Keys, index)
	if err != nil {
		return nil, err
	}
	if len(batch.fresh) > 0 {
		if err := c.Directory.AddKeys(ctx, c.MaxKeys, batch.fresh, batch.entries...); err != nil {
			c.Keys.Forget()
			var conflict *store.KeyConflict
			location := "body.keys"
			if errors.As(err, &conflict) {
				location = fmt.Sprintf("body.keys[%d].name", batch.places[conflict.Index])
			}
			return nil, c.keyFailed("import keys", location, err)
		}
	}
	c.Keys.Forget()
	c.keysChanged(batch.values...)
	if index, err = c.Keys.Index(ctx); err != nil {
		return nil, c.Failed("import keys", err)
	}
	keys := make([]*store.Key, len(batch.ids))
	for i, id := range batch.ids {
		keys[i] = index.Ring.ID(id)
	}
	out := Imported{Added: len(batch.fresh), Known: len(batch.ids) - len(batch.fresh)}
	if out.Keys, err = c.describe(ctx, keys); err != nil {
		return nil, c.Failed("import keys", err)
	}
	return api.Answer(out), nil
}

// importBatch holds the keys that an import adds.
type importBatch struct {
	ids     []string // of all keys, in the order of the request
	fresh   []store.Key
	places  []int // in the request, of fresh
	entries []store.AuditEntry
	values  []string // keys themselves, of those that came by value
}

// importBatchOf checks the keys of an import, and finds those that are stored already.
func (c *Handlers) importBatchOf(ctx context.Context, given []ImportedKey, index *keyindex.Index) (*importBatch, error) {
	out := &importBatch{ids: make([]string, len(given))}
	first := map[string]int{}
	for i := range given {
		location := fmt.Sprintf("body.keys[%d]", i)
		fingerprint, display, err := given[i].read(location, index)
		if err != nil {
			return nil, err
		}
		k, err := c.newKey(ctx, location, &given[i].KeySettings)
		if err != nil {
			return nil, err
		}
		if j, twice := first[fingerprint]; twice {
			return nil, api.WithReason("key_twice", api.Invalid(location, fmt.Sprintf("is the same key as keys[%d]", j), nil))
		}
		first[fingerprint] = i
		if there := index.Key(fingerprint); there != nil {
			out.ids[i] = there.ID
			continue
		}
		if v := given[i].Value; v != "" {
			out.values = append(out.values, v)
		}
		k.Fingerprint, k.Display, k.Imported = fingerprint, display, true
		entry, err := c.Audit.EntryInChange(ctx, "key.import", keyTarget(&k), nil, auditedKey(&k))
		if err != nil {
			return nil, err
		}
		out.ids[i] = k.ID
		out.fresh, out.entries, out.places = append(out.fresh, k), append(out.entries, entry), append(out.places, i)
	}
	return out, nil
}

// read returns the key's identity and the display form. No error repeats the key.
func (k *ImportedKey) read(location string, index *keyindex.Index) (fingerprint, display string, err error) {
	if (k.Value == "") == (k.Fingerprint == "") {
		return "", "", api.WithReason("key_or_fingerprint", api.Invalid(location, "needs either key or fingerprint", nil))
	}
	if k.Value != "" {
		if len(k.Value) > maxKeyLength || !utf8.ValidString(k.Value) || strings.ContainsFunc(k.Value, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return "", "", api.WithReason("key_text_unfit", api.Invalid(location+".key", "must have at most 4096 bytes, and no blanks or control characters", nil))
		}
		if k.Display != "" {
			return "", "", api.WithReason("display_unwanted", api.Invalid(location+".display", "comes from the key; leave it out", nil))
		}
		return index.Identity(usage.Fingerprint(k.Value)), usage.DisplayKey(k.Value), nil
	}
	fingerprint = strings.ToLower(k.Fingerprint)
	if strings.HasPrefix(fingerprint, keyindex.ExternalPrefix) {
		var known bool
		if fingerprint, known = index.External(fingerprint); !known {
			return "", "", api.WithReason("fingerprint_unknown", api.Invalid(location+".fingerprint", "is the name of no key that telemetry or a proxy reported", nil))
		}
	}
	if !usage.IsKeyedOrPlainFingerprint(fingerprint) {
		return "", "", api.WithReason("fingerprint_unfit", api.Invalid(location+".fingerprint", "must be the SHA-256 of the key in 64 hexadecimal digits, or a name (ext_...) that a key has here", nil))
	}
	display, err = api.CleanText(strings.TrimPrefix(location, "body.")+".display", k.Display, maxDisplay)
	if err != nil {
		return "", "", err
	}
	if index.Identity(usage.Fingerprint(display)) == index.Identity(fingerprint) {
		return "", "", api.WithReason("display_is_key", api.Invalid(location+".display", "must not be the key itself", nil))
	}
	if display == "" {
		display = "…"
	}
	return index.Identity(fingerprint), display, nil
}

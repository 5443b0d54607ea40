package console

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

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

// Imported tells what became of an import.
type Imported struct {
	Added int   `json:"added"`
	Known int   `json:"known" doc:"keys that were stored already, which are left as they are"`
	Keys  []Key `json:"keys" doc:"all of them, in the order of the request" nullable:"false"`
}

// importKeys gives names to keys. A key that is stored already is left as it is, so that an import can
// be repeated.
func (c *keysHandlers) importKeys(ctx context.Context, in *struct {
	Body struct {
		Keys []ImportedKey `json:"keys" minItems:"1" maxItems:"5000" nullable:"false"`
	}
}) (*envelope[Imported], error) {
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return nil, c.Failed("import keys", err)
	}
	var fresh []store.Key
	var audit []store.AuditEntry
	var places []int // in the request, of fresh
	var values []string
	ids := make([]string, len(in.Body.Keys))
	first := map[string]int{}
	c.Audit.Prune(ctx)
	for i := range in.Body.Keys {
		location := fmt.Sprintf("body.keys[%d]", i)
		fingerprint, display, err := in.Body.Keys[i].read(location, index)
		if err != nil {
			return nil, err
		}
		k, err := c.newKey(ctx, location, &in.Body.Keys[i].KeySettings)
		if err != nil {
			return nil, err
		}
		if j, twice := first[fingerprint]; twice {
			return nil, because("key_twice", wrong(location, fmt.Sprintf("is the same key as keys[%d]", j), nil))
		}
		first[fingerprint] = i
		if there := index.key(fingerprint); there != nil {
			ids[i] = there.ID
			continue
		}
		if v := in.Body.Keys[i].Value; v != "" {
			values = append(values, v)
		}
		k.Fingerprint, k.Display, k.Imported = fingerprint, display, true
		entry, err := c.Audit.EntryInChange(ctx, "key.import", keyTarget(&k), nil, auditedKey(&k))
		if err != nil {
			return nil, err
		}
		ids[i], fresh, audit, places = k.ID, append(fresh, k), append(audit, entry), append(places, i)
	}
	if len(fresh) > 0 {
		if err := c.Directory.AddKeys(ctx, c.MaxKeys, fresh, audit...); err != nil {
			c.Keys.Forget()
			var conflict *store.KeyConflict
			location := "body.keys"
			if errors.As(err, &conflict) {
				location = fmt.Sprintf("body.keys[%d].name", places[conflict.Index])
			}
			return nil, c.keyFailed("import keys", location, err)
		}
	}
	c.Keys.Forget()
	c.keysChanged(values...)
	if index, err = c.Keys.Index(ctx); err != nil {
		return nil, c.Failed("import keys", err)
	}
	keys := make([]*store.Key, len(ids))
	for i, id := range ids {
		keys[i] = index.ring.ID(id)
	}
	out := Imported{Added: len(fresh), Known: len(ids) - len(fresh)}
	if out.Keys, err = c.describe(ctx, keys); err != nil {
		return nil, c.Failed("import keys", err)
	}
	return answer(out), nil
}

// read gives the key's identity and the display form. No error repeats the key.
func (k *ImportedKey) read(location string, index *keyIndex) (fingerprint, display string, err error) {
	if (k.Value == "") == (k.Fingerprint == "") {
		return "", "", because("key_or_fingerprint", wrong(location, "needs either key or fingerprint", nil))
	}
	if k.Value != "" {
		if len(k.Value) > maxKeyLength || !utf8.ValidString(k.Value) || strings.ContainsFunc(k.Value, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			return "", "", because("key_text_unfit", wrong(location+".key", "must have at most 4096 bytes, and no blanks or control characters", nil))
		}
		if k.Display != "" {
			return "", "", because("display_unwanted", wrong(location+".display", "comes from the key; leave it out", nil))
		}
		return index.identity(usage.Fingerprint(k.Value)), usage.DisplayKey(k.Value), nil
	}
	fingerprint = strings.ToLower(k.Fingerprint)
	if strings.HasPrefix(fingerprint, strangerPrefix) {
		var known bool
		if fingerprint, known = index.stranger(fingerprint); !known {
			return "", "", because("fingerprint_unknown", wrong(location+".fingerprint", "is the name of no key that telemetry or a proxy told of", nil))
		}
	}
	if !usage.IsKeyedOrPlainFingerprint(fingerprint) {
		return "", "", because("fingerprint_unfit", wrong(location+".fingerprint", "must be the SHA-256 of the key in 64 hexadecimal digits, or a name (ext_...) that a key has here", nil))
	}
	display, err = cleanText(strings.TrimPrefix(location, "body.")+".display", k.Display, maxDisplay)
	if err != nil {
		return "", "", err
	}
	if index.identity(usage.Fingerprint(display)) == index.identity(fingerprint) {
		return "", "", because("display_is_key", wrong(location+".display", "must not be the key itself", nil))
	}
	if display == "" {
		display = "…"
	}
	return index.identity(fingerprint), display, nil
}

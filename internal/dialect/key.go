package dialect

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

var rawKeyRefs, hashedKeyRefs, keyNameRefs = refsTo(tables.RawKeys), refsTo(tables.HashedKeys), refsTo(tables.KeyNames)

// key returns the fingerprint and the display form of the client's key, empty where none was seen.
func (r *record) key() (fingerprint, display string) {
	if r.own.kinds&KindKey != 0 {
		if key := r.rawKey(); key != "" {
			return r.keys.of(key)
		}
	}
	if r.own.kinds&kindKeyName == 0 {
		return "", ""
	}
	for i := range hashedKeyRefs {
		if s := r.textAt(&hashedKeyRefs[i]); s != "" {
			if !usage.IsFingerprint(s) {
				s = usage.Fingerprint(s)
			}
			return s, r.keyName()
		}
	}
	if name := r.keyName(); name != "" {
		return usage.Fingerprint("name:" + name), name
	}
	return "", ""
}

// rawKey returns the first key in clear text; "" where there is none.
func (r *record) rawKey() string {
	for i := range rawKeyRefs {
		v, ok := r.find(&rawKeyRefs[i])
		if !ok {
			continue
		}
		s := ""
		switch v.Type() {
		case pcommon.ValueTypeStr:
			s = v.Str()
		case pcommon.ValueTypeSlice:
			s = value.FirstText(v.Slice())
		}
		if key := bareKey(s); key != "" {
			return key
		}
	}
	return ""
}

func (r *record) keyName() string {
	for i := range keyNameRefs {
		if s := r.textAt(&keyNameRefs[i]); s != "" {
			return s
		}
	}
	return ""
}

// bareKey takes the scheme off the value of an Authorization header.
func bareKey(s string) string { return secret.Bare(s) }

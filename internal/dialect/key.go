package dialect

import (
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tokenboard/tokenboard/internal/secret"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// RawKeys are the attributes that can hold a client's key in clear. The processor removes them.
var RawKeys = []string{
	"gen_ai.request.api_key", "llm.api_key", "llm.request.api_key", "api_key", "api-key", "authorization", "x-api-key",
	"http.request.header.authorization", "http.request.header.x-api-key", "http.request.header.api-key",
	"http.request.header.x-goog-api-key", "http.request.header.proxy-authorization", "ai.request.headers.authorization",
	"ai.request.headers.x-api-key", "ai.request.headers.api-key", "ai.request.headers.x-goog-api-key", "metadata.user_api_key",
	"tokenboard.key", "x-litellm-api-key", "http.request.header.x-litellm-api-key", "x-goog-api-key",
}

// hashedKeys hold a key that the emitter has hashed itself.
var hashedKeys = []string{"litellm.api_key.hash", "metadata.user_api_key_hash", "litellm.metadata.user_api_key_hash"}

// keyNames hold the name of a key; shown where the key itself is not known.
var keyNames = []string{
	"litellm.api_key.alias", "metadata.user_api_key_alias", "litellm.metadata.user_api_key_alias", "trace.metadata.openrouter.api_key_name", "gen_ai.virtual_key_name",
	"bifrost.virtual_key.name", "gen_ai.virtual_key_id",
}

var rawKeyRefs, hashedKeyRefs, keyNameRefs = refsTo(RawKeys), refsTo(hashedKeys), refsTo(keyNames)

// key gives the fingerprint and the display form of the client's key, empty where none was seen.
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

// rawKey gives the first key that stands in clear, "" where there is none.
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
			s = firstText(v.Slice())
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

package tables

// RawKeys are the attributes that can hold a client's key in clear. The processor removes them.
var RawKeys = []string{
	"gen_ai.request.api_key", "llm.api_key", "llm.request.api_key", "api_key", "api-key", "authorization", "x-api-key",
	"http.request.header.authorization", "http.request.header.x-api-key", "http.request.header.api-key",
	"http.request.header.x-goog-api-key", "http.request.header.proxy-authorization", "ai.request.headers.authorization",
	"ai.request.headers.x-api-key", "ai.request.headers.api-key", "ai.request.headers.x-goog-api-key", "metadata.user_api_key",
	"tokenboard.key", "x-litellm-api-key", "http.request.header.x-litellm-api-key", "x-goog-api-key",
}

// HashedKeys hold a key that the emitter has hashed itself.
var HashedKeys = []string{"litellm.api_key.hash", "metadata.user_api_key_hash", "litellm.metadata.user_api_key_hash"}

// KeyNames hold the name of a key; shown where the key itself is not known.
var KeyNames = []string{
	"litellm.api_key.alias", "metadata.user_api_key_alias", "litellm.metadata.user_api_key_alias", "trace.metadata.openrouter.api_key_name", "gen_ai.virtual_key_name",
	"bifrost.virtual_key.name", "gen_ai.virtual_key_id",
}

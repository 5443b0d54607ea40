package proxytrace

import "math"

// The names of the attributes that spans have. The gen_ai ones are OpenTelemetry's GenAI conventions, the
// tokenboard ones are Tokenboard's. They are a protocol between programs of different versions, as the
// fingerprint of a key is, and stand here and in Tokenboard's own code: this module needs nothing of Tokenboard.
// The tests in the folder test compare the two.
const (
	attrOperation       = "gen_ai.operation.name"
	attrProvider        = "gen_ai.provider.name"
	attrRequestModel    = "gen_ai.request.model"
	attrRequestStream   = "gen_ai.request.stream"
	attrResponseModel   = "gen_ai.response.model"
	attrResponseID      = "gen_ai.response.id"
	attrTTFT            = "gen_ai.response.time_to_first_chunk" // seconds, double
	attrInputTokens     = "gen_ai.usage.input_tokens"
	attrOutputTokens    = "gen_ai.usage.output_tokens"
	attrCacheRead       = "gen_ai.usage.cache_read.input_tokens"
	attrCacheWrite      = "gen_ai.usage.cache_write.input_tokens"
	attrReasoningTokens = "gen_ai.usage.reasoning.output_tokens"
	attrErrorType       = "error.type"
	attrHTTPMethod      = "http.request.method"
	attrHTTPStatus      = "http.response.status_code"
	attrHTTPRoute       = "http.route"
	attrURLPath         = "url.path"
	attrUserID          = "user.id"

	attrRole           = "tokenboard.role"
	attrCacheWrite1h   = "tokenboard.usage.cache_write_1h.input_tokens" // int, part of attrCacheWrite
	attrQuality        = "tokenboard.quality"                           // string array
	attrKeyFingerprint = "tokenboard.key.fingerprint"
	attrKeyDisplay     = "tokenboard.key.display"
	attrRequestID      = "tokenboard.request.id"
	attrUser           = "tokenboard.user"
)

// maxTokens is the largest figure of one call that is believed, 2^40: Tokenboard rejects what is above it.
const maxTokens = int64(1) << 40

// tokenFields says which figures an answer reported. Absent is not zero.
type tokenFields uint8

const (
	hasInput tokenFields = 1 << iota
	hasOutput
	hasCacheRead
	hasCacheWrite
	hasReasoning
	hasCacheWrite1h
)

// addSat returns a + b, or math.MaxInt64 where that is too much. Neither is negative.
func addSat(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

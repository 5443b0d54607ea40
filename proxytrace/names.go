package proxytrace

import "github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"

// The names of the attributes that spans have. The gen_ai ones are OpenTelemetry's GenAI conventions, the
// tokenboard ones are Tokenboard's. They are a protocol between programs of different versions, as the
// fingerprint of a key is, and are declared here and in Tokenboard's own code: this module imports nothing of Tokenboard.
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

// Attributes of the conventions that Tokenboard stores nothing of, or reads under another name.
const (
	attrFinishReasons = "gen_ai.response.finish_reasons"
	attrServerAddress = "server.address"
	attrServerPort    = "server.port"
)

// attrAudioSeconds is the duration of the audio that was transcribed, where the provider bills by it: double, seconds.
const attrAudioSeconds = "tokenboard.usage.audio.input_seconds"

// attrParts are the attributes of llmapi.Tokens.Parts.
var attrParts = [llmapi.PartCount]string{
	"gen_ai.usage.audio.input_tokens", "gen_ai.usage.audio.cache_read.input_tokens", "gen_ai.usage.audio.output_tokens",
	"gen_ai.usage.image.input_tokens", "gen_ai.usage.image.cache_read.input_tokens", "gen_ai.usage.image.output_tokens",
}

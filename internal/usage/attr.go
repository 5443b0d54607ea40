package usage

// Attribute names that the processor writes. The gen_ai ones are the current
// OpenTelemetry GenAI conventions; the tokenboard ones are ours.
const (
	AttrOperation       = "gen_ai.operation.name"
	AttrProvider        = "gen_ai.provider.name"
	AttrRequestModel    = "gen_ai.request.model"
	AttrResponseModel   = "gen_ai.response.model"
	AttrResponseID      = "gen_ai.response.id"
	AttrResponseTier    = "openai.response.service_tier"
	AttrConversationID  = "gen_ai.conversation.id"
	AttrRequestStream   = "gen_ai.request.stream"
	AttrTTFT            = "gen_ai.response.time_to_first_chunk" // seconds, double
	AttrInputTokens     = "gen_ai.usage.input_tokens"
	AttrOutputTokens    = "gen_ai.usage.output_tokens"
	AttrCacheRead       = "gen_ai.usage.cache_read.input_tokens"
	AttrCacheWrite      = "gen_ai.usage.cache_write.input_tokens"
	AttrReasoningTokens = "gen_ai.usage.reasoning.output_tokens"
	AttrAudioInput      = "gen_ai.usage.audio.input_tokens"
	AttrAudioCacheRead  = "gen_ai.usage.audio.cache_read.input_tokens"
	AttrAudioOutput     = "gen_ai.usage.audio.output_tokens"
	AttrImageInput      = "gen_ai.usage.image.input_tokens"
	AttrImageCacheRead  = "gen_ai.usage.image.cache_read.input_tokens"
	AttrImageOutput     = "gen_ai.usage.image.output_tokens"
	AttrVideoInput      = "gen_ai.usage.video.input_tokens"
	AttrVideoOutput     = "gen_ai.usage.video.output_tokens"
	AttrErrorType       = "error.type"
	AttrHTTPMethod      = "http.request.method"
	AttrHTTPStatus      = "http.response.status_code"
	AttrHTTPRoute       = "http.route"
	AttrURLPath         = "url.path"
	AttrUserID          = "user.id"

	// AttrRole is "call", "aggregate" or "tool". Its presence says that the record was
	// normalised: its token figures follow the conventions, whatever the emitter.
	AttrRole           = "tokenboard.role"
	AttrCacheWrite1h   = "tokenboard.usage.cache_write_1h.input_tokens" // int, part of AttrCacheWrite
	AttrFamily         = "tokenboard.dialect"                           // the family of emitters that was recognised
	AttrQuality        = "tokenboard.quality"                           // string array of quality flags
	AttrGroup          = "tokenboard.group"                             // see Call.Group
	AttrEcho           = "tokenboard.echo"                              // bool, see Call.Echo
	AttrKeyFingerprint = "tokenboard.key.fingerprint"                   // see Fingerprint
	AttrKeyDisplay     = "tokenboard.key.display"
	AttrRequestID      = "tokenboard.request.id"
	AttrSecrets        = "tokenboard.secrets.removed"        // int, secrets in clear that the processor took out of the record
	AttrCostReported   = "tokenboard.cost.reported_nano_usd" // int
	AttrUser           = "tokenboard.user"
	AttrProject        = "tokenboard.project"
	AttrTier           = "tokenboard.service_tier" // a name of Tier
	AttrSession        = "tokenboard.session"
	AttrAccount        = "tokenboard.account"       // see AccountDisplay
	AttrErrorMessage   = "tokenboard.error.message" // see Call.ErrorMessage
)

package llmapi

import "github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"

// Field is a value that a body can have.
type Field = jsonscan.Field

// The fields of bodies.
const (
	_ Field = iota
	fModel
	fID
	fType   // of an event, or of an object
	fStatus // of a response object
	fFinish
	fTier
	fError // the object that describes an error
	fErrorType
	fErrorCode
	fErrorStatus
	fUsage // the object that contains the figures
	fInput
	fOutput
	fTotal
	fCacheRead
	fCacheReadAlias // used where fCacheRead is not reported
	fCacheWrite
	fCacheWrite5m
	fCacheWrite1h
	fReasoning
	fTool // prompt tokens of tool use, not in fInput
	fIterations
	fIterationType
	fIterationInput
	fIterationOutput
	fIterationCacheRead
	fIterationCacheWrite
	fIterationCacheWrite1h
	fStream
	fUser
	fSafetyID
	fAnthropicUser
)

// within returns a table of figures below the path of the object that contains them.
func within(path string, t jsonscan.Table) jsonscan.Table { return jsonscan.Within(path, fUsage, t) }

var (
	openAIUsage = jsonscan.Table{
		"prompt_tokens": fInput, "completion_tokens": fOutput, "total_tokens": fTotal,
		"prompt_tokens_details.cached_tokens":        fCacheRead,
		"prompt_tokens_details.cache_write_tokens":   fCacheWrite,
		"completion_tokens_details.reasoning_tokens": fReasoning,
		"prompt_tokens_details.audio_tokens":         fAudioInput,
		"completion_tokens_details.audio_tokens":     fAudioOutput,
		"prompt_cache_hit_tokens":                    fCacheReadAlias, // DeepSeek
		"cached_tokens":                              fCacheReadAlias, // Moonshot
	}
	openAICommon = jsonscan.Table{"id": fID, "model": fModel, "service_tier": fTier, "error": fError, "error.type": fErrorType, "error.code": fErrorCode}

	responsesUsage = jsonscan.Table{
		"input_tokens": fInput, "output_tokens": fOutput, "total_tokens": fTotal,
		"input_tokens_details.cached_tokens":      fCacheRead,
		"input_tokens_details.cache_write_tokens": fCacheWrite,
		"output_tokens_details.reasoning_tokens":  fReasoning,
	}

	anthropicUsage = jsonscan.Table{
		"input_tokens": fInput, "output_tokens": fOutput,
		"cache_read_input_tokens": fCacheRead, "cache_creation_input_tokens": fCacheWrite,
		"cache_creation.ephemeral_5m_input_tokens": fCacheWrite5m,
		"cache_creation.ephemeral_1h_input_tokens": fCacheWrite1h,
		"output_tokens_details.thinking_tokens":    fReasoning,
		"service_tier":                             fTier,
		// Tokens that a request consumed beside the answer,
		// https://platform.claude.com/docs/en/build-with-claude/compaction
		"iterations": fIterations, "iterations.type": fIterationType,
		"iterations.input_tokens": fIterationInput, "iterations.output_tokens": fIterationOutput,
		"iterations.cache_read_input_tokens":                  fIterationCacheRead,
		"iterations.cache_creation_input_tokens":              fIterationCacheWrite,
		"iterations.cache_creation.ephemeral_1h_input_tokens": fIterationCacheWrite1h,
	}
	anthropicCommon = jsonscan.Table{"id": fID, "model": fModel, "stop_reason": fFinish}

	geminiUsage = jsonscan.Table{
		"promptTokenCount": fInput, "candidatesTokenCount": fOutput, "responseTokenCount": fOutput,
		"totalTokenCount": fTotal, "cachedContentTokenCount": fCacheRead, "thoughtsTokenCount": fReasoning,
		"toolUsePromptTokenCount": fTool,
		"serviceTier":             fTier,
		"trafficType":             fTier, // Vertex AI
	}
)

var (
	here = []string{""}

	openAITree = jsonscan.NewTree(here, openAICommon, jsonscan.Table{"choices.finish_reason": fFinish},
		within("usage", openAIUsage), within("x_groq.usage", openAIUsage))

	responsesTree = jsonscan.NewTree([]string{"", "response."}, openAICommon, within("usage", responsesUsage),
		jsonscan.Table{"type": fType, "status": fStatus, "background": fStored, "code": fErrorCode, "incomplete_details.reason": fFinish})

	anthropicTree = jsonscan.NewTree([]string{"", "message."}, anthropicCommon, within("usage", anthropicUsage),
		jsonscan.Table{"type": fType, "delta.stop_reason": fFinish, "error": fError, "error.type": fErrorType})

	// Code Assist, which Gemini CLI calls with a Google account, wraps the answer in "response".
	geminiTree = jsonscan.NewTree([]string{"", "response."}, within("usageMetadata", geminiUsage), jsonscan.Table{
		"responseId": fID, "modelVersion": fModel, "candidates.finishReason": fFinish, "promptFeedback.blockReason": fFinish,
		"error": fError, "error.status": fErrorStatus, "error.code": fErrorCode,
	})
)

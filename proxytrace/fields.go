package proxytrace

import (
	"maps"
	"slices"
	"strings"
)

// field is something that a body can tell.
type field uint8

const (
	none field = iota
	fModel
	fID
	fType   // of an event, or of an object
	fStatus // of a response object
	fFinish
	fTier
	fError // the container of what is told of an error
	fErrorType
	fErrorCode
	fErrorStatus
	fUsage // the container of the figures
	fInput
	fOutput
	fTotal
	fCacheRead
	fCacheReadAlias // used where fCacheRead is not told
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

// table is what to look for in a body: paths of keys, with dots between them.
type table map[string]field

// tree makes the scanner's form of tables.
func tree(prefixes []string, tables ...table) *node {
	root := &node{keys: map[string]*node{}}
	for _, prefix := range prefixes {
		for _, t := range tables {
			for path, f := range t {
				n := root
				for _, key := range strings.Split(prefix+path, ".") {
					if n.keys == nil {
						n.keys = map[string]*node{}
					}
					if n.keys[key] == nil {
						n.keys[key] = &node{}
					}
					n = n.keys[key]
				}
				n.field = f
			}
		}
	}
	root.order()
	return root
}

// order makes the list that the scanner looks keys up in: they are few and short.
func (n *node) order() {
	for _, key := range slices.Sorted(maps.Keys(n.keys)) {
		n.list = append(n.list, child{key, n.keys[key]})
		n.keys[key].order()
	}
}

// within puts a table below a path.
func within(path string, t table) table {
	moved := table{path: fUsage}
	for p, f := range t {
		moved[path+"."+p] = f
	}
	return moved
}

var (
	openAIUsage = table{
		"prompt_tokens": fInput, "completion_tokens": fOutput, "total_tokens": fTotal,
		"prompt_tokens_details.cached_tokens":        fCacheRead,
		"prompt_tokens_details.cache_write_tokens":   fCacheWrite,
		"completion_tokens_details.reasoning_tokens": fReasoning,
		"prompt_tokens_details.audio_tokens":         fAudioInput,
		"completion_tokens_details.audio_tokens":     fAudioOutput,
		"prompt_cache_hit_tokens":                    fCacheReadAlias, // DeepSeek
		"cached_tokens":                              fCacheReadAlias, // Moonshot
	}
	openAICommon = table{"id": fID, "model": fModel, "service_tier": fTier, "error": fError, "error.type": fErrorType, "error.code": fErrorCode}

	responsesUsage = table{
		"input_tokens": fInput, "output_tokens": fOutput, "total_tokens": fTotal,
		"input_tokens_details.cached_tokens":      fCacheRead,
		"input_tokens_details.cache_write_tokens": fCacheWrite,
		"output_tokens_details.reasoning_tokens":  fReasoning,
	}

	anthropicUsage = table{
		"input_tokens": fInput, "output_tokens": fOutput,
		"cache_read_input_tokens": fCacheRead, "cache_creation_input_tokens": fCacheWrite,
		"cache_creation.ephemeral_5m_input_tokens": fCacheWrite5m,
		"cache_creation.ephemeral_1h_input_tokens": fCacheWrite1h,
		"output_tokens_details.thinking_tokens":    fReasoning,
		"service_tier":                             fTier,
		// What a request spent beside the answer, https://platform.claude.com/docs/en/build-with-claude/compaction
		"iterations": fIterations, "iterations.type": fIterationType,
		"iterations.input_tokens": fIterationInput, "iterations.output_tokens": fIterationOutput,
		"iterations.cache_read_input_tokens":                  fIterationCacheRead,
		"iterations.cache_creation_input_tokens":              fIterationCacheWrite,
		"iterations.cache_creation.ephemeral_1h_input_tokens": fIterationCacheWrite1h,
	}
	anthropicCommon = table{"id": fID, "model": fModel, "stop_reason": fFinish}

	geminiUsage = table{
		"promptTokenCount": fInput, "candidatesTokenCount": fOutput, "responseTokenCount": fOutput,
		"totalTokenCount": fTotal, "cachedContentTokenCount": fCacheRead, "thoughtsTokenCount": fReasoning,
		"toolUsePromptTokenCount": fTool,
		"serviceTier":             fTier,
		"trafficType":             fTier, // Vertex AI
	}
)

var (
	here = []string{""}

	openAITree = tree(here, openAICommon, table{"choices.finish_reason": fFinish},
		within("usage", openAIUsage), within("x_groq.usage", openAIUsage))

	responsesTree = tree([]string{"", "response."}, openAICommon, within("usage", responsesUsage),
		table{"type": fType, "status": fStatus, "background": fStored, "code": fErrorCode, "incomplete_details.reason": fFinish})

	anthropicTree = tree([]string{"", "message."}, anthropicCommon, within("usage", anthropicUsage),
		table{"type": fType, "delta.stop_reason": fFinish, "error": fError, "error.type": fErrorType})

	// Code Assist, which Gemini CLI calls with a Google account, wraps the answer in "response".
	geminiTree = tree([]string{"", "response."}, within("usageMetadata", geminiUsage), table{
		"responseId": fID, "modelVersion": fModel, "candidates.finishReason": fFinish, "promptFeedback.blockReason": fFinish,
		"error": fError, "error.status": fErrorStatus, "error.code": fErrorCode,
	})

	requestTree = tree(here, table{
		"model": fModel, "stream": fStream, "user": fUser, "safety_identifier": fSafetyID, "metadata.user_id": fAnthropicUser,
		"service_tier": fTier, "serviceTier": fTier,
	})
)

// answers gives what to look for in an API's answers.
func (a API) answers() *node {
	if f := a.family(); f != nil {
		return f.answers
	}
	switch a {
	case OpenAIResponses:
		return responsesTree
	case AnthropicMessages, anthropicStreamOnVertex:
		return anthropicTree
	case GeminiGenerate, GeminiStreamGenerate, GeminiEmbed:
		return geminiTree
	default:
		return openAITree
	}
}

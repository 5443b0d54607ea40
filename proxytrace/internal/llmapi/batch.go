package llmapi

import (
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
)

// batchTree reads https://platform.openai.com/docs/api-reference/batch/object. The files of a batch are not read.
var batchTree = jsonscan.NewTree(here, jsonscan.Table{
	"id": fID, "model": fModel, "status": fStatus, "object": fObject, "error": fError, "error.type": fErrorType, "error.code": fErrorCode,
}, within("usage", responsesUsage))

// batches: a batch has consumed its tokens when it is over. Clients poll for that: its usage is one call's, whose id is
// the batch's.
var batches = Spec{
	Operation: "batch", Uncounted: "batch", Provider: "openai", Tree: batchTree, Tiers: openAITiers, Fetches: true,
	Tier:   "batch",
	tokens: openAITokens,
	Counts: func(r *Answer, _ *Request) bool {
		return r.object == "batch" && r.ID != "" && r.HasUsage() &&
			slices.Contains([]string{"completed", "expired", "cancelled", "failed"}, r.Status)
	},
}

// anthropicBatches: the usage of Anthropic's batches is in the file of results, which is not read.
var anthropicBatches = Spec{
	Operation: "batch", Uncounted: "batch", Provider: "anthropic", Tree: anthropicTree, Tiers: anthropicTiers,
	tokens: noTokens, merges: true, Counts: never,
}

// storedResponses: a response that runs in the background has its usage when it is fetched; another one had it in its
// first answer. Both have the id of the response, by which the call counts once.
var storedResponses = Spec{
	Operation: "chat", Uncounted: "fetch_response", Provider: "openai", Tiers: openAITiers, Fetches: true,
	Tree: jsonscan.NewTree([]string{"", "response."}, openAICommon, within("usage", responsesUsage),
		jsonscan.Table{"type": fType, "status": fStatus, "background": fStored, "incomplete_details.reason": fFinish}),
	tokens: openAITokens,
	Counts: func(r *Answer, _ *Request) bool {
		return r.Background && r.ID != "" && r.HasUsage() &&
			slices.Contains([]string{"completed", "incomplete", "failed", "cancelled"}, r.Status)
	},
}

func recognizeBatches(path string) API {
	switch {
	case under(path, "/messages/batches"):
		return AnthropicBatches
	case under(path, "/batches"):
		return OpenAIBatches
	default:
		return None
	}
}

// recognizeStored recognises requests that fetch one batch or one response.
func recognizeStored(path string) API {
	switch {
	case strings.HasPrefix(below(path, "/messages/batches"), "msgbatch_"):
		return AnthropicBatches
	case strings.HasPrefix(below(path, "/batches"), "batch_"):
		return OpenAIBatches
	case strings.HasPrefix(below(path, "/responses"), "resp_"):
		return OpenAIStoredResponses
	default:
		return None
	}
}

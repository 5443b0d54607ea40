package proxytrace

import (
	"slices"
	"strings"
)

// batchTree reads https://platform.openai.com/docs/api-reference/batch/object. The files of a batch are not read.
var batchTree = tree(here, table{
	"id": fID, "model": fModel, "status": fStatus, "object": fObject, "error": fError, "error.type": fErrorType, "error.code": fErrorCode,
}, within("usage", responsesUsage))

var (
	// batchFamily: a batch has spent when it is over. Whoever waits for that asks many times: the usage is one
	// call's, whose id is the batch's.
	batchFamily = family{
		operation: "batch", otherwise: "batch", provider: "openai", answers: batchTree,
		rule: func(t *tokens, f *figures) { t.openAI(f, OpenAIBatches) },
		counts: func(r *reading, _ *requestReading) bool {
			return r.object == "batch" && r.id != "" && r.figures.has != 0 &&
				slices.Contains([]string{"completed", "expired", "cancelled", "failed"}, r.status)
		},
	}
	// anthropicBatchFamily: the usage of Anthropic's batches is in the file of results, which is not read.
	anthropicBatchFamily = family{operation: "batch", otherwise: "batch", provider: "anthropic", answers: anthropicTree, rule: noTokens, counts: never}

	// storedFamily: a response in the background has its usage when it is fetched, one that was awaited had it
	// before. Both have the id of the response, by which the call counts once.
	storedFamily = family{
		operation: "chat", otherwise: "fetch_response", provider: "openai",
		answers: tree([]string{"", "response."}, openAICommon, within("usage", responsesUsage),
			table{"type": fType, "status": fStatus, "background": fStored, "incomplete_details.reason": fFinish}),
		rule: func(t *tokens, f *figures) { t.openAI(f, OpenAIResponses) },
		counts: func(r *reading, _ *requestReading) bool {
			return r.background && r.id != "" && r.figures.has != 0 && slices.Contains([]string{"completed", "incomplete", "failed", "cancelled"}, r.status)
		},
	}
)

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

// recognizeStored recognises what is fetched: one batch or one response.
func recognizeStored(path string) API {
	switch {
	case below(path, "/messages/batches") != "":
		return AnthropicBatches
	case below(path, "/batches") != "":
		return OpenAIBatches
	case strings.HasPrefix(below(path, "/responses"), "resp_"):
		return OpenAIStoredResponses
	default:
		return None
	}
}

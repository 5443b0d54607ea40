package proxytrace

import "strings"

// moderationFamily: OpenAI's moderations are free and send no usage.
var moderationFamily = family{operation: "moderation", provider: "openai", answers: tree(here, openAICommon), rule: noTokens}

// rerankTree reads Jina's and Voyage's usage, and what Cohere bills. Cohere's "search_units" are no tokens.
var rerankTree = tree(here, openAICommon,
	within("usage", table{"prompt_tokens": fInput, "total_tokens": fTotal}),
	within("meta.billed_units", table{"input_tokens": fInput, "output_tokens": fOutput}))

var rerankFamily = family{
	operation: "rerank", provider: "cohere", answers: rerankTree,
	rule: func(t *tokens, f *figures) { t.openAI(f, OpenAIEmbeddings) },
}

func recognizeScores(path string) API {
	switch {
	case under(path, "/moderations"):
		return OpenAIModerations
	case under(path, "/rerank"):
		return Rerank
	default:
		return None
	}
}

// countFamily: the answer is a number of tokens that nobody spends. It is no usage.
var countFamily = family{
	operation: "count_tokens", otherwise: "count_tokens", rule: noTokens, counts: never,
	answers: tree(here, table{"error": fError, "error.type": fErrorType, "error.code": fErrorCode, "error.status": fErrorStatus}),
}

func recognizeCount(path string) API {
	if under(path, "/messages/count_tokens") || under(path, "/responses/input_tokens") || strings.HasSuffix(path, "/count-tokens") && bedrockModel(path) != "" {
		return CountTokens
	}
	return None
}

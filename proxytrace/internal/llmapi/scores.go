package llmapi

import (
	"strings"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
)

// moderations: OpenAI's moderations are free and send no usage.
var moderations = Spec{Operation: "moderation", Provider: "openai", Tree: jsonscan.NewTree(here, openAICommon), Tiers: openAITiers, tokens: noTokens}

// rerankTree reads Jina's and Voyage's usage, and what Cohere bills. Cohere's "search_units" are no tokens.
var rerankTree = jsonscan.NewTree(here, openAICommon,
	within("usage", jsonscan.Table{"prompt_tokens": fInput, "total_tokens": fTotal}),
	within("meta.billed_units", jsonscan.Table{"input_tokens": fInput, "output_tokens": fOutput}))

var rerank = Spec{Operation: "rerank", Provider: "cohere", Tree: rerankTree, Tiers: openAITiers, tokens: embeddingTokens}

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

// countTokens describes requests whose answer is a number of tokens that were not consumed, and so no usage. Their
// provider is the provider of countedBy.
var countTokens = Spec{
	Operation: "count_tokens", Uncounted: "count_tokens", Tiers: openAITiers, tokens: noTokens, Counts: never,
	Tree: jsonscan.NewTree(here, jsonscan.Table{
		"error": fError, "error.type": fErrorType, "error.code": fErrorCode, "error.status": fErrorStatus,
	}),
}

func recognizeCount(path string) API {
	if under(path, "/messages/count_tokens") || under(path, "/responses/input_tokens") ||
		strings.HasSuffix(path, "/count-tokens") && bedrockModel(path) != "" {
		return CountTokens
	}
	return None
}

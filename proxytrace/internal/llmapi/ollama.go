package llmapi

import "github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"

// ollamaTree reads https://github.com/ollama/ollama/blob/main/docs/api.md: the figures are in the answer itself, and in
// the last document of a stream. Ollama leaves prompt_eval_count out where the prompt was cached.
var ollamaTree = jsonscan.NewTree(here, jsonscan.Table{
	"model": fModel, "done_reason": fFinish, "prompt_eval_count": fInput, "eval_count": fOutput,
}).WithField(fUsage)

// ollamaSpec returns the description of one of Ollama's APIs. Other programs have paths of these names too: a call is one
// of Ollama's if it names a model.
func ollamaSpec(operation string) Spec {
	return Spec{
		Operation: operation, Provider: "ollama", Tree: ollamaTree, Tiers: openAITiers, tokens: openAITokens, endsByFinish: true,
		Counts: func(r *Answer, request *Request) bool { return r.Model != "" || request.Model != "" },
	}
}

var (
	ollamaChat     = ollamaSpec("chat")
	ollamaGenerate = ollamaSpec("text_completion")
	ollamaEmbed    = ollamaSpec("embeddings")
)

func recognizeOllama(path string) API {
	switch path {
	case "/api/chat":
		return OllamaChat
	case "/api/generate":
		return OllamaGenerate
	case "/api/embed", "/api/embeddings":
		return OllamaEmbed
	default:
		return None
	}
}

package proxytrace

// ollamaTree reads https://github.com/ollama/ollama/blob/main/docs/api.md: the figures stand in the answer
// itself, and in the last document of a stream. Ollama leaves prompt_eval_count out where the prompt was cached.
var ollamaTree = func() *node {
	n := tree(here, table{
		"model": fModel, "done_reason": fFinish, "prompt_eval_count": fInput, "eval_count": fOutput, "error": fErrorCode,
	})
	n.field = fUsage
	return n
}()

// ollamaFamily is one of Ollama's APIs. Other programs have paths of these names too: a call is one of Ollama's
// if it names a model.
func ollamaFamily(operation string) family {
	return family{
		operation: operation, provider: "ollama", answers: ollamaTree, ends: true,
		rule:   func(t *tokens, f *figures) { t.openAI(f, OpenAIChat) },
		counts: func(r *reading, request *requestReading) bool { return r.model != "" || request.model != "" },
	}
}

var (
	ollamaChatFamily     = ollamaFamily("chat")
	ollamaGenerateFamily = ollamaFamily("text_completion")
	ollamaEmbedFamily    = ollamaFamily("embeddings")
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

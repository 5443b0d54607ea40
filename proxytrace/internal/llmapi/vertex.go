package llmapi

import "strings"

// onVertex recognises the models on Vertex AI that are called in their publisher's own form.
func onVertex(path, verb string) API {
	_, rest, ok := strings.Cut(path, "/publishers/")
	publisher, _, _ := strings.Cut(rest, "/")
	stream := verb == "streamRawPredict"
	switch {
	case !ok:
		return None
	case publisher == "anthropic" && strings.HasPrefix(ModelInPath(path), "count-tokens"):
		return CountTokens
	case publisher == "anthropic" && stream:
		return anthropicStreamOnVertex
	case publisher == "anthropic":
		return AnthropicMessages
	case publisher == "google" && stream:
		return GeminiStreamGenerate
	case publisher == "google":
		return GeminiGenerate
	case publisher == "mistralai": // which speaks OpenAI's form
		return OpenAIChat
	default:
		return None
	}
}

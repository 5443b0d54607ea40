package llmapi

import (
	"net/http"
	"strings"
)

// Recognize returns the API that a request calls, by its method and the end of its path. Calls that consume no tokens
// (counting tokens, asking for a batch that is not done) are recognised too.
func Recognize(r *http.Request) API {
	path := strings.TrimSuffix(r.URL.Path, "/")
	if r.Header.Get("Upgrade") != "" {
		return recognizeSession(r, path)
	}
	if r.Method != http.MethodPost {
		return recognizeOther(r, path)
	}
	if i := strings.LastIndexByte(path, ':'); i >= 0 && !strings.Contains(path[i:], "/") {
		return byVerb(path, path[i+1:])
	}
	switch {
	case strings.HasSuffix(path, "/chat/completions"):
		return OpenAIChat
	case under(path, "/completions"):
		return OpenAICompletions
	case under(path, "/responses"), under(path, "/responses/compact"):
		return OpenAIResponses
	case under(path, "/embeddings"):
		return OpenAIEmbeddings
	case under(path, "/messages"):
		return AnthropicMessages
	default:
		return recognizeOther(r, path)
	}
}

// byVerb recognises Google's paths, which end with a verb after a colon.
func byVerb(path, verb string) API {
	switch verb {
	case "generateContent":
		return GeminiGenerate
	case "streamGenerateContent":
		return GeminiStreamGenerate
	case "embedContent", "batchEmbedContents":
		return GeminiEmbed
	case "countTokens":
		return CountTokens
	case "predict":
		if isImagen(path) {
			return GoogleImages
		}
	case "rawPredict", "streamRawPredict":
		return onVertex(path, verb)
	}
	return None
}

// under reports whether a path ends with end, directly below a version ("/v1", "/api/v4"), a deployment of
// Azure, "/openai", "/codex" or nothing: other applications have "/messages" and "/responses" too.
func under(path, end string) bool {
	base, ok := strings.CutSuffix(path, end)
	if !ok {
		return false
	}
	parts := strings.Split(base, "/")
	last := parts[len(parts)-1]
	if last == "" || last == "openai" || last == "codex" || (len(parts) > 1 && parts[len(parts)-2] == "deployments") {
		return true
	}
	return len(last) > 1 && last[0] == 'v' && last[1] >= '0' && last[1] <= '9'
}

// ModelInPath returns the model that a path names (Google's, Bedrock's, a deployment of Azure), "" where it names none.
func ModelInPath(path string) string {
	if model := bedrockModel(path); model != "" {
		return model
	}
	for _, before := range []string{"/models/", "/tunedModels/", "/deployments/"} {
		if _, rest, ok := strings.Cut(path, before); ok {
			rest, _, _ = strings.Cut(rest, "/")
			rest, _, _ = strings.Cut(rest, ":")
			return rest
		}
	}
	return ""
}

// hosts are the providers of host names by their ends; their names are the conventions' where these have one.
var hosts = []struct{ end, provider string }{
	{"openai.azure.com", "azure.ai.openai"}, {"cognitiveservices.azure.com", "azure.ai.openai"},
	{"services.ai.azure.com", "azure.ai.inference"}, {"models.ai.azure.com", "azure.ai.inference"},
	{"aiplatform.googleapis.com", "gcp.vertex_ai"}, {"generativelanguage.googleapis.com", "gcp.gemini"},
	{"cloudcode-pa.googleapis.com", "gcp.gemini"},
	{"openai.com", "openai"}, {"chatgpt.com", "openai"}, {"anthropic.com", "anthropic"}, {"deepseek.com", "deepseek"},
	{"groq.com", "groq"}, {"mistral.ai", "mistral_ai"}, {"x.ai", "x_ai"}, {"perplexity.ai", "perplexity"},
	{"moonshot.cn", "moonshot_ai"}, {"moonshot.ai", "moonshot_ai"}, {"cohere.com", "cohere"}, {"cohere.ai", "cohere"},
	{"amazonaws.com", "aws.bedrock"}, {"openrouter.ai", "openrouter"},
	{"jina.ai", "jina"}, {"voyageai.com", "voyageai"},
}

// providerOfHost returns the provider that has a host, "" for an unknown host.
func providerOfHost(host string) string {
	host = strings.ToLower(host)
	for _, h := range hosts {
		if rest, ok := strings.CutSuffix(host, h.end); ok && (rest == "" || strings.HasSuffix(rest, ".") || strings.HasSuffix(rest, "-")) {
			return h.provider
		}
	}
	return ""
}

// ProviderOf returns gen_ai.provider.name of a call: the provider that has the host, else the one whose API it is.
func ProviderOf(a API, host, path string) string {
	if provider := providerOfHost(host); provider != "" {
		return provider
	}
	if a == CountTokens {
		a = countedBy(strings.TrimSuffix(path, "/"))
	}
	return SpecOf(a).Provider
}

// countedBy returns an API of the provider whose way of counting tokens a path is.
func countedBy(path string) API {
	switch {
	case strings.HasSuffix(path, ":countTokens"):
		return GeminiGenerate
	case bedrockModel(path) != "":
		return BedrockInvoke
	case strings.HasSuffix(path, "/input_tokens"):
		return OpenAIResponses
	default:
		return AnthropicMessages
	}
}

// recognizeOther recognises the APIs whose paths are described in a file of their own. path has no slash at its end.
func recognizeOther(r *http.Request, path string) API {
	switch r.Method {
	case http.MethodGet:
		return recognizeStored(path)
	case http.MethodPost:
	default:
		return None
	}
	for _, in := range []func(string) API{
		recognizeImages, recognizeAudio, recognizeBatches, recognizeScores, recognizeCount, recognizeBedrock, recognizeOllama,
	} {
		if a := in(path); a != None {
			return a
		}
	}
	return None
}

// below returns the last part of a path whose rest is under(end), "" for other paths.
func below(path, end string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 || i+1 == len(path) || !under(path[:i], end) {
		return ""
	}
	return path[i+1:]
}

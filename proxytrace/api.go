package proxytrace

import (
	"net/http"
	"strings"
)

// API is a provider's interface, by which bodies are read.
type API uint8

// The interfaces that are recognised. Calls of any other kind pass through untouched and make no span.
const (
	None                    API = iota // not a model call
	OpenAIChat                         // POST .../chat/completions
	OpenAICompletions                  // POST .../v1/completions
	OpenAIResponses                    // POST .../v1/responses, .../responses/compact
	OpenAIEmbeddings                   // POST .../v1/embeddings
	AnthropicMessages                  // POST .../v1/messages, Vertex AI's :rawPredict and :streamRawPredict
	GeminiGenerate                     // POST ...:generateContent
	GeminiStreamGenerate               // POST ...:streamGenerateContent, as SSE or as a JSON array
	GeminiEmbed                        // POST ...:embedContent, :batchEmbedContents
	anthropicStreamOnVertex            // :streamRawPredict
)

// operation is the conventions' name of what an API does.
func (a API) operation() string {
	if f := a.family(); f != nil {
		return f.operation
	}
	switch a {
	case OpenAICompletions:
		return "text_completion"
	case OpenAIEmbeddings, GeminiEmbed:
		return "embeddings"
	case GeminiGenerate, GeminiStreamGenerate:
		return "generate_content"
	default:
		return "chat"
	}
}

// provider is who offers an API, unless the host says better.
func (a API) provider() string {
	if f := a.family(); f != nil {
		return f.provider
	}
	switch a {
	case AnthropicMessages, anthropicStreamOnVertex:
		return "anthropic"
	case GeminiGenerate, GeminiStreamGenerate, GeminiEmbed:
		return "gcp.gemini"
	default:
		return "openai"
	}
}

// Recognize tells which API a request calls, by its method and the end of its path. It is what
// Middleware and Transport go by unless WithRecognizer gives them another rule.
// Calls that spend nothing (counting tokens, asking for a batch that is not done) are recognised too; their spans say so.
func Recognize(r *http.Request) API {
	path := strings.TrimSuffix(r.URL.Path, "/")
	if r.Header.Get("Upgrade") != "" {
		return recognizeSession(r, path)
	}
	if r.Method != http.MethodPost {
		return recognizeFamily(r, path)
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
		return recognizeFamily(r, path)
	}
}

// byVerb recognises Google's way of naming what to do at the end of a path.
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

// under tells whether a path ends so, directly below a version ("/v1", "/api/v4"), a deployment of
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

// modelInPath gives the model that a path names: Google's, and Azure's deployments.
func modelInPath(path string) string {
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

// hosts are the ends of host names that tell a provider, by the conventions' names where they have one.
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

// providerOfHost gives the provider that a host is known to be, "" for any other.
func providerOfHost(host string) string {
	host = strings.ToLower(host)
	for _, h := range hosts {
		if rest, ok := strings.CutSuffix(host, h.end); ok && (rest == "" || strings.HasSuffix(rest, ".") || strings.HasSuffix(rest, "-")) {
			return h.provider
		}
	}
	return ""
}

package dialect

import (
	"strings"

	"github.com/tokenboard/tokenboard/internal/secret"
)

// isReported reports whether a text is a value. Emitters write placeholders for values that they do not have: Spring AI
// names the model of a failed call "none", and Python and JavaScript write out an absent value.
func isReported(s string) bool {
	switch len(s) {
	case 0:
		return false
	case len("none"):
		return !strings.EqualFold(s, "none") && !strings.EqualFold(s, "null")
	case len("unknown"):
		return !strings.EqualFold(s, "unknown")
	case len("undefined"):
		return !strings.EqualFold(s, "undefined")
	default:
		return true
	}
}

// providers folds what emitters write into the conventions' values; DIALECTS.md, 1.4. Names of
// frameworks, which are no providers, fold to nothing.
var providers = map[string]string{
	"openai": "openai", "text-completion-openai": "openai",
	"azure": "azure.ai.openai", "azure_openai": "azure.ai.openai", "azure-openai": "azure.ai.openai",
	"azure.openai": "azure.ai.openai", "az.ai.openai": "azure.ai.openai",
	"azure.chat": "azure.ai.inference", "azure.responses": "azure.ai.inference", "azure.completion": "azure.ai.inference", // Vercel's
	"azure.embeddings": "azure.ai.inference", "azure.embedding": "azure.ai.inference", "azure.image": "azure.ai.inference",
	"azure_ai": "azure.ai.inference", "az.ai.inference": "azure.ai.inference",
	"anthropic": "anthropic",
	"aws":       "aws.bedrock", "bedrock": "aws.bedrock", "amazon": "aws.bedrock", "amazon-bedrock": "aws.bedrock",
	"bedrock_converse": "aws.bedrock", "aws bedrock": "aws.bedrock", "aws.anthropic": "aws.bedrock",
	"vertex_ai": "gcp.vertex_ai", "vertexai": "gcp.vertex_ai", "google-vertex": "gcp.vertex_ai", "vertex": "gcp.vertex_ai",
	"google.vertex": "gcp.vertex_ai", "gcp.anthropic": "gcp.vertex_ai", "gcp.vertex": "gcp.vertex_ai",
	"google": "gcp.gemini", "gemini": "gcp.gemini", "google-gla": "gcp.gemini", "google.generative-ai": "gcp.gemini",
	"google_genai": "gcp.gemini", "google ai studio": "gcp.gemini", "gcp.gen_ai": "gcp.gemini", "google-genai": "gcp.gemini",
	"googleai": "gcp.gemini", "google_ai": "gcp.gemini", "google-vertexai": "gcp.vertex_ai", "vertex_ai_beta": "gcp.vertex_ai",
	"vertexai-gemini": "gcp.vertex_ai", "bedrock-runtime": "aws.bedrock", "amazon_bedrock": "aws.bedrock", "aws_bedrock": "aws.bedrock",
	"azure-ai": "azure.ai.inference", "azure_ai_inference": "azure.ai.inference", "azureopenai": "azure.ai.openai", "openai_responses": "openai",
	"grok": "x_ai", "mistral-ai": "mistral_ai",
	"mistral": "mistral_ai", "mistralai": "mistral_ai",
	"xai": "x_ai", "watsonx": "ibm.watsonx.ai", "moonshot": "moonshot_ai",
	"strands-agents": "", "gcp.vertex.agent": "", "spring_ai": "", "microsoft.agent_framework": "", "langchain": "",
	"haystack": "", "llama_index": "", "crewai": "", "strands": "", "litellm": "", "litellm_proxy": "", "langgraph": "", "llamaindex": "",
	"llama-index": "", "pydantic-ai": "", "pydantic_ai": "", "semantic_kernel": "", "semantic-kernel": "", "smolagents": "", "dspy": "",
	"autogen": "", "ag2": "", "agno": "", "mastra": "", "voltagent": "", "spring-ai": "", "langchain4j": "", "openllmetry": "", "traceloop": "",
	"vercel": "", "vercel-ai": "", "ai-sdk": "", "genkit": "", "google_adk": "", "google-adk": "", "rig": "", "instructor": "", "mlflow": "",
	"logfire": "", "openai_agents": "", "openai-agents": "", "agent_framework": "",
}

// apis are what the Vercel AI SDK and its like add to a provider's name to say which API is called.
var apis = []string{
	".chat", ".responses", ".completion", ".embedding", ".embeddings", ".messages", ".image", ".speech", ".transcription",
}

// foldProvider gives the conventions' name of a provider; a name that nobody knows stays.
func foldProvider(name string) string {
	lower := strings.ToLower(name)
	if folded, known := providers[lower]; known {
		return folded
	}
	for _, api := range apis {
		if base, ok := strings.CutSuffix(lower, api); ok && base != "" {
			return foldProvider(base)
		}
	}
	for _, prefix := range []string{"google.vertex.", "amazon-bedrock.", "azure."} {
		if strings.HasPrefix(lower, prefix) && !strings.HasPrefix(lower, "azure.ai.") {
			return providers[strings.TrimSuffix(prefix, ".")]
		}
	}
	if strings.Count(lower, "/") == 2 { // the path of a plugin: langgenius/openai/openai
		return foldProvider(lower[strings.LastIndexByte(lower, '/')+1:])
	}
	if lower == name || strings.ContainsAny(name, " ") {
		return name
	}
	if _, n := secret.Text(name); n > 0 {
		return name // in small letters it would not be known any more
	}
	return lower
}

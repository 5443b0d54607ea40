// Package providers has the conventions' names of providers, what emitters call them, and what the name of a model
// implies. An emitter that names no provider, or puts its own name there, leaves the name of the model, which says whose
// it is: what it costs, and whether an input figure of its API includes the cache.
package providers

import (
	"strings"

	"github.com/tokenboard/tokenboard/internal/secret"
)

// byName maps what emitters write, in small letters, to the conventions' values. Names of frameworks, which are no
// providers, map to nothing.
var byName = map[string]string{
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

// apis are the suffixes that the Vercel AI SDK and similar ones add to a provider's name for the API that is called.
var apis = []string{
	".chat", ".responses", ".completion", ".embedding", ".embeddings", ".messages", ".image", ".speech", ".transcription",
}

// Map returns the conventions' name of a provider, "" for the name of a framework; any other name stays.
func Map(name string) string {
	lower := strings.ToLower(name)
	if mapped, ok := byName[lower]; ok {
		return mapped
	}
	for _, api := range apis {
		if base, ok := strings.CutSuffix(lower, api); ok && base != "" {
			return Map(base)
		}
	}
	for _, prefix := range []string{"google.vertex.", "amazon-bedrock.", "azure."} {
		if strings.HasPrefix(lower, prefix) && !strings.HasPrefix(lower, "azure.ai.") {
			return byName[strings.TrimSuffix(prefix, ".")]
		}
	}
	if strings.Count(lower, "/") == 2 { // the path of a plugin: langgenius/openai/openai
		return Map(lower[strings.LastIndexByte(lower, '/')+1:])
	}
	if lower == name || strings.ContainsAny(name, " ") {
		return name
	}
	if _, n := secret.Text(name); n > 0 {
		return name // in small letters it would not be known any more
	}
	return lower
}

// known are the conventions' names of providers.
var known = map[string]bool{
	"openai": true, "anthropic": true, "aws.bedrock": true, "azure.ai.inference": true, "azure.ai.openai": true, "cohere": true, "deepseek": true,
	"gcp.gemini": true, "gcp.gen_ai": true, "gcp.vertex_ai": true, "groq": true, "ibm.watsonx.ai": true, "mistral_ai": true, "moonshot_ai": true,
	"perplexity": true, "x_ai": true,
}

// modelVendors are the beginnings of models' names, and who answers under them. Those of Bedrock, which
// name a vendor first, come before the vendors' own.
var modelVendors = []struct {
	provider string
	prefixes []string
}{
	{"", []string{"gpt-oss"}}, // anyone's
	{"aws.bedrock", []string{
		"arn:aws", "anthropic.", "amazon.", "meta.llama", "cohere.", "mistral.", "ai21.", "deepseek.", "openai.gpt-oss", "qwen.", "us.", "eu.", "apac.", "global.",
	}},
	{"anthropic", []string{"claude"}},
	{"openai", []string{
		"gpt-", "chatgpt", "o1", "o3", "o4", "text-embedding-3", "text-embedding-ada", "davinci", "babbage", "codex", "computer-use", "dall-e", "whisper", "tts-", "omni-",
	}},
	{"gcp.gemini", []string{"gemini", "models/gemini", "gemini-embedding", "text-embedding-004", "imagen", "veo-"}},
	{"mistral_ai", []string{"mistral", "ministral", "codestral", "magistral", "pixtral", "devstral", "open-mistral", "open-mixtral"}},
	{"x_ai", []string{"grok"}},
	{"deepseek", []string{"deepseek-"}},
	{"cohere", []string{"command-", "embed-english", "embed-multilingual", "rerank-"}},
	{"perplexity", []string{"sonar"}},
	{"moonshot_ai", []string{"kimi", "moonshot"}},
}

// OfModel returns the provider that a model's name implies, "" where it implies none: LiteLLM and its like
// put the provider before it (openai/gpt-4.1), else the name is its vendor's.
func OfModel(model string) string {
	model = strings.ToLower(model)
	for {
		prefix, rest, found := strings.Cut(model, "/")
		if !found {
			break
		}
		if mapped := Map(prefix); known[mapped] {
			return mapped
		}
		model = rest
	}
	for i := range modelVendors {
		for _, prefix := range modelVendors[i].prefixes {
			if strings.HasPrefix(model, prefix) {
				return modelVendors[i].provider
			}
		}
	}
	return ""
}

// idVendors are the beginnings of answers' ids, and whose they are.
var idVendors = []struct{ prefix, provider string }{{"msg_bdrk_", "aws.bedrock"}, {"msg_vrtx_", "gcp.vertex_ai"}, {"msg_", "anthropic"}}

// Of returns the provider that a model's name implies, else an answer's id.
func Of(model, id string) string {
	if implied := OfModel(model); implied != "" {
		return implied
	}
	for _, row := range idVendors {
		if strings.HasPrefix(id, row.prefix) {
			return row.provider
		}
	}
	return ""
}

// hosts are providers of other vendors' models, which they pass on with the vendor's own figures.
var hosts = map[string]bool{"gcp.vertex_ai": true, "azure.ai.inference": true, "azure.ai.openai": true}

// Rules returns the provider whose rules figures follow: the one that is named, or where the conventions have no such
// name, the one that the model implies. Claude's figures are Anthropic's with hosts too.
func Rules(named, implied, model string) string {
	if hosts[named] && strings.Contains(strings.ToLower(model), "claude") {
		return "anthropic"
	}
	if known[named] || implied == "" {
		return named
	}
	return implied
}

// separate are the providers for SeparatesThoughts.
var separate = map[string]bool{"gcp.gemini": true, "gcp.vertex_ai": true, "gcp.gen_ai": true, "x_ai": true}

// IsKnown reports whether a name is the conventions' name of a provider.
func IsKnown(name string) bool { return known[name] }

// IsHost reports whether a provider passes on other vendors' models with the vendor's own figures.
func IsHost(name string) bool { return hosts[name] }

// SeparatesThoughts reports whether a provider's total has thoughts that an emitter may have left out of the output.
// Its total is input and output: the tokens beyond them were reasoning.
func SeparatesThoughts(name string) bool { return separate[name] }

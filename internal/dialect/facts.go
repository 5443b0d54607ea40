package dialect

import (
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/secret"
)

// fact is something descriptive that a record can tell: who, what, where from.
type fact uint8

const (
	factProvider fact = iota
	factRequestModel
	factResponseModel
	factModel // a model that is not said to be the requested or the answering one
	factResponseID
	factRequestID
	factUser
	factProject
	factSession
	factOperation
	factCost
	factTTFT
	factDuration
	factStream
	factMethod
	factPath
	factStatus
	factErrorType
	factKeyName
	factFirstTokenAt // when the first token came, where that is told and not how long it took
	factFinish       // why the answer ended, of several the first
	factTier         // service tier: of the answer, else the requested one

	factCount
)

// facts are the attribute names for each fact, the best first. An alias may look inside a value, see
// Family. Names that start with "resource:" are resource attributes.
var facts = map[fact][]string{
	factProvider: {
		"gen_ai.provider.name", "gen_ai.system", "ai.model.provider", "llm.provider", "llm.system", "mlflow.llm.provider",
		"gen_ai.model.provider", "metadata#ls_provider", "langsmith.metadata.ls_provider", "braintrust.metadata#provider",
		"langtrace.service.name",
	},
	factRequestModel:  {"gen_ai.request.model", "ai.model.id", "llm.request.model_name", "llm.request.model"},
	factResponseModel: {"gen_ai.response.model", "ai.response.model", "llm.response.model_name", "gen_ai.model_name"},
	factModel: {
		"llm.model_name", "embedding.model_name", "mlflow.llm.model", "langfuse.observation.model.name", "model_name", "llm.model", "ai.model.name",
		// what was asked for, of a call that has no answer
		"llm.invocation_parameters#model", "llm.invocation_parameters#model_name", "input.value#model", "mlflow.spanInputs#model",
	},
	factResponseID: {
		"gen_ai.response.id", "ai.response.id", "llm.response.id", "ai.response.providerMetadata#openai.responseId",
		"output.value#id", "output.value#response_id", "gcp.vertex.agent.llm_response#id",
	},
	factRequestID: {
		"anthropic.request.id", "litellm.call_id", "http.response.header.x-request-id", "http.response.header.request-id", "gen_ai.request_id",
	},
	factUser: {
		"user.id", "enduser.id", "enduser.pseudo.id", "langfuse.user.id", "litellm.end_user.id", "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id",
		"metadata.user_api_key_user_email", "llm.user", "x-mse-consumer", "kong.auth.consumer.name", "ai.telemetry.metadata.userId", "traceloop.association.properties.user_id", "gen_ai.user.id", "user.email",
	},
	factProject: {
		"litellm.team.alias", "litellm.team.id", "metadata.user_api_key_team_alias", "metadata.user_api_key_team_id",
		"project.name", "project.id", "resource:tokenboard.project", "resource:project.name", "resource:project.id",
	},
	factSession: {
		"session.id", "gen_ai.conversation.id", "langfuse.session.id", "conversation.id", "ai.telemetry.metadata.sessionId",
		"gcp.vertex.agent.session_id", "traceloop.association.properties.session_id", "langsmith.trace.session_id",
		"resource:session.id",
	},
	factOperation: {"gen_ai.operation.name", "llm.request.type", "gen_ai.request.type"},
	factCost: {
		"gen_ai.usage.cost", "gen_ai.usage.total_cost", "gen_ai.usage.cost_usd", "gen_ai.client.estimated_cost", "gen_ai.cost.total_cost", "litellm.cost.total", "llm.cost.total",
		"operation.cost", "mlflow.llm.cost#total_cost", "langfuse.observation.cost_details#total",
	},
	factTTFT: {
		"gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk", "ai.response.msToFirstChunk",
		"ai.stream.msToFirstChunk", "gen_ai.server.time_to_first_token", "copilot_chat.time_to_first_token",
		"gen_ai.user.time_to_first_token", "gen_ai.latency.time_to_first_token",
	},
	factStream: {"gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming", "litellm.request.streaming"},
	factMethod: {"http.request.method", "http.method"},
	factPath:   {"url.path", "http.route", "http.target", "url.full", "http.url"},
	factStatus: {"http.response.status_code", "http.status_code", "error.status_code", "error.code"},
	factErrorType: {
		"error.type", "exception.type",
	},
	factFirstTokenAt: {"langfuse.observation.completion_start_time", "mastra.completion_start_time"},
	factTier: {
		"openai.response.service_tier", "gen_ai.openai.response.service_tier", "gen_ai.response.service_tier", "anthropic.response.service_tier",
		"gen_ai.anthropic.response.service_tier", "llm.openai.service_tier", "llm.anthropic.service_tier", "llm.None.service_tier",
		"output.value#service_tier", "output.value#usage.service_tier", "mlflow.spanOutputs#service_tier", "mlflow.spanOutputs#usage.service_tier",
		// what was asked for, where the answer does not say
		"openai.request.service_tier", "gen_ai.openai.request.service_tier", "gen_ai.request.service_tier", "anthropic.request.service_tier",
		"llm.invocation_parameters#service_tier",
	},
	factFinish: {"gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "ai.response.finishReason", "llm.finish_reason"},
}

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

// units are the units of durations that are not seconds.
var units = map[string]time.Duration{
	"ai.response.msToFirstChunk": time.Millisecond, "ai.stream.msToFirstChunk": time.Millisecond,
	"copilot_chat.time_to_first_token": time.Millisecond,
	"gen_ai.user.time_to_first_token":  time.Nanosecond, "ttft_ms": time.Millisecond, "duration_ms": time.Millisecond,
}

// operations folds names that are not the conventions' own.
var operations = map[string]string{
	"text_completions": "text_completion", "completion": "chat", "acompletion": "chat", "embedding": "embeddings",
	"aembedding": "embeddings", "llm_call": "chat", "response": "chat", "responses": "chat", "aresponses": "chat",
	"model_generation": "chat", "chat_streaming": "chat", "stream_generate_content": "generate_content", "anthropic_messages": "chat",
	"atext_completion": "text_completion", "agenerate_content": "generate_content", "generate_content_stream": "generate_content",
	"agenerate_content_stream": "generate_content", "aimage_generation": "image_generation", "aspeech": "speech",
	"atranscription": "transcription", "arerank": "rerank",
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

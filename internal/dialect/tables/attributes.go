package tables

import "time"

// Attribute is something descriptive that a record can have: who, what, where from.
type Attribute uint8

// The attributes that a record can have.
const (
	Provider Attribute = iota
	RequestModel
	ResponseModel
	Model // a model that is not said to be the requested or the answering one
	ResponseID
	RequestID
	User
	Project
	Session
	Operation
	Cost
	TTFT
	Duration
	Stream
	Method
	Path
	Status
	ErrorType
	KeyName
	FirstTokenAt // when the first token came, where that is reported and not how long it took
	Finish       // why the answer ended, of several the first
	Tier         // service tier: of the answer, else the requested one
	Account      // upstream account: its display form, index, name or e-mail address

	AttributeCount
)

// Attributes are the names of each attribute, the best first. An alias may look inside a value, see
// Family. Names that start with "resource:" are resource attributes.
var Attributes = map[Attribute][]string{
	Provider: {
		"gen_ai.provider.name", "gen_ai.system", "ai.model.provider", "llm.provider", "llm.system", "mlflow.llm.provider",
		"gen_ai.model.provider", "metadata#ls_provider", "langsmith.metadata.ls_provider", "braintrust.metadata#provider",
		"langtrace.service.name",
	},
	RequestModel:  {"gen_ai.request.model", "ai.model.id", "llm.request.model_name", "llm.request.model"},
	ResponseModel: {"gen_ai.response.model", "ai.response.model", "llm.response.model_name", "gen_ai.model_name"},
	Model: {
		"llm.model_name", "embedding.model_name", "mlflow.llm.model", "langfuse.observation.model.name", "model_name", "llm.model", "ai.model.name",
		// what was asked for, of a call that has no answer
		"llm.invocation_parameters#model", "llm.invocation_parameters#model_name", "input.value#model", "mlflow.spanInputs#model",
	},
	ResponseID: {
		"gen_ai.response.id", "ai.response.id", "llm.response.id", "ai.response.providerMetadata#openai.responseId",
		"output.value#id", "output.value#response_id", "gcp.vertex.agent.llm_response#id",
	},
	RequestID: {
		"anthropic.request.id", "litellm.call_id", "http.response.header.x-request-id", "http.response.header.request-id", "gen_ai.request_id",
	},
	User: {
		"user.id", "enduser.id", "enduser.pseudo.id", "langfuse.user.id", "litellm.end_user.id", "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id",
		"metadata.user_api_key_user_email", "llm.user", "x-mse-consumer", "kong.auth.consumer.name", "ai.telemetry.metadata.userId", "traceloop.association.properties.user_id", "gen_ai.user.id", "user.email",
	},
	Project: {
		"litellm.team.alias", "litellm.team.id", "metadata.user_api_key_team_alias", "metadata.user_api_key_team_id",
		"project.name", "project.id", "resource:tokenboard.project", "resource:project.name", "resource:project.id",
	},
	Session: {
		"session.id", "gen_ai.conversation.id", "langfuse.session.id", "conversation.id", "ai.telemetry.metadata.sessionId",
		"gcp.vertex.agent.session_id", "traceloop.association.properties.session_id", "langsmith.trace.session_id",
		"resource:session.id",
	},
	Operation: {"gen_ai.operation.name", "llm.request.type", "gen_ai.request.type"},
	Cost: {
		"gen_ai.usage.cost", "gen_ai.usage.total_cost", "gen_ai.usage.cost_usd", "gen_ai.client.estimated_cost", "gen_ai.cost.total_cost", "litellm.cost.total", "llm.cost.total",
		"operation.cost", "mlflow.llm.cost#total_cost", "langfuse.observation.cost_details#total",
	},
	TTFT: {
		"gen_ai.response.time_to_first_chunk", "gen_ai.client.operation.time_to_first_chunk", "ai.response.msToFirstChunk",
		"ai.stream.msToFirstChunk", "gen_ai.server.time_to_first_token", "copilot_chat.time_to_first_token",
		"gen_ai.user.time_to_first_token", "gen_ai.latency.time_to_first_token",
	},
	Stream: {"gen_ai.request.stream", "gen_ai.is_streaming", "llm.is_streaming", "litellm.request.streaming"},
	Method: {"http.request.method", "http.method"},
	Path:   {"url.path", "http.route", "http.target", "url.full", "http.url"},
	Status: {"http.response.status_code", "http.status_code", "error.status_code", "error.code"},
	ErrorType: {
		"error.type", "exception.type",
	},
	FirstTokenAt: {"langfuse.observation.completion_start_time", "mastra.completion_start_time"},
	Tier: {
		"openai.response.service_tier", "gen_ai.openai.response.service_tier", "gen_ai.response.service_tier", "anthropic.response.service_tier",
		"gen_ai.anthropic.response.service_tier", "llm.openai.service_tier", "llm.anthropic.service_tier", "llm.None.service_tier",
		"output.value#service_tier", "output.value#usage.service_tier", "mlflow.spanOutputs#service_tier", "mlflow.spanOutputs#usage.service_tier",
		// what was asked for, where the answer does not say
		"openai.request.service_tier", "gen_ai.openai.request.service_tier", "gen_ai.request.service_tier", "anthropic.request.service_tier",
		"llm.invocation_parameters#service_tier",
	},
	Account: {"tokenboard.account", "cliproxy.auth.index"},
	Finish:  {"gen_ai.response.finish_reasons", "gen_ai.response.finish_reason", "ai.response.finishReason", "llm.finish_reason"},
}

// ErrorMessages are the attributes that say what went wrong, the best first. What a span's last exception and its status say
// comes after them.
var ErrorMessages = []string{"error.message", "exception.message", "error_message", "error", "exception"}

// Units are the units of durations that are not seconds.
var Units = map[string]time.Duration{
	"ai.response.msToFirstChunk": time.Millisecond, "ai.stream.msToFirstChunk": time.Millisecond,
	"copilot_chat.time_to_first_token": time.Millisecond,
	"gen_ai.user.time_to_first_token":  time.Nanosecond, "ttft_ms": time.Millisecond, "duration_ms": time.Millisecond,
}

// Operations maps names that are not the conventions' own.
var Operations = map[string]string{
	"text_completions": "text_completion", "completion": "chat", "acompletion": "chat", "embedding": "embeddings",
	"aembedding": "embeddings", "llm_call": "chat", "response": "chat", "responses": "chat", "aresponses": "chat",
	"model_generation": "chat", "chat_streaming": "chat", "stream_generate_content": "generate_content", "anthropic_messages": "chat",
	"atext_completion": "text_completion", "agenerate_content": "generate_content", "generate_content_stream": "generate_content",
	"agenerate_content_stream": "generate_content", "aimage_generation": "image_generation", "aspeech": "speech",
	"atranscription": "transcription", "arerank": "rerank",
}

package tables

import "strings"

// The attributes that hold what people and models said: prompts, answers, tool arguments and
// results, embedded documents. The first three tables hold names that mean this wherever they
// stand; the last one holds plain words, which mean it in records of model calls and of coding
// agents only.

// ContentNames are the whole names.
var ContentNames = []string{
	"gen_ai.prompt", "gen_ai.completion", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions",
	"gen_ai.system.instructions", "gen_ai.tool.definitions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
	"gen_ai.agent.description", "gen_ai.tool.input", "gen_ai.tool.output", "gen_ai.content.prompt", "gen_ai.content.completion", "gen_ai.request.messages",
	"gen_ai.event.content", "gen_ai.retrieval.query.text", "gen_ai.retrieval.documents", "gen_ai.choice", "gen_ai.input", "gen_ai.output",
	"input.value", "output.value", "llm.prompts", "llm.completions", "llm.invocation_parameters", "llm.function_call", "llm.tools",
	"llm.input_messages", "llm.output_messages", "tool.parameters", "tool.json_schema", "document.content", "embedding.text", "embedding.vector",
	"traceloop.entity.input", "traceloop.entity.output", "ai.prompt", "ai.result", "ai.value", "ai.values", "ai.embedding", "ai.embeddings",
	"ai.response.text", "ai.response.object", "ai.response.toolCalls", "ai.response.reasoning", "ai.response.files", "ai.toolCall.args",
	"ai.toolCall.result", "langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input", "langfuse.trace.output",
	"mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.traceInputs", "mlflow.traceOutputs", "genkit:input", "genkit:output",
	"haystack.component.input", "haystack.component.output", "haystack.pipeline.input_data", "haystack.pipeline.output_data",
	"all_messages_events", "pydantic_ai.all_messages", "final_result", "tool_arguments", "tool_response", "model_request_parameters",
	"system_prompt", "user_prompt", "braintrust.input", "braintrust.output", "braintrust.input_json", "braintrust.output_json",
	"langsmith.inputs", "langsmith.outputs", "crewai.task.output", "crew_inputs", "request_data", "response_data", "gen_ai.prompt_json",
	"gen_ai.completion_json", "langwatch.input", "langwatch.output", "lmnr.span.input", "lmnr.span.output", "agentops.entity.input",
	"agentops.entity.output", "haystack.agent.input", "haystack.agent.output", "mlflow.chunk.value", "agent.messages", "agent.messages.ui",
	"agent.instructions", "crew_tasks", "crew_agents", "task_description", "task_expected_output", "formatted_description",
	"formatted_expected_output", "tool.task_name",
}

// ContentPrefixes are the beginnings of names.
var ContentPrefixes = []string{
	"gen_ai.prompt.", "gen_ai.completion.", "gen_ai.prompts.", "llm.prompts.", "llm.completions.", "llm.input_messages.", "llm.output_messages.",
	"llm.prompt_template.", "llm.tools.", "llm.request.functions.", "llm.choices.", "ai.prompt.", "ai.result.", "embedding.embeddings.",
	"retrieval.documents.", "reranker.input_documents.", "reranker.output_documents.", "reranker.query",
	"gcp.vertex.agent.llm_re", "gcp.vertex.agent.tool_", "gcp.vertex.agent.data", "genkit:metadata:input", "genkit:metadata:output",
}

// ContentSuffixes are of llm.PROVIDER.messages and the like, which hold a provider's raw request.
var ContentSuffixes = []string{".messages", ".choices", ".input_messages", ".output_messages"}

// PlainContent are plain words.
var PlainContent = []string{"input", "output", "inputs", "outputs", "response_text", "request_text", "prompt", "content", "message", "tool_input", "tool_parameters", "tool_args", "function_args", "arguments",
	"response", "request", "result", "reasoning", "new_context", "command", "diff", "body", "bash_command", "full_command", "description"}

// MessageContent are names that mean content in message events alone.
var MessageContent = []string{"tool_calls", "role.content", "tool.result"}

// URLAttributes hold a URL, or a part of one with a query, which may contain a key.
var URLAttributes = []string{
	"url.full", "url.query", "http.url", "http.target", "url.original", "http.request.url", "request.url",
}

// AgentScopes and AgentEvents begin the scopes and event names of coding agents.
var (
	AgentScopes = []string{"com.anthropic.claude_code", "gemini-cli", "qwen-code", "codex"}
	AgentEvents = []string{"claude_code.", "gemini_cli.", "qwen-code.", "codex."}
)

// rawParts are the last words of llm.PROVIDER.PART, in which LiteLLM keeps a provider's raw request and answer;
// notProviders are words in the middle that are none.
var (
	rawParts = map[string]bool{
		"content": true, "contents": true, "candidates": true, "input": true, "output": true, "instructions": true, "system": true, "text": true,
		"data": true, "stringified_raw_response": true, "extra_body": true, "prompt": true, "prompts": true, "documents": true, "query": true,
	}
	notProviders = map[string]bool{"usage": true, "token_count": true, "cost": true, "request": true, "response": true, "token": true}
)

// IsRaw reports whether an attribute is a part of a provider's raw request or answer.
func IsRaw(name string) bool {
	rest, ok := strings.CutPrefix(name, "llm.")
	provider, part, more := strings.Cut(rest, ".")
	return ok && more && rawParts[part] && !notProviders[provider]
}

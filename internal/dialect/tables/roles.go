package tables

import "strings"

// Verdict is the result of a row of RoleRules for a span.
type Verdict uint8

// The verdicts.
const (
	Unsaid    Verdict = iota
	Call              // a model call, with or without usage
	Aggregate         // an agent, chain or workflow: what usage it has is the sum of what is below
	Tool              // a tool execution
	Never             // spends nothing, or only repeats
)

// RoleRule is a row of knowledge of what a span is.
type RoleRule struct {
	Attribute string // whose value decides, an alias; "" is the span's name
	Scope     string // only under scopes that start so
	Name      string // only of spans whose names start so
	Part      string // only of spans whose names contain it
	Value     string // only of spans of which the attribute's value starts so
	Is        map[string]Verdict
	Else      Verdict
}

// RoleRules are tried in order; the first that says something decides.
var RoleRules = []RoleRule{
	{Is: map[string]Verdict{"raw_gen_ai_request": Never}},
	{Attribute: "ai.operationId", Is: vercelSpans, Else: Aggregate},
	{Scope: "ai", Is: vercelSpans},
	{Attribute: "span.type", Scope: "@voltagent/", Is: map[string]Verdict{"llm": Never, "tool": Tool}},
	{Attribute: "ai.model.name", Scope: "@voltagent/", Else: Call}, // an agent's run
	{Attribute: "span.type", Scope: "com.anthropic.claude_code", Else: Never, Is: map[string]Verdict{
		"llm_request": Call, "tool": Tool, "tool.execution": Tool,
	}},
	{Attribute: "error.type", Is: map[string]Verdict{ // LiteLLM's proxy refused it: it never became a call
		"litellm.proxy._types.proxyexception": Never, "litellm.exceptions.budgetexceedederror": Never,
	}},
	{Attribute: "kong.gen_ai.cache.status", Is: map[string]Verdict{"hit": Never}}, // answered by the gateway: nothing is spent
	{Scope: "bifrost", Is: map[string]Verdict{"llm.call": Call}},
	{Scope: "bifrost", Name: "plugin.", Else: Never},                                   // it copies the trace's attributes onto every span
	{Attribute: "gen_ai.operation.name", Is: map[string]Verdict{"execute_tool": Tool}}, // before a kind that says less: OpenLLMetry's task
	{Scope: "org.springframework", Name: "tool_call ", Else: Tool},                     // of Spring AI 1, whose operation is "framework"
	{Scope: "org.springframework", Name: "execute_tool ", Else: Tool},
	// rig reports a run that is not streamed in a trace of its own, beside its calls
	{Attribute: "target", Name: "invoke_agent", Is: map[string]Verdict{"rig::agent::prompt_request::streaming": Aggregate}},
	{Attribute: "target", Name: "invoke_agent", Value: "rig::", Else: Never},
	{Attribute: "target", Name: "invoke_agent", Value: "rig_", Else: Never},
	// LlamaIndex makes a request ready, or looks at an answer: nothing is sent
	{Scope: "openinference.instrumentation.llama_index", Part: "._prepare_", Attribute: "openinference.span.kind", Else: Never},
	{Scope: "openinference.instrumentation.llama_index", Part: "._validate_", Attribute: "openinference.span.kind", Else: Never},
	{Attribute: "openinference.span.kind", Is: kinds},
	{Attribute: "traceloop.span.kind", Is: kinds},
	{Attribute: "langfuse.observation.type", Is: kinds},
	{Attribute: "langsmith.span.kind", Is: kinds},
	{Attribute: "mlflow.spanType", Is: kinds},
	{Attribute: "braintrust.span_attributes#type", Is: kinds},
	{Attribute: "langwatch.span.type", Is: kinds},
	{Attribute: "lmnr.span.type", Is: kinds},
	{Attribute: "agentops.span.kind", Is: kinds},
	{Attribute: "genkit:metadata:subtype", Is: kinds},
	{Attribute: "gen_ai.operation.name", Is: map[string]Verdict{
		"chat": Call, "text_completion": Call, "text_completions": Call, "generate_content": Call, "embeddings": Call,
		"completion": Call, "llm_call": Call, "model_generation": Call, "rerank": Call, "response": Call, "embedding": Call,
		"chat_streaming": Call, "stream_generate_content": Call,
		"invoke_agent": Aggregate, "invoke_workflow": Aggregate, "agent_step": Aggregate, "create_agent": Aggregate,
		"plan": Aggregate, "execute_event_loop_cycle": Aggregate, "framework": Aggregate, "model_chunk": Never, "orchestrate_tools": Aggregate,
		"execute_tool": Tool, "tool_call": Tool, "run_tool": Tool,
		"count_tokens": Never, "fetch_response": Never, "tokenize": Never, "retrieval": Never, "search_memory": Never, "create_memory": Never,
		"update_memory": Never, "upsert_memory": Never, "delete_memory": Never, "create_memory_store": Never, "delete_memory_store": Never,
	}},
	{Attribute: "gen_ai.operation.name", Is: liteLLMCalls},
	{Attribute: "gen_ai.span.kind", Is: kinds},
	{Attribute: "llm.request.type", Is: map[string]Verdict{"chat": Call, "completion": Call, "embedding": Call, "rerank": Call}},
	{Attribute: "llm.request.type", Is: liteLLMCalls}, // without an operation where LiteLLM finds no provider, as in calls that fail
	{Scope: "gcp.vertex.agent", Is: map[string]Verdict{"call_llm": Call}},
	{Scope: "codex", Is: map[string]Verdict{"session_task.turn": Aggregate, "handle_responses": Call}},
}

// liteLLMCalls are LiteLLM's types of calls that the conventions do not name.
var liteLLMCalls = map[string]Verdict{
	"acompletion": Call, "atext_completion": Call, "aembedding": Call, "responses": Call, "aresponses": Call, "anthropic_messages": Call,
	"agenerate_content": Call, "generate_content_stream": Call, "agenerate_content_stream": Call, "image_generation": Call,
	"aimage_generation": Call, "speech": Call, "aspeech": Call, "transcription": Call, "atranscription": Call, "arerank": Call,
}

// Named reports whether a row is for spans of a name.
func (row *RoleRule) Named(name string) bool {
	return strings.HasPrefix(name, row.Name) && (row.Part == "" || strings.Contains(name, row.Part))
}

// vercelSpans are the Vercel AI SDK's names of spans, which are the values of ai.operationId too.
var vercelSpans = map[string]Verdict{
	"ai.generateText": Aggregate, "ai.streamText": Aggregate, "ai.generateObject": Aggregate, "ai.streamObject": Aggregate,
	"ai.embed": Aggregate, "ai.embedMany": Aggregate, "ai.toolCall": Tool, "ai.generateText.doGenerate": Call,
	"ai.streamText.doStream": Call, "ai.generateObject.doGenerate": Call, "ai.streamObject.doStream": Call,
	"ai.embed.doEmbed": Call, "ai.embedMany.doEmbed": Call,
}

// kinds are the span kinds of tracing libraries, in lower case.
var kinds = map[string]Verdict{
	"llm": Call, "embedding": Call, "embeddings": Call, "generation": Call, "chat_model": Call, "model": Call, "chat": Call, "reranker": Call,
	"session": Aggregate, "operation": Aggregate, "score": Never, "eval": Never, "function": Aggregate, "default": Aggregate,
	"agent": Aggregate, "chain": Aggregate, "workflow": Aggregate, "task": Aggregate, "prompt": Aggregate, "span": Aggregate,
	"guardrail": Never, "evaluator": Never, "retriever": Never, "event": Never,
	"tool": Tool,
}

// KindOperations maps kinds of spans to their operations.
var KindOperations = map[string]string{
	"llm": "chat", "generation": "chat", "chat_model": "chat", "model": "chat", "embedding": "embeddings", "embeddings": "embeddings",
	"agent": "invoke_agent", "tool": "execute_tool",
}

// OperationKinds are the attributes with kinds of spans that imply an operation, see KindOperations.
var OperationKinds = []string{
	"openinference.span.kind", "langfuse.observation.type", "mlflow.spanType", "gen_ai.span.kind", "genkit:metadata:subtype",
	"braintrust.span_attributes#type", "langwatch.span.type", "lmnr.span.type", "agentops.span.kind",
}

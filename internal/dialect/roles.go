package dialect

import (
	"math/bits"
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// verdict is what a row of roles says of a span.
type verdict uint8

const (
	unsaid    verdict = iota
	call              // a model call, with or without usage
	aggregate         // an agent, chain or workflow: what usage it bears is the sum of what is below
	tool              // a tool execution
	never             // spends nothing, or only repeats
)

// roleRule is a row of knowledge of what a span is.
type roleRule struct {
	Attribute string // whose value decides, an alias; "" is the span's name
	Scope     string // only under scopes that start so
	Name      string // only of spans whose names start so
	Part      string // only of spans whose names contain it
	Value     string // only of spans of which the attribute's value starts so
	Is        map[string]verdict
	Else      verdict
}

// roleRules are tried in order; the first that says something decides.
var roleRules = []roleRule{
	{Is: map[string]verdict{"raw_gen_ai_request": never}},
	{Attribute: "ai.operationId", Is: vercelSpans, Else: aggregate},
	{Scope: "ai", Is: vercelSpans},
	{Attribute: "span.type", Scope: "@voltagent/", Is: map[string]verdict{"llm": never, "tool": tool}},
	{Attribute: "ai.model.name", Scope: "@voltagent/", Else: call}, // an agent's run
	{Attribute: "span.type", Scope: "com.anthropic.claude_code", Else: never, Is: map[string]verdict{
		"llm_request": call, "tool": tool, "tool.execution": tool,
	}},
	{Attribute: "error.type", Is: map[string]verdict{ // LiteLLM's proxy refused it: it never became a call
		"litellm.proxy._types.proxyexception": never, "litellm.exceptions.budgetexceedederror": never,
	}},
	{Attribute: "kong.gen_ai.cache.status", Is: map[string]verdict{"hit": never}}, // answered by the gateway: nothing is spent
	{Scope: "bifrost", Is: map[string]verdict{"llm.call": call}},
	{Scope: "bifrost", Name: "plugin.", Else: never},                                   // it copies the trace's attributes onto every span
	{Attribute: "gen_ai.operation.name", Is: map[string]verdict{"execute_tool": tool}}, // before a kind that says less: OpenLLMetry's task
	{Scope: "org.springframework", Name: "tool_call ", Else: tool},                     // of Spring AI 1, whose operation is "framework"
	{Scope: "org.springframework", Name: "execute_tool ", Else: tool},
	// rig tells a run that is not streamed in a trace of its own, beside its calls
	{Attribute: "target", Name: "invoke_agent", Is: map[string]verdict{"rig::agent::prompt_request::streaming": aggregate}},
	{Attribute: "target", Name: "invoke_agent", Value: "rig::", Else: never},
	{Attribute: "target", Name: "invoke_agent", Value: "rig_", Else: never},
	// LlamaIndex makes a request ready, or looks at an answer: nothing is sent
	{Scope: "openinference.instrumentation.llama_index", Part: "._prepare_", Attribute: "openinference.span.kind", Else: never},
	{Scope: "openinference.instrumentation.llama_index", Part: "._validate_", Attribute: "openinference.span.kind", Else: never},
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
	{Attribute: "gen_ai.operation.name", Is: map[string]verdict{
		"chat": call, "text_completion": call, "text_completions": call, "generate_content": call, "embeddings": call,
		"completion": call, "llm_call": call, "model_generation": call, "rerank": call, "response": call, "embedding": call,
		"chat_streaming": call, "stream_generate_content": call,
		"invoke_agent": aggregate, "invoke_workflow": aggregate, "agent_step": aggregate, "create_agent": aggregate,
		"plan": aggregate, "execute_event_loop_cycle": aggregate, "framework": aggregate, "model_chunk": never, "orchestrate_tools": aggregate,
		"execute_tool": tool, "tool_call": tool, "run_tool": tool,
		"count_tokens": never, "fetch_response": never, "tokenize": never, "retrieval": never, "search_memory": never, "create_memory": never,
		"update_memory": never, "upsert_memory": never, "delete_memory": never, "create_memory_store": never, "delete_memory_store": never,
	}},
	{Attribute: "gen_ai.operation.name", Is: liteLLMCalls},
	{Attribute: "gen_ai.span.kind", Is: kinds},
	{Attribute: "llm.request.type", Is: map[string]verdict{"chat": call, "completion": call, "embedding": call, "rerank": call}},
	{Attribute: "llm.request.type", Is: liteLLMCalls}, // without an operation where LiteLLM knows no provider, as in calls that fail
	{Scope: "gcp.vertex.agent", Is: map[string]verdict{"call_llm": call}},
	{Scope: "codex", Is: map[string]verdict{"session_task.turn": aggregate, "handle_responses": call}},
}

// liteLLMCalls are LiteLLM's types of calls that the conventions do not name.
var liteLLMCalls = map[string]verdict{
	"acompletion": call, "atext_completion": call, "aembedding": call, "responses": call, "aresponses": call, "anthropic_messages": call,
	"agenerate_content": call, "generate_content_stream": call, "agenerate_content_stream": call, "image_generation": call,
	"aimage_generation": call, "speech": call, "aspeech": call, "transcription": call, "atranscription": call, "arerank": call,
}

// named tells whether a row is for spans of a name.
func (row *roleRule) named(name string) bool {
	return strings.HasPrefix(name, row.Name) && (row.Part == "" || strings.Contains(name, row.Part))
}

// vercelSpans are the Vercel AI SDK's names of spans, which are the values of ai.operationId too.
var vercelSpans = map[string]verdict{
	"ai.generateText": aggregate, "ai.streamText": aggregate, "ai.generateObject": aggregate, "ai.streamObject": aggregate,
	"ai.embed": aggregate, "ai.embedMany": aggregate, "ai.toolCall": tool, "ai.generateText.doGenerate": call,
	"ai.streamText.doStream": call, "ai.generateObject.doGenerate": call, "ai.streamObject.doStream": call,
	"ai.embed.doEmbed": call, "ai.embedMany.doEmbed": call,
}

// kinds are the span kinds of tracing libraries, in lower case.
var kinds = map[string]verdict{
	"llm": call, "embedding": call, "embeddings": call, "generation": call, "chat_model": call, "model": call, "chat": call, "reranker": call,
	"session": aggregate, "operation": aggregate, "score": never, "eval": never, "function": aggregate, "default": aggregate,
	"agent": aggregate, "chain": aggregate, "workflow": aggregate, "task": aggregate, "prompt": aggregate, "span": aggregate,
	"guardrail": never, "evaluator": never, "retriever": never, "event": never,
	"tool": tool,
}

// roleRefs are the attributes of roleRules, taken apart.
var roleRefs = func() (out []ref) {
	for i := range roleRules {
		out = append(out, refTo(roleRules[i].Attribute))
	}
	return out
}()

// role finds what a span is, and whether anything but its figures says so.
func (r *record) role() verdict {
	for m := (r.own.rules | r.plan.nameRules) & r.plan.allRules; m != 0; m &= m - 1 {
		row := &r.plan.rules[r.plan.ruleAt[bits.TrailingZeros64(m)]]
		if !row.named(r.name) {
			continue
		}
		name := r.name
		if row.Attribute != "" {
			if name = r.textAt(&row.ref); name == "" || !strings.HasPrefix(name, row.Value) {
				continue
			}
		}
		if v, ok := row.is(name); ok {
			return v
		}
		if lower := strings.ToLower(name); lower != name {
			if v, ok := row.is(lower); ok {
				return v
			}
		}
		if row.Else != unsaid && name != "" {
			return row.Else
		}
	}
	return unsaid
}

// roleWith makes the role in the accounting of a verdict, given whether the record bears usage.
func roleWith(v verdict, reported bool) usage.Role {
	switch {
	case v == never:
		return usage.RoleNone
	case v == tool:
		return usage.RoleTool
	case v == aggregate && reported:
		return usage.RoleAggregate
	case v == call || (v == unsaid && reported):
		return usage.RoleCall
	default:
		return usage.RoleNone
	}
}

// kindOperations name the operation that a kind of span stands for.
var kindOperations = map[string]string{
	"llm": "chat", "generation": "chat", "chat_model": "chat", "model": "chat", "embedding": "embeddings", "embeddings": "embeddings",
	"agent": "invoke_agent", "tool": "execute_tool",
}

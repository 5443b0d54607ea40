package emitters

import "cmp"

// emitter is a package that sends telemetry.
type emitter struct {
	name     string // of the script, NAME.py or NAME.mjs, or of the class, in which a_b is AB
	title    string
	language string // Python, JavaScript or JVM
	pkg      string // whose version the document shows
	packages string // the pins, python/PACKAGES.txt, node/PACKAGES or jvm/PACKAGES; those of its name where empty
	main     bool   // make test runs it, too
	env      []string
	set      string // what to set, for the document
	gaps     []gap
}

func (e *emitter) pins() string { return cmp.Or(e.packages, e.name) }

var emitters = []emitter{
	{
		name: "otel_openai_v2", title: "OpenTelemetry openai-v2", language: "Python", pkg: "opentelemetry-instrumentation-openai-v2", main: true,
		env: []string{"OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental"},
		set: "`opentelemetry-instrumentation-genai-openai` instead; `opentelemetry-util-genai` 0.4b0 and `httpx`, without which it does not start",
		gaps: []gap{
			{"gpt-4o-responses-*", "missing", "responses"},
			{"gpt-4o-cached gpt-4o-stream-cached gpt-4o-parallel gpt-4o-async-parallel gpt-4o-tools", "cache_read", "cache"},
			{"gpt-4o-reasoning gpt-4o-stream-reasoning gpt-4o-tools", "reasoning", "reasoning"},
		},
	},
	{name: "openllmetry", title: "OpenLLMetry: openai, anthropic, google-genai", language: "Python", pkg: "traceloop-sdk", main: true,
		set: "`stream_options.include_usage`",
		gaps: []gap{
			{"gpt-4o-stream-reasoning", "reasoning", "reasoning of OpenAI's chat streams"},
			{"gemini-2.5-flash-stream-cut", "missing", "Gemini streams that break"},
			{"gemini-2.5-flash-tools", "missing", "google-genai's automatic function calling is one span, with the figures of its last call"},
		},
	},
	{name: "openinference", title: "OpenInference: openai, anthropic", language: "Python", pkg: "openinference-instrumentation-openai", main: true},
	{name: "openlit", title: "OpenLIT: openai, anthropic", language: "Python", pkg: "openlit",
		set: "`stream_options.include_usage`",
		gaps: []gap{
			{"gpt-4o-reasoning gpt-4o-stream-reasoning gpt-4o-tools claude-*-reasoning claude-*-tools", "reasoning", "reasoning of chats and of Anthropic"},
			{"gpt-4o-stream-untold", "input", "a stream without usage is estimated and not marked"},
			{"*-stream-cut", "missing", "streams that break"},
			{"claude-sonnet-4-5-401 claude-sonnet-4-5-429 claude-sonnet-4-5-500", "missing", "Anthropic's failures"},
		},
	},
	{name: "logfire", title: "Logfire: openai, anthropic", language: "Python", pkg: "logfire", packages: "pydantic"},
	{name: "pydantic_ai", title: "Pydantic AI", language: "Python", pkg: "pydantic-ai-slim", packages: "pydantic"},
	{name: "langgraph_openllmetry", title: "LangChain and LangGraph, OpenLLMetry", language: "Python", pkg: "traceloop-sdk", packages: "openllmetry",
		gaps: []gap{
			{"gpt-4o-reasoning gpt-4o-stream-reasoning gpt-4o-tools gpt-4o-stream-tools gpt-4o-agent", "reasoning", "reasoning of chats"},
		},
	},
	{name: "langgraph_openinference", title: "LangChain and LangGraph, OpenInference", language: "Python", pkg: "openinference-instrumentation-langchain", packages: "openinference",
		set:  "the clients' instrumentations beside it",
		gaps: []gap{{"text-embedding-3-small", "missing", "embeddings"}},
	},
	{name: "langgraph_openinference_both", title: "The same beside the clients' own instrumentations", language: "Python", pkg: "openinference-instrumentation-langchain", packages: "openinference"},
	{
		name: "litellm", title: "LiteLLM, OpenInference", language: "Python", pkg: "openinference-instrumentation-litellm",
		env: []string{"LITELLM_LOCAL_MODEL_COST_MAP=True"},
	},
	{
		name: "litellm_proxy", title: "LiteLLM proxy, first integration", language: "Python", pkg: "litellm",
		env: []string{"LITELLM_LOCAL_MODEL_COST_MAP=True", "USE_OTEL_LITELLM_REQUEST_SPAN=true"},
		set: "`USE_OTEL_LITELLM_REQUEST_SPAN=true`",
	},
	{
		name: "litellm_proxy_v2", title: "LiteLLM proxy, second integration", language: "Python", pkg: "litellm", packages: "litellm_proxy",
		env: []string{"LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_OTEL_V2=true"},
		set: "`LITELLM_OTEL_V2=true`",
		gaps: []gap{
			{"*", "reasoning", "reasoning"},
			{"gpt-4o-stream-cut", "input", "a chat stream that breaks has LiteLLM's estimate"},
		},
	},
	{
		name: "llamaindex", title: "LlamaIndex, OpenInference", language: "Python", pkg: "openinference-instrumentation-llama-index",
		set: "the clients' instrumentations beside it",
		gaps: []gap{
			{"claude-*", "reasoning", "reasoning of Anthropic"},
			{"text-embedding-3-small", "usage", "usage of embeddings"},
		},
	},
	{
		name: "openai_agents", title: "OpenAI Agents, OpenInference", language: "Python", pkg: "openinference-instrumentation-openai-agents",
		set: "responses, which the package uses by default; the client's instrumentation beside it for chats",
		gaps: []gap{
			{"gpt-4o-cached gpt-4o-stream-cached gpt-4o-parallel gpt-4o-tools gpt-4o-agent", "cache_read", "cache and reasoning of chats"},
			{"gpt-4o-reasoning gpt-4o-stream-reasoning gpt-4o-tools gpt-4o-agent", "reasoning", "cache and reasoning of chats"},
			{"gpt-4o-responses-401 gpt-4o-responses-429 gpt-4o-responses-500 gpt-4o-responses-stream-cut", "model", "the model of responses that fail"},
		},
	},
	{
		name: "agno", title: "Agno, OpenInference", language: "Python", pkg: "openinference-instrumentation-agno",
		set:  "the client's instrumentation beside it",
		gaps: []gap{{"gpt-4o-*", "reasoning", "reasoning of OpenAI"}},
	},
	{
		name: "strands", title: "Strands Agents", language: "Python", pkg: "strands-agents",
		gaps: []gap{{"*", "reasoning", "reasoning"}},
	},
	{
		name: "dspy", title: "DSPy and LiteLLM, OpenInference", language: "Python", pkg: "openinference-instrumentation-dspy",
		env: []string{"LITELLM_LOCAL_MODEL_COST_MAP=True"},
		gaps: []gap{
			{"*-401 *-429 *-500", "missing", "a retry has no span"},
		},
	},
	{
		name: "smolagents", title: "smolagents, OpenInference", language: "Python", pkg: "openinference-instrumentation-smolagents",
		env: []string{"LITELLM_LOCAL_MODEL_COST_MAP=True"},
		set: "the clients' instrumentations beside it",
		gaps: []gap{
			{"*-401 *-500", "model provider", "model and provider of calls that fail"},
			{"*", "cache_read cache_write reasoning", "cache and reasoning"},
		},
	},
	{
		name: "haystack", title: "Haystack, OpenInference", language: "Python", pkg: "openinference-instrumentation-haystack",
		set: "the client's instrumentation beside it",
		gaps: []gap{
			{"gpt-4o-responses-*", "usage", "the usage of responses"},
			{"*", "cache_read reasoning", "cache and reasoning"},
			{"*-401 *-429 *-500 *-cut", "model provider", "model and provider of calls that fail"},
		},
	},
	{name: "agent_framework", title: "Microsoft Agent Framework", language: "Python", pkg: "agent-framework-core"},
	{
		name: "autogen", title: "AutoGen", language: "Python", pkg: "autogen-agentchat",
		set:  "the client's instrumentation beside it",
		gaps: []gap{{"*", "missing", "its own spans are of agents and tools, without a model call"}},
	},
	{name: "langfuse", title: "Langfuse: openai", language: "Python", pkg: "langfuse", set: "the receiver's `traces_url_path: /api/public/otel/v1/traces`"},
	{
		name: "mlflow", title: "MLflow: openai, anthropic", language: "Python", pkg: "mlflow-skinny",
		gaps: []gap{
			{"claude-sonnet-4-5-stream-plain claude-sonnet-4-5-stream-cached claude-sonnet-4-5-stream-reasoning", "missing", "Anthropic's `messages.stream()`"},
			{"claude-sonnet-4-5-create-stream-*", "usage", "the usage of Anthropic's other streams"},
		},
	},
	{name: "google_adk", title: "Google ADK", language: "Python", pkg: "google-adk"},
	{name: "crewai", title: "CrewAI, OpenInference, beside the client's", language: "Python", pkg: "openinference-instrumentation-crewai"},
	{
		name: "vercel_ai", title: "Vercel AI SDK 7", language: "JavaScript", pkg: "@ai-sdk/otel", main: true,
		set: "`new OpenTelemetry({ usage: true })`, without which reasoning is missing",
	},
	{
		name: "openinference_js", title: "OpenInference: openai, anthropic", language: "JavaScript", pkg: "@arizeai/openinference-instrumentation-openai", main: true,
		set: "`@opentelemetry/instrumentation-openai` beside it; a handler of `unhandledRejection`, without which a stream that breaks ends the process",
		gaps: []gap{
			{"gpt-4o-401 gpt-4o-429 gpt-4o-500 gpt-4o-responses-401 gpt-4o-responses-429 gpt-4o-responses-500", "missing", "OpenAI's failures and chat streams that break have no span"},
			{"gpt-4o-stream-cut", "missing", "OpenAI's failures and chat streams that break have no span"},
			{"gpt-4o-stream-plain gpt-4o-stream-cached gpt-4o-stream-reasoning text-embedding-3-small", "usage", "chat streams and embeddings have no usage"},
		},
	},
	{name: "otel_java", title: "OpenTelemetry Java agent: openai-java", language: "JVM", pkg: "opentelemetry-javaagent", main: true,
		gaps: []gap{
			{"gpt-4o-responses-*", "missing", "responses"},
			{"gpt-4o-stream-cut", "missing", "streams that break"},
		},
	},
	{name: "langchain4j", title: "LangChain4j through openai-java, OpenTelemetry Java agent", language: "JVM", pkg: "langchain4j", packages: "otel_java", main: true},
	{
		name: "spring_ai", title: "Spring AI with Spring Boot", language: "JVM", pkg: "spring-ai-bom", main: true,
		gaps: []gap{
			{"*", "reasoning", "reasoning"},
			{"*-stream-cached *-stream-tools", "input cache_read cache_write", "the cache of streams, which Anthropic's input is without (`cache_missing`)"},
		},
	},
}

package emitters

import "cmp"

// emitter is a package that sends telemetry.
type emitter struct {
	name     string // of the script, NAME.py or NAME.mjs
	title    string
	language string // Python or JavaScript
	pkg      string // whose version the document shows
	packages string // the pins, python/PACKAGES.txt or node/PACKAGES; those of its name where empty
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
		set: "`OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental`",
	},
	{name: "openllmetry", title: "OpenLLMetry: openai, anthropic, google-genai", language: "Python", pkg: "traceloop-sdk", main: true},
	{name: "openinference", title: "OpenInference: openai, anthropic", language: "Python", pkg: "openinference-instrumentation-openai", main: true},
	{name: "openlit", title: "OpenLIT: openai, anthropic", language: "Python", pkg: "openlit"},
	{name: "logfire", title: "Logfire: openai, anthropic", language: "Python", pkg: "logfire", packages: "pydantic"},
	{name: "pydantic_ai", title: "Pydantic AI", language: "Python", pkg: "pydantic-ai-slim", packages: "pydantic"},
	{name: "langgraph_openllmetry", title: "LangChain and LangGraph, OpenLLMetry", language: "Python", pkg: "traceloop-sdk", packages: "openllmetry"},
	{name: "langgraph_openinference", title: "LangChain and LangGraph, OpenInference", language: "Python", pkg: "openinference-instrumentation-langchain", packages: "openinference"},
	{name: "langgraph_openinference_both", title: "The same beside the clients' own instrumentations", language: "Python", pkg: "openinference-instrumentation-langchain", packages: "openinference"},
}

package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// openLLMetry is Traceloop's instrumentations for Python and JavaScript. Their Bedrock reports the
// provider's own figures, which leave the cache out; so does their Anthropic for JavaScript. That for Python has
// done both (openllmetry#3949, #3976), so that only the figures show which.
// https://github.com/traceloop/openllmetry
var openLLMetry = Family{
	Name:   "openllmetry",
	Scopes: []string{"opentelemetry.instrumentation.", "@traceloop/"},
	Adds:   &genAI,
	Cache: []PartRule{
		{Scope: "@traceloop/instrumentation-anthropic", Is: figures.Excluded},
		{Scope: "@traceloop/instrumentation-bedrock", Is: figures.Excluded},
		{Scope: "opentelemetry.instrumentation.bedrock", Is: figures.Excluded},
		{Scope: "opentelemetry.instrumentation.openai", Is: figures.Included},
		{Scope: "instrumentation-langchain", Is: figures.ByTotal},
		{Scope: "instrumentation.langchain", Is: figures.ByTotal},
	},
	Attributes: map[Attribute][]string{
		User:    {"traceloop.association.properties.user_id", "traceloop.association.properties.user"},
		Session: {"traceloop.association.properties.session_id", "traceloop.association.properties.chat_id"},
		Project: {"traceloop.association.properties.project_id"},
	},
}

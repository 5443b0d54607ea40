package dialect

// openLLMetry is Traceloop's instrumentations for Python and JavaScript. Their Bedrock gives the
// provider's own figures, which leave the cache out; so does their Anthropic for JavaScript. That for Python has
// done both (openllmetry#3949, #3976), so that only the figures tell.
// https://github.com/traceloop/openllmetry
var openLLMetry = Family{
	Name:   "openllmetry",
	Scopes: []string{"opentelemetry.instrumentation.", "@traceloop/"},
	Adds:   &genAI,
	Cache: []PartRule{
		{Scope: "@traceloop/instrumentation-anthropic", Is: excluded},
		{Scope: "@traceloop/instrumentation-bedrock", Is: excluded},
		{Scope: "opentelemetry.instrumentation.bedrock", Is: excluded},
		{Scope: "opentelemetry.instrumentation.openai", Is: included},
		{Scope: "instrumentation-langchain", Is: byTotal},
		{Scope: "instrumentation.langchain", Is: byTotal},
	},
	Facts: map[fact][]string{
		factUser:    {"traceloop.association.properties.user_id", "traceloop.association.properties.user"},
		factSession: {"traceloop.association.properties.session_id", "traceloop.association.properties.chat_id"},
		factProject: {"traceloop.association.properties.project_id"},
	},
}

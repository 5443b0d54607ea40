package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// Frameworks on the JVM. Micrometer's bridge makes texts of all figures.

// springAI returns the providers' own input figure, which for Anthropic and Bedrock leaves the cache out; version
// 1, and streams of version 2, do not report the cache either. Version 1, which runs on version 3 of Spring Boot,
// reports for each call in a tool loop the sum of the loop so far.
// https://docs.spring.io/spring-ai/reference/observability/
var springAI = Family{
	Name:   "spring-ai",
	Scopes: []string{"org.springframework"},
	Marks:  []string{"spring.ai.kind"},
	Adds:   &genAI,
	Cache:  []PartRule{{Provider: "anthropic", Is: figures.Excluded}, {Provider: "aws.bedrock", Is: figures.Excluded}},

	Sums:        []string{"spring.ai.model.request.tool.names"},
	SumsVersion: "3.",
	HidesCache:  []PartRule{{Provider: "anthropic", Is: figures.Excluded}, {Provider: "aws.bedrock", Is: figures.Excluded}},

	Attributes: map[Attribute][]string{Session: {"spring.ai.chat.client.conversation.id"}},
}

// quarkus is the LangChain4j extension of Quarkus, which reports a cost as text, with its currency.
// https://docs.quarkiverse.io/quarkus-langchain4j/dev/observability.html
var quarkus = Family{
	Name:       "quarkus-langchain4j",
	Scopes:     []string{"io.quarkus"},
	Adds:       &genAI,
	Cache:      []PartRule{{Provider: "anthropic", Is: figures.Excluded}, {Provider: "aws.bedrock", Is: figures.Excluded}},
	Attributes: map[Attribute][]string{Cost: {"gen_ai.client.estimated_cost"}},

	HidesCache: []PartRule{{Provider: "anthropic", Is: figures.Excluded}, {Provider: "aws.bedrock", Is: figures.Excluded}},
}

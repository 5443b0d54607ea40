package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// SDKs that trace themselves, or for which OpenTelemetry has an instrumentation.

// anthropicSDK is @anthropic-ai/sdk from 1.12 on, which traces itself as soon as there is a global tracer.
var anthropicSDK = Family{
	Name:   "anthropic-sdk",
	Scopes: []string{"com.anthropic.sdk"},
	Adds:   &genAI,
	Cache:  []PartRule{{Is: figures.Included}},
}

// awsSDK is OpenTelemetry's instrumentation of the AWS SDK for JavaScript and of botocore, which copies
// Bedrock's own input figure and says nothing of the cache.
// https://github.com/open-telemetry/opentelemetry-js-contrib/tree/main/packages/instrumentation-aws-sdk
var awsSDK = Family{
	Name:       "aws-sdk",
	Scopes:     []string{"@opentelemetry/instrumentation-aws-sdk", "opentelemetry.instrumentation.botocore", "io.opentelemetry.aws-sdk"},
	Adds:       &genAI,
	Cache:      []PartRule{{Is: figures.Excluded}},
	Attributes: map[Attribute][]string{RequestID: {"aws.request.id", "aws.request_id"}},

	HidesCache: []PartRule{{Model: "claude", Is: figures.Excluded}, {Model: "nova", Is: figures.Excluded}}, // the models with a cache
}

// vllm is the server's own tracing. https://docs.vllm.ai/en/latest/examples/online_serving/opentelemetry.html
var vllm = Family{
	Name:       "vllm",
	Scopes:     []string{"vllm."},
	Adds:       &genAI,
	Attributes: map[Attribute][]string{TTFT: {"gen_ai.latency.time_to_first_token"}, RequestID: {"gen_ai.request.id"}},
}

// contrib is OpenTelemetry's own instrumentations, which hold to the conventions.
// https://github.com/open-telemetry/opentelemetry-python-contrib/tree/main/instrumentation-genai
var contrib = Family{
	Name: "gen_ai",
	Scopes: []string{
		"opentelemetry.instrumentation.genai", "opentelemetry.instrumentation.openai_v2", "opentelemetry.instrumentation.openai_agents",
		"opentelemetry.instrumentation.google_genai", "opentelemetry.instrumentation.vertexai", "opentelemetry.util.genai",
		"@opentelemetry/instrumentation-",
	},
	Adds: &genAI,
}

package dialect

import (
	"testing"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestOpenLLMetryFamily(t *testing.T) {
	anthropic := map[string]any{
		"gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.total_tokens": 5222,
		"gen_ai.usage.cache_read_input_tokens": 3000, "gen_ai.usage.cache_creation_input_tokens": 450,
	}
	readCases(t, []readCase{
		{
			name: "python, openai", scope: "opentelemetry.instrumentation.openai.v1", span: "openai.chat", family: "openllmetry",
			attrs: chat("openai", "gpt-5", map[string]any{
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 400, "gen_ai.usage.total_tokens": 1600,
				"gen_ai.usage.cache_read.input_tokens": 1024, "gen_ai.usage.reasoning_tokens": 256,
			}),
			want: tok{1200, 400, 1024, none, 256},
		},
		{
			name: "its first names", scope: "opentelemetry.instrumentation.openai", span: "openai.chat",
			attrs: map[string]any{
				"llm.request.type": "chat", "gen_ai.system": "OpenAI", "gen_ai.request.model": "gpt-4", "llm.usage.total_tokens": 211,
				"llm.usage.prompt_tokens": 128, "llm.usage.completion_tokens": 83,
			},
			want: tok{128, 83, none, none, none},
		},
		{
			name: "python, anthropic that adds", scope: "opentelemetry.instrumentation.anthropic", span: "anthropic.chat",
			attrs: chat("anthropic", "claude", anthropic), want: tok{5000, 222, 3000, 450, none},
		},
		{
			name: "python, anthropic that does not (openllmetry#3949)", scope: "opentelemetry.instrumentation.anthropic", span: "anthropic.chat",
			attrs: chat("anthropic", "claude", map[string]any{
				"gen_ai.usage.input_tokens": 1550, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.cache_read_input_tokens": 3000,
				"gen_ai.usage.cache_creation_input_tokens": 450,
			}),
			want: tok{5000, 222, 3000, 450, none},
		},
		{
			name: "javascript, anthropic", scope: "@traceloop/instrumentation-anthropic", span: "anthropic.chat",
			attrs: chat("anthropic", "claude", map[string]any{
				"gen_ai.usage.input_tokens": 4000, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.total_tokens": 4222,
				"gen_ai.usage.cache_read.input_tokens": 3000,
			}),
			want: tok{7000, 222, 3000, none, none},
		},
		{
			name: "bedrock converse, whose total it makes itself", scope: "opentelemetry.instrumentation.bedrock", span: "bedrock.converse",
			attrs: chat("AWS", "anthropic.claude", map[string]any{
				"gen_ai.usage.input_tokens": 900, "gen_ai.usage.output_tokens": 100, "gen_ai.usage.total_tokens": 1000,
				"gen_ai.usage.cache_read.input_tokens": 400, "gen_ai.usage.cache_creation.input_tokens": 300,
			}),
			want: tok{1600, 100, 400, 300, none},
		},
		{
			name: "langchain that counts a stream's cache twice (langchainjs#10249)", scope: "opentelemetry.instrumentation.langchain", span: "ChatAnthropic.chat",
			attrs: chat("anthropic", "claude", map[string]any{
				"gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.total_tokens": 5222,
				"gen_ai.usage.cache_read.input_tokens": 6000,
			}),
			want: tok{5000, 222, 5000, none, none}, quality: usage.Inconsistent,
		},
		{
			name: "a workflow", scope: "opentelemetry.instrumentation.langchain", span: "RunnableSequence.workflow",
			attrs: map[string]any{"traceloop.span.kind": "workflow", "traceloop.entity.name": "RunnableSequence"}, notCall: true,
		},
	})
}

func TestContribFamilies(t *testing.T) {
	readCases(t, []readCase{
		{
			name: "the openai instrumentation", scope: "@opentelemetry/instrumentation-openai", span: "chat gpt-4o-mini", family: "gen_ai",
			attrs: chat("openai", "gpt-4o-mini", map[string]any{"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345}),
			want:  tok{1200, 345, none, none, none},
		},
		{
			name: "bedrock through the AWS SDK", scope: "@opentelemetry/instrumentation-aws-sdk", span: "chat amazon.nova", family: "aws-sdk",
			attrs: map[string]any{
				"gen_ai.operation.name": "chat", "gen_ai.system": "aws.bedrock", "gen_ai.request.model": "amazon.nova-lite-v1:0",
				"gen_ai.usage.input_tokens": 700, "gen_ai.usage.output_tokens": 70, "aws.request.id": "r1",
			},
			want: tok{700, 70, none, none, none}, quality: usage.CacheMissing,
		},
		{
			name: "an InvokeModel without an operation", scope: "@opentelemetry/instrumentation-aws-sdk", span: "BedrockRuntime.InvokeModel",
			attrs: map[string]any{"gen_ai.system": "aws.bedrock", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3},
			want:  tok{7, 3, none, none, none},
		},
		{
			name: "the Anthropic SDK's own span, in a process of OpenLIT's", scope: "com.anthropic.sdk.typescript", span: "anthropic.messages.create",
			resource: map[string]any{"telemetry.sdk.name": "openlit"}, family: "anthropic-sdk",
			attrs: chat("anthropic", "claude", map[string]any{
				"gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.cache_read.input_tokens": 3000,
				"gen_ai.usage.cache_write.input_tokens": 450, "anthropic.usage.cache_creation.ephemeral_5m_input_tokens": 450,
				"anthropic.usage.cache_creation.ephemeral_1h_input_tokens": 0,
			}),
			want: tok{5000, 222, 3000, 450, none},
		},
		{
			name: "vllm's own tracing", scope: "vllm.llm_engine", span: "llm_request", family: "vllm",
			attrs: map[string]any{
				"gen_ai.response.model": "qwen", "gen_ai.request.id": "cmpl-1", "gen_ai.usage.prompt_tokens": 5, "gen_ai.usage.completion_tokens": 16,
			},
			want: tok{5, 16, none, none, none},
		},
	})
}

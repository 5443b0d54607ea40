package dialect

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRawParts: the parts of a provider's raw request and answer hold what was said; its figures do not.
func TestRawParts(t *testing.T) {
	for _, name := range []string{"llm.None.content", "llm.gemini.candidates", "llm.openai.input", "llm.anthropic.system", "mlflow.chunk.value", "crew_tasks"} {
		require.True(t, IsContent(name, false), name)
	}
	for _, name := range []string{
		"llm.openai.usage", "llm.token_count.prompt", "llm.cost.prompt", "llm.token_count.prompt_details.cache_read", "llm.openai.id", "llm.usage.output",
	} {
		require.False(t, IsContent(name, true), name)
	}
}

// TestIsContent: the attributes in which the emitters of the captures, and others, put what was said.
func TestIsContent(t *testing.T) {
	for _, name := range []string{
		"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.prompt.0.content", "input.value", "output.value", "llm.input_messages.0.message.content",
		"traceloop.entity.input", "ai.prompt.messages", "ai.response.text", "ai.toolCall.result", "mastra.agent_run.input", "mastra.model_step.output",
		"gcp.vertex.agent.llm_request", "gcp.vertex.agent.llm_response", "gcp.vertex.agent.tool_response", "genkit:output", "response_data",
		"haystack.component.output", "langfuse.observation.input", "langwatch.output", "llm.hosted_vllm.messages", "gen_ai.prompt_json",
		"braintrust.output_json", "gen_ai.tool.call.result",
	} {
		require.True(t, IsContent(name, false), name)
	}
	for _, name := range []string{
		"gen_ai.usage.input_tokens", "gen_ai.request.model", "llm.token_count.prompt", "mastra.span.type", "ai.usage.inputTokens",
		"langfuse.observation.usage_details", "http.request.method", "input_tokens", "output",
	} {
		require.False(t, IsContent(name, false), name)
	}
	require.True(t, IsContent("output", true), "plain words do in records that are ours")
}

package providers

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMap: what emitters write, and the conventions' name of it.
func TestMap(t *testing.T) {
	for want, names := range map[string][]string{
		"openai":             {"openai", "OpenAI", "openai.chat", "openai.responses", "openai.completion", "openai.embedding", "text-completion-openai", "langgenius/openai/openai"},
		"azure.ai.openai":    {"azure", "azure_openai", "azure-openai", "azure-openai.chat", "azure.openai", "az.ai.openai", "azure.ai.openai"},
		"azure.ai.inference": {"azure_ai", "az.ai.inference", "azure.chat", "azure.responses", "azure.ai.inference"},
		"anthropic":          {"anthropic", "Anthropic", "anthropic.messages"},
		"aws.bedrock":        {"AWS", "aws", "bedrock", "amazon", "amazon-bedrock", "amazon-bedrock.chat", "bedrock_converse", "AWS Bedrock", "aws.anthropic", "aws.bedrock"},
		"gcp.vertex_ai":      {"vertex_ai", "vertexai", "google.vertex.chat", "google-vertex", "vertex", "gcp.anthropic"},
		"gcp.gemini":         {"google", "gemini", "google-gla", "google.generative-ai", "google_genai", "Google AI Studio", "gcp.gemini", "gcp.gen_ai"},
		"mistral_ai":         {"mistral", "mistralai", "mistral.chat"},
		"x_ai":               {"xai", "xai.chat"},
		"ibm.watsonx.ai":     {"watsonx"},
		"moonshot_ai":        {"moonshot"},
		"github":             {"github"},
		"hosted_vllm":        {"hosted_vllm"},
		"":                   {"strands-agents", "gcp.vertex.agent", "spring_ai", "microsoft.agent_framework", "langchain"},
	} {
		for _, name := range names {
			require.Equal(t, want, Map(name), name)
		}
	}
}

package llmapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProviders: where the host is not known, the path decides.
func TestProviders(t *testing.T) {
	for path, want := range map[string]string{
		"/v1/messages/count_tokens": "anthropic", "/v1beta/models/g:countTokens": "gcp.gemini", "/v1/responses/input_tokens": "openai",
		"/model/m/count-tokens": "aws.bedrock", "/model/m/converse": "aws.bedrock", "/api/chat": "ollama", "/v1/rerank": "cohere", "/v1/audio/speech": "openai",
		"/v1/projects/p/locations/l/publishers/anthropic/models/count-tokens:rawPredict": "anthropic", "/v1beta/models/imagen-4:predict": "gcp.gemini",
		"/v1/projects/p/locations/l/publishers/google/models/gemini-2.5-pro:streamGenerateContent": "gcp.gemini",
	} {
		a := Recognize(httptest.NewRequest(http.MethodPost, path, nil))
		require.NotEqual(t, None, a, path)
		require.Equal(t, want, ProviderOf(a, "127.0.0.1", path), path)
		require.Equal(t, "mistral_ai", ProviderOf(a, "api.mistral.ai", path), "a known host decides")
	}
}

package proxytrace

import (
	"net/http"

	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// API is a provider's interface, by which bodies are read.
type API = llmapi.API

// The interfaces that are recognised. Calls of any other kind pass through untouched and make no span.
const (
	None                  = llmapi.None                  // not a model call
	OpenAIChat            = llmapi.OpenAIChat            // POST .../chat/completions
	OpenAICompletions     = llmapi.OpenAICompletions     // POST .../v1/completions
	OpenAIResponses       = llmapi.OpenAIResponses       // POST .../v1/responses, .../responses/compact
	OpenAIEmbeddings      = llmapi.OpenAIEmbeddings      // POST .../v1/embeddings
	OpenAIImages          = llmapi.OpenAIImages          // POST .../images/generations, /images/edits, /images/variations
	OpenAITranscriptions  = llmapi.OpenAITranscriptions  // POST .../audio/transcriptions, /audio/translations
	OpenAISpeech          = llmapi.OpenAISpeech          // POST .../audio/speech
	OpenAIModerations     = llmapi.OpenAIModerations     // POST .../moderations
	OpenAIStoredResponses = llmapi.OpenAIStoredResponses // GET .../responses/{id}
	OpenAIBatches         = llmapi.OpenAIBatches         // POST .../batches, GET .../batches/{id}
	OpenAIRealtime        = llmapi.OpenAIRealtime        // GET .../realtime, .../responses, as a WebSocket
	AnthropicMessages     = llmapi.AnthropicMessages     // POST .../v1/messages, Vertex AI's :rawPredict and :streamRawPredict
	AnthropicBatches      = llmapi.AnthropicBatches      // POST .../messages/batches, GET .../messages/batches/{id}
	GeminiGenerate        = llmapi.GeminiGenerate        // POST ...:generateContent
	GeminiStreamGenerate  = llmapi.GeminiStreamGenerate  // POST ...:streamGenerateContent, as SSE or as a JSON array
	GeminiEmbed           = llmapi.GeminiEmbed           // POST ...:embedContent, :batchEmbedContents
	GoogleImages          = llmapi.GoogleImages          // POST .../models/imagen-...:predict
	Rerank                = llmapi.Rerank                // POST .../rerank
	CountTokens           = llmapi.CountTokens           // POST .../messages/count_tokens, :countTokens, .../responses/input_tokens, ...
	BedrockConverse       = llmapi.BedrockConverse       // POST /model/{id}/converse
	BedrockConverseStream = llmapi.BedrockConverseStream // POST /model/{id}/converse-stream
	BedrockInvoke         = llmapi.BedrockInvoke         // POST /model/{id}/invoke
	BedrockInvokeStream   = llmapi.BedrockInvokeStream   // POST /model/{id}/invoke-with-response-stream
	OllamaChat            = llmapi.OllamaChat            // POST /api/chat
	OllamaGenerate        = llmapi.OllamaGenerate        // POST /api/generate
	OllamaEmbed           = llmapi.OllamaEmbed           // POST /api/embed, /api/embeddings
)

// Recognize returns the API that a request calls, by its method and the end of its path; None for any other request. It is
// what Middleware and Transport use unless WithRecognizer replaces it. Calls that consume no tokens (counting tokens,
// asking for a batch that is not done) are recognised too; their spans do not count.
func Recognize(r *http.Request) API { return llmapi.Recognize(r) }

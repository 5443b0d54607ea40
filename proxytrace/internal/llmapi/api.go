// Package llmapi describes the APIs of language models' providers: how their requests are recognised, and what of an
// answer is a model, an id, an error or a figure.
package llmapi

// API is a provider's interface, by which bodies are read.
type API uint8

// The interfaces that are recognised.
const (
	None                    API = iota // not a model call
	OpenAIChat                         // POST .../chat/completions
	OpenAICompletions                  // POST .../v1/completions
	OpenAIResponses                    // POST .../v1/responses, .../responses/compact
	OpenAIEmbeddings                   // POST .../v1/embeddings
	AnthropicMessages                  // POST .../v1/messages, Vertex AI's :rawPredict and :streamRawPredict
	GeminiGenerate                     // POST ...:generateContent
	GeminiStreamGenerate               // POST ...:streamGenerateContent, as SSE or as a JSON array
	GeminiEmbed                        // POST ...:embedContent, :batchEmbedContents
	anthropicStreamOnVertex            // :streamRawPredict
)

// Further interfaces. Their numbers leave room for more of those above.
const (
	OpenAIImages          API = iota + 32 // POST .../images/generations, /images/edits, /images/variations
	OpenAITranscriptions                  // POST .../audio/transcriptions, /audio/translations
	OpenAISpeech                          // POST .../audio/speech
	OpenAIModerations                     // POST .../moderations
	OpenAIStoredResponses                 // GET .../responses/{id}
	OpenAIBatches                         // POST .../batches, GET .../batches/{id}
	OpenAIRealtime                        // GET .../realtime, .../responses, as a WebSocket
	AnthropicBatches                      // POST .../messages/batches, GET .../messages/batches/{id}
	Rerank                                // POST .../rerank
	CountTokens                           // POST .../messages/count_tokens, :countTokens, .../responses/input_tokens, .../count-tokens
	GoogleImages                          // POST .../models/imagen-...:predict
	BedrockConverse                       // POST /model/{id}/converse
	BedrockConverseStream                 // POST /model/{id}/converse-stream
	BedrockInvoke                         // POST /model/{id}/invoke
	BedrockInvokeStream                   // POST /model/{id}/invoke-with-response-stream
	OllamaChat                            // POST /api/chat
	OllamaGenerate                        // POST /api/generate
	OllamaEmbed                           // POST /api/embed, /api/embeddings
)

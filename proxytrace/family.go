package proxytrace

import (
	"net/http"
	"strings"
)

// family is what there is to know of an API beside the five that the first table of APIs has: how its calls are
// recognised stands in a file of its own, with what is looked for in its answers.
type family struct {
	operation string // gen_ai.operation.name
	provider  string
	answers   *node
	rule      func(*tokens, *figures)              // makes the conventions' figures of the provider's
	otherwise string                               // the operation of a call that does not count; "": it is none of a model
	counts    func(*reading, *requestReading) bool // whether a call is one that spends; nil: every call is
	streams   bool                                 // what is asked for is a stream by the path alone
	ends      bool                                 // a reason to finish is the last that a stream has to tell
	merges    bool                                 // later usage objects complete earlier ones
}

// The APIs that have a file of their own.
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

// families are the APIs above. It is filled once, when the program starts.
var families map[API]*family

func init() {
	families = map[API]*family{
		OpenAIImages:          &imageFamily,
		OpenAITranscriptions:  &transcriptionFamily,
		OpenAISpeech:          &speechFamily,
		OpenAIModerations:     &moderationFamily,
		OpenAIStoredResponses: &storedFamily,
		OpenAIBatches:         &batchFamily,
		OpenAIRealtime:        &realtimeFamily,
		AnthropicBatches:      &anthropicBatchFamily,
		Rerank:                &rerankFamily,
		CountTokens:           &countFamily,
		GoogleImages:          &googleImageFamily,
		BedrockConverse:       &converseFamily,
		BedrockConverseStream: &converseStreamFamily,
		BedrockInvoke:         &invokeFamily,
		BedrockInvokeStream:   &invokeStreamFamily,
		OllamaChat:            &ollamaChatFamily,
		OllamaGenerate:        &ollamaGenerateFamily,
		OllamaEmbed:           &ollamaEmbedFamily,
	}
}

func (a API) family() *family { return families[a] }

// providerAt is who offers what a path names, unless the host says better.
func (a API) providerAt(path string) string {
	if a != CountTokens {
		return a.provider()
	}
	switch {
	case strings.HasSuffix(path, ":countTokens"):
		return GeminiGenerate.provider()
	case bedrockModel(path) != "":
		return BedrockInvoke.provider()
	case strings.HasSuffix(path, "/input_tokens"):
		return OpenAIResponses.provider()
	default:
		return AnthropicMessages.provider()
	}
}

// recognizeFamily recognises the APIs that have a file of their own, of a path without a slash at its end.
func recognizeFamily(r *http.Request, path string) API {
	switch r.Method {
	case http.MethodGet:
		return recognizeStored(path)
	case http.MethodPost:
	default:
		return None
	}
	for _, in := range []func(string) API{recognizeImages, recognizeAudio, recognizeBatches, recognizeScores, recognizeCount, recognizeBedrock, recognizeOllama} {
		if a := in(path); a != None {
			return a
		}
	}
	return None
}

// below gives the last part of a path whose rest ends as under says, "" where the path is another.
func below(path, end string) string {
	i := strings.LastIndexByte(path, '/')
	if i < 0 || i+1 == len(path) || !under(path[:i], end) {
		return ""
	}
	return path[i+1:]
}

// counted tells whether a call is one that spends, given what was read of it.
func (a API) counted(r *reading, request *requestReading) bool {
	f := a.family()
	return f == nil || f.counts == nil || f.counts(r, request)
}

// late tells whether only the answer says if a call spends.
func (a API) late() bool {
	f := a.family()
	return f != nil && f.counts != nil
}

// never is the rule of calls that spend nothing.
func never(*reading, *requestReading) bool { return false }

// noTokens is the rule of answers whose figures, if there are any, are no usage.
func noTokens(t *tokens, _ *figures) { *t = tokens{} }

// ends tells whether a reason to finish is the last that a stream of an API with a file of its own has to tell.
func (a API) ends() bool {
	f := a.family()
	return f != nil && f.ends
}

// streams tells whether what an API is asked for is a stream by its path.
func (a API) streams() bool {
	f := a.family()
	return a == GeminiStreamGenerate || a == anthropicStreamOnVertex || f != nil && f.streams
}

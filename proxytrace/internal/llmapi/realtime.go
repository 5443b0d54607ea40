package llmapi

import (
	"net/http"
	"strings"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
)

// realtimeTree reads https://platform.openai.com/docs/api-reference/realtime-server-events/response/done, and the
// events of the Responses API where they come over a WebSocket.
var realtimeTree = jsonscan.NewTree(here, jsonscan.Table{
	"type": fType, "session.model": fModel, "response.id": fID, "response.model": fModel, "response.status": fStatus,
	"response.status_details.error": fError, "response.status_details.error.type": fErrorType, "response.status_details.error.code": fErrorCode,
	"response.error": fError, "response.error.code": fErrorCode,
}, within("response.usage", responsesUsage), jsonscan.Table{
	"response.usage.input_token_details.cached_tokens":                      fCacheRead,
	"response.usage.input_token_details.audio_tokens":                       fAudioInput,
	"response.usage.input_token_details.image_tokens":                       fImageInput,
	"response.usage.input_token_details.cached_tokens_details.audio_tokens": fAudioRead,
	"response.usage.input_token_details.cached_tokens_details.image_tokens": fImageRead,
	"response.usage.output_token_details.audio_tokens":                      fAudioOutput,
})

var realtime = Spec{Operation: "chat", Provider: "openai", Tree: realtimeTree, Tiers: openAITiers, tokens: openAITokens}

// recognizeSession recognises requests that ask for a WebSocket.
func recognizeSession(r *http.Request, path string) API {
	if r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") &&
		(under(path, "/realtime") || under(path, "/responses")) {
		return OpenAIRealtime
	}
	return None
}

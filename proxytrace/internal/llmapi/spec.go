package llmapi

import "github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"

// Spec describes how one API differs from the others.
type Spec struct {
	Operation string // gen_ai.operation.name
	Provider  string // gen_ai.provider.name, unless the host is a known provider's
	Tree      *jsonscan.Node
	Tiers     TierAttributes
	Tier      string // the service tier of all calls of the API that count; "" where the bodies decide
	Streams   bool   // the path alone asks for a stream
	// Fetches is set for requests that return the same answer again and again: its usage is reported once per id.
	Fetches bool
	// Counts reports whether a call has consumed tokens, where only request and answer have that; nil: every call has.
	Counts func(*Answer, *Request) bool
	// Uncounted is the operation of a call for which Counts returns false; "" where it is not about a model at all.
	Uncounted string

	tokens       func(*Tokens, *figures) // from the provider's figures to those of the conventions
	endsByFinish bool                    // the finish reason is the last that a stream reports
	inHeaders    bool                    // figures come in headers, too
	merges       bool                    // the usage of an answer is in several objects, the later of which complete the earlier
}

// TierAttributes are the names of the attributes of the service tier that answered and of the requested one, "" for none.
type TierAttributes struct{ Answered, Requested string }

var (
	openAITiers = TierAttributes{"openai.response.service_tier", "openai.request.service_tier"}
	// A request to Anthropic names no tier: it says whether a higher one may be used.
	anthropicTiers = TierAttributes{Answered: "anthropic.response.service_tier"}
	// The conventions have no name for the tiers of other providers.
	otherTiers = TierAttributes{"gen_ai.response.service_tier", "gen_ai.request.service_tier"}
)

// SpecOf returns the description of an API. Numbers that are no API's, which a recogniser of the program may return, are
// read as OpenAI's chat completions.
func SpecOf(a API) *Spec {
	if int(a) < len(specs) && specs[a] != nil {
		return specs[a]
	}
	return &openAIChat
}

// specs is never changed.
var specs = [...]*Spec{
	OpenAIChat:              &openAIChat,
	OpenAICompletions:       &openAICompletions,
	OpenAIResponses:         &openAIResponses,
	OpenAIEmbeddings:        &openAIEmbeddings,
	AnthropicMessages:       &anthropicMessages,
	anthropicStreamOnVertex: &anthropicStream,
	GeminiGenerate:          &geminiGenerate,
	GeminiStreamGenerate:    &geminiStream,
	GeminiEmbed:             &geminiEmbed,
	OpenAIImages:            &images,
	OpenAITranscriptions:    &transcriptions,
	OpenAISpeech:            &speech,
	OpenAIModerations:       &moderations,
	OpenAIStoredResponses:   &storedResponses,
	OpenAIBatches:           &batches,
	OpenAIRealtime:          &realtime,
	AnthropicBatches:        &anthropicBatches,
	Rerank:                  &rerank,
	CountTokens:             &countTokens,
	GoogleImages:            &googleImages,
	BedrockConverse:         &converse,
	BedrockConverseStream:   &converseStream,
	BedrockInvoke:           &invoke,
	BedrockInvokeStream:     &invokeStream,
	OllamaChat:              &ollamaChat,
	OllamaGenerate:          &ollamaGenerate,
	OllamaEmbed:             &ollamaEmbed,
}

var (
	openAIChat        = openAISpec("chat", openAITokens)
	openAICompletions = openAISpec("text_completion", openAITokens)
	openAIEmbeddings  = openAISpec("embeddings", embeddingTokens)
	openAIResponses   = Spec{Operation: "chat", Provider: "openai", Tree: responsesTree, Tiers: openAITiers, tokens: openAITokens}

	anthropicMessages = Spec{
		Operation: "chat", Provider: "anthropic", Tree: anthropicTree, Tiers: anthropicTiers, tokens: anthropicTokens, merges: true,
	}
	anthropicStream = anthropicMessages.streaming()

	geminiGenerate = geminiSpec("generate_content", geminiTokens)
	geminiStream   = geminiGenerate.streaming()
	geminiEmbed    = geminiSpec("embeddings", geminiTokens)
)

func openAISpec(operation string, tokens func(*Tokens, *figures)) Spec {
	return Spec{Operation: operation, Provider: "openai", Tree: openAITree, Tiers: openAITiers, tokens: tokens, endsByFinish: true}
}

func geminiSpec(operation string, tokens func(*Tokens, *figures)) Spec {
	return Spec{
		Operation: operation, Provider: "gcp.gemini", Tree: geminiTree, Tiers: otherTiers, tokens: tokens, endsByFinish: true, merges: true,
	}
}

// streaming returns the same with an answer that is always a stream.
func (s Spec) streaming() Spec {
	s.Streams = true
	return s
}

// never is Counts of APIs that consume no tokens.
func never(*Answer, *Request) bool { return false }

// noTokens is the rule of answers whose figures, if there are any, are no usage.
func noTokens(t *Tokens, _ *figures) { *t = Tokens{} }

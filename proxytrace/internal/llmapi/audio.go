package llmapi

import "github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"

// transcriptionTree reads https://platform.openai.com/docs/api-reference/audio: usage has tokens with the GPT
// transcription models, seconds with Whisper, and is not sent with translations or as plain text.
var transcriptionTree = jsonscan.NewTree(here, openAICommon, jsonscan.Table{"type": fType}, within("usage", jsonscan.Table{
	"input_tokens": fInput, "output_tokens": fOutput, "total_tokens": fTotal, "seconds": fSeconds,
	"input_token_details.audio_tokens": fAudioInput, "input_tokens_details.audio_tokens": fAudioInput,
}))

// speechTree reads the events of speech; an answer that is no stream of events is audio without usage.
var speechTree = jsonscan.NewTree(here, openAICommon, jsonscan.Table{"type": fType}, within("usage", jsonscan.Table{
	"input_tokens": fInput, "output_tokens": fOutput, "total_tokens": fTotal,
}))

var transcriptions = Spec{Operation: "transcription", Provider: "openai", Tree: transcriptionTree, Tiers: openAITiers, tokens: openAITokens}

var speech = Spec{
	Operation: "speech", Provider: "openai", Tree: speechTree, Tiers: openAITiers,
	tokens: func(t *Tokens, f *figures) {
		openAITokens(t, f)
		f.parts.count[fAudioOutput-fAudioInput] = t.Output // all of it is audio
	},
}

func recognizeAudio(path string) API {
	switch {
	case under(path, "/audio/transcriptions"), under(path, "/audio/translations"):
		return OpenAITranscriptions
	case under(path, "/audio/speech"):
		return OpenAISpeech
	default:
		return None
	}
}

package proxytrace

// transcriptionTree reads https://platform.openai.com/docs/api-reference/audio: usage has tokens with the GPT
// transcription models, seconds with Whisper, and is not sent with translations or as plain text.
var transcriptionTree = tree(here, openAICommon, table{"type": fType}, within("usage", table{
	"input_tokens": fInput, "output_tokens": fOutput, "total_tokens": fTotal, "seconds": fSeconds,
	"input_token_details.audio_tokens": fAudioInput, "input_tokens_details.audio_tokens": fAudioInput,
}))

// speechTree reads the events of speech; an answer that is no stream of events is audio and says nothing.
var speechTree = tree(here, openAICommon, table{"type": fType}, within("usage", table{
	"input_tokens": fInput, "output_tokens": fOutput, "total_tokens": fTotal,
}))

var (
	transcriptionFamily = family{
		operation: "transcription", provider: "openai", answers: transcriptionTree,
		rule: func(t *tokens, f *figures) { t.openAI(f, OpenAITranscriptions) },
	}
	speechFamily = family{
		operation: "speech", provider: "openai", answers: speechTree,
		rule: func(t *tokens, f *figures) {
			t.openAI(f, OpenAISpeech)
			f.parts.count[fAudioOutput-fAudioInput] = t.output // what is spoken
		},
	}
)

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

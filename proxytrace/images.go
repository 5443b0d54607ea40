package proxytrace

import "strings"

// imageTree reads https://platform.openai.com/docs/api-reference/images: DALL·E sends no usage, the GPT image
// models send it in the answer, or in the last event of a stream. Older servers do not say which of the output's
// tokens are an image's: all are.
var imageTree = tree(here, openAICommon, table{"type": fType}, within("usage", table{
	"input_tokens": fInput, "output_tokens": fOutput, "total_tokens": fTotal,
	"input_tokens_details.image_tokens": fImageInput, "input_tokens_details.cached_tokens": fCacheRead,
	"input_tokens_details.cached_tokens_details.image_tokens": fImageRead,
	"output_tokens_details.image_tokens":                      fImageOutput,
	"output_tokens_details.text_tokens":                       fTextOutput,
}))

var imageFamily = family{
	operation: "image_generation", provider: "openai", answers: imageTree,
	rule: func(t *tokens, f *figures) {
		t.openAI(f, OpenAIImages)
		if out := &f.parts.count[fImageOutput-fAudioInput]; *out == 0 && !f.parts.text {
			*out = t.output
		}
	},
}

// googleImageFamily are Imagen's models, which are billed by the image and send no usage.
var googleImageFamily = family{operation: "image_generation", provider: "gcp.gemini", answers: geminiTree, rule: noTokens}

func recognizeImages(path string) API {
	if under(path, "/images/generations") || under(path, "/images/edits") || under(path, "/images/variations") {
		return OpenAIImages
	}
	return None
}

// isImagen tells whether a path of Google's asks an image model to predict.
func isImagen(path string) bool {
	return strings.HasPrefix(modelInPath(path), "imagen")
}

package llmapi

import (
	"strings"

	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
)

// imageTree reads https://platform.openai.com/docs/api-reference/images: DALL·E sends no usage, the GPT image
// models send it in the answer, or in the last event of a stream. Older servers do not divide the output's tokens: all are
// an image's.
var imageTree = jsonscan.NewTree(here, openAICommon, jsonscan.Table{"type": fType}, within("usage", jsonscan.Table{
	"input_tokens": fInput, "output_tokens": fOutput, "total_tokens": fTotal,
	"input_tokens_details.image_tokens": fImageInput, "input_tokens_details.cached_tokens": fCacheRead,
	"input_tokens_details.cached_tokens_details.image_tokens": fImageRead,
	"output_tokens_details.image_tokens":                      fImageOutput,
	"output_tokens_details.text_tokens":                       fTextOutput,
}))

var images = Spec{
	Operation: "image_generation", Provider: "openai", Tree: imageTree, Tiers: openAITiers,
	tokens: func(t *Tokens, f *figures) {
		openAITokens(t, f)
		if out := &f.parts.count[fImageOutput-fAudioInput]; *out == 0 && !f.parts.text {
			*out = t.Output
		}
	},
}

// googleImages are Imagen's models, which are billed by the image and send no usage.
var googleImages = geminiSpec("image_generation", noTokens)

func recognizeImages(path string) API {
	if under(path, "/images/generations") || under(path, "/images/edits") || under(path, "/images/variations") {
		return OpenAIImages
	}
	return None
}

// isImagen reports whether a path of Google's is of an image model.
func isImagen(path string) bool {
	return strings.HasPrefix(ModelInPath(path), "imagen")
}

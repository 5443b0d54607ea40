package pricing

import "github.com/tokenboard/tokenboard/internal/usage"

// kind is a kind of token that can have a price of its own. Kinds lie within one another: a token
// costs what the most specific priced kind that it belongs to costs.
type kind uint8

// The kinds, each after those that lie within it.
const (
	cacheWrite1h kind = iota
	cacheAudioRead
	cacheImageRead
	cacheRead
	cacheWrite
	inputAudio
	inputImage
	inputVideo
	input
	reasoning
	outputAudio
	outputImage
	outputVideo
	output
	kindCount
)

// kinds names each kind, as in the API and in configuration, and says which kinds it lies within.
var kinds = [kindCount]struct {
	name   string
	within []kind
}{
	cacheWrite1h:   {"cache_write_1h", []kind{cacheWrite, input}},
	cacheAudioRead: {"audio_cache_read", []kind{cacheRead, inputAudio, input}},
	cacheImageRead: {"image_cache_read", []kind{cacheRead, inputImage, input}},
	cacheRead:      {"cache_read", []kind{input}},
	cacheWrite:     {"cache_write", []kind{input}},
	inputAudio:     {"audio_input", []kind{input}},
	inputImage:     {"image_input", []kind{input}},
	inputVideo:     {"video_input", []kind{input}},
	input:          {"input", nil},
	reasoning:      {"reasoning", []kind{output}},
	outputAudio:    {"audio_output", []kind{output}},
	outputImage:    {"image_output", []kind{output}},
	outputVideo:    {"video_output", []kind{output}},
	output:         {"output", nil},
}

// isWithin reports whether all tokens of k are tokens of o too.
func (k kind) isWithin(o kind) bool {
	for _, w := range kinds[k].within {
		if w == o {
			return true
		}
	}
	return false
}

// counts returns a call's tokens of every kind, including the tokens of the kinds within it.
func counts(t *usage.Tokens, m *usage.Modalities) [kindCount]int64 {
	return [kindCount]int64{
		cacheWrite1h: t.CacheWrite1h, cacheAudioRead: m.AudioCacheRead, cacheImageRead: m.ImageCacheRead, cacheRead: t.CacheRead,
		cacheWrite: t.CacheWrite, inputAudio: m.AudioInput, inputImage: m.ImageInput, inputVideo: m.VideoInput, input: t.Input(),
		reasoning: t.Reasoning, outputAudio: m.AudioOutput, outputImage: m.ImageOutput, outputVideo: m.VideoOutput, output: t.Output(),
	}
}

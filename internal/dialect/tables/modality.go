package tables

import "github.com/tokenboard/tokenboard/internal/usage"

// Modalities are the parts of a call's tokens that are not text, and the names that emitters have for
// them; the first of each is the conventions'. They are parts in every dialect, so that no family has
// a rule of its own.
var Modalities = []struct {
	Aliases []string
	At      func(*usage.Modalities) *int64
}{
	{[]string{
		usage.AttrAudioInput, "gen_ai.usage.audio_input_tokens", "llm.token_count.prompt_details.audio", "gen_ai.usage.prompt_tokens_details.audio_tokens",
		"gen_ai.usage.details.input_audio_tokens", "gen_ai.usage.input_token_details#audio",
		"langsmith.usage_metadata#input_token_details.audio", "langfuse.observation.usage_details#input_audio_tokens",
		"langfuse.observation.usage_details#prompt_tokens_details.audio_tokens",
	}, func(m *usage.Modalities) *int64 { return &m.AudioInput }},
	{[]string{
		usage.AttrAudioCacheRead, "gen_ai.usage.details.cache_audio_read_tokens",
	}, func(m *usage.Modalities) *int64 { return &m.AudioCacheRead }},
	{[]string{
		usage.AttrAudioOutput, "gen_ai.usage.audio_output_tokens", "llm.token_count.completion_details.audio", "gen_ai.usage.completion_tokens_details.audio_tokens",
		"gen_ai.usage.details.output_audio_tokens", "gen_ai.usage.output_token_details#audio",
		"langsmith.usage_metadata#output_token_details.audio", "langfuse.observation.usage_details#output_audio_tokens",
		"langfuse.observation.usage_details#completion_tokens_details.audio_tokens",
	}, func(m *usage.Modalities) *int64 { return &m.AudioOutput }},
	{[]string{
		usage.AttrImageInput, "gen_ai.usage.details.input_image_tokens",
	}, func(m *usage.Modalities) *int64 { return &m.ImageInput }},
	{[]string{usage.AttrImageCacheRead}, func(m *usage.Modalities) *int64 { return &m.ImageCacheRead }},
	{[]string{
		usage.AttrImageOutput, "gen_ai.usage.details.output_image_tokens",
	}, func(m *usage.Modalities) *int64 { return &m.ImageOutput }},
	{[]string{usage.AttrVideoInput}, func(m *usage.Modalities) *int64 { return &m.VideoInput }},
	{[]string{usage.AttrVideoOutput}, func(m *usage.Modalities) *int64 { return &m.VideoOutput }},
}

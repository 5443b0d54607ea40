package block

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestPackParts(t *testing.T) {
	require.Nil(t, packParts(parts{}))
	before := usage.Tokens{InputUncached: 9, CacheRead: 10, CacheWrite: 11, CacheWrite1h: 1, OutputText: 12, Reasoning: usage.MaxTokens}
	for _, m := range []usage.Modalities{
		{}, {AudioInput: 5}, {VideoOutput: usage.MaxTokens},
		{AudioInput: 1, AudioCacheRead: 2, AudioOutput: 3, ImageInput: 4, ImageCacheRead: 5, ImageOutput: 6, VideoInput: 7, VideoOutput: 8},
	} {
		for _, p := range []parts{{modalities: m}, {m, before}} {
			packed := packParts(p)
			require.Equal(t, p, unpackParts(packed))
			require.Equal(t, m, unpackParts(packed).modalities)
			require.LessOrEqual(t, len(packed), 255, "its length is a byte")
		}
	}
	require.Len(t, packParts(parts{modalities: usage.Modalities{AudioInput: 5}}), 1, "zeros at the end take no room")
	require.Zero(t, unpackParts([]byte{0x80}), "a broken count is none")
}

package block

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestPackModalities(t *testing.T) {
	require.Nil(t, packModalities(usage.Modalities{}))
	for _, m := range []usage.Modalities{
		{}, {AudioInput: 5}, {VideoOutput: usage.MaxTokens},
		{AudioInput: 1, AudioCacheRead: 2, AudioOutput: 3, ImageInput: 4, ImageCacheRead: 5, ImageOutput: 6, VideoInput: 7, VideoOutput: 8},
	} {
		require.Equal(t, m, UnpackModalities(packModalities(m)))
	}
	require.Len(t, packModalities(usage.Modalities{AudioInput: 5}), 1, "zeros at the end take no room")
	require.Zero(t, UnpackModalities([]byte{0x80}), "a broken count is none")
}

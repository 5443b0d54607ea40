package clienttest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestChannels: the client lists channels, tests one, and reads what became of it.
func TestChannels(t *testing.T) {
	b := newBoard(t, nil)
	none, err := b.api.AlertChannels(t.Context())
	require.NoError(t, err)
	require.Empty(t, none)
	_, err = b.api.TestAlertChannel(t.Context(), "chn_none")
	require.ErrorContains(t, err, "no channel has this id")
	deliveries, err := b.api.AlertDeliveries(t.Context(), 10, "dead", "sent")
	require.NoError(t, err)
	require.Empty(t, deliveries)
	_, err = b.api.RetryAlertDelivery(t.Context(), strings.Repeat("x", 20))
	require.ErrorContains(t, err, "no delivery has this id")
}

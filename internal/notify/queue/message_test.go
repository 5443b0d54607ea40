package queue

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/alert"
	"github.com/tokenboard/tokenboard/internal/notify/message"
)

// TestEveryKindIsTold: messages have words for every kind of rule and every unit, in every language.
func TestEveryKindIsTold(t *testing.T) {
	q := New(Options{})
	for _, k := range alert.Kinds() {
		n := q.message("d", &alert.Notification{ID: "a", Kind: k, State: alert.Firing, Severity: alert.Warning, RuleName: "r", Value: 1, Limit: 2, Unit: k.Unit(), Path: "/logs"})
		for language, limit := range map[message.Language]string{message.English: "(limit ", message.Chinese: "（阈值 "} {
			text := message.Render(n, message.Style{Language: language, Markup: message.Plain()}).Whole
			require.NotContains(t, text, "_", k)
			require.Contains(t, text, "\n", k)
			if k.Unit() != alert.NoUnit {
				require.Contains(t, text, limit, k)
				require.NotContains(t, text, limit+")", "%s: the unit %q is not known", k, k.Unit())
				require.NotContains(t, text, limit+"）", "%s: the unit %q is not known", k, k.Unit())
			}
		}
		require.Empty(t, n.Link, "the page's address is not known")
	}
}

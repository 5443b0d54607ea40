package cliproxyreceiver

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFailureMessage: of a failed attempt's answer only the message of an error object is kept, without secrets.
func TestFailureMessage(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":{"message":"Rate limit reached for joe@mail.example","type":"requests"}}`: "Rate limit reached for …@…",
		`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`:       "Overloaded",
		"the upstream said something private":                                               "",
		`{"messages":[{"role":"user","content":"private"}]}`:                                "",
		"": "",
	} {
		quoted, err := json.Marshal(body)
		require.NoError(t, err)
		for failed, message := range map[string]string{"true": want, "false": ""} {
			status := map[string]string{"true": "429", "false": "200"}[failed]
			c, err := readEvent(json.RawMessage(`{"timestamp":"2026-11-22T22:11:51Z","model":"gpt-4o","failed":`+failed+`,"fail":{"status_code":`+status+`,"body":`+string(quoted)+`}}`), "main")
			require.NoError(t, err)
			require.Equal(t, message, c.ErrorMessage, body)
		}
	}
	c, err := readEvent(json.RawMessage(`{"timestamp":"2026-11-22T22:11:51Z","model":"gpt-4o","failed":true,"fail":{"status_code":429,"body":{"error":1}}}`), "main")
	require.NoError(t, err, "a body of another kind")
	require.Equal(t, 429, c.Status)
	require.Empty(t, c.ErrorMessage)
}

package failure

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestMessage: of what emitters write the provider's sentence stays; secrets, addresses and contents do not.
func TestMessage(t *testing.T) {
	for text, want := range map[string]string{
		"Error code: 429 - {'error': {'message': 'Rate limit reached (mock)', 'type': 'requests', 'param': None}}": "Rate limit reached (mock)",
		`{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}`:         "Overloaded",
		`429 {"error": {"code": 429, "message": "{\"error\": {\"message\": \"Quota exceeded\"}}"}}`:                "Quota exceeded",
		`[{"error": {"code": 400, "message": "API key not valid"}}]`:                                               "API key not valid",
		`{"detail":"Not Found"}`:                                               "Not Found",
		`{"error":"model not found"}`:                                          "model not found",
		"litellm.RateLimitError: slow down. Received Model Group=x":            "litellm.RateLimitError: slow down.",
		"Connection error.":                                                    "Connection error.",
		"terminated\n\tat fetch (node:internal)":                               "terminated",
		"no\n\nnew \x00 lines\u202e here":                                      "no new lines here",
		"Traceback (most recent call last):\n  File \"a.py\"":                  "",
		`{"messages": [{"role": "user", "content": "my secret"}]}`:             "",
		`bad request {"messages": [{"role": "user", "content": "my secret"}]}`: "bad request",
		"1 validation error for Request\nmessages.0\n  Field required [type=missing, input_value={'role': 'user'}]": "1 validation error for Request messages.0 Field required [type=missing",
		"Could not parse LLM output: my secret answer":                                                              "Could not parse LLM output: my secret answer"[:15],
		"Incorrect API key provided: sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD. See https://x.example/keys":  "Incorrect API key provided: sk-pr…ABCD. See https://x.example/keys",
		"user joe.doe+x@mail.example.com is unknown":                                                                "user …@… is unknown",
		"GET https://x.example/v1/models?key=abc&alt=sse: 400":                                                      "GET https://x.example/v1/models?…: 400",
		"https://x.example/?plain failed":                                                                           "https://x.example/?… failed",
		"what now? try a={b}":                                                                                       "what now? try a={b}",
		"the template {name} has no value":                                                                          "the template {name} has no value",
		"":                                                                                                          "",
	} {
		got := Message(text)
		require.Equal(t, want, got, text)
		require.Equal(t, got, Message(got))
	}
}

// TestMessageIsBounded: a text of any length is cut between two letters.
func TestMessageIsBounded(t *testing.T) {
	for _, letter := range []string{"a", "ü", "界", "\xff", "@", "a@b ", "?a=b ", "{\"", "{'a': "} {
		got := Message(strings.Repeat(letter, 1<<20))
		require.LessOrEqual(t, len(got), usage.MaxErrorMessage)
		require.True(t, utf8.ValidString(got))
		require.Equal(t, got, Message(got), letter)
	}
	require.True(t, strings.HasSuffix(Message(strings.Repeat("界", 999)), "界…"))
}

// FuzzMessage: what is left of any text is bounded, and is left of itself.
func FuzzMessage(f *testing.F) {
	f.Add("Error code: 429 - {'error': {'message': 'joe@mail.example: sk-abcdefghijklmnopqrstuvwxyz0123456789', 'type': 1}}")
	f.Add(`{"error":{"message":"https://a.example/?key=1"}}`)
	f.Fuzz(func(t *testing.T, text string) {
		got := Message(text)
		require.LessOrEqual(t, len(got), usage.MaxErrorMessage)
		require.True(t, utf8.ValidString(got))
		require.NotContains(t, got, "\n")
		require.Equal(t, got, Message(got))
	})
}

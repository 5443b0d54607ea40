package bodies

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/proxytrace/internal/answers"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// eventsOf makes a stream of the data of events.
func eventsOf(data ...string) []byte {
	return []byte("data: " + strings.Join(data, "\n\ndata: ") + "\n\n")
}

// look reads an answer that comes in pieces, with the prefilter or without, and returns all that was read and how many
// documents were read completely.
func look(a llmapi.API, kind string, pieces [][]byte, filtered bool) (answer string, read int) {
	o := NewResponse(a, http.Header{"Content-Type": {kind}})
	if !filtered {
		o.events.filter.prefilter = nil
	}
	for _, p := range pieces {
		o.Feed(p)
	}
	o.Finish()
	ended, judged := o.Ended()
	return fmt.Sprintf("%+v ended %v %v", o.answer, ended, judged && o.framing == eventFraming), o.scan.Documents()
}

// sameLook requires that the prefilter does not change what is read of an answer, and returns how many documents were
// read with it and without.
func sameLook(t testing.TB, a llmapi.API, body []byte) (filtered, read int) {
	t.Helper()
	want, read := look(a, answers.SSE, [][]byte{body}, false)
	got, filtered := look(a, answers.SSE, [][]byte{body}, true)
	require.Equal(t, want, got, "%s", body)
	got, _ = look(a, answers.SSE, bytes.SplitAfter(body, []byte("\n\n")), true)
	require.Equal(t, want, got, "by event: %s", body)
	return filtered, read
}

// TestPrefilter: an event is read if, and only if, it can change the answer.
func TestPrefilter(t *testing.T) {
	first := map[llmapi.API]string{
		llmapi.OpenAIChat:           `{"id":"c","model":"m","service_tier":"default","choices":[{"delta":{"content":"a"},"finish_reason":null}],"usage":null}`,
		llmapi.OpenAIResponses:      `{"type":"response.created","response":{"id":"r","model":"m","status":"in_progress","error":null,"usage":null}}`,
		llmapi.AnthropicMessages:    `{"type":"message_start","message":{"id":"m","model":"m","usage":{"input_tokens":1,"output_tokens":1}}}`,
		llmapi.GeminiStreamGenerate: `{"responseId":"r","modelVersion":"g","candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":3}}`,
	}
	for _, c := range []struct {
		name  string
		api   llmapi.API
		event string
		read  bool
	}{
		{"a piece of text", llmapi.OpenAIChat, `{"id":"c","model":"m","service_tier":"default","choices":[{"delta":{"content":"b: c"},"finish_reason":null}],"usage":null}`, false},
		{"nulls with spaces", llmapi.OpenAIChat, `{"id": "c", "model": "m", "choices": [{"delta": {"content": "b"}, "finish_reason":  null }], "usage": null}`, false},
		{"a text that contains usage", llmapi.OpenAIChat, `{"id":"c","choices":[{"delta":{"content":"{\"usage\":{\"prompt_tokens\":9},\"error\":1}"}}]}`, false},
		{"a value named as a key", llmapi.OpenAIChat, `{"id":"c","object":"usage","choices":["error","finish_reason"]}`, false},
		{"another model", llmapi.OpenAIChat, `{"id":"d","model":"n","choices":[{"delta":{"content":"b"}}]}`, false},
		{"a key with escapes", llmapi.OpenAIChat, `{"us\u0061ge":{"prompt_tokens":9,"completion_tokens":1},"choices":[]}`, false},
		{"usage", llmapi.OpenAIChat, `{"usage":{"prompt_tokens":9}}`, true},
		{"usage after a space", llmapi.OpenAIChat, `{"usage" :{"prompt_tokens":9}}`, true},
		{"usage on another level", llmapi.OpenAIChat, `{"x_groq":{"usage":{"prompt_tokens":9}}}`, true},
		{"usage at a place of no usage", llmapi.OpenAIChat, `{"choices":[{"usage":{"prompt_tokens":9}}]}`, true},
		{"a reason", llmapi.OpenAIChat, `{"choices":[{"finish_reason":"stop"}]}`, true},
		{"no reason", llmapi.OpenAIChat, `{"choices":[{"finish_reason":""}]}`, false},
		{"a reason that begins as null", llmapi.OpenAIChat, `{"choices":[{"finish_reason":nullify}]}`, true},
		{"another tier", llmapi.OpenAIChat, `{"service_tier":"flex","choices":[]}`, true},
		{"a tier that begins as the known", llmapi.OpenAIChat, `{"service_tier":"default2","choices":[]}`, true},
		{"an error", llmapi.OpenAIChat, `{"error":{"type":"x"}}`, true},
		{"no error", llmapi.OpenAIChat, `{"error":null,"choices":[]}`, false},
		{"the end with something after it", llmapi.OpenAIChat, `[DONE] and a text that is longer than any mark`, true},
		{"an array", llmapi.OpenAIChat, `[{"usage":{"prompt_tokens":9}}]`, true},
		{"a delta", llmapi.OpenAIResponses, `{"type":"response.output_text.delta","item_id":"i","delta":"b","sequence_number":1}`, false},
		{"the end without a response", llmapi.OpenAIResponses, `{"type":"response.completed","sequence_number":1}`, true},
		{"the end in a list", llmapi.OpenAIResponses, `{"type":["response.completed"]}`, true},
		{"the end without quotes", llmapi.OpenAIResponses, `{"type":error}`, true},
		{"a status", llmapi.OpenAIResponses, `{"response":{"status":"failed"}}`, true},
		{"a code", llmapi.OpenAIResponses, `{"code":"x","message":"y"}`, true},
		{"why it is incomplete", llmapi.OpenAIResponses, `{"response":{"incomplete_details":{"reason":"max"}}}`, true},
		{"a block's delta", llmapi.AnthropicMessages, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"\"type\":\"error\""}}`, false},
		{"a message's delta", llmapi.AnthropicMessages, `{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}}`, true},
		{"the end of a message", llmapi.AnthropicMessages, `{"type": "message_stop"}`, true},
		{"an error's type", llmapi.AnthropicMessages, `{"type":"error"}`, true},
		{"Gemini", llmapi.GeminiStreamGenerate, `{"candidates":[{"content":{"parts":[{"text":"b"}]}}],"usageMetadata":{"promptTokenCount":4}}`, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, before := look(c.api, answers.SSE, [][]byte{eventsOf(first[c.api])}, true)
			require.Equal(t, 1, before, "the first event is read")
			plainEvent := strings.Replace(first[llmapi.OpenAIChat], `"a"`, `"z"`, 1)
			for _, stream := range [][]string{{first[c.api], c.event}, {first[c.api], plainEvent, plainEvent, c.event}} {
				without, _ := sameLook(t, c.api, eventsOf(stream[:len(stream)-1]...))
				filtered, _ := sameLook(t, c.api, eventsOf(stream...))
				if strings.HasPrefix(c.event, "[DONE]") {
					continue // no document
				}
				require.Equal(t, c.read, filtered > without)
			}
		})
	}
}

func chunk(tier, text string) string {
	return `{"id":"c","model":"m","service_tier":"` + tier + `","object":"chat.completion.chunk","created":1694268190,"choices":[{"delta":{"content":"` + text + `"}}]}`
}

// TestPrefilterBeginnings: until model and id are known, events are read for them; a tier may change, and change back.
func TestPrefilterBeginnings(t *testing.T) {
	for _, stream := range [][]string{
		{`{"id":"","model":"","choices":[]}`, `{"id":"","model":"m","choices":[]}`, `{"id":"c","model":"m","choices":[]}`, `{"id":"d","model":"n","choices":[]}`},
		{`{"id":null,"model":null,"choices":[]}`, `{"id":"c","model":null,"choices":[]}`, `{"id":"c","model":"m","choices":[]}`},
		{`{"choices":[]}`, `{"service_tier":null}`, `{"service_tier":"a\\b"}`, `{"service_tier":"a\b"}`, `{"service_tier":"a\\b"}`, `{"service_tier":5}`, `{"service_tier":"5"}`},
		{chunk("default", "a"), chunk("default", "b"), chunk("default", "c"), chunk("flex", "d"), chunk("default", "e")},
	} {
		for n := range stream {
			sameLook(t, llmapi.OpenAIChat, eventsOf(stream[:n+1]...))
		}
	}
}

// TestPrefilterChanges changes all answers at random, their keys and values above all, and requires that
// the prefilter leaves out nothing that reading everything finds.
func TestPrefilterChanges(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	filtered, read := 0, 0
	var cases []*answers.Case
	long := answers.Long(6)
	for _, name := range slices.Sorted(maps.Keys(long)) {
		cases = append(cases, long[name])
	}
	for i := range answers.Cases {
		cases = append(cases, &answers.Cases[i])
	}
	for _, c := range cases {
		a := llmapi.Recognize(httptest.NewRequest(http.MethodPost, c.Path, nil))
		body := []byte(c.Body)
		if c.Kind == answers.JSON { // as an event
			body = eventsOf(strings.Map(func(r rune) rune {
				if r == '\n' || r == '\r' {
					return ' '
				}
				return r
			}, c.Body))
		}
		for range 1000 {
			g, r := sameLook(t, a, changed(rng, body))
			filtered, read = filtered+g, read+r
		}
	}
	require.Less(t, filtered, read, "some are not read")
	t.Logf("%d of %d documents were read", filtered, read)
}

// pieces are parts of events that matter.
var pieces = []string{
	`"`, `\`, `\"`, `:`, ` `, `,`, `{`, `}`, `[`, `]`, `null`, `nul`, `""`, "\n", "\n\n", "\r", "\r\n\r\n", "data:", "data: ", "[DONE]", "\ufeff",
	`"usage":`, `"usage" : `, `"usage":null`, `"us\u0061ge":{"prompt_tokens":7}`, `\"usage\":{`, `"usage":{"prompt_tokens":5,"input_tokens":6,"output_tokens":7}`,
	`"usageMetadata":{"promptTokenCount":3}`, `"error":`, `"error":{"type":"x","code":"y","status":"Z"}`, `"type":"error"`, `"type": "message_stop"`,
	`"type":"response.completed"`, `"type":["error"]`, `"finish_reason":"stop"`, `"finish_reason":null`, `"stop_reason":"end_turn"`, `"finishReason":"STOP"`,
	`"id":`, `"id":"x"`, `"model":"y"`, `"model":""`, `"service_tier":"default"`, `"service_tier":"flex"`, `"status":"failed"`, `"code":1`, `"reason":"r"`,
	`"message":{`, `"response":{`, `"choices":[`, `"delta":{`,
}

// changed changes a stream: a few bytes, pieces that matter put in, and events repeated that differ in them.
func changed(rng *rand.Rand, body []byte) []byte {
	b := bytes.Clone(body)
	for range 1 + rng.IntN(4) {
		switch all := bytes.SplitAfter(b, []byte("\n\n")); rng.IntN(4) {
		case 0: // a byte
			if len(b) > 0 {
				b[rng.IntN(len(b))] = "\"\\:{}[], na1\n\r"[rng.IntN(14)]
			}
		case 1: // away
			if at := rng.IntN(len(b) + 1); at < len(b) {
				b = append(b[:at:at], b[min(len(b), at+1+rng.IntN(12)):]...)
			}
		case 2: // something put in
			b = put(rng, b)
		default: // an event again and again, each a bit other
			at := rng.IntN(len(all))
			event := all[at]
			var more [][]byte
			for range 1 + rng.IntN(4) {
				next := event
				if rng.IntN(4) > 0 {
					next = put(rng, next)
				}
				more = append(more, next)
			}
			b = bytes.Join(append(append(append([][]byte{}, all[:at+1]...), more...), all[at+1:]...), nil)
		}
	}
	return b
}

func put(rng *rand.Rand, b []byte) []byte {
	at := rng.IntN(len(b) + 1)
	if rng.IntN(2) == 0 { // where a key may stand
		if i := bytes.IndexAny(b[at:], ",{:"); i >= 0 {
			at += i + 1
		}
	}
	what := pieces[rng.IntN(len(pieces))]
	if rng.IntN(2) == 0 {
		what += ","
	}
	return fmt.Appendf(nil, "%s%s%s", b[:at], what, b[at:])
}

// FuzzPrefilter changes answers: the prefilter must leave out nothing that reading everything finds.
func FuzzPrefilter(f *testing.F) {
	for i := range answers.Cases {
		f.Add(uint8(i), []byte(answers.Cases[i].Body))
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		c := &answers.Cases[int(which)%len(answers.Cases)]
		sameLook(t, llmapi.Recognize(httptest.NewRequest(http.MethodPost, c.Path, nil)), body)
	})
}

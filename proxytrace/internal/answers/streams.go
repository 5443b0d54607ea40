package answers

import (
	"fmt"
	"strings"
)

// Long returns a whole answer of 2 KB, and a stream of each API with the given number of events of text, by name.
func Long(events int) map[string]*Case {
	stream := func(path, before, event, after string) *Case {
		var b strings.Builder
		b.WriteString(before)
		for i := range events {
			b.WriteString(strings.NewReplacer("$word", fmt.Sprint(" word", i), "$n", fmt.Sprint(i)).Replace(event))
		}
		b.WriteString(after)
		return &Case{Path: path, Kind: SSE, Body: b.String()}
	}
	return map[string]*Case{
		"whole": {
			Path: "/v1/chat/completions", Kind: JSON,
			Body: `{"id":"chatcmpl-1","model":"gpt-4o","choices":[{"message":{"content":"` + strings.Repeat("word ", 400) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200}}`,
		},
		"chat": stream("/v1/chat/completions", "", `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o","choices":[{"index":0,"delta":{"content":"$word"},"logprobs":null,"finish_reason":null}],"usage":null}

`, `data: {"id":"chatcmpl-1","model":"gpt-4o","choices":[{"delta":{},"finish_reason":"stop"}]}

data: {"id":"chatcmpl-1","model":"gpt-4o","choices":[],"usage":{"prompt_tokens":1000,"completion_tokens":200,"total_tokens":1200}}

data: [DONE]

`),
		"responses": stream("/v1/responses", `event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","error":null,"model":"gpt-5","output":[],"usage":null}}

`, `event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"$word","logprobs":[],"sequence_number":$n}

`, `event: response.completed
data: {"type":"response.completed","sequence_number":300,"response":{"id":"resp_1","object":"response","status":"completed","error":null,"model":"gpt-5","output":[],"usage":{"input_tokens":37,"output_tokens":11,"total_tokens":48}}}

`),
		"messages": stream("/v1/messages", `event: message_start
data: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","content":[],"model":"claude-opus-4-1","stop_reason":null,"usage":{"input_tokens":25,"output_tokens":1}}}

`, `event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"$word"}}

`, `event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":200}}

event: message_stop
data: {"type":"message_stop"}

`),
		"gemini": stream("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", "", `data: {"candidates":[{"content":{"parts":[{"text":"$word"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":$n,"totalTokenCount":90,"promptTokensDetails":[{"modality":"TEXT","tokenCount":8}],"thoughtsTokenCount":52},"modelVersion":"gemini-2.5-pro","responseId":"r-1"}

`, `data: {"candidates":[{"content":{"parts":[{"text":""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":300,"totalTokenCount":360,"thoughtsTokenCount":52},"modelVersion":"gemini-2.5-pro","responseId":"r-1"}

`),
	}
}

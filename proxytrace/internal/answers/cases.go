// Package answers holds answers of providers as they come over the wire, with what a span of each must record:
// the cases that the tests of proxytrace share.
package answers

// Case is an answer of a provider as it comes over the wire, and what a span of the call records.
type Case struct {
	Name    string
	Path    string // of the request, with its query
	Request string
	Kind    string // content type of the answer
	Status  int    // 0 is 200
	Body    string
	Want    Recorded

	Method      string   // of the request; "" is POST
	RequestKind string   // content type of the request
	Headers     []string // of the answer: names and values in turn
}

// Recorded has the figures that a span records; those that it does not record are Unknown.
type Recorded struct {
	Input, Output, Read, Write, Reasoning int64

	Request, Model, ID, Failure string
	Stream                      bool
	Quality                     []string

	AudioInput, AudioRead, AudioOutput, ImageInput, ImageRead, ImageOutput int64 // 0 where they are not recorded

	Seconds   float64 // of audio
	Operation string  // only with the APIs whose names are not compared elsewhere
	Unspent   bool    // the span says that the call spends nothing: it has no role
}

// The content types of answers, and the value of a figure that is not recorded.
const (
	JSON    = "application/json"
	SSE     = "text/event-stream; charset=utf-8"
	Unknown = int64(-1)
)

// Nothing is the record of a call without figures.
func Nothing(model, failure string, stream bool) Recorded {
	return Recorded{Input: Unknown, Output: Unknown, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: model, Model: model, Failure: failure, Stream: stream}
}

// Cases are answers of every API, whole and streamed, good and bad.
var Cases = []Case{
	{
		Name: "chat", Path: "/v1/chat/completions", Kind: JSON,
		Request: `{"model":"gpt-4o","messages":[{"role":"user","content":"say \"model\": \"evil\" {"}],"user":"u-1","service_tier":"auto"}`,
		Body: `{
  "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
  "object": "chat.completion",
  "created": 1741569952,
  "model": "gpt-4o-2024-08-06",
  "choices": [{"index": 0, "message": {"role": "assistant", "content": "\"usage\": {\"prompt_tokens\": 9999} \\", "refusal": null, "annotations": []}, "logprobs": null, "finish_reason": "stop"}],
  "usage": {
    "prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
    "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 64, "audio_tokens": 0, "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}
  },
  "service_tier": "default", "system_fingerprint": "fp_fake"
}
`,
		Want: Recorded{Input: 2006, Output: 300, Read: 1920, Write: Unknown, Reasoning: 64, Request: "gpt-4o", Model: "gpt-4o-2024-08-06", ID: "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"},
	},
	{
		Name: "chat streamed with usage", Path: "/v1/chat/completions", Kind: SSE,
		Request: `{"stream":true,"stream_options":{"include_usage":true},"model":"gpt-4o-mini","messages":[]}`,
		Body: `data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":"Hello \u4f60 data: [DONE]"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}

data: [DONE]

`,
		Want: Recorded{Input: 19, Output: 10, Read: 0, Write: Unknown, Reasoning: 0, Request: "gpt-4o-mini", Model: "gpt-4o-mini", ID: "chatcmpl-123", Stream: true},
	},
	{
		Name: "chat streamed without usage", Path: "/v1/chat/completions", Kind: SSE, Request: `{"model":"m","stream":true}`,
		Body: "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n" +
			"data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n",
		Want: Recorded{Input: Unknown, Output: Unknown, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "m", Model: "m", ID: "c", Stream: true},
	},
	{
		Name: "usage in every chunk, comments, carriage returns", Path: "/compatible-mode/v1/chat/completions", Kind: SSE, Request: `{"model":"m","stream":true}`,
		Body: ": OPENROUTER PROCESSING\r\n\r\ndata:{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6}}\r\n\r\n" +
			"id: 2\r\nevent: x\r\ndata: {\"id\":\"c\",\"model\":\"m\",\r\ndata: \"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\r\ndata: \"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7,\"total_tokens\":12,\"prompt_cache_hit_tokens\":4}}\r\n\r\ndata: [DONE]\r\n\r\n",
		Want: Recorded{Input: 5, Output: 7, Read: 4, Write: Unknown, Reasoning: Unknown, Request: "m", Model: "m", ID: "c", Stream: true},
	},
	{
		Name: "reasoning beside the output", Path: "/v1/chat/completions", Kind: JSON, Request: `{"model":"grok-4"}`,
		Body: `{"id":"x","model":"grok-4","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":137,"completion_tokens":1,"total_tokens":274,"completion_tokens_details":{"reasoning_tokens":136}}}`,
		Want: Recorded{Input: 137, Output: 137, Read: Unknown, Write: Unknown, Reasoning: 136, Request: "grok-4", Model: "grok-4", ID: "x"},
	},
	{
		Name: "groq", Path: "/openai/v1/chat/completions", Kind: SSE, Request: `{"model":"llama","stream":true}`,
		Body: "data: {\"id\":\"g\",\"model\":\"llama\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"id\":\"req_1\",\"usage\":{\"queue_time\":0.01,\"prompt_tokens\":18,\"completion_tokens\":9,\"total_tokens\":27}}}\n\ndata: [DONE]\n\n",
		Want: Recorded{Input: 18, Output: 9, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "llama", Model: "llama", ID: "g", Stream: true},
	},
	{
		Name: "an error", Path: "/v1/chat/completions", Kind: JSON, Status: 429, Request: `{"model":"gpt-4o"}`,
		Body: `{"error":{"message":"Rate limit reached for gpt-4o","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`,
		Want: Nothing("gpt-4o", "tokens", false),
	},
	{
		Name: "an error of a proxy", Path: "/v1/chat/completions", Kind: "text/html", Status: 502, Request: `{"model":"gpt-4o"}`,
		Body: "<html>Bad Gateway</html>", Want: Nothing("gpt-4o", "502", false),
	},
	{
		Name: "an error within the stream", Path: "/v1/chat/completions", Kind: SSE, Request: `{"model":"m","stream":true}`,
		Body: "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: {\"error\":{\"message\":\"oops\",\"type\":\"server_error\",\"code\":500}}\n\n",
		Want: Recorded{Input: Unknown, Output: Unknown, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "m", Model: "m", ID: "c", Stream: true, Failure: "server_error"},
	},
	{
		Name: "figures that cannot be", Path: "/v1/chat/completions", Kind: JSON, Request: `{"model":"m"}`,
		Body: `{"id":"x","model":"m","choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":"12","total_tokens":1e999,"prompt_tokens_details":{"cached_tokens":1.5}}}`,
		Want: Recorded{Input: Unknown, Output: 12, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "m", Model: "m", ID: "x", Quality: []string{"inconsistent"}},
	},
	{
		Name: "completions", Path: "/v1/completions", Kind: JSON, Request: `{"model":"gpt-3.5-turbo-instruct","prompt":"x"}`,
		Body: `{"id":"cmpl-uqk","object":"text_completion","created":1589478378,"model":"gpt-3.5-turbo-instruct","choices":[{"text":"\n\nThis","index":0,"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}`,
		Want: Recorded{Input: 5, Output: 7, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "gpt-3.5-turbo-instruct", Model: "gpt-3.5-turbo-instruct", ID: "cmpl-uqk"},
	},
	{
		Name: "embeddings", Path: "/v1/embeddings", Kind: JSON, Request: `{"model":"text-embedding-3-small","input":["a","b"]}`,
		Body: `{"object":"list","data":[{"object":"embedding","embedding":[0.0023064255,-0.009327292,1e-7,[[{"usage":{}}]]],"index":0}],"model":"text-embedding-3-small","usage":{"prompt_tokens":8,"total_tokens":8}}`,
		Want: Recorded{Input: 8, Output: Unknown, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "text-embedding-3-small", Model: "text-embedding-3-small"},
	},
	{
		Name: "embeddings of Azure", Path: "/openai/deployments/my-embeddings/embeddings?api-version=2024-10-21", Kind: JSON, Request: `{"input":"a"}`,
		Body: `{"object":"list","data":[],"model":"text-embedding-3-large","usage":{"total_tokens":11}}`,
		Want: Recorded{Input: 11, Output: Unknown, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "my-embeddings", Model: "text-embedding-3-large"},
	},
	{
		Name: "responses", Path: "/v1/responses", Kind: JSON, Request: `{"model":"gpt-5","input":"x"}`,
		Body: `{"id":"resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b","object":"response","created_at":1741476542,"status":"completed","error":null,"incomplete_details":null,"model":"gpt-5-2025-08-07","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"usage","annotations":[]}]}],"service_tier":"default","usage":{"input_tokens":3600,"input_tokens_details":{"cached_tokens":3200,"cache_write_tokens":128},"output_tokens":870,"output_tokens_details":{"reasoning_tokens":600},"total_tokens":4470},"user":null,"metadata":{"id":"no"}}`,
		Want: Recorded{Input: 3600, Output: 870, Read: 3200, Write: 128, Reasoning: 600, Request: "gpt-5", Model: "gpt-5-2025-08-07", ID: "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b"},
	},
	{
		Name: "responses streamed", Path: "/v1/responses", Kind: SSE, Request: `{"model":"gpt-5","stream":true}`,
		Body: `event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","error":null,"model":"gpt-5-2025-08-07","output":[],"usage":null}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi \"usage\":{}","sequence_number":1}

event: response.completed
data: {"type":"response.completed","sequence_number":2,"response":{"id":"resp_1","object":"response","status":"completed","error":null,"model":"gpt-5-2025-08-07","output":[{"id":"msg_1","type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":0},"output_tokens":11,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":48}}}

`,
		Want: Recorded{Input: 37, Output: 11, Read: 0, Write: Unknown, Reasoning: 0, Request: "gpt-5", Model: "gpt-5-2025-08-07", ID: "resp_1", Stream: true},
	},
	{
		Name: "responses streamed, incomplete", Path: "/responses", Kind: SSE, Request: `{"model":"gpt-5","stream":true}`,
		Body: "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"response\":{\"id\":\"resp_2\",\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"model\":\"gpt-5\",\"usage\":{\"input_tokens\":10,\"output_tokens\":16,\"output_tokens_details\":{\"reasoning_tokens\":16},\"total_tokens\":26}}}\n\n",
		Want: Recorded{Input: 10, Output: 16, Read: Unknown, Write: Unknown, Reasoning: 16, Request: "gpt-5", Model: "gpt-5", ID: "resp_2", Stream: true},
	},
	{
		Name: "responses streamed, failed", Path: "/v1/responses", Kind: SSE, Request: `{"model":"gpt-5","stream":true}`,
		Body: "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"id\":\"resp_3\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"The model failed\"},\"model\":\"gpt-5\",\"usage\":{\"input_tokens\":10,\"output_tokens\":3,\"total_tokens\":13}}}\n\n",
		Want: Recorded{Input: 10, Output: 3, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "gpt-5", Model: "gpt-5", ID: "resp_3", Stream: true, Failure: "server_error"},
	},
	{
		Name: "messages", Path: "/v1/messages", Kind: JSON, Request: `{"model":"claude-sonnet-4-5","max_tokens":1024,"metadata":{"user_id":"u-1"}}`,
		Body: `{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[{"type":"text","text":"{\"usage\":{\"input_tokens\":1}}"},{"type":"tool_use","id":"toolu_1","name":"x","input":{"usage":{"input_tokens":7}}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":50,"cache_creation_input_tokens":248,"cache_read_input_tokens":1800,"cache_creation":{"ephemeral_5m_input_tokens":148,"ephemeral_1h_input_tokens":100},"output_tokens":503,"output_tokens_details":{"thinking_tokens":40},"service_tier":"standard","server_tool_use":{"web_search_requests":0}}}`,
		Want: Recorded{Input: 2098, Output: 503, Read: 1800, Write: 248, Reasoning: 40, Request: "claude-sonnet-4-5", Model: "claude-sonnet-4-5-20250929", ID: "msg_01XFDUDYJgAACzvnptvVoYEL"},
	},
	{
		Name: "messages streamed", Path: "/v1/messages?beta=true", Kind: SSE, Request: `{"model":"claude-opus-4-1","stream":true}`,
		Body: `event: message_start
data: {"type":"message_start","message":{"id":"msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY","type":"message","role":"assistant","content":[],"model":"claude-opus-4-1-20250805","stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":4000,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":100},"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type": "ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hello"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":15}}

event: message_stop
data: {"type":"message_stop"}

`,
		Want: Recorded{Input: 4125, Output: 15, Read: 4000, Write: 100, Reasoning: Unknown, Request: "claude-opus-4-1", Model: "claude-opus-4-1-20250805", ID: "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY", Stream: true},
	},
	{
		Name: "messages streamed, the delta corrects the start", Path: "/anthropic/v1/messages", Kind: SSE, Request: `{"model":"kimi-k2","stream":true}`,
		Body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"kimi-k2\",\"usage\":{\"input_tokens\":8834,\"output_tokens\":0}}}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":18,\"cache_read_input_tokens\":8831,\"output_tokens\":15}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
		Want: Recorded{Input: 8849, Output: 15, Read: 8831, Write: Unknown, Reasoning: Unknown, Request: "kimi-k2", Model: "kimi-k2", ID: "m", Stream: true},
	},
	{
		Name: "messages streamed, the delta has zeros", Path: "/v1/messages", Kind: SSE, Request: `{"model":"glm","stream":true}`,
		Body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"glm\",\"usage\":{\"input_tokens\":30,\"cache_read_input_tokens\":12,\"output_tokens\":0}}}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":15}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
		Want: Recorded{Input: 42, Output: 15, Read: 12, Write: Unknown, Reasoning: Unknown, Request: "glm", Model: "glm", ID: "m", Stream: true},
	},
	{
		Name: "messages with compaction", Path: "/v1/messages", Kind: JSON, Request: `{"model":"claude-opus-4-6"}`,
		Body: `{"id":"m","model":"claude-opus-4-6","stop_reason":"end_turn","usage":{"input_tokens":23000,"output_tokens":1000,"iterations":[{"type":"compaction","input_tokens":180000,"output_tokens":3500,"cache_read_input_tokens":10},{"type":"message","input_tokens":23000,"output_tokens":1000},{"type":"advisor_message","model":"other","input_tokens":5,"output_tokens":5}]}}`,
		Want: Recorded{Input: 203010, Output: 4500, Read: 10, Write: Unknown, Reasoning: Unknown, Request: "claude-opus-4-6", Model: "claude-opus-4-6", ID: "m"},
	},
	{
		Name: "messages overloaded within the stream", Path: "/v1/messages", Kind: SSE, Request: `{"model":"claude","stream":true}`,
		Body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude\",\"usage\":{\"input_tokens\":30,\"output_tokens\":1}}}\n\nevent: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n",
		Want: Recorded{Input: 30, Output: 1, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "claude", Model: "claude", ID: "m", Stream: true, Failure: "overloaded_error"},
	},
	{
		Name: "messages cut", Path: "/v1/messages", Kind: SSE, Request: `{"model":"claude","stream":true}`,
		Body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude\",\"usage\":{\"input_tokens\":30,\"output_tokens\":1}}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tok",
		Want: Recorded{Input: 30, Output: 1, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "claude", Model: "claude", ID: "m", Stream: true, Failure: "stream_cut", Quality: []string{"estimated"}},
	},
	{
		Name: "Claude on Vertex AI", Path: "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4@20250514:streamRawPredict", Kind: SSE, Request: `{"anthropic_version":"vertex-2023-10-16"}`,
		Body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude-sonnet-4-20250514\",\"usage\":{\"input_tokens\":30,\"output_tokens\":1}}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
		Want: Recorded{Input: 30, Output: 9, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "claude-sonnet-4@20250514", Model: "claude-sonnet-4-20250514", ID: "m", Stream: true},
	},
	{
		Name: "generateContent", Path: "/v1beta/models/gemini-2.5-flash:generateContent", Kind: JSON, Request: `{"contents":[{"parts":[{"text":"x"}]}],"service_tier":"priority"}`,
		Body: `{"candidates":[{"content":{"parts":[{"text":"AI \"usageMetadata\""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"serviceTier":"standard","promptTokenCount":1100,"candidatesTokenCount":200,"totalTokenCount":1475,"cachedContentTokenCount":1000,"promptTokensDetails":[{"modality":"TEXT","tokenCount":1100}],"thoughtsTokenCount":150,"toolUsePromptTokenCount":25},"modelVersion":"gemini-2.5-flash-preview","responseId":"mAitaLmkHPPlz7IPvtfUqQ4"}`,
		Want: Recorded{Input: 1125, Output: 350, Read: 1000, Write: Unknown, Reasoning: 150, Request: "gemini-2.5-flash", Model: "gemini-2.5-flash-preview", ID: "mAitaLmkHPPlz7IPvtfUqQ4"},
	},
	{
		Name: "generateContent with thoughts among the candidates", Path: "/v1beta/models/g:generateContent", Kind: JSON, Request: `{}`,
		Body: `{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":50,"totalTokenCount":60,"thoughtsTokenCount":30},"modelVersion":"g"}`,
		Want: Recorded{Input: 10, Output: 50, Read: Unknown, Write: Unknown, Reasoning: 30, Request: "g", Model: "g"},
	},
	{
		Name: "a blocked prompt", Path: "/v1beta/models/g:generateContent", Kind: JSON, Request: `{}`,
		Body: `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10},"modelVersion":"g"}`,
		Want: Recorded{Input: 10, Output: 0, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "g", Model: "g"},
	},
	{
		Name: "streamGenerateContent as events", Path: "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=AIzaSyNotARealKey0123", Kind: "text/event-stream", Request: `{}`,
		Body: "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"A\"}]}}],\"usageMetadata\": {\"promptTokenCount\": 8,\"totalTokenCount\": 60,\"thoughtsTokenCount\": 52},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"r\"}\r\n\r\n" +
			"data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"B\"}]},\"finishReason\": \"STOP\"}],\"usageMetadata\": {\"promptTokenCount\": 8,\"candidatesTokenCount\": 30,\"totalTokenCount\": 90,\"thoughtsTokenCount\": 52},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"r\"}\r\n\r\n",
		Want: Recorded{Input: 8, Output: 82, Read: Unknown, Write: Unknown, Reasoning: 52, Request: "gemini-2.5-pro", Model: "gemini-2.5-pro", ID: "r", Stream: true},
	},
	{
		Name: "streamGenerateContent as an array", Path: "/v1/models/gemini-2.5-pro:streamGenerateContent", Kind: JSON, Request: `{}`,
		Body: "[{\n  \"candidates\": [{\"content\": {\"parts\": [{\"text\": \"A\"}]}}],\n  \"usageMetadata\": {\"promptTokenCount\": 8,\"candidatesTokenCount\": 3,\"totalTokenCount\": 11}, \"responseId\": \"r\"}\n,\r\n" +
			"{\"candidates\": [{\"finishReason\": \"STOP\"}],\"usageMetadata\": {\"promptTokenCount\": 8,\"candidatesTokenCount\": 30,\"totalTokenCount\": 38},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"r\"}\n]\n",
		Want: Recorded{Input: 8, Output: 30, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "gemini-2.5-pro", Model: "gemini-2.5-pro", ID: "r", Stream: true},
	},
	{
		Name: "Code Assist", Path: "/v1internal:streamGenerateContent?alt=sse", Kind: SSE, Request: `{"model":"gemini-2.5-pro","project":"p","request":{"model":"no"}}`,
		Body: "data: {\"response\":{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":30,\"totalTokenCount\":38},\"modelVersion\":\"gemini-2.5-pro\",\"responseId\":\"r\"},\"traceId\":\"t\"}\n\n",
		Want: Recorded{Input: 8, Output: 30, Read: Unknown, Write: Unknown, Reasoning: Unknown, Request: "gemini-2.5-pro", Model: "gemini-2.5-pro", ID: "r", Stream: true},
	},
	{
		Name: "an error of Google's", Path: "/v1beta/models/g:generateContent", Kind: JSON, Status: 429, Request: `{}`,
		Body: `{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x"}]}}`,
		Want: Nothing("g", "RESOURCE_EXHAUSTED", false),
	},
	{
		Name: "no JSON at all", Path: "/v1/chat/completions", Kind: JSON, Request: "not json", Body: "{nonsense", Want: Nothing("", "stream_cut", false),
	},
}

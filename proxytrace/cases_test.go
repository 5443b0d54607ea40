package proxytrace_test

// answerCase is an answer of a provider as it comes over the wire, and what it told.
type answerCase struct {
	name    string
	path    string // of the request, with its query
	request string
	kind    string // content type of the answer
	status  int    // 0 is 200
	body    string
	want    told
}

// told is what a span tells; a figure of -1 is not told.
type told struct {
	input, output, read, write, reasoning int64

	request, model, id, failure string
	stream                      bool
	quality                     []string
}

const (
	asJSON  = "application/json"
	asSSE   = "text/event-stream; charset=utf-8"
	unknown = int64(-1)
)

// nothing is a call that told no figures.
func nothing(model, failure string, stream bool) told {
	return told{input: unknown, output: unknown, read: unknown, write: unknown, reasoning: unknown, request: model, model: model, failure: failure, stream: stream}
}

var answerCases = []answerCase{
	{
		name: "chat", path: "/v1/chat/completions", kind: asJSON,
		request: `{"model":"gpt-4o","messages":[{"role":"user","content":"say \"model\": \"evil\" {"}],"user":"u-1"}`,
		body: `{
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
		want: told{input: 2006, output: 300, read: 1920, write: unknown, reasoning: 64, request: "gpt-4o", model: "gpt-4o-2024-08-06", id: "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT"},
	},
	{
		name: "chat streamed with usage", path: "/v1/chat/completions", kind: asSSE,
		request: `{"stream":true,"stream_options":{"include_usage":true},"model":"gpt-4o-mini","messages":[]}`,
		body: `data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp","choices":[{"index":0,"delta":{"content":"Hello \u4f60 data: [DONE]"},"logprobs":null,"finish_reason":null}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}],"usage":null}

data: {"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4o-mini","system_fingerprint":"fp","choices":[],"usage":{"prompt_tokens":19,"completion_tokens":10,"total_tokens":29,"prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}

data: [DONE]

`,
		want: told{input: 19, output: 10, read: 0, write: unknown, reasoning: 0, request: "gpt-4o-mini", model: "gpt-4o-mini", id: "chatcmpl-123", stream: true},
	},
	{
		name: "chat streamed without usage", path: "/v1/chat/completions", kind: asSSE, request: `{"model":"m","stream":true}`,
		body: "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"},\"finish_reason\":null}]}\n\n" +
			"data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n",
		want: told{input: unknown, output: unknown, read: unknown, write: unknown, reasoning: unknown, request: "m", model: "m", id: "c", stream: true},
	},
	{
		name: "usage in every chunk, comments, carriage returns", path: "/compatible-mode/v1/chat/completions", kind: asSSE, request: `{"model":"m","stream":true}`,
		body: ": OPENROUTER PROCESSING\r\n\r\ndata:{\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":1,\"total_tokens\":6}}\r\n\r\n" +
			"id: 2\r\nevent: x\r\ndata: {\"id\":\"c\",\"model\":\"m\",\r\ndata: \"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\r\ndata: \"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7,\"total_tokens\":12,\"prompt_cache_hit_tokens\":4}}\r\n\r\ndata: [DONE]\r\n\r\n",
		want: told{input: 5, output: 7, read: 4, write: unknown, reasoning: unknown, request: "m", model: "m", id: "c", stream: true},
	},
	{
		name: "reasoning beside the output", path: "/v1/chat/completions", kind: asJSON, request: `{"model":"grok-4"}`,
		body: `{"id":"x","model":"grok-4","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":137,"completion_tokens":1,"total_tokens":274,"completion_tokens_details":{"reasoning_tokens":136}}}`,
		want: told{input: 137, output: 137, read: unknown, write: unknown, reasoning: 136, request: "grok-4", model: "grok-4", id: "x"},
	},
	{
		name: "groq", path: "/openai/v1/chat/completions", kind: asSSE, request: `{"model":"llama","stream":true}`,
		body: "data: {\"id\":\"g\",\"model\":\"llama\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\"x_groq\":{\"id\":\"req_1\",\"usage\":{\"queue_time\":0.01,\"prompt_tokens\":18,\"completion_tokens\":9,\"total_tokens\":27}}}\n\ndata: [DONE]\n\n",
		want: told{input: 18, output: 9, read: unknown, write: unknown, reasoning: unknown, request: "llama", model: "llama", id: "g", stream: true},
	},
	{
		name: "an error", path: "/v1/chat/completions", kind: asJSON, status: 429, request: `{"model":"gpt-4o"}`,
		body: `{"error":{"message":"Rate limit reached for gpt-4o","type":"tokens","param":null,"code":"rate_limit_exceeded"}}`,
		want: nothing("gpt-4o", "tokens", false),
	},
	{
		name: "an error of a proxy", path: "/v1/chat/completions", kind: "text/html", status: 502, request: `{"model":"gpt-4o"}`,
		body: "<html>Bad Gateway</html>", want: nothing("gpt-4o", "502", false),
	},
	{
		name: "an error within the stream", path: "/v1/chat/completions", kind: asSSE, request: `{"model":"m","stream":true}`,
		body: "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\ndata: {\"error\":{\"message\":\"oops\",\"type\":\"server_error\",\"code\":500}}\n\n",
		want: told{input: unknown, output: unknown, read: unknown, write: unknown, reasoning: unknown, request: "m", model: "m", id: "c", stream: true, failure: "server_error"},
	},
	{
		name: "figures that cannot be", path: "/v1/chat/completions", kind: asJSON, request: `{"model":"m"}`,
		body: `{"id":"x","model":"m","choices":[],"usage":{"prompt_tokens":-5,"completion_tokens":"12","total_tokens":1e999,"prompt_tokens_details":{"cached_tokens":1.5}}}`,
		want: told{input: unknown, output: 12, read: unknown, write: unknown, reasoning: unknown, request: "m", model: "m", id: "x", quality: []string{"inconsistent"}},
	},
	{
		name: "completions", path: "/v1/completions", kind: asJSON, request: `{"model":"gpt-3.5-turbo-instruct","prompt":"x"}`,
		body: `{"id":"cmpl-uqk","object":"text_completion","created":1589478378,"model":"gpt-3.5-turbo-instruct","choices":[{"text":"\n\nThis","index":0,"logprobs":null,"finish_reason":"length"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}`,
		want: told{input: 5, output: 7, read: unknown, write: unknown, reasoning: unknown, request: "gpt-3.5-turbo-instruct", model: "gpt-3.5-turbo-instruct", id: "cmpl-uqk"},
	},
	{
		name: "embeddings", path: "/v1/embeddings", kind: asJSON, request: `{"model":"text-embedding-3-small","input":["a","b"]}`,
		body: `{"object":"list","data":[{"object":"embedding","embedding":[0.0023064255,-0.009327292,1e-7,[[{"usage":{}}]]],"index":0}],"model":"text-embedding-3-small","usage":{"prompt_tokens":8,"total_tokens":8}}`,
		want: told{input: 8, output: unknown, read: unknown, write: unknown, reasoning: unknown, request: "text-embedding-3-small", model: "text-embedding-3-small"},
	},
	{
		name: "embeddings of Azure", path: "/openai/deployments/my-embeddings/embeddings?api-version=2024-10-21", kind: asJSON, request: `{"input":"a"}`,
		body: `{"object":"list","data":[],"model":"text-embedding-3-large","usage":{"total_tokens":11}}`,
		want: told{input: 11, output: unknown, read: unknown, write: unknown, reasoning: unknown, request: "my-embeddings", model: "text-embedding-3-large"},
	},
	{
		name: "responses", path: "/v1/responses", kind: asJSON, request: `{"model":"gpt-5","input":"x"}`,
		body: `{"id":"resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b","object":"response","created_at":1741476542,"status":"completed","error":null,"incomplete_details":null,"model":"gpt-5-2025-08-07","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"usage","annotations":[]}]}],"service_tier":"default","usage":{"input_tokens":3600,"input_tokens_details":{"cached_tokens":3200,"cache_write_tokens":128},"output_tokens":870,"output_tokens_details":{"reasoning_tokens":600},"total_tokens":4470},"user":null,"metadata":{"id":"no"}}`,
		want: told{input: 3600, output: 870, read: 3200, write: 128, reasoning: 600, request: "gpt-5", model: "gpt-5-2025-08-07", id: "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b"},
	},
	{
		name: "responses streamed", path: "/v1/responses", kind: asSSE, request: `{"model":"gpt-5","stream":true}`,
		body: `event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","error":null,"model":"gpt-5-2025-08-07","output":[],"usage":null}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hi \"usage\":{}","sequence_number":1}

event: response.completed
data: {"type":"response.completed","sequence_number":2,"response":{"id":"resp_1","object":"response","status":"completed","error":null,"model":"gpt-5-2025-08-07","output":[{"id":"msg_1","type":"message","content":[{"type":"output_text","text":"Hi"}]}],"usage":{"input_tokens":37,"input_tokens_details":{"cached_tokens":0},"output_tokens":11,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":48}}}

`,
		want: told{input: 37, output: 11, read: 0, write: unknown, reasoning: 0, request: "gpt-5", model: "gpt-5-2025-08-07", id: "resp_1", stream: true},
	},
	{
		name: "responses streamed, incomplete", path: "/responses", kind: asSSE, request: `{"model":"gpt-5","stream":true}`,
		body: "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"response\":{\"id\":\"resp_2\",\"status\":\"incomplete\",\"error\":null,\"incomplete_details\":{\"reason\":\"max_output_tokens\"},\"model\":\"gpt-5\",\"usage\":{\"input_tokens\":10,\"output_tokens\":16,\"output_tokens_details\":{\"reasoning_tokens\":16},\"total_tokens\":26}}}\n\n",
		want: told{input: 10, output: 16, read: unknown, write: unknown, reasoning: 16, request: "gpt-5", model: "gpt-5", id: "resp_2", stream: true},
	},
	{
		name: "responses streamed, failed", path: "/v1/responses", kind: asSSE, request: `{"model":"gpt-5","stream":true}`,
		body: "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"id\":\"resp_3\",\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"The model failed\"},\"model\":\"gpt-5\",\"usage\":{\"input_tokens\":10,\"output_tokens\":3,\"total_tokens\":13}}}\n\n",
		want: told{input: 10, output: 3, read: unknown, write: unknown, reasoning: unknown, request: "gpt-5", model: "gpt-5", id: "resp_3", stream: true, failure: "server_error"},
	},
	{
		name: "messages", path: "/v1/messages", kind: asJSON, request: `{"model":"claude-sonnet-4-5","max_tokens":1024,"metadata":{"user_id":"u-1"}}`,
		body: `{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[{"type":"text","text":"{\"usage\":{\"input_tokens\":1}}"},{"type":"tool_use","id":"toolu_1","name":"x","input":{"usage":{"input_tokens":7}}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{"input_tokens":50,"cache_creation_input_tokens":248,"cache_read_input_tokens":1800,"cache_creation":{"ephemeral_5m_input_tokens":148,"ephemeral_1h_input_tokens":100},"output_tokens":503,"output_tokens_details":{"thinking_tokens":40},"service_tier":"standard","server_tool_use":{"web_search_requests":0}}}`,
		want: told{input: 2098, output: 503, read: 1800, write: 248, reasoning: 40, request: "claude-sonnet-4-5", model: "claude-sonnet-4-5-20250929", id: "msg_01XFDUDYJgAACzvnptvVoYEL"},
	},
	{
		name: "messages streamed", path: "/v1/messages?beta=true", kind: asSSE, request: `{"model":"claude-opus-4-1","stream":true}`,
		body: `event: message_start
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
		want: told{input: 4125, output: 15, read: 4000, write: 100, reasoning: unknown, request: "claude-opus-4-1", model: "claude-opus-4-1-20250805", id: "msg_1nZdL29xx5MUA1yADyHTEsnR8uuvGzszyY", stream: true},
	},
	{
		name: "messages streamed, the delta corrects the start", path: "/anthropic/v1/messages", kind: asSSE, request: `{"model":"kimi-k2","stream":true}`,
		body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"kimi-k2\",\"usage\":{\"input_tokens\":8834,\"output_tokens\":0}}}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":18,\"cache_read_input_tokens\":8831,\"output_tokens\":15}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
		want: told{input: 8849, output: 15, read: 8831, write: unknown, reasoning: unknown, request: "kimi-k2", model: "kimi-k2", id: "m", stream: true},
	},
	{
		name: "messages streamed, the delta has zeros", path: "/v1/messages", kind: asSSE, request: `{"model":"glm","stream":true}`,
		body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"glm\",\"usage\":{\"input_tokens\":30,\"cache_read_input_tokens\":12,\"output_tokens\":0}}}\n\n" +
			"event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"input_tokens\":0,\"cache_read_input_tokens\":0,\"output_tokens\":15}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
		want: told{input: 42, output: 15, read: 12, write: unknown, reasoning: unknown, request: "glm", model: "glm", id: "m", stream: true},
	},
	{
		name: "messages with compaction", path: "/v1/messages", kind: asJSON, request: `{"model":"claude-opus-4-6"}`,
		body: `{"id":"m","model":"claude-opus-4-6","stop_reason":"end_turn","usage":{"input_tokens":23000,"output_tokens":1000,"iterations":[{"type":"compaction","input_tokens":180000,"output_tokens":3500,"cache_read_input_tokens":10},{"type":"message","input_tokens":23000,"output_tokens":1000},{"type":"advisor_message","model":"other","input_tokens":5,"output_tokens":5}]}}`,
		want: told{input: 203010, output: 4500, read: 10, write: unknown, reasoning: unknown, request: "claude-opus-4-6", model: "claude-opus-4-6", id: "m"},
	},
	{
		name: "messages overloaded within the stream", path: "/v1/messages", kind: asSSE, request: `{"model":"claude","stream":true}`,
		body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude\",\"usage\":{\"input_tokens\":30,\"output_tokens\":1}}}\n\nevent: error\ndata: {\"type\": \"error\", \"error\": {\"type\": \"overloaded_error\", \"message\": \"Overloaded\"}}\n\n",
		want: told{input: 30, output: 1, read: unknown, write: unknown, reasoning: unknown, request: "claude", model: "claude", id: "m", stream: true, failure: "overloaded_error"},
	},
	{
		name: "messages cut", path: "/v1/messages", kind: asSSE, request: `{"model":"claude","stream":true}`,
		body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude\",\"usage\":{\"input_tokens\":30,\"output_tokens\":1}}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tok",
		want: told{input: 30, output: 1, read: unknown, write: unknown, reasoning: unknown, request: "claude", model: "claude", id: "m", stream: true, failure: "stream_cut", quality: []string{"estimated"}},
	},
	{
		name: "Claude on Vertex AI", path: "/v1/projects/p/locations/us-east5/publishers/anthropic/models/claude-sonnet-4@20250514:streamRawPredict", kind: asSSE, request: `{"anthropic_version":"vertex-2023-10-16"}`,
		body: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"claude-sonnet-4-20250514\",\"usage\":{\"input_tokens\":30,\"output_tokens\":1}}}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
		want: told{input: 30, output: 9, read: unknown, write: unknown, reasoning: unknown, request: "claude-sonnet-4@20250514", model: "claude-sonnet-4-20250514", id: "m", stream: true},
	},
	{
		name: "generateContent", path: "/v1beta/models/gemini-2.5-flash:generateContent", kind: asJSON, request: `{"contents":[{"parts":[{"text":"x"}]}]}`,
		body: `{"candidates":[{"content":{"parts":[{"text":"AI \"usageMetadata\""}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":1100,"candidatesTokenCount":200,"totalTokenCount":1475,"cachedContentTokenCount":1000,"promptTokensDetails":[{"modality":"TEXT","tokenCount":1100}],"thoughtsTokenCount":150,"toolUsePromptTokenCount":25},"modelVersion":"gemini-2.5-flash-preview","responseId":"mAitaLmkHPPlz7IPvtfUqQ4"}`,
		want: told{input: 1125, output: 350, read: 1000, write: unknown, reasoning: 150, request: "gemini-2.5-flash", model: "gemini-2.5-flash-preview", id: "mAitaLmkHPPlz7IPvtfUqQ4"},
	},
	{
		name: "generateContent with thoughts among the candidates", path: "/v1beta/models/g:generateContent", kind: asJSON, request: `{}`,
		body: `{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":50,"totalTokenCount":60,"thoughtsTokenCount":30},"modelVersion":"g"}`,
		want: told{input: 10, output: 50, read: unknown, write: unknown, reasoning: 30, request: "g", model: "g"},
	},
	{
		name: "a blocked prompt", path: "/v1beta/models/g:generateContent", kind: asJSON, request: `{}`,
		body: `{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":10,"totalTokenCount":10},"modelVersion":"g"}`,
		want: told{input: 10, output: 0, read: unknown, write: unknown, reasoning: unknown, request: "g", model: "g"},
	},
	{
		name: "streamGenerateContent as events", path: "/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse&key=AIzaSyNotARealKey0123", kind: "text/event-stream", request: `{}`,
		body: "data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"A\"}]}}],\"usageMetadata\": {\"promptTokenCount\": 8,\"totalTokenCount\": 60,\"thoughtsTokenCount\": 52},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"r\"}\r\n\r\n" +
			"data: {\"candidates\": [{\"content\": {\"parts\": [{\"text\": \"B\"}]},\"finishReason\": \"STOP\"}],\"usageMetadata\": {\"promptTokenCount\": 8,\"candidatesTokenCount\": 30,\"totalTokenCount\": 90,\"thoughtsTokenCount\": 52},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"r\"}\r\n\r\n",
		want: told{input: 8, output: 82, read: unknown, write: unknown, reasoning: 52, request: "gemini-2.5-pro", model: "gemini-2.5-pro", id: "r", stream: true},
	},
	{
		name: "streamGenerateContent as an array", path: "/v1/models/gemini-2.5-pro:streamGenerateContent", kind: asJSON, request: `{}`,
		body: "[{\n  \"candidates\": [{\"content\": {\"parts\": [{\"text\": \"A\"}]}}],\n  \"usageMetadata\": {\"promptTokenCount\": 8,\"candidatesTokenCount\": 3,\"totalTokenCount\": 11}, \"responseId\": \"r\"}\n,\r\n" +
			"{\"candidates\": [{\"finishReason\": \"STOP\"}],\"usageMetadata\": {\"promptTokenCount\": 8,\"candidatesTokenCount\": 30,\"totalTokenCount\": 38},\"modelVersion\": \"gemini-2.5-pro\",\"responseId\": \"r\"}\n]\n",
		want: told{input: 8, output: 30, read: unknown, write: unknown, reasoning: unknown, request: "gemini-2.5-pro", model: "gemini-2.5-pro", id: "r", stream: true},
	},
	{
		name: "Code Assist", path: "/v1internal:streamGenerateContent?alt=sse", kind: asSSE, request: `{"model":"gemini-2.5-pro","project":"p","request":{"model":"no"}}`,
		body: "data: {\"response\":{\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":30,\"totalTokenCount\":38},\"modelVersion\":\"gemini-2.5-pro\",\"responseId\":\"r\"},\"traceId\":\"t\"}\n\n",
		want: told{input: 8, output: 30, read: unknown, write: unknown, reasoning: unknown, request: "gemini-2.5-pro", model: "gemini-2.5-pro", id: "r", stream: true},
	},
	{
		name: "an error of Google's", path: "/v1beta/models/g:generateContent", kind: asJSON, status: 429, request: `{}`,
		body: `{"error":{"code":429,"message":"Quota","status":"RESOURCE_EXHAUSTED","details":[{"@type":"x"}]}}`,
		want: nothing("g", "RESOURCE_EXHAUSTED", false),
	},
	{
		name: "no JSON at all", path: "/v1/chat/completions", kind: asJSON, request: "not json", body: "{nonsense", want: nothing("", "stream_cut", false),
	},
}

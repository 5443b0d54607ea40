package answers

// otherCases are answers of the APIs that score, count and fetch, of Bedrock, Vertex AI and Ollama.
var otherCases = []Case{
	{
		Name: "moderation", Path: "/v1/moderations", Kind: JSON, Request: `{"model":"omni-moderation-latest","input":"x"}`,
		Body: `{"id":"modr-1","model":"omni-moderation-2024-09-26","results":[{"flagged":false}]}`,
		Want: with(recorded("moderation", "omni-moderation-latest", Unknown, Unknown), func(r *Recorded) { r.Model, r.ID = "omni-moderation-2024-09-26", "modr-1" }),
	},
	{
		Name: "rerank of Cohere", Path: "/v2/rerank", Kind: JSON, Request: `{"model":"rerank-v3.5"}`,
		Body: `{"id":"07734bd2","results":[{"index":3,"relevance_score":0.99}],"meta":{"api_version":{"version":"2"},"billed_units":{"search_units":1}}}`,
		Want: with(recorded("rerank", "rerank-v3.5", Unknown, Unknown), func(r *Recorded) { r.ID = "07734bd2" }),
	},
	{
		Name: "rerank of Jina", Path: "/v1/rerank", Kind: JSON, Request: `{"model":"jina-reranker-v2"}`,
		Body: `{"model":"jina-reranker-v2","usage":{"total_tokens":815},"results":[]}`, Want: recorded("rerank", "jina-reranker-v2", 815, Unknown),
	},
	{
		Name: "tokens counted by Anthropic", Path: "/v1/messages/count_tokens", Kind: JSON, Request: `{"model":"claude-sonnet-4-5"}`, Body: `{"input_tokens":2095}`,
		Want: with(recorded("count_tokens", "claude-sonnet-4-5", Unknown, Unknown), unspent),
	},
	{
		Name: "tokens counted by Google", Path: "/v1beta/models/g:countTokens", Kind: JSON, Request: `{}`, Body: `{"totalTokens":31,"cachedContentTokenCount":3}`,
		Want: with(recorded("count_tokens", "g", Unknown, Unknown), unspent),
	},
	{
		Name: "batch created", Path: "/v1/batches", Kind: JSON, Request: `{"input_file_id":"file-abc"}`,
		Body: `{"id":"batch_1","object":"batch","endpoint":"/v1/chat/completions","status":"validating","usage":{"input_tokens":0,"output_tokens":0}}`,
		Want: with(recorded("batch", "", Unknown, Unknown), func(r *Recorded) { r.ID, r.Unspent = "batch_1", true }),
	},
	{
		Name: "batch completed", Method: "GET", Path: "/v1/batches/batch_2", Kind: JSON,
		Body: `{"id":"batch_2","object":"batch","model":"gpt-5-2025-08-07","status":"completed","request_counts":{"total":2},"usage":{"input_tokens":300,"input_tokens_details":{"cached_tokens":200},"output_tokens":80,"output_tokens_details":{"reasoning_tokens":60},"total_tokens":380}}`,
		Want: with(recorded("batch", "", 300, 80), func(r *Recorded) { r.ID, r.Model, r.Read, r.Reasoning = "batch_2", "gpt-5-2025-08-07", 200, 60 }),
	},
	{
		Name: "batch of Anthropic", Path: "/v1/messages/batches", Kind: JSON, Request: `{"requests":[{"params":{"model":"no"}}]}`,
		Body: `{"id":"msgbatch_1","type":"message_batch","processing_status":"in_progress"}`,
		Want: with(recorded("batch", "", Unknown, Unknown), func(r *Recorded) { r.ID, r.Unspent = "msgbatch_1", true }),
	},
	{
		Name: "response fetched that ran in the background", Method: "GET", Path: "/v1/responses/resp_9", Kind: JSON,
		Body: `{"id":"resp_9","object":"response","background":true,"status":"completed","error":null,"model":"gpt-5","usage":{"input_tokens":10,"output_tokens":6,"total_tokens":16}}`,
		Want: with(recorded("", "", 10, 6), func(r *Recorded) { r.ID, r.Model = "resp_9", "gpt-5" }),
	},
	{
		Name: "response fetched that was awaited before", Method: "GET", Path: "/v1/responses/resp_8", Kind: JSON,
		Body: `{"id":"resp_8","object":"response","background":false,"status":"completed","error":null,"model":"gpt-5","usage":{"input_tokens":10,"output_tokens":6,"total_tokens":16}}`,
		Want: with(recorded("fetch_response", "", Unknown, Unknown), func(r *Recorded) { r.ID, r.Model, r.Unspent = "resp_8", "gpt-5", true }),
	},
	{
		Name: "Converse", Path: "/model/amazon.nova-lite-v1:0/converse", Kind: JSON, Request: `{"messages":[]}`, Headers: []string{awsID, "aws-1"},
		Body: `{"metrics":{"latencyMs":551},"output":{"message":{"content":[{"text":"usage"}]}},"stopReason":"end_turn","usage":{"inputTokens":24,"outputTokens":93,"totalTokens":317,"cacheReadInputTokens":150,"cacheWriteInputTokens":50}}`,
		Want: with(recorded("", "amazon.nova-lite-v1:0", 224, 93), func(r *Recorded) { r.Read, r.Write = 150, 50 }),
	},
	{
		Name: "Converse streamed", Path: "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/converse-stream", Kind: eventStream, Request: `{}`,
		Body: Message(MessageHeader(":event-type", "contentBlockDelta"), `{"contentBlockIndex":0,"delta":{"text":"usage"},"p":"abc"}`) +
			Message(MessageHeader(":event-type", "messageStop"), `{"stopReason":"end_turn"}`) +
			Message(MessageHeader(":event-type", "metadata"), `{"metrics":{"latencyMs":1},"usage":{"inputTokens":24,"outputTokens":9,"totalTokens":33}}`),
		Want: with(recorded("", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 24, 9), func(r *Recorded) { r.Stream = true }),
	},
	{
		Name: "Converse streamed, throttled", Path: "/model/m/converse-stream", Kind: eventStream, Request: `{}`,
		Body: Message(MessageHeader(":message-type", "exception")+MessageHeader(":exception-type", "throttlingException"), `{"message":"slow down"}`),
		Want: with(recorded("", "m", Unknown, Unknown), func(r *Recorded) { r.Stream, r.Failure = true, "throttlingException" }),
	},
	{
		Name: "InvokeModel of Anthropic", Path: "/model/anthropic.claude-3-haiku-20240307-v1:0/invoke", Kind: JSON, Request: `{"max_tokens":5}`,
		Headers: []string{"X-Amzn-Bedrock-Input-Token-Count", "25", "X-Amzn-Bedrock-Output-Token-Count", "9"},
		Body:    `{"id":"msg_bdrk_1","type":"message","model":"claude-3-haiku-20240307","content":[],"stop_reason":"end_turn","usage":{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":9}}`,
		Want: with(recorded("", "anthropic.claude-3-haiku-20240307-v1:0", 125, 9), func(r *Recorded) {
			r.Model, r.ID, r.Read = "claude-3-haiku-20240307", "msg_bdrk_1", 100
		}),
	},
	{
		Name: "InvokeModel with counts in its headers", Path: "/model/meta.llama3-70b-instruct-v1:0/invoke", Kind: JSON, Request: `{"prompt":"x"}`,
		Headers: []string{"X-Amzn-Bedrock-Input-Token-Count", "25", "X-Amzn-Bedrock-Output-Token-Count", "9"},
		Body:    `{"generation":"x","prompt_token_count":25,"generation_token_count":9,"stop_reason":"stop"}`,
		Want:    recorded("", "meta.llama3-70b-instruct-v1:0", 25, 9),
	},
	{
		Name: "InvokeModel streamed", Path: "/model/anthropic.claude-3-haiku-20240307-v1:0/invoke-with-response-stream", Kind: eventStream, Request: `{}`,
		Body: chunk(`{"type":"message_start","message":{"id":"m1","model":"claude-3-haiku","usage":{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":1}}}`) +
			chunk(`{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}`) +
			chunk(`{"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":25,"outputTokenCount":9,"invocationLatency":1,"cacheReadInputTokenCount":100}}`),
		Want: with(recorded("", "anthropic.claude-3-haiku-20240307-v1:0", 125, 9), func(r *Recorded) {
			r.Model, r.ID, r.Read, r.Stream = "claude-3-haiku", "m1", 100, true
		}),
	},
	{
		Name: "InvokeModel streamed, broken off", Path: "/model/m/invoke-with-response-stream", Kind: eventStream, Request: `{}`,
		Body: chunk(`{"type":"message_start","message":{"id":"m1","model":"c","usage":{"input_tokens":25,"output_tokens":1}}}`) + "\x00\x00\x01",
		Want: with(recorded("", "m", 25, 1), func(r *Recorded) {
			r.Model, r.ID, r.Stream, r.Failure, r.Quality = "c", "m1", true, "stream_cut", []string{"estimated"}
		}),
	},
	{
		Name: "Ollama", Path: "/api/chat", Kind: JSON, Request: `{"model":"llama3.2","stream":false}`,
		Body: `{"model":"llama3.2:latest","created_at":"x","message":{"role":"assistant","content":"usage"},"done_reason":"stop","done":true,"total_duration":5,"prompt_eval_count":26,"eval_count":298}`,
		Want: with(recorded("", "llama3.2", 26, 298), func(r *Recorded) { r.Model = "llama3.2:latest" }),
	},
	{
		Name: "Ollama streamed", Path: "/api/generate", Kind: lines, Request: `{"model":"llama3.2","prompt":"x"}`,
		Body: "{\"model\":\"llama3.2\",\"response\":\"The\",\"done\":false}\n{\"model\":\"llama3.2\",\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"context\":[1,2],\"prompt_eval_count\":26,\"eval_count\":259}\n",
		Want: with(recorded("", "llama3.2", 26, 259), func(r *Recorded) { r.Stream = true }),
	},
	{
		Name: "Ollama streamed, broken off", Path: "/api/chat", Kind: lines, Request: `{"model":"llama3.2"}`,
		Body: "{\"model\":\"llama3.2\",\"message\":{\"content\":\"The\"},\"done\":false}\n",
		Want: with(recorded("", "llama3.2", Unknown, Unknown), func(r *Recorded) { r.Stream, r.Failure = true, "stream_cut" }),
	},
	{
		Name: "Ollama's embeddings", Path: "/api/embed", Kind: JSON, Request: `{"model":"all-minilm","input":"x"}`,
		Body: `{"model":"all-minilm","embeddings":[[0.01,-0.001]],"prompt_eval_count":8}`, Want: recorded("", "all-minilm", 8, Unknown),
	},
	{
		Name: "a page of another program with Ollama's path", Path: "/api/chat", Kind: JSON, Request: `{"messages":[]}`, Body: `{"text":"hello"}`,
		Want: with(recorded("", "", Unknown, Unknown), unspent),
	},
	{
		Name: "Mistral on Vertex AI", Path: "/v1/projects/p/locations/l/publishers/mistralai/models/mistral-large:rawPredict", Kind: JSON, Request: `{"model":"mistral-large"}`,
		Body: `{"id":"x","model":"mistral-large","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}`,
		Want: with(recorded("", "mistral-large", 5, 7), func(r *Recorded) { r.ID = "x" }),
	},
	{
		Name: "Gemini in OpenAI's form", Path: "/v1beta/openai/chat/completions", Kind: JSON, Request: `{"model":"gemini-2.5-flash"}`,
		Body: `{"id":"x","model":"gemini-2.5-flash","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}`,
		Want: with(recorded("", "gemini-2.5-flash", 5, 7), func(r *Recorded) { r.ID = "x" }),
	},
}

func unspent(r *Recorded) { r.Unspent = true }

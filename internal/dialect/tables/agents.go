package tables

import "github.com/tokenboard/tokenboard/internal/usage/figures"

// Coding agents. Their names are plain words, so their scopes and events limit them.

// claudeCode reports a call as a span and as a log event that share a request id; what its spans call
// gen_ai.response.id is that request id too. The log has the answering model and the cost.
// https://docs.claude.com/en/docs/claude-code/monitoring-usage
var claudeCode = Family{
	Name:         "claude-code",
	Scopes:       []string{"com.anthropic.claude_code"},
	Events:       []string{"api_request", "claude_code.api_request", "api_error", "claude_code.api_error"},
	Input:        []string{"input_tokens"},
	Output:       []string{"output_tokens"},
	CacheRead:    []string{"cache_read_tokens"},
	CacheWrite:   []string{"cache_creation_tokens"},
	CacheWrite5m: []string{"cache_creation_5m_tokens"},
	CacheWrite1h: []string{"cache_creation_1h_tokens"},
	Cache:        []PartRule{{Is: figures.Excluded}},
	Provider:     "anthropic",
	Operation:    "chat",
	CallEvents:   []string{"api_error", "claude_code.api_error"},
	Attributes: map[Attribute][]string{
		Model: {"model"}, RequestID: {"request_id"}, ResponseID: {}, User: {"user.email", "user.id"},
		Cost: {"cost_usd"}, TTFT: {"ttft_ms"}, Duration: {"duration_ms"}, Status: {"status_code"},
		Account: {"user.account_uuid", "user.account_id"},
	},
}

// geminiCLI reports a call by the event api_response (the thoughts beside the output), once more by
// the conventions' event and by a span (both without cache and thoughts), with no id in common.
// Qwen Code grew out of it and uses the same names, with the thoughts inside the output.
// https://github.com/google-gemini/gemini-cli/blob/main/docs/cli/telemetry.md
var geminiCLI = Family{
	Name:       "gemini-cli",
	Events:     []string{"gemini_cli.api_response", "gemini_cli.api_error", "qwen-code.api_response", "qwen-code.api_error"},
	Input:      []string{"input_token_count"},
	Output:     []string{"output_token_count"},
	Total:      []string{"total_token_count"},
	CacheRead:  []string{"cached_content_token_count"},
	Reasoning:  []string{"thoughts_token_count"},
	ExtraInput: []string{"tool_token_count"},
	Cache:      []PartRule{{Is: figures.Included}},
	Reasons:    []PartRule{{Scope: "gemini", Is: figures.Excluded}},
	Operation:  "generate_content",
	CallEvents: []string{"gemini_cli.api_error", "qwen-code.api_error"},
	Attributes: map[Attribute][]string{
		Model: {"model"}, Duration: {"duration_ms"}, Status: {"status_code", "http.status_code"},
		ResponseID: {"response_id"}, ErrorType: {"error.type", "error_type"},
	},
}

// codex reports a call by one of many codex.sse_event events. Its tool_token_count is the total.
// https://github.com/openai/codex/blob/main/docs/config.md
var codex = Family{
	Name:       "codex",
	Scopes:     []string{"codex"},
	Events:     []string{"codex.sse_event", "codex.websocket_event"},
	Input:      []string{"input_token_count"},
	Output:     []string{"output_token_count"},
	Total:      []string{"tool_token_count"},
	CacheRead:  []string{"cached_token_count"},
	CacheWrite: []string{"cache_write_token_count"},
	Reasoning:  []string{"reasoning_token_count"},
	Cache:      []PartRule{{Is: figures.Included}},
	Reasons:    []PartRule{{Is: figures.Included}},
	Operation:  "chat",
	Attributes: map[Attribute][]string{
		Model: {"model"}, User: {"user.email", "user.account_id"}, TTFT: {"ttft_ms"}, Duration: {"duration_ms"},
		Account: {"user.account_id"},
	},
}

// Sessions are emitters that report a call on several kinds of record without an id in common.
var Sessions = []struct {
	Scope string   // exact scope name
	Name  string   // of the group
	Full  []string // events of the more complete kind; all other records are echoes
}{
	{Scope: "gemini-cli", Name: "gemini-cli", Full: geminiCLI.Events},
}

// qwenCode is the span of Qwen Code, which has the conventions' names, and thoughts that the output
// of most of its providers includes.
// https://qwenlm.github.io/qwen-code-docs/en/developers/development/telemetry/
var qwenCode = Family{
	Name:       "qwen-code",
	Scopes:     []string{"qwen-code"},
	Adds:       &genAI,
	Cache:      []PartRule{{Is: figures.Included}},
	Attributes: map[Attribute][]string{TTFT: {"ttft_ms"}, User: {"gen_ai.user.id"}},
}

package dialect

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestFailedRecords: what only the failed or rarer records of an emitter name, under names of their own, is
// reported: the model, the operation, the status, the kind of error.
func TestFailedRecords(t *testing.T) {
	for name, tc := range map[string]struct {
		scope, span, event string
		attrs              map[string]any
		exception          string
		want               usage.Call
	}{
		"Gemini CLI, model": {scope: "gemini-cli", event: "gemini_cli.api_error", attrs: map[string]any{
			"model": "gemini-2.5-flash", "duration_ms": 177, "status_code": 500, "error.type": "ApiError", "auth_type": "gemini-api-key",
		}, want: usage.Call{Model: "gemini-2.5-flash", Operation: "generate_content", Status: 500, ErrorType: "ApiError"}},
		"Gemini CLI, model_name": {scope: "gemini-cli", event: "gemini_cli.api_error", attrs: map[string]any{
			"model_name": "gemini-2.5-pro", "http.status_code": 429, "error_type": "TooMany",
		}, want: usage.Call{Model: "gemini-2.5-pro", Operation: "generate_content", Status: 429, ErrorType: "TooMany"}},
		"Gemini CLI, span": {scope: "gemini-cli", span: "llm_call", attrs: map[string]any{
			"gen_ai.operation.name": "llm_call", "gen_ai.request.model": "gemini-2.5-flash",
		}, exception: "ApiError", want: usage.Call{Model: "gemini-2.5-flash", Operation: "chat", ErrorType: "ApiError"}},
		"Qwen Code": {scope: "qwen-code", event: "qwen-code.api_error", attrs: map[string]any{
			"model": "qwen3-coder-plus", "status_code": "401", "error_type": "AuthError", "duration_ms": 5,
		}, want: usage.Call{Model: "qwen3-coder-plus", Operation: "generate_content", Status: 401, ErrorType: "AuthError"}},
		"Claude Code": {scope: "com.anthropic.claude_code.events", event: "claude_code.api_error", attrs: map[string]any{
			"model": "claude-sonnet-4-5", "status_code": "529", "error": "Overloaded", "attempt": 3,
		}, want: usage.Call{Model: "claude-sonnet-4-5", Operation: "chat", Status: 529, ErrorType: "529"}},
		"Codex, with figures of the conventions": {scope: "codex_exec", span: "handle_responses", attrs: map[string]any{
			"model": "gpt-5-codex", "gen_ai.usage.input_tokens": 9013, "gen_ai.usage.output_tokens": 348, "user.account_id": "a",
		}, want: usage.Call{Model: "gpt-5-codex", Operation: "chat", User: "a"}},
		"OpenInference, parameters alone": {scope: "openinference.instrumentation.openai", span: "ChatCompletion", attrs: map[string]any{
			"openinference.span.kind": "LLM", "llm.system": "openai", "llm.invocation_parameters": `{"model": "gpt-4o-mini", "stream": true}`,
		}, exception: "openai.RateLimitError", want: usage.Call{Model: "gpt-4o-mini", Operation: "chat", Status: 429, ErrorType: "openai.RateLimitError"}},
		"OpenInference, input alone": {scope: "@arizeai/openinference-instrumentation-openai", span: "OpenAI Chat Completions", attrs: map[string]any{
			"openinference.span.kind": "LLM", "input.value": `{"model":"gpt-4o","messages":[]}`,
		}, exception: "RateLimitError", want: usage.Call{Model: "gpt-4o", Operation: "chat", Status: 429, ErrorType: "RateLimitError"}},
		"MLflow": {scope: "mlflow.tracing.provider", span: "Completions", attrs: map[string]any{
			"mlflow.spanType": `"CHAT_MODEL"`, "mlflow.spanInputs": `{"model": "gpt-4o-mini", "messages": []}`,
		}, exception: "openai.RateLimitError", want: usage.Call{Model: "gpt-4o-mini", Operation: "chat", Status: 429, ErrorType: "openai.RateLimitError"}},
		"Spring AI": {scope: "org.springframework.boot", span: "chat gpt-4o-mini", attrs: map[string]any{
			"gen_ai.operation.name": "chat", "gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "none",
		}, exception: "com.openai.errors.RateLimitException", want: usage.Call{Model: "gpt-4o-mini", Operation: "chat", Status: 429, ErrorType: "com.openai.errors.RateLimitException"}},
		"AI SDK": {scope: "ai", span: "ai.generateText.doGenerate", attrs: map[string]any{
			"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "gpt-4o-mini", "ai.model.provider": "openai.chat",
		}, exception: "AI_APICallError", want: usage.Call{Model: "gpt-4o-mini", Operation: "chat", ErrorType: "AI_APICallError"}},
		"Genkit": {scope: "genkit-tracer", span: "generate", attrs: map[string]any{
			"genkit:type": "util", "genkit:name": "generate", "genkit:input": `{"model":"openai/gpt-4o-mini","messages":[]}`,
			"genkit:output": `{"usage":{"inputTokens":5,"outputTokens":1}}`,
		}, want: usage.Call{Model: "openai/gpt-4o-mini", Operation: "chat"}},
		"VoltAgent": {scope: "@voltagent/core", span: "chat", attrs: map[string]any{
			"ai.model.name": "gpt-4o-mini", "error.type": "AI_APICallError",
		}, want: usage.Call{Model: "gpt-4o-mini", Operation: "chat", ErrorType: "AI_APICallError"}},
		"an exception and no operation": {scope: "some.instrumentation", span: "chat.completions", attrs: map[string]any{
			"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o-mini",
		}, exception: "openai.RateLimitError", want: usage.Call{Model: "gpt-4o-mini", Operation: "chat", Status: 429, ErrorType: "openai.RateLimitError"}},
		"LiteLLM, messages": {scope: "litellm", span: "litellm_request", attrs: map[string]any{
			"gen_ai.operation.name": "anthropic_messages", "gen_ai.request.model": "claude-sonnet-4-5", "error.code": "429", "error.type": "RateLimitError",
		}, want: usage.Call{Model: "claude-sonnet-4-5", Operation: "chat", Status: 429, ErrorType: "RateLimitError"}},
		"LiteLLM, messages without an operation": {scope: "litellm", span: "litellm_request", attrs: map[string]any{
			"llm.request.type": "anthropic_messages", "gen_ai.system": "", "gen_ai.request.model": "claude-sonnet-4-5", "error.code": "429", "error.type": "RateLimitError",
		}, want: usage.Call{Model: "claude-sonnet-4-5", Operation: "chat", Status: 429, ErrorType: "RateLimitError"}},
		"LiteLLM, responses without an operation": {scope: "litellm", span: "litellm_request", attrs: map[string]any{
			"llm.request.type": "aresponses", "gen_ai.system": "", "gen_ai.request.model": "gpt-4o", "error.code": "401", "error.type": "AuthenticationError",
		}, want: usage.Call{Model: "gpt-4o", Operation: "chat", Status: 401, ErrorType: "AuthenticationError"}},
		"LiteLLM": {scope: "litellm", span: "litellm_request", attrs: map[string]any{
			"gen_ai.operation.name": "acompletion", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.response.model": "None", "llm.request.type": "acompletion",
			"error.code": "429", "error.type": "RateLimitError",
		}, want: usage.Call{Model: "gpt-4o-mini", Operation: "chat", Status: 429, ErrorType: "RateLimitError"}},
	} {
		t.Run(name, func(t *testing.T) {
			d, res, scope := New(Options{}), pcommon.NewResource(), pcommon.NewInstrumentationScope()
			scope.SetName(tc.scope)
			var c usage.Call
			if tc.event != "" {
				lr := plog.NewLogRecord()
				require.NoError(t, lr.Attributes().FromRaw(tc.attrs))
				lr.Attributes().PutStr("event.name", tc.event)
				var ok bool
				c, _, ok = d.Log(res, scope, lr)
				require.True(t, ok)
			} else {
				s := ptrace.NewSpan()
				s.SetName(tc.span)
				s.SetTraceID(pcommon.TraceID{1})
				s.SetSpanID(pcommon.SpanID{1})
				require.NoError(t, s.Attributes().FromRaw(tc.attrs))
				if tc.exception != "" {
					s.Status().SetCode(ptrace.StatusCodeError)
					e := s.Events().AppendEmpty()
					e.SetName("exception")
					e.Attributes().PutStr("exception.type", tc.exception)
				}
				c, _ = d.Span(res, scope, s)
			}
			require.Equal(t, usage.RoleCall, c.Role)
			require.Equal(t, tc.want, usage.Call{Model: c.Model, Operation: c.Operation, Status: c.Status, ErrorType: c.ErrorType, User: c.User})
			require.Equal(t, tc.want.ErrorType != "", c.Failed)
		})
	}
}

// TestFailureMessages: the message of a failure comes from where the emitter put it: an attribute, the last exception, the
// status; the type of the error gives the status that the provider answered with, and an answer that broke off none.
func TestFailureMessages(t *testing.T) {
	d, res, scope := New(Options{}), pcommon.NewResource(), pcommon.NewInstrumentationScope()
	for name, tc := range map[string]struct {
		attrs                                    map[string]any
		exceptionType, exceptionMessage, message string
		status                                   int
		want                                     string
	}{
		"attribute":         {attrs: map[string]any{"error.message": "slow down"}, exceptionMessage: "another", want: "slow down"},
		"exception":         {exceptionType: "litellm.exceptions.RateLimitError", exceptionMessage: "Error code: 429 - {'error': {'message': 'slow down'}}", message: "another", status: 429, want: "slow down"},
		"status":            {message: "RateLimitError: slow down", want: "RateLimitError: slow down"},
		"type":              {exceptionType: "litellm.exceptions.RateLimitError", exceptionMessage: "slow down", status: 429, want: "slow down"},
		"type of Anthropic": {attrs: map[string]any{"error.type": "overloaded_error"}, status: 529},
		"type of Java":      {exceptionType: "com.openai.errors.RateLimitException", exceptionMessage: "slow down", status: 429, want: "slow down"},
		"only an answer":    {message: `{"messages":["hello"]}`},
		"key":               {attrs: map[string]any{"gen_ai.request.api_key": "my-own-secret-word"}, message: "wrong key my-own-secret-word!", want: "wrong key my-ow…word!"},
		"LiteLLM, interrupted": {
			attrs: map[string]any{"error.code": "400", "error.type": "ReadError"}, want: "Response payload is not completed: <TransferEncodingError: 400, message='Not enough data to satisfy transfer length header.'>",
			message: "Response payload is not completed: <TransferEncodingError: 400, message='Not enough data to satisfy transfer length header.'>",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := ptrace.NewSpan()
			s.SetTraceID(pcommon.TraceID{1})
			s.SetSpanID(pcommon.SpanID{1})
			require.NoError(t, s.Attributes().FromRaw(tc.attrs))
			s.Attributes().PutStr("gen_ai.operation.name", "chat")
			s.Attributes().PutStr("gen_ai.request.model", "gpt-4o")
			s.Status().SetCode(ptrace.StatusCodeError)
			s.Status().SetMessage(tc.message)
			if tc.exceptionMessage != "" {
				e := s.Events().AppendEmpty()
				e.SetName("exception")
				e.Attributes().PutStr("exception.type", tc.exceptionType)
				e.Attributes().PutStr("exception.message", tc.exceptionMessage)
			}
			c, family := d.Span(res, scope, s)
			require.Equal(t, tc.want, c.ErrorMessage)
			require.Equal(t, tc.status, c.Status)
			WriteCanonical(&c, family, s.Attributes())
			again, _ := d.Span(res, scope, s)
			require.Equal(t, c, again)
		})
	}
}

package dialect

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tokenboard/tokenboard/internal/dialect/tables"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// tok are token figures as people read them; none is one that must stay absent.
type tok struct{ in, out, read, write, reason int64 }

const none = int64(-1)

// readCase is what the decoder must make of one record.
type readCase struct {
	name     string
	scope    string
	span     string         // the span's name
	event    string         // of a log record; it is read as one
	attrs    map[string]any // attributes
	resource map[string]any

	want    tok
	notCall bool
	family  string // "" is any
	quality usage.Quality
	check   func(t *testing.T, c *usage.Call) // what else must hold
}

// readCases runs a family's table.
func readCases(t *testing.T, cases []readCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			res, scope := pcommon.NewResource(), pcommon.NewInstrumentationScope()
			require.NoError(t, res.Attributes().FromRaw(tc.resource))
			scope.SetName(tc.scope)
			d := New(Options{})
			var c usage.Call
			var family string
			var isCall bool
			if tc.event != "" {
				lr := plog.NewLogRecord()
				require.NoError(t, lr.Attributes().FromRaw(tc.attrs))
				lr.Attributes().PutStr("event.name", tc.event)
				lr.SetTimestamp(1)
				c, family, isCall = d.Log(res, scope, lr)
			} else {
				_, _, s := spanOf(tc.scope, tc.span, tc.attrs)
				c, family = d.Span(res, scope, s)
				isCall = c.Role == usage.RoleCall || c.Tokens.Reported()
			}
			if tc.notCall {
				require.False(t, isCall, "%+v", c)
				return
			}
			require.True(t, isCall, "it is a call")
			for _, f := range []struct {
				name      string
				want, got int64
				has       usage.TokenFields
			}{
				{"input", tc.want.in, c.Tokens.Input(), usage.HasInput}, {"output", tc.want.out, c.Tokens.Output(), usage.HasOutput},
				{"cache read", tc.want.read, c.Tokens.CacheRead, usage.HasCacheRead},
				{"cache write", tc.want.write, c.Tokens.CacheWrite, usage.HasCacheWrite},
				{"reasoning", tc.want.reason, c.Tokens.Reasoning, usage.HasReasoning},
			} {
				if f.want == none {
					require.Zero(t, c.Tokens.Fields&f.has, "%s must stay absent", f.name)
					continue
				}
				require.NotZero(t, c.Tokens.Fields&f.has, "%s is reported", f.name)
				require.Equal(t, f.want, f.got, f.name)
			}
			require.Equal(t, tc.quality, c.Quality)
			if tc.family != "" {
				require.Equal(t, tc.family, family)
			}
			if tc.check != nil {
				tc.check(t, &c)
			}
		})
	}
}

// chat returns the attributes of a chat by the conventions, and more on top.
func chat(provider, model string, more map[string]any) map[string]any {
	attrs := map[string]any{"gen_ai.operation.name": "chat", "gen_ai.provider.name": provider, "gen_ai.request.model": model}
	for k, v := range more {
		attrs[k] = v
	}
	return attrs
}

// TestFamilies: the tables themselves are sound.
func TestFamilies(t *testing.T) {
	for _, f := range builtIn {
		require.NotEmpty(t, f.Name)
		require.NotEmpty(t, f.refs.input, "%s is compiled", f.Name)
		for what := range f.Attributes {
			require.Less(t, what, tables.AttributeCount, f.Name)
		}
		for alias, unit := range f.Units {
			require.Positive(t, unit, alias)
		}
		require.False(t, f.CallsOnly && !f.own(), "%s: plain names need an emitter", f.Name)
	}
	// of the families that add to the conventions only one is read, else one set of figures would be judged by two rules
	last := map[*Family]int{}
	for i, f := range builtIn {
		if f.adds == nil {
			continue
		}
		if before, ok := last[f.adds]; ok {
			for _, between := range builtIn[before:i] {
				require.Same(t, f.adds, between.adds, "%s stands apart from those that add to %s", f.Name, f.adds.Name)
			}
		}
		last[f.adds] = i
	}
	for base, i := range last {
		require.Same(t, base, builtIn[i+1], "what is added to comes last")
	}
}

// TestSeveralFamilies: of the families that one span carries the fullest consistent one is taken.
func TestSeveralFamilies(t *testing.T) {
	readCases(t, []readCase{
		{
			name: "vercel 6 under openinference", scope: "ai", span: "ai.generateText.doGenerate",
			attrs: map[string]any{
				"ai.operationId": "ai.generateText.doGenerate", "gen_ai.system": "openai.chat", "gen_ai.request.model": "gpt-4o-mini",
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345, "ai.usage.inputTokens": 1200, "ai.usage.outputTokens": 345,
				"ai.usage.inputTokenDetails.noCacheTokens": 200, "ai.usage.inputTokenDetails.cacheReadTokens": 1000,
				"ai.usage.outputTokenDetails.textTokens": 281, "ai.usage.outputTokenDetails.reasoningTokens": 64,
				"llm.token_count.prompt": 1200, "llm.token_count.completion": 345, "llm.token_count.prompt_details.cache_read": 1000,
				"openinference.span.kind": "LLM",
			},
			want: tok{1200, 345, 1000, none, 64}, family: "vercel-ai",
		},
		{
			name: "a fuller family that cannot be loses to a consistent one", scope: "x", span: "chat gpt-4o",
			attrs: chat("openai", "gpt-4o", map[string]any{
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345,
				"llm.token_count.prompt": -1, "llm.token_count.completion": 345, "llm.token_count.prompt_details.cache_read": "NaN",
				"llm.token_count.completion_details.reasoning": 1 << 60,
			}),
			want: tok{1200, 345, none, none, none}, family: "gen_ai",
		},
		{
			name: "litellm v2 with its openinference and langfuse mappers", scope: "litellm", span: "chat claude-sonnet",
			attrs: chat("anthropic", "claude-sonnet-4-5", map[string]any{
				"gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.cache_read.input_tokens": 3000,
				"gen_ai.usage.cache_creation.input_tokens": 450, "gen_ai.usage.prompt_tokens": 5000, "gen_ai.usage.completion_tokens": 222,
				"gen_ai.usage.total_tokens": 5222, "llm.token_count.prompt": 5000, "llm.token_count.completion": 222, "openinference.span.kind": "LLM",
				"langfuse.observation.usage_details": `{"input": 1550, "output": 222, "input_cached_tokens": 3000, "input_cache_creation": 450}`,
			}),
			want: tok{5000, 222, 3000, 450, none}, family: "litellm",
		},
		{
			name: "mlflow beside the conventions", scope: "mlflow", span: "Completions",
			attrs: chat("openai", "gpt-4o", map[string]any{
				"gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 345, "mlflow.spanType": `"CHAT_MODEL"`,
				"mlflow.chat.tokenUsage": `{"input_tokens": 1200, "output_tokens": 345, "total_tokens": 1545, "cache_read_input_tokens": 1000}`,
			}),
			want: tok{1200, 345, 1000, none, none}, family: "mlflow",
		},
	})
}

// TestMarker: what a record says itself of its input goes before every table and every arithmetic.
func TestMarker(t *testing.T) {
	figures := func(semantics string) map[string]any {
		return chat("anthropic", "claude-sonnet-4-5", map[string]any{
			"gen_ai.usage.input_tokens": 5000, "gen_ai.usage.output_tokens": 222, "gen_ai.usage.cache_read.input_tokens": 3000,
			"gen_ai.token.semantics": semantics, "agento11y.gen_ai.usage.total_tokens": 5222,
		})
	}
	readCases(t, []readCase{
		{name: "inclusive", scope: "agent_framework", span: "chat", attrs: figures("inclusive"), want: tok{5000, 222, 3000, none, none}},
		{name: "exclusive", scope: "agento11y", span: "chat", attrs: figures("exclusive"), want: tok{8000, 222, 3000, none, none}},
		{name: "nonsense is no marker", scope: "agent_framework", span: "chat", attrs: figures("x"), want: tok{8000, 222, 3000, none, none}},
	})
}

// TestCost: only what is money, and known, is a cost.
func TestCost(t *testing.T) {
	for name, tc := range map[string]struct {
		scope string
		attrs map[string]any
		want  string // "" is none
	}{
		"dollars as a number":           {"x", map[string]any{"gen_ai.usage.cost": 0.00022}, "0.00022"},
		"as a text":                     {"x", map[string]any{"gen_ai.usage.cost": "0.00022"}, "0.00022"},
		"with its currency":             {"io.quarkus.opentelemetry", map[string]any{"gen_ai.client.estimated_cost": "0.01USD"}, "0.01"},
		"with a space":                  {"io.quarkus.opentelemetry", map[string]any{"gen_ai.client.estimated_cost": "0.01 USD"}, "0.01"},
		"another currency":              {"io.quarkus.opentelemetry", map[string]any{"gen_ai.client.estimated_cost": "0.01EUR"}, ""},
		"copilot counts requests":       {"copilot-chat", map[string]any{"github.copilot.cost": 1, "gen_ai.usage.cost": 1}, ""},
		"0 means that none is known":    {"litellm", map[string]any{"gen_ai.cost.total_cost": 0.0}, ""},
		"0, then a known one":           {"litellm", map[string]any{"gen_ai.usage.cost": 0.0, "litellm.cost.total": 0.5}, "0.5"},
		"openrouter has free models":    {"openrouter", map[string]any{"gen_ai.usage.total_cost": 0.0}, "0"},
		"negative":                      {"x", map[string]any{"gen_ai.usage.cost": -0.15}, ""},
		"in the JSON of langfuse":       {"langfuse-sdk", map[string]any{"langfuse.observation.cost_details": `{"total": 0.0123}`}, "0.0123"},
		"opencode's plugin":             {"opencode", map[string]any{"opencode.llm.cost.total": 0.25}, "0.25"},
		"kong's, where it is on a span": {"kong", map[string]any{"kong.gen_ai.llm.cost": 0.002}, "0.002"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, s := spanOf(tc.scope, "chat", chat("openai", "gpt-4o", tc.attrs))
			scope := pcommon.NewInstrumentationScope()
			scope.SetName(tc.scope)
			c, _ := New(Options{}).Span(pcommon.NewResource(), scope, s)
			require.Equal(t, tc.want != "", c.HasReportedCost)
			if tc.want != "" {
				require.Equal(t, tc.want, c.ReportedCost.String())
			}
		})
	}
}

// TestTTFT: each emitter has its unit.
func TestTTFT(t *testing.T) {
	for name, tc := range map[string]struct {
		scope string
		attrs map[string]any
	}{
		"langfuse: a time of the day": {"langfuse-sdk", map[string]any{
			"langfuse.observation.completion_start_time": `"2023-11-14T22:13:20.850Z"`,
		}},
		"the conventions: seconds":     {"x", map[string]any{"gen_ai.response.time_to_first_chunk": 0.85}},
		"vercel 7: seconds":            {"gen_ai", map[string]any{"gen_ai.client.operation.time_to_first_chunk": 0.85}},
		"vercel 6: milliseconds":       {"ai", map[string]any{"ai.response.msToFirstChunk": 850.0}},
		"vercel 4: milliseconds":       {"ai", map[string]any{"ai.stream.msToFirstChunk": 850}},
		"strands: milliseconds":        {"strands.telemetry.tracer", map[string]any{"gen_ai.server.time_to_first_token": 850}},
		"another server's: seconds":    {"x", map[string]any{"gen_ai.server.time_to_first_token": 0.85}},
		"copilot: milliseconds":        {"copilot-chat", map[string]any{"copilot_chat.time_to_first_token": 850}},
		"dify: nanoseconds":            {"dify", map[string]any{"gen_ai.framework": "dify", "gen_ai.user.time_to_first_token": 850_000_000}},
		"vllm: seconds":                {"vllm.llm_engine", map[string]any{"gen_ai.latency.time_to_first_token": 0.85}},
		"claude code: milliseconds":    {"com.anthropic.claude_code", map[string]any{"span.type": "llm_request", "ttft_ms": 850}},
		"qwen code: milliseconds":      {"qwen-code", map[string]any{"ttft_ms": 850}},
		"higress: milliseconds, texts": {"envoy", map[string]any{"gen_ai.model_name": "qwen-max", "llm_first_token_duration": "850"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, scope, s := spanOf(tc.scope, "chat", chat("openai", "gpt-4o", tc.attrs))
			c, _ := New(Options{}).Span(pcommon.NewResource(), scope, s)
			require.InDelta(t, float64(850*time.Millisecond), float64(c.TTFT), 1000)
			require.Equal(t, usage.Yes, c.Stream, "what has a first token is a stream")
		})
	}
}

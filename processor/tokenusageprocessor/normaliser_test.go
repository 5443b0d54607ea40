package tokenusageprocessor

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap/confmaptest"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/testdata"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/jsonlines"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor/internal/metadata"
)

// processed runs records through a processor with the default configuration, changed by with.
func processed(t *testing.T, td ptrace.Traces, ld plog.Logs, with func(*Config)) (ptrace.Traces, plog.Logs) {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if with != nil {
		with(cfg)
	}
	traces, logs := &consumertest.TracesSink{}, &consumertest.LogsSink{}
	set := processortest.NewNopSettings(metadata.Type)
	tp, err := NewFactory().CreateTraces(context.Background(), set, cfg, traces)
	require.NoError(t, err)
	lp, err := NewFactory().CreateLogs(context.Background(), set, cfg, logs)
	require.NoError(t, err)
	require.NoError(t, tp.Start(context.Background(), componenttest.NewNopHost()))
	require.NoError(t, tp.ConsumeTraces(context.Background(), td))
	require.NoError(t, lp.ConsumeLogs(context.Background(), ld))
	require.NoError(t, tp.Shutdown(context.Background()))
	return traces.AllTraces()[0], logs.AllLogs()[0]
}

func spanOf(attrs map[string]any) (ptrace.Traces, ptrace.Span) {
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetName("chat gpt-4o")
	s.SetTraceID([16]byte{1})
	s.SetSpanID([8]byte{2})
	s.SetStartTimestamp(1_764_000_000_000_000_000)
	s.SetEndTimestamp(1_764_000_001_000_000_000)
	_ = s.Attributes().FromRaw(attrs)
	return td, s
}

func raw(td ptrace.Traces) map[string]any {
	return td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().AsRaw()
}

func TestWritesTheConventions(t *testing.T) {
	td, _ := spanOf(map[string]any{
		"gen_ai.system": "openai", "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06",
		"gen_ai.usage.prompt_tokens": "1200", "gen_ai.usage.completion_tokens": 300.0, "llm.usage.total_tokens": 1500,
		"gen_ai.request.api_key": "sk-test-0123456789abcdef", "gen_ai.prompt.0.content": "secret words", "mine": "kept",
		"note": "called with sk-test-0123456789abcdef", "url.full": "https://llm.example/v1?alt=sse&key=AIzaSecret&x=1",
		"customer.name": "Ada", "internal.a": 1,
	})
	out, _ := processed(t, td, plog.NewLogs(), func(c *Config) { c.DropAttributes = []string{"customer.name", "internal.*"} })
	got := raw(out)
	require.EqualValues(t, 1200, got[usage.AttrInputTokens])
	require.EqualValues(t, 300, got[usage.AttrOutputTokens])
	require.Equal(t, "openai", got[usage.AttrProvider])
	require.Equal(t, "gpt-4o-2024-08-06", got[usage.AttrResponseModel])
	require.Equal(t, usage.Fingerprint("sk-test-0123456789abcdef"), got[usage.AttrKeyFingerprint])
	require.Equal(t, "sk-te…cdef", got[usage.AttrKeyDisplay])
	require.Equal(t, "call", got[usage.AttrRole])
	require.Equal(t, "kept", got["mine"])
	require.Equal(t, "called with sk-te…cdef", got["note"])
	require.Equal(t, "https://llm.example/v1?alt=sse&key=REDACTED&x=1", got["url.full"])
	for _, gone := range []string{"gen_ai.request.api_key", "gen_ai.prompt.0.content", "customer.name", "internal.a"} {
		require.NotContains(t, got, gone)
	}
}

// TestCustom: an emitter without built-in rules is read as the configuration says, on spans and logs.
func TestCustom(t *testing.T) {
	all, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	part, err := all.Sub("tokenusage/taught")
	require.NoError(t, err)
	teach := func(c *Config) { require.NoError(t, part.Unmarshal(c)) }
	attrs := map[string]any{
		"tokens_in": "many", "usage": `{"prompt":{"count":100}}`, "tokens_out": 7, "tokens_cached": 40, "model_used": "gpt-4o", "caller": "alice", "price": 0.25,
	}
	td, _ := spanOf(attrs)
	td.ResourceSpans().At(0).ScopeSpans().At(0).Scope().SetName("my.gateway.http")
	ld := plog.NewLogs()
	sl := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	sl.Scope().SetName("my.gateway")
	for _, event := range []string{"gateway.call", "gateway.other"} {
		lr := sl.LogRecords().AppendEmpty()
		lr.SetEventName(event)
		require.NoError(t, lr.Attributes().FromRaw(attrs))
	}
	traces, logs := processed(t, td, ld, teach)
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	for _, got := range []map[string]any{raw(traces), records.At(0).Attributes().AsRaw()} {
		require.EqualValues(t, 140, got[usage.AttrInputTokens], "the cache comes on top")
		require.EqualValues(t, 40, got[usage.AttrCacheRead])
		require.EqualValues(t, 7, got[usage.AttrOutputTokens])
		require.Equal(t, "gpt-4o", got[usage.AttrResponseModel])
		require.Equal(t, "openai", got[usage.AttrProvider])
		require.Equal(t, "alice", got[usage.AttrUser])
		require.Equal(t, "my-gateway", got[usage.AttrFamily])
		require.EqualValues(t, 250_000_000, got[usage.AttrCostReported])
	}
	require.NotContains(t, records.At(1).Attributes().AsRaw(), usage.AttrRole)

	td, _ = spanOf(attrs) // another scope
	traces, _ = processed(t, td, plog.NewLogs(), teach)
	require.NotContains(t, raw(traces), usage.AttrRole)
}

func TestFlags(t *testing.T) {
	td, _ := spanOf(map[string]any{"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": -3, "gen_ai.usage.output_tokens": "NaN"})
	out, _ := processed(t, td, plog.NewLogs(), nil)
	got := raw(out)
	require.Equal(t, []any{"no_usage", "inconsistent"}, got[usage.AttrQuality])
	require.NotContains(t, got, usage.AttrInputTokens)
	require.NotContains(t, got, usage.AttrOutputTokens)
}

func TestLegacyCacheCreation(t *testing.T) {
	td, _ := spanOf(map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 1,
		"gen_ai.usage.cache_write_input_tokens": 4, "gen_ai.provider.name": "openai",
	})
	out, _ := processed(t, td, plog.NewLogs(), func(c *Config) { c.EmitLegacyCacheCreation = true })
	require.EqualValues(t, 4, raw(out)[legacyCacheCreation])
}

func TestContentIsKeptWhereAsked(t *testing.T) {
	td, s := spanOf(map[string]any{"gen_ai.operation.name": "chat", "gen_ai.input.messages": "hello", "x-api-key": "sk-0123456789abcdefgh"})
	s.Events().AppendEmpty().SetName("gen_ai.user.message")
	s.Events().At(0).Attributes().PutStr("content", "hello")
	out, _ := processed(t, td, plog.NewLogs(), func(c *Config) { c.DropContent = false })
	require.Equal(t, "hello", raw(out)["gen_ai.input.messages"])
	require.NotContains(t, raw(out), "x-api-key", "a key in clear never passes")

	td, s = spanOf(nil)
	s.Events().AppendEmpty().SetName("gen_ai.user.message")
	s.Events().At(0).Attributes().PutStr("content", "hello")
	out, _ = processed(t, td, plog.NewLogs(), nil)
	event := out.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Events().At(0)
	require.Zero(t, event.Attributes().Len())
}

func TestMessageLogs(t *testing.T) {
	ld := plog.NewLogs()
	records := ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
	choice := records.AppendEmpty()
	choice.SetEventName("gen_ai.choice")
	choice.Body().SetEmptyMap().PutStr("message", "the answer")
	plain := records.AppendEmpty()
	plain.Body().SetStr("the server started")
	plain.Attributes().PutStr("prompt", "$")
	_, out := processed(t, ptrace.NewTraces(), ld, nil)
	got := out.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	require.Equal(t, "", got.At(0).Body().AsString())
	require.Equal(t, "the server started", got.At(1).Body().AsString())
	require.Equal(t, map[string]any{"prompt": "$"}, got.At(1).Attributes().AsRaw())
}

// TestForeignDataIsUntouched: what has no usage leaves as it came.
func TestForeignDataIsUntouched(t *testing.T) {
	td, ld := testdata.GenerateTraces(50), testdata.GenerateLogs(50)
	wantTraces, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	require.NoError(t, err)
	wantLogs, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	require.NoError(t, err)
	gotTraces, gotLogs := processed(t, td, ld, nil)
	raw, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(gotTraces)
	require.NoError(t, err)
	require.True(t, bytes.Equal(wantTraces, raw))
	raw, err = (&plog.ProtoMarshaler{}).MarshalLogs(gotLogs)
	require.NoError(t, err)
	require.True(t, bytes.Equal(wantLogs, raw))
}

func captures(t *testing.T, kind string, visit func(t *testing.T, line []byte)) {
	dirs, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, dirs)
	for _, dir := range dirs {
		t.Run(filepath.Base(dir)+"/"+kind, func(t *testing.T) {
			for _, line := range jsonlines.Read(t, filepath.Join(dir, kind+".jsonl")) {
				visit(t, line)
			}
		})
	}
}

// spoken matches the texts that the captures' prompts and answers are made of: three words of
// prose or more in a row, in a value.
var spoken = regexp.MustCompile(`[a-z]{2,} [a-z]{2,} [a-z]{2,} [a-z]{2,} [a-z]{2,} [a-z]{2,}`)

// statusTexts are sentences that may stay: they come from the emitter, not from people or models.
var statusTexts = []string{"error", "failed", "status", "Length", "Approval mode", "overloaded", "rate limit", "Rate limit", "exceeded", "peer closed connection", "payload is not completed"}

// TestCaptures puts real telemetry through the processor: a reader of the result finds the same
// calls, a second processor changes nothing, and no text is left.
func TestCaptures(t *testing.T) {
	d := dialect.New(dialect.Options{})
	captures(t, "traces", func(t *testing.T, line []byte) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		require.NoError(t, err)
		want := spanCalls(d, td)
		once, _ := processed(t, td, plog.NewLogs(), nil)
		require.Equal(t, want, spanCalls(d, once))
		first, err := (&ptrace.JSONMarshaler{}).MarshalTraces(once)
		require.NoError(t, err)
		twice, _ := processed(t, once, plog.NewLogs(), nil)
		second, err := (&ptrace.JSONMarshaler{}).MarshalTraces(twice)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
		requireNoTexts(t, first)
	})
	captures(t, "logs", func(t *testing.T, line []byte) {
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(line)
		require.NoError(t, err)
		want := logCalls(d, ld)
		_, once := processed(t, ptrace.NewTraces(), ld, nil)
		require.Equal(t, want, logCalls(d, once))
		first, err := (&plog.JSONMarshaler{}).MarshalLogs(once)
		require.NoError(t, err)
		_, twice := processed(t, ptrace.NewTraces(), once, nil)
		second, err := (&plog.JSONMarshaler{}).MarshalLogs(twice)
		require.NoError(t, err)
		require.Equal(t, string(first), string(second))
		requireNoTexts(t, first)
	})
}

func requireNoTexts(t *testing.T, out []byte) {
	for _, m := range spoken.FindAllIndex(out, -1) {
		around := string(out[max(0, m[0]-120):min(len(out), m[1]+60)])
		allowed := false
		for _, s := range statusTexts {
			allowed = allowed || strings.Contains(around, s)
		}
		require.True(t, allowed, "a text was left: %s", around)
	}
}

func spanCalls(d *dialect.Decoder, td ptrace.Traces) (calls []usage.Call) {
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, span := range ss.Spans().All() {
				c, _ := d.Span(rs.Resource(), ss.Scope(), span)
				calls = append(calls, flagged(c))
			}
		}
	}
	return calls
}

func logCalls(d *dialect.Decoder, ld plog.Logs) (calls []usage.Call) {
	for _, rl := range ld.ResourceLogs().All() {
		for _, sl := range rl.ScopeLogs().All() {
			for _, lr := range sl.LogRecords().All() {
				if c, _, ok := d.Log(rl.Resource(), sl.Scope(), lr); ok {
					calls = append(calls, flagged(c))
				}
			}
		}
	}
	return calls
}

// flagged sets the flag that the processor adds for all readers.
func flagged(c usage.Call) usage.Call {
	if c.Role == usage.RoleCall && !c.Tokens.Reported() {
		c.Quality |= usage.NoUsage
	}
	return c
}

package test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/proxytrace"
)

// TestServiceTier: what an API says of the service tier is what Tokenboard reads from the span.
func TestServiceTier(t *testing.T) {
	const chat, messages, gemini = "/v1/chat/completions", "/v1/messages", "/v1beta/models/gemini-2.5-flash:generateContent"
	for _, tc := range []struct {
		name, path, request, body string
		want                      usage.Tier
	}{
		{"none", chat, `{}`, `{"usage":{"prompt_tokens":1}}`, usage.TierUnknown},
		{"OpenAI", chat, `{}`, `{"service_tier":"flex","usage":{"prompt_tokens":1}}`, usage.TierFlex},
		{"OpenAI, not granted", chat, `{"service_tier":"priority"}`, `{"service_tier":"default","usage":{"prompt_tokens":1}}`, usage.TierStandard},
		{"OpenAI, the answer does not say", chat, `{"service_tier":"flex"}`, `{"service_tier":null,"usage":{"prompt_tokens":1}}`, usage.TierFlex},
		{"OpenAI, too long", chat, `{}`, `{"service_tier":"` + strings.Repeat("x", 100) + `"}`, usage.TierUnknown},
		{"Responses", "/v1/responses", `{}`, `{"service_tier":"priority","usage":{"input_tokens":1}}`, usage.TierPriority},
		{"Anthropic", messages, `{"service_tier":"auto"}`, `{"usage":{"input_tokens":1,"service_tier":"batch"}}`, usage.TierBatch},
		{"Anthropic, the answer does not say", messages, `{"service_tier":"auto"}`, `{"usage":{"input_tokens":1}}`, usage.TierUnknown},
		{"Gemini", gemini, `{"serviceTier":"priority"}`, `{"usageMetadata":{"promptTokenCount":1,"serviceTier":"SERVICE_TIER_FLEX"}}`, usage.TierFlex},
		{"Vertex AI", gemini, `{}`, `{"usageMetadata":{"promptTokenCount":1,"trafficType":"ON_DEMAND_PRIORITY"}}`, usage.TierPriority},
		{"OpenAI, a batch", "/v1/batches", `{}`, `{"object":"batch","id":"batch_1","status":"completed","usage":{"input_tokens":1}}`, usage.TierBatch},
		{"Gemini, the request", gemini, `{"service_tier":"flex"}`, `{"usageMetadata":{"promptTokenCount":1}}`, usage.TierFlex},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := newSpans(t)
			h := proxytrace.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, tc.body)
			}), proxytrace.WithTracerProvider(s.provider))
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, tc.path, strings.NewReader(tc.request)))
			rs := ptrace.NewTraces().ResourceSpans().AppendEmpty()
			ss := rs.ScopeSpans().AppendEmpty()
			span := ss.Spans().AppendEmpty()
			span.SetTraceID([16]byte{1})
			span.SetSpanID([8]byte{1})
			for name, v := range attributes(s.only(t, 1)) {
				require.NoError(t, span.Attributes().PutEmpty(name).FromRaw(plain(v.AsInterface())))
			}
			rd := dialect.New(dialect.Options{}).Reader()
			rd.Resource(rs.Resource())
			rd.Scope(ss.Scope())
			var c usage.Call
			rd.Span(span, &c)
			require.Equal(t, usage.RoleCall, c.Role)
			require.Equal(t, tc.want, c.Tier)
		})
	}
}

// plain makes of lists what FromRaw takes.
func plain(v any) any {
	texts, is := v.([]string)
	if !is {
		return v
	}
	list := make([]any, len(texts))
	for i, s := range texts {
		list[i] = s
	}
	return list
}

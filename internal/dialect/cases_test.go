package dialect

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialectcases"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func loadCases(t testing.TB) []dialectcases.Case {
	t.Helper()
	return dialectcases.Load(t, filepath.Join("..", "..", "testdata"))
}

// decodeCase returns what the decoder makes of a case; ok is false where it is no call.
func decodeCase(t testing.TB, tc dialectcases.Case) (c usage.Call, ok bool) {
	t.Helper()
	res, scope := pcommon.NewResource(), pcommon.NewInstrumentationScope()
	scope.SetName(tc.Scope)
	tc.PutResource(res.Attributes())
	attrs := pcommon.NewMap()
	tc.PutAttributes(t, attrs)
	d := New(Options{})
	if tc.Signal == "log" {
		lr := plog.NewLogRecord()
		attrs.CopyTo(lr.Attributes())
		lr.Body().SetStr(tc.SpanName)
		lr.SetTimestamp(1)
		c, _, ok = d.Log(res, scope, lr)
		return c, ok
	}
	s := ptrace.NewSpan()
	s.SetName(tc.SpanName)
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{1})
	s.SetStartTimestamp(1)
	attrs.CopyTo(s.Attributes())
	c, _ = d.Span(res, scope, s)
	return c, c.Role == usage.RoleCall || c.Tokens.Reported()
}

func TestCases(t *testing.T) {
	cases := loadCases(t)
	require.Len(t, cases, 96)
	for _, tc := range cases {
		t.Run(tc.ID, func(t *testing.T) {
			c, ok := decodeCase(t, tc)
			e := tc.Expect
			if e.Counted {
				require.True(t, ok, "it is a call")
				for _, f := range []struct {
					name string
					want *int64
					has  usage.TokenFields
					got  int64
				}{
					{"input", e.Input, usage.HasInput, c.Tokens.Input()}, {"output", e.Output, usage.HasOutput, c.Tokens.Output()},
					{"cache read", e.CacheRead, usage.HasCacheRead, c.Tokens.CacheRead},
					{"cache write", e.CacheWrite, usage.HasCacheWrite, c.Tokens.CacheWrite},
					{"reasoning", e.Reasoning, usage.HasReasoning, c.Tokens.Reasoning},
				} {
					if f.want == nil {
						require.Zero(t, c.Tokens.Fields&f.has, "%s must stay absent", f.name)
						continue
					}
					require.NotZero(t, c.Tokens.Fields&f.has, "%s is reported", f.name)
					require.Equal(t, *f.want, f.got, f.name)
				}
			}
			if !ok {
				return
			}
			for name, f := range map[string]struct {
				want *string
				got  string
			}{
				"model": {e.Model, c.Model}, "provider": {e.Provider, c.Provider}, "operation": {e.Operation, c.Operation},
			} {
				if f.want != nil {
					require.Equal(t, *f.want, f.got, name)
				}
			}
		})
	}
}

// TestNotCalls: what spends nothing is no call at all, whatever surrounds it.
func TestNotCalls(t *testing.T) {
	never := map[string]bool{
		"otel-07c": true, "otel-16": true, "tl-05a": true, "va-04b": true, "ll-01a": true, "ll-01c": true, "ll-02b": true,
		"ll-03a": true, "ll-03c": true, "pa-01a": true, "sp-01a": true, "st-01b": true, "bf-01a": true, "cx-02": true, "qk-01a": true,
	}
	for _, tc := range loadCases(t) {
		if never[tc.ID] {
			_, ok := decodeCase(t, tc)
			require.False(t, ok, tc.ID)
			delete(never, tc.ID)
		}
	}
	require.Empty(t, never, "unknown cases")
}

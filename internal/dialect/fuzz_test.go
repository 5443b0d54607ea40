package dialect

import (
	"bufio"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect/value"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// requireSane checks what must hold for any record whatever.
func requireSane(t *testing.T, c *usage.Call) {
	t.Helper()
	for _, n := range []int64{c.Tokens.InputUncached, c.Tokens.CacheRead, c.Tokens.CacheWrite, c.Tokens.OutputText, c.Tokens.Reasoning} {
		require.GreaterOrEqual(t, n, int64(0))
		require.LessOrEqual(t, n, usage.MaxTokens)
	}
	require.GreaterOrEqual(t, c.Duration, time.Duration(0))
	require.True(t, c.KeyFingerprint == "" || usage.IsFingerprint(c.KeyFingerprint))
	require.LessOrEqual(t, len(c.Model), value.MaxText)
	require.False(t, math.Signbit(float64(c.ReportedCost)))
}

// seed returns the fuzzer the first small span and log record of a request, each by itself: small
// inputs are mutated faster.
func seed(f *testing.F, request []byte) {
	const small = 2048 // bytes
	if td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(request); err == nil && td.SpanCount() > 0 {
		found := false
		td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().RemoveIf(func(s ptrace.Span) bool {
			keep := !found && s.Attributes().Len() < 30
			found = found || keep
			return !keep
		})
		if b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(td); err == nil && len(b) < small {
			f.Add(false, b)
		}
	}
	if ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(request); err == nil && ld.LogRecordCount() > 0 {
		found := false
		ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().RemoveIf(func(r plog.LogRecord) bool {
			keep := !found && r.Attributes().Len() > 8
			found = found || keep
			return !keep
		})
		if b, err := (&plog.ProtoMarshaler{}).MarshalLogs(ld); err == nil && len(b) < small {
			f.Add(true, b)
		}
	}
}

// seeds returns the fuzzer records of every capture.
func seeds(f *testing.F) {
	captures, err := filepath.Glob(filepath.Join("..", "..", "testdata", "captures", "*", "*.jsonl"))
	require.NoError(f, err)
	for _, path := range captures {
		file, err := os.Open(path)
		require.NoError(f, err)
		sc := bufio.NewScanner(file)
		sc.Buffer(nil, 16<<20)
		for n := 0; n < 2 && sc.Scan(); n++ {
			seed(f, sc.Bytes())
		}
		require.NoError(f, file.Close())
	}
}

// FuzzDecode reads any spans and log records at all. None may break the decoder, and what it writes
// in the conventions it reads again as the same.
func FuzzDecode(f *testing.F) {
	seeds(f)
	d := New(Options{})
	f.Fuzz(func(t *testing.T, logs bool, b []byte) {
		if logs {
			ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
			if err != nil {
				return
			}
			for _, rl := range ld.ResourceLogs().All() {
				for _, sl := range rl.ScopeLogs().All() {
					for _, lr := range sl.LogRecords().All() {
						c, family, ok := d.Log(rl.Resource(), sl.Scope(), lr)
						requireSane(t, &c)
						if !ok || family == Canonical {
							continue
						}
						WriteCanonical(&c, family, lr.Attributes())
						again, _, ok := d.Log(rl.Resource(), sl.Scope(), lr)
						require.True(t, ok)
						require.Equal(t, c, again)
					}
				}
			}
			return
		}
		td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
		if err != nil {
			return
		}
		for _, rs := range td.ResourceSpans().All() {
			for _, ss := range rs.ScopeSpans().All() {
				for _, s := range ss.Spans().All() {
					c, family := d.Span(rs.Resource(), ss.Scope(), s)
					requireSane(t, &c)
					if c.Role == usage.RoleNone || (c.Role == usage.RoleTool && !c.Tokens.Reported()) || family == Canonical || c.Signal == usage.SignalLog {
						continue // a span without ids is known by its content, which changes
					}
					WriteCanonical(&c, family, s.Attributes())
					again, _ := d.Span(rs.Resource(), ss.Scope(), s)
					require.Equal(t, c, again)
				}
			}
		}
	})
}

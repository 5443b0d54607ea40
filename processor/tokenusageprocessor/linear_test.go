package tokenusageprocessor

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"

	"github.com/tokenboard/tokenboard/processor/tokenusageprocessor/internal/metadata"
)

// crowded are requests whose size is a number of keys and texts, in every place where they meet.
var crowded = map[string]func(td ptrace.Traces, n int){
	"keys and texts of a span": func(td ptrace.Traces, n int) {
		a := aSpan(td).Attributes()
		for i := range n {
			a.PutStr(fmt.Sprintf("x%d_api_key", i), fmt.Sprintf("secret-%08d-of-many", i))
			a.PutStr(fmt.Sprintf("note%d", i), fmt.Sprintf("what is this: secret-%08d-of-man", i))
		}
	},
	"one name again and again": func(td ptrace.Traces, n int) {
		s := aSpan(td)
		for i := range n {
			s.Events().AppendEmpty().Attributes().PutStr("authorization", fmt.Sprintf("secret-%08d-of-many", i))
		}
	},
	"keys of a list": func(td ptrace.Traces, n int) {
		s := aSpan(td)
		list := s.Attributes().PutEmptySlice("http.request.header.authorization")
		for i := range n {
			list.AppendEmpty().SetStr(fmt.Sprintf("secret-%08d-of-many", i))
			s.Attributes().PutStr(fmt.Sprintf("note%d", i), fmt.Sprintf("what is this: secret-%08d-of-man", i))
		}
	},
	"keys of a resource, many spans": func(td ptrace.Traces, n int) {
		s := aSpan(td)
		r := td.ResourceSpans().At(0)
		for i := range min(n, 60) {
			r.Resource().Attributes().PutStr(fmt.Sprintf("x%d_api_key", i), strings.Repeat("a", 200)+fmt.Sprint(i))
		}
		for range n {
			s.CopyTo(r.ScopeSpans().At(0).Spans().AppendEmpty())
		}
	},
	"a long text with a long key": func(td ptrace.Traces, n int) {
		a := aSpan(td).Attributes()
		for i := range 8 {
			a.PutStr(fmt.Sprintf("x%d_api_key", i), strings.Repeat("a", 20*n)+"b")
		}
		a.PutStr("note", strings.Repeat("a", 40*n))
	},
	"nested": func(td ptrace.Traces, n int) {
		m := aSpan(td).Attributes().PutEmptyMap("llm.headers")
		for i := range n {
			inner := m.PutEmptyMap(fmt.Sprint(i))
			inner.PutStr("name", "authorization")
			inner.PutStr("value", fmt.Sprintf("secret-%08d-of-many", i))
		}
	},
	"texts that nearly hold keys": func(td ptrace.Traces, n int) {
		aSpan(td).Attributes().PutStr("note", strings.Repeat(`{"token":"sk-eyJ-`, n)+strings.Repeat("bearer token=…", n))
	},
}

func aSpan(td ptrace.Traces) ptrace.Span {
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{1})
	s.SetSpanID(pcommon.SpanID{1})
	return s
}

// TestScrubLinear: eight times the keys and texts take about eight times the processor's time; were every text
// looked at for every key, it would be 64 times.
func TestScrubLinear(t *testing.T) {
	n, err := newNormaliser(processortest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config))
	require.NoError(t, err)
	for name, fill := range crowded {
		t.Run(name, func(t *testing.T) {
			took := func(size int) time.Duration {
				least := time.Duration(1 << 62)
				for range 5 {
					td := ptrace.NewTraces()
					fill(td, size)
					before := cpuTime(t)
					_, err := n.traces(context.Background(), td)
					require.NoError(t, err)
					least = min(least, cpuTime(t)-before)
				}
				return least
			}
			const small, times, most = 500, 8, 32
			took(small)
			if a, b := took(small), took(small*times); b > 100*time.Millisecond { // what is short says nothing
				require.Less(t, b, most*max(a, time.Millisecond), "%v, then %v", a, b)
			}
			require.Less(t, took(small), 2*time.Second)
		})
	}
}

// cpuTime is what the process has used of the processor.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

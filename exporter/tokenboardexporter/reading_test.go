package tokenboardexporter

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestReading: whatever the mixture of calls and others, the batch has each span once, in order, and no more.
func TestReading(t *testing.T) {
	d := dialect.New(dialect.Options{})
	b := &reading{} // used again and again
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 3))
		td := ptrace.NewTraces()
		calls := 1 + rng.IntN(9) // of ten
		for range 1 + rng.IntN(4) {
			spans := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans()
			for range rng.IntN(60) {
				s := spans.AppendEmpty()
				s.SetTraceID([16]byte{1})
				s.SetSpanID([8]byte{byte(rng.IntN(255)), byte(rng.IntN(255)), 1})
				switch {
				case rng.IntN(10) < calls:
					s.Attributes().PutStr("gen_ai.operation.name", "chat")
					s.Attributes().PutStr("gen_ai.request.model", fmt.Sprint("m", rng.IntN(9)))
				case rng.IntN(3) == 0:
					s.Attributes().PutStr("gen_ai.operation.name", "execute_tool")
				default:
					s.Attributes().PutStr("http.request.method", "GET")
				}
			}
		}
		var want usage.Batch
		for _, rs := range td.ResourceSpans().All() {
			for _, s := range rs.ScopeSpans().At(0).Spans().All() {
				c, _ := d.Span(rs.Resource(), rs.ScopeSpans().At(0).Scope(), s)
				if c.Role == usage.RoleCall {
					want.Calls = append(want.Calls, c)
				} else {
					want.Parents = append(want.Parents, usage.SpanParent{Trace: c.Trace, Span: c.Span, Tool: c.Role == usage.RoleTool})
				}
			}
		}
		b.read(d, td)
		require.Equal(t, len(want.Calls), len(b.Calls))
		require.Equal(t, len(want.Parents), len(b.Parents))
		require.Equal(t, append([]usage.Call{}, want.Calls...), append([]usage.Call{}, b.Calls...))
		require.Equal(t, append([]usage.SpanParent{}, want.Parents...), append([]usage.SpanParent{}, b.Parents...))
		room := b.Calls[:cap(b.Calls)]
		b.release()
		for i := range room {
			require.Equal(t, usage.Call{}, room[i], "what is read into next is empty")
		}
	}
}

package loadgen

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestRequests: what is sent says what the generator's sums say, and is read as that.
func TestRequests(t *testing.T) {
	const calls, size = 5_000, 512
	set := Set{Seed: 3, Calls: calls, Ordered: true, Over: time.Hour, End: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)}
	g := New(set)
	requests, err := g.Requests(size)
	require.NoError(t, err)
	d := dialect.New(dialect.Options{})
	seen := map[usage.ID]usage.Call{}
	spans := 0
	for _, r := range requests {
		in := ptraceotlp.NewExportRequest()
		require.NoError(t, in.UnmarshalProto(r.Body))
		require.Equal(t, 1, in.Traces().ResourceSpans().Len())
		require.Equal(t, r.Spans, in.Traces().SpanCount())
		require.LessOrEqual(t, r.Spans, size)
		spans += r.Spans
		rs := in.Traces().ResourceSpans().At(0)
		for _, s := range rs.ScopeSpans().At(0).Spans().All() {
			c, _ := d.Span(rs.Resource(), rs.ScopeSpans().At(0).Scope(), s)
			require.Equal(t, usage.RoleCall, c.Role)
			seen[c.ID] = c
		}
	}
	require.Equal(t, calls, spans)

	again, sums := New(set), Truth{}
	for {
		want, ok := again.Next()
		if !ok {
			break
		}
		got := seen[want.ID]
		for _, same := range [][2]any{
			{want.Tokens, got.Tokens}, {want.KeyFingerprint, got.KeyFingerprint}, {want.User, got.User}, {want.Provider, got.Provider},
			{want.RequestModel, got.RequestModel}, {want.Service, got.Service}, {want.Status, got.Status}, {want.Failed, got.Failed},
			{want.ErrorType, got.ErrorType}, {want.ResponseID, got.ResponseID}, {want.Start, got.Start}, {want.Duration, got.Duration},
		} {
			require.Equal(t, same[0], same[1])
		}
	}
	for _, c := range seen {
		sums.add(&c)
	}
	require.Equal(t, g.Distinct, sums)
	require.Less(t, g.Distinct.Calls, int64(calls), "some come twice")
}

package cliproxyreceiver

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// TestSpanTellsTheCall: what the receiver writes on a span is what a decoder reads from it again.
func TestSpanTellsTheCall(t *testing.T) {
	for _, v := range variants(t) {
		t.Run(v.Name, func(t *testing.T) {
			want, err := readEvent(v.Event, "main")
			require.NoError(t, err)
			got := decode(t, "main", v.Event)[0]
			require.Equal(t, "cliproxyapi", got.Service)
			c := want.Call
			c.Service, c.Scope = got.Service, got.Scope
			require.Equal(t, c, got)
		})
	}
}

// decode returns the calls that the ledger gets of events.
func decode(t *testing.T, proxy string, events ...json.RawMessage) (out []usage.Call) {
	t.Helper()
	var calls []call
	for _, e := range events {
		c, err := readEvent(e, proxy)
		require.NoError(t, err)
		calls = append(calls, c)
	}
	d := dialect.New(dialect.Options{})
	td := spans(calls, origin{name: proxy, service: "cliproxyapi", version: "7.2.140"})
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				c, family := d.Span(rs.Resource(), ss.Scope(), s)
				require.Equal(t, dialect.Canonical, family)
				out = append(out, c)
			}
		}
	}
	return out
}

// inFront is the span of a reverse proxy in front, which saw the header X-Cpa-Trace-Id.
func inFront(t *testing.T, span byte, at time.Time, requestID string, input, output int64) usage.Call {
	t.Helper()
	td := ptrace.NewTraces()
	s := td.ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	s.SetTraceID(pcommon.TraceID{9, span})
	s.SetSpanID(pcommon.SpanID{9, span})
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(at))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(at.Add(time.Second)))
	res := pcommon.NewResource()
	res.Attributes().PutStr("service.name", "front")
	scope := pcommon.NewInstrumentationScope()
	scope.SetName("github.com/tokenboard/tokenboard/proxytrace")
	c := usage.Call{
		Signal: usage.SignalSpan, Role: usage.RoleCall, RequestID: requestID, RequestModel: "gpt-4o-mini", Operation: "chat",
		Tokens: usage.Tokens{InputUncached: input, OutputText: output, Fields: usage.HasInput | usage.HasOutput},
	}
	dialect.WriteCanonical(&c, "proxytrace", s.Attributes())
	got, _ := dialect.New(dialect.Options{}).Span(res, scope, s)
	return got
}

func TestCounting(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	event := func(after time.Duration, auth, request, model string, input int) json.RawMessage {
		return json.RawMessage(fmt.Sprintf(`{"timestamp":%q,"latency_ms":100,"auth_index":%q,"tokens":{"input_tokens":%d,"output_tokens":7,"total_tokens":%d},`+
			`"provider":"openai","model":%q,"endpoint":"POST /v1/chat/completions","api_key":"sk-alice-0123456789","request_id":%q}`,
			at.Add(after).Format(time.RFC3339Nano), auth, input, input+7, model, request))
	}
	const a, b = "aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"
	for name, tc := range map[string]struct {
		calls     []usage.Call
		n, tokens int64 // calls that count, and their input
	}{
		"a repeat":                            {append(decode(t, "p", event(0, a, "1", "m", 10)), decode(t, "p", event(0, a, "1", "m", 10))...), 1, 10},
		"a fail-over to another credential":   {decode(t, "p", event(0, a, "1", "m", 10), event(time.Millisecond, b, "1", "m", 10)), 2, 20},
		"a retry with the same credential":    {decode(t, "p", event(0, a, "1", "m", 10), event(time.Millisecond, a, "1", "m", 10)), 2, 20},
		"a fail-over to another model":        {decode(t, "p", event(0, a, "1", "m", 10), event(0, a, "1", "m2", 10)), 2, 20},
		"turns of one WebSocket":              {decode(t, "p", event(0, a, "1", "m", 10), event(time.Hour, a, "1", "m", 10), event(2*time.Hour, a, "1", "m", 10)), 3, 30},
		"equal ids from two proxies":          {append(decode(t, "p", event(0, a, "1", "m", 10)), decode(t, "q", event(0, a, "1", "m", 10))...), 2, 20},
		"a proxy in front sees the same call": {append(decode(t, "p", event(0, a, "1", "m", 10)), inFront(t, 1, at, a+"-1", 10, 7)), 1, 10},
		"a proxy in front sees one call, the proxy makes two attempts": {
			append(decode(t, "p", event(0, b, "1", "m", 0), event(time.Millisecond, a, "1", "m", 10)), inFront(t, 1, at, a+"-1", 10, 7)), 2, 10},
		"a proxy in front sees the turns of one WebSocket": {append(decode(t, "p", event(0, a, "1", "m", 10), event(time.Hour, a, "1", "m", 20)),
			inFront(t, 1, at, a+"-1", 10, 7), inFront(t, 2, at.Add(time.Hour), a+"-1", 20, 7)), 2, 30},
		"a proxy in front sees another call": {append(decode(t, "p", event(0, a, "1", "m", 10)), inFront(t, 1, at, a+"-2", 10, 7)), 2, 20},
	} {
		t.Run(name, func(t *testing.T) {
			engine, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
			require.NoError(t, err)
			l, err := ledger.Open(context.Background(), engine, ledger.Options{Now: func() time.Time { return at.Add(3 * time.Hour) }})
			require.NoError(t, err)
			defer func() { require.NoError(t, l.Close()) }()
			for _, c := range tc.calls {
				require.NoError(t, l.Commit(context.Background(), usage.Batch{Calls: []usage.Call{c}}))
			}
			got, err := l.Query(context.Background(), ledger.Query{})
			require.NoError(t, err)
			s := got.Groups[0].Points[0]
			require.Equal(t, []int64{tc.n, tc.tokens}, []int64{s.Calls, s.Tokens.Input()})
		})
	}
}

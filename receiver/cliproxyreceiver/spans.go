package cliproxyreceiver

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/receiver/cliproxyreceiver/internal/metadata"
)

// family is the tokenboard.dialect of the spans.
const family = "cliproxy"

// Attributes of an attempt besides the GenAI conventions. All of them can be seen by every client of
// the proxy: the auth index is in a header of its answers.
const (
	attrAuthIndex = "cliproxy.auth.index" // which upstream credential
	attrAuthType  = "cliproxy.auth.type"  // apikey, oauth
	attrExecutor  = "cliproxy.executor"
	attrEffort    = "cliproxy.reasoning_effort"
	attrTier      = "openai.request.service_tier"
	attrTierGiven = "openai.response.service_tier"
)

// origin is the proxy that calls came through.
type origin struct{ name, service, version string }

// spans writes calls as one batch. The attributes are those that the tokenusage processor writes, so
// that any pipeline understands them with or without it.
func spans(calls []call, from origin) ptrace.Traces {
	td := ptrace.NewTraces()
	rs := td.ResourceSpans().AppendEmpty()
	res := rs.Resource().Attributes()
	res.PutStr("service.name", from.service)
	res.PutStr("service.instance.id", from.name)
	if from.version != "" {
		res.PutStr("service.version", clean(from.version))
	}
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName(metadata.ScopeName)
	for i := range calls {
		calls[i].write(ss.Spans().AppendEmpty())
	}
	return td
}

func (c *call) write(s ptrace.Span) {
	s.SetTraceID(pcommon.TraceID(c.Trace))
	s.SetSpanID(pcommon.SpanID(c.Span))
	s.SetKind(ptrace.SpanKindClient)
	s.SetName(c.Operation)
	if c.RequestModel != "" {
		s.SetName(c.Operation + " " + c.RequestModel)
	}
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(c.Start))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(c.Start.Add(c.Duration)))
	if c.Failed {
		s.Status().SetCode(ptrace.StatusCodeError)
	}
	attrs := s.Attributes()
	dialect.WriteCanonical(&c.Call, family, attrs)
	for _, more := range [...]struct{ name, value string }{
		{usage.AttrHTTPRoute, c.route}, {attrAuthIndex, c.authIndex}, {attrAuthType, c.authType}, {attrExecutor, c.executor},
		{attrEffort, c.effort}, {attrTier, c.tier}, {attrTierGiven, c.tierGiven},
	} {
		if more.value != "" {
			attrs.PutStr(more.name, more.value)
		}
	}
}

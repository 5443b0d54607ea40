package loadgen

import (
	"fmt"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Request is an OTLP request in protobuf, ready to be sent.
type Request struct {
	Body  []byte
	Spans int
}

// Requests returns all calls that are left as OTLP requests of at most size spans. As batch processors of
// SDKs make them, each holds the spans of one service, in the order in which they came.
func (g *Generator) Requests(size int) ([]Request, error) {
	var out []Request
	waiting := map[string]*batch{}
	var order []string
	send := func(b *batch) error {
		r, err := b.request()
		out = append(out, r)
		return err
	}
	for {
		c, ok := g.Next()
		if !ok {
			break
		}
		b := waiting[c.Service]
		if b == nil {
			b = newBatch(c.Service, c.Environment)
			waiting[c.Service] = b
			order = append(order, c.Service)
		}
		PutSpan(&c, b.spans.AppendEmpty())
		if b.spans.Len() == size {
			if err := send(b); err != nil {
				return nil, err
			}
			delete(waiting, c.Service)
		}
	}
	for _, service := range order {
		if b := waiting[service]; b != nil {
			if err := send(b); err != nil {
				return nil, err
			}
			delete(waiting, service)
		}
	}
	return out, nil
}

// RequestOf returns one request with calls of one service.
func RequestOf(calls []usage.Call) (Request, error) {
	if len(calls) == 0 {
		return Request{}, fmt.Errorf("a request needs a call")
	}
	b := newBatch(calls[0].Service, calls[0].Environment)
	for i := range calls {
		PutSpan(&calls[i], b.spans.AppendEmpty())
	}
	return b.request()
}

// batch is a request that is being filled.
type batch struct {
	traces ptrace.Traces
	spans  ptrace.SpanSlice
}

// newBatch begins a request with the resource attributes that an SDK sends.
func newBatch(service, environment string) *batch {
	b := &batch{traces: ptrace.NewTraces()}
	rs := b.traces.ResourceSpans().AppendEmpty()
	res := rs.Resource().Attributes()
	res.PutStr("service.name", service)
	res.PutStr("service.version", "1.4.2")
	res.PutStr("service.instance.id", "627cc493-f310-47de-96bd-71410b7dec09")
	res.PutStr("deployment.environment.name", environment)
	res.PutStr("host.name", "host-"+service)
	res.PutInt("process.pid", 4711)
	res.PutStr("telemetry.sdk.name", "opentelemetry")
	res.PutStr("telemetry.sdk.language", "python")
	res.PutStr("telemetry.sdk.version", "1.37.0")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("loadgen")
	ss.Scope().SetVersion("1.0.0")
	b.spans = ss.Spans()
	return b
}

func (b *batch) request() (Request, error) {
	body, err := ptraceotlp.NewExportRequestFromTraces(b.traces).MarshalProto()
	if err != nil {
		return Request{}, fmt.Errorf("encode a request: %w", err)
	}
	return Request{Body: body, Spans: b.spans.Len()}, nil
}

// servers are the providers' addresses.
var servers = map[string]string{
	"openai": "api.openai.com", "anthropic": "api.anthropic.com", "gcp.gemini": "generativelanguage.googleapis.com", "deepseek": "api.deepseek.com",
}

// PutSpan writes a call as the span of a client that follows the current GenAI conventions, with the
// hash of the key as gateways report it.
func PutSpan(c *usage.Call, s ptrace.Span) {
	s.SetTraceID(pcommon.TraceID(c.Trace))
	s.SetSpanID(pcommon.SpanID(c.Span))
	s.SetName(c.Operation + " " + c.RequestModel)
	s.SetKind(ptrace.SpanKindClient)
	s.SetStartTimestamp(pcommon.NewTimestampFromTime(c.Start))
	s.SetEndTimestamp(pcommon.NewTimestampFromTime(c.Start.Add(c.Duration)))
	a := s.Attributes()
	a.EnsureCapacity(24)
	a.PutStr("gen_ai.operation.name", c.Operation)
	a.PutStr("gen_ai.provider.name", c.Provider)
	a.PutStr("gen_ai.request.model", c.RequestModel)
	a.PutInt("gen_ai.request.max_tokens", 4096)
	a.PutDouble("gen_ai.request.temperature", 0.7)
	a.PutBool("gen_ai.request.stream", c.Stream == usage.Yes)
	a.PutStr("server.address", servers[c.Provider])
	a.PutInt("server.port", 443)
	a.PutStr("http.request.method", c.Method)
	a.PutStr("url.path", c.Path)
	a.PutInt("http.response.status_code", int64(c.Status))
	a.PutStr("user.id", c.User)
	a.PutStr("litellm.api_key.hash", c.KeyFingerprint)
	if c.Failed {
		a.PutStr("error.type", c.ErrorType)
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("rate limited")
		return
	}
	a.PutStr("gen_ai.response.model", c.Model)
	a.PutStr("gen_ai.response.id", c.ResponseID)
	a.PutEmptySlice("gen_ai.response.finish_reasons").AppendEmpty().SetStr("stop")
	a.PutDouble("gen_ai.response.time_to_first_chunk", c.TTFT.Seconds())
	a.PutStr("gen_ai.output.type", "text")
	t := &c.Tokens
	if t.Fields&usage.HasInput != 0 {
		a.PutInt("gen_ai.usage.input_tokens", t.Input())
	}
	if t.Fields&usage.HasOutput != 0 {
		a.PutInt("gen_ai.usage.output_tokens", t.Output())
	}
	if t.Fields&usage.HasCacheRead != 0 {
		a.PutInt("gen_ai.usage.cache_read.input_tokens", t.CacheRead)
	}
	if t.Fields&usage.HasCacheWrite != 0 {
		a.PutInt("gen_ai.usage.cache_write.input_tokens", t.CacheWrite)
	}
	if t.Fields&usage.HasReasoning != 0 {
		a.PutInt("gen_ai.usage.reasoning.output_tokens", t.Reasoning)
	}
	if strings.HasPrefix(c.Model, "gpt-") {
		a.PutStr("openai.response.service_tier", "default")
	}
}

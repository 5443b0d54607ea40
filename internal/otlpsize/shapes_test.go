package otlpsize

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// shape is a request of many equal things.
type shape struct {
	name   string
	signal Signal
	fill   func(r request, n int)
}

func span(r request) ptrace.Span {
	return r.(ptraceotlp.ExportRequest).Traces().ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty().Spans().AppendEmpty()
}

func many(m pcommon.Map, n int, put func(m pcommon.Map, key string)) {
	for i := range n {
		put(m, fmt.Sprint("k", i))
	}
}

var shapes = []shape{
	{"resources", Traces, func(r request, n int) {
		for range n {
			r.(ptraceotlp.ExportRequest).Traces().ResourceSpans().AppendEmpty()
		}
	}},
	{"scopes", Traces, func(r request, n int) {
		rs := r.(ptraceotlp.ExportRequest).Traces().ResourceSpans().AppendEmpty()
		for range n {
			rs.ScopeSpans().AppendEmpty()
		}
	}},
	{"spans", Traces, func(r request, n int) {
		ss := r.(ptraceotlp.ExportRequest).Traces().ResourceSpans().AppendEmpty().ScopeSpans().AppendEmpty()
		for range n {
			ss.Spans().AppendEmpty()
		}
	}},
	{"events", Traces, func(r request, n int) {
		sp := span(r)
		for range n {
			sp.Events().AppendEmpty()
		}
	}},
	{"links", Traces, func(r request, n int) {
		sp := span(r)
		for range n {
			sp.Links().AppendEmpty()
		}
	}},
	{"attributes of one span", Traces, func(r request, n int) {
		many(span(r).Attributes(), n, func(m pcommon.Map, k string) { m.PutStr(k, "v") })
	}},
	{"attributes of every type", Traces, func(r request, n int) {
		m := span(r).Attributes()
		for i := range n {
			k := fmt.Sprint("k", i)
			switch i % 6 {
			case 0:
				m.PutInt(k, int64(i))
			case 1:
				m.PutDouble(k, float64(i)/3)
			case 2:
				m.PutBool(k, true)
			case 3:
				m.PutEmptyBytes(k).FromRaw([]byte{1, 2})
			case 4:
				m.PutEmptySlice(k)
			case 5:
				m.PutEmptyMap(k)
			}
		}
	}},
	{"a list", Traces, func(r request, n int) {
		l := span(r).Attributes().PutEmptySlice("l")
		for range n {
			l.AppendEmpty()
		}
	}},
	{"lists of one", Traces, func(r request, n int) {
		l := span(r).Attributes().PutEmptySlice("l")
		for range n {
			l.AppendEmpty().SetEmptySlice().AppendEmpty()
		}
	}},
	{"a long text", Traces, func(r request, n int) { span(r).SetName(strings.Repeat("x", n)) }},
	{"log records", Logs, func(r request, n int) {
		s := r.(plogotlp.ExportRequest).Logs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
		for range n {
			s.LogRecords().AppendEmpty()
		}
	}},
	{"log records with maps", Logs, func(r request, n int) {
		s := r.(plogotlp.ExportRequest).Logs().ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
		for range n {
			s.LogRecords().AppendEmpty().Body().SetEmptyMap().PutEmptyMap("m").PutStr("k", "v")
		}
	}},
	{"metrics", Metrics, func(r request, n int) {
		s := r.(pmetricotlp.ExportRequest).Metrics().ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
		for i := range n {
			m := s.Metrics().AppendEmpty()
			switch i % 5 {
			case 0:
				m.SetEmptyGauge().DataPoints().AppendEmpty().SetIntValue(1)
			case 1:
				m.SetEmptySum().DataPoints().AppendEmpty().SetDoubleValue(1.5)
			case 2:
				m.SetEmptyHistogram().DataPoints().AppendEmpty()
			case 3:
				m.SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
			case 4:
				m.SetEmptySummary().DataPoints().AppendEmpty().QuantileValues().AppendEmpty()
			}
		}
	}},
	{"points of each kind", Metrics, func(r request, n int) {
		s := r.(pmetricotlp.ExportRequest).Metrics().ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
		g, h, e, q := s.AppendEmpty().SetEmptyGauge(), s.AppendEmpty().SetEmptyHistogram(), s.AppendEmpty().SetEmptyExponentialHistogram(), s.AppendEmpty().SetEmptySummary()
		for range n / 4 {
			g.DataPoints().AppendEmpty().Exemplars().AppendEmpty()
			h.DataPoints().AppendEmpty()
			e.DataPoints().AppendEmpty()
			q.DataPoints().AppendEmpty()
		}
	}},
	{"exemplars", Metrics, func(r request, n int) {
		p := r.(pmetricotlp.ExportRequest).Metrics().ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty().SetEmptyGauge().DataPoints().AppendEmpty()
		for range n {
			p.Exemplars().AppendEmpty().SetIntValue(1)
		}
	}},
	{"buckets", Metrics, func(r request, n int) {
		s := r.(pmetricotlp.ExportRequest).Metrics().ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
		h, e := s.AppendEmpty().SetEmptyHistogram().DataPoints().AppendEmpty(), s.AppendEmpty().SetEmptyExponentialHistogram().DataPoints().AppendEmpty()
		for range n / 3 {
			h.BucketCounts().Append(1)
			h.ExplicitBounds().Append(1.5)
			e.Positive().BucketCounts().Append(1)
		}
	}},
}

// TestMemory compares the estimate with what the decoder allocates for each kind of thing there may be many
// of: it is never less, and for none of them absurdly more.
func TestMemory(t *testing.T) {
	for _, sh := range shapes {
		for _, e := range []encoding{asJSON, asProtobuf} {
			for _, n := range []int{1, 100, 1025, 10_000} {
				t.Run(fmt.Sprintf("%s/%s/%d", sh.name, e, n), func(t *testing.T) {
					r := newRequest(sh.signal)
					sh.fill(r, n)
					body, err := r.MarshalJSON()
					if e == asProtobuf {
						body, err = r.MarshalProto()
					}
					require.NoError(t, err)
					s := e.scanner(sh.signal, unlimited)
					require.NoError(t, scan(s, body, 0))
					allocated, err := e.decode(sh.signal, body)
					require.NoError(t, err)
					t.Logf("%d bytes: %d estimated, %d allocated (%.2f)", len(body), s.Memory(), allocated, float64(s.Memory())/float64(allocated))
					const once = 4 << 10 // of the decoder itself
					require.LessOrEqual(t, allocated, s.Memory()+once)
					if n > 1 {
						require.LessOrEqual(t, s.Memory()-int64(n)*record, 8*allocated)
					}
				})
			}
		}
	}
}

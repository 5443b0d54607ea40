package tokenboardreceiver

import (
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/tokenboard/tokenboard/internal/console/metrics"
	"github.com/tokenboard/tokenboard/receiver/tokenboardreceiver/internal/metadata"
)

// conversion turns one collection into OTLP metrics of the same names, labels and values.
type conversion struct {
	starts      *starts
	now         time.Time // of all points
	exponential bool
	version     string
}

// convert returns the metrics of one resource.
func (c *conversion) convert(families []*dto.MetricFamily) pmetric.Metrics {
	c.starts.begin()
	out := pmetric.NewMetrics()
	rm := out.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "tokenboard")
	rm.Resource().Attributes().PutStr("service.version", c.version)
	sm := rm.ScopeMetrics().AppendEmpty()
	sm.Scope().SetName(metadata.ScopeName)
	sm.Scope().SetVersion(c.version)
	for _, f := range families {
		m := sm.Metrics().AppendEmpty()
		m.SetName(f.GetName())
		m.SetDescription(f.GetHelp())
		m.SetUnit(unitOf(f.GetName()))
		switch f.GetType() {
		case dto.MetricType_COUNTER:
			c.sum(f, m.SetEmptySum())
		case dto.MetricType_HISTOGRAM:
			if c.exponential {
				c.exponentials(f, m.SetEmptyExponentialHistogram())
			} else {
				c.histograms(f, m.SetEmptyHistogram())
			}
		case dto.MetricType_GAUGE, dto.MetricType_SUMMARY, dto.MetricType_UNTYPED, dto.MetricType_GAUGE_HISTOGRAM: // only gauges are there
			c.gauge(f, m.SetEmptyGauge())
		}
	}
	return out
}

// units are the units of names, by how these end, in the form of the conventions. Those that exporters to Prometheus would
// add to a name a second time are left out.
var units = []struct{ end, unit string }{
	{"_seconds", "s"}, {"_bytes", "By"}, {"_usd", "{USD}"}, {"_usd_total", "{USD}"}, {"_tokens", "{token}"}, {"_tokens_total", "{token}"}, {"calls_total", "{call}"},
}

func unitOf(name string) string {
	for _, u := range units {
		if strings.HasSuffix(name, u.end) {
			return u.unit
		}
	}
	return ""
}

// startOf returns the start of a point.
func (c *conversion) startOf(family string, m *dto.Metric) pcommon.Timestamp {
	if metrics.SinceStart(family) {
		return pcommon.NewTimestampFromTime(c.starts.process)
	}
	name := strings.Builder{}
	name.WriteString(family)
	for _, l := range m.GetLabel() { // sorted by name; no label has a zero byte
		name.WriteString("\x00" + l.GetName() + "\x00" + l.GetValue())
	}
	return pcommon.NewTimestampFromTime(c.starts.of(name.String(), c.now))
}

func putLabels(m *dto.Metric, to pcommon.Map) {
	to.EnsureCapacity(len(m.GetLabel()))
	for _, l := range m.GetLabel() {
		to.PutStr(l.GetName(), l.GetValue())
	}
}

func (c *conversion) sum(f *dto.MetricFamily, s pmetric.Sum) {
	s.SetIsMonotonic(true)
	s.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	s.DataPoints().EnsureCapacity(len(f.GetMetric()))
	for _, m := range f.GetMetric() {
		p := s.DataPoints().AppendEmpty()
		putLabels(m, p.Attributes())
		p.SetStartTimestamp(c.startOf(f.GetName(), m))
		p.SetTimestamp(pcommon.NewTimestampFromTime(c.now))
		p.SetDoubleValue(m.GetCounter().GetValue())
	}
}

func (c *conversion) gauge(f *dto.MetricFamily, g pmetric.Gauge) {
	g.DataPoints().EnsureCapacity(len(f.GetMetric()))
	for _, m := range f.GetMetric() {
		p := g.DataPoints().AppendEmpty()
		putLabels(m, p.Attributes())
		p.SetTimestamp(pcommon.NewTimestampFromTime(c.now))
		p.SetDoubleValue(m.GetGauge().GetValue())
	}
}

func (c *conversion) histograms(f *dto.MetricFamily, h pmetric.Histogram) {
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for _, m := range f.GetMetric() {
		p := h.DataPoints().AppendEmpty()
		putLabels(m, p.Attributes())
		p.SetStartTimestamp(c.startOf(f.GetName(), m))
		p.SetTimestamp(pcommon.NewTimestampFromTime(c.now))
		from := m.GetHistogram()
		p.SetCount(from.GetSampleCount())
		p.SetSum(from.GetSampleSum())
		before := uint64(0)
		for _, b := range from.GetBucket() { // ascending, cumulative, without +Inf
			p.ExplicitBounds().Append(b.GetUpperBound())
			p.BucketCounts().Append(b.GetCumulativeCount() - before)
			before = b.GetCumulativeCount()
		}
		p.BucketCounts().Append(from.GetSampleCount() - before)
	}
}

// exponentials turns native histograms into exponential ones, of the same schema and scale. A native bucket is named by its
// upper bound, an exponential one by its lower bound.
func (c *conversion) exponentials(f *dto.MetricFamily, h pmetric.ExponentialHistogram) {
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	for _, m := range f.GetMetric() {
		p := h.DataPoints().AppendEmpty()
		putLabels(m, p.Attributes())
		p.SetStartTimestamp(c.startOf(f.GetName(), m))
		p.SetTimestamp(pcommon.NewTimestampFromTime(c.now))
		from := m.GetHistogram()
		p.SetCount(from.GetSampleCount())
		p.SetSum(from.GetSampleSum())
		p.SetScale(from.GetSchema())
		p.SetZeroCount(from.GetZeroCount())
		p.SetZeroThreshold(from.GetZeroThreshold())
		offset, counts := buckets(from)
		p.Positive().SetOffset(offset)
		p.Positive().BucketCounts().FromRaw(counts)
	}
}

// buckets returns the counts of native buckets without gaps, and the index of the first in an exponential histogram.
func buckets(from *dto.Histogram) (offset int32, counts []uint64) {
	next, count, at := int32(0), int64(0), 0
	for i, span := range from.GetPositiveSpan() {
		next += span.GetOffset()
		if i == 0 {
			offset = next - 1
		} else {
			counts = append(counts, slices.Repeat([]uint64{0}, int(span.GetOffset()))...)
		}
		for range span.GetLength() {
			count += from.GetPositiveDelta()[at]
			counts = append(counts, uint64(count))
			at++
			next++
		}
	}
	return offset, counts
}

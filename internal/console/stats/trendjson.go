package stats

import (
	"strconv"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// AppendJSON appends a trend as JSON; encoding/json takes several times as long for its many numbers.
func (t Trend) AppendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"days":`...), int64(t.Days), 10)
	b = api.AppendString(append(b, `,"interval":`...), t.Interval)
	b = api.AppendString(append(b, `,"timezone":`...), t.Timezone)
	b = appendPoints(append(b, `,"points":`...), t.Points)
	b = append(b, `,"series":`...)
	if t.Series == nil {
		b = append(b, "null"...)
	} else {
		b = append(b, '[')
		for i := range t.Series {
			s := &t.Series[i]
			if i > 0 {
				b = append(b, ',')
			}
			b = api.AppendString(append(b, `{"group":`...), s.Group)
			if s.Other {
				b = append(b, `,"other":true`...)
			}
			b = append(appendPoints(append(b, `,"points":`...), s.Points), '}')
		}
		b = append(b, ']')
	}
	b = append(b, `,"as_of":`...)
	if t.AsOf == nil {
		b = append(b, "null"...)
	} else {
		b = api.AppendTime(b, *t.AsOf)
	}
	return append(b, '}')
}

func appendPoints(b []byte, points []Point) []byte {
	if points == nil {
		return append(b, "null"...)
	}
	b = append(b, '[')
	for i := range points {
		p := &points[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(api.AppendTime(append(b, `{"time":`...), p.Time), ',')
		b = p.appendFields(b)
		if p.Latency != nil {
			b = p.Latency.AppendJSON(append(b, `,"latency_ms":`...))
		}
		if p.TTFT != nil {
			b = p.TTFT.AppendJSON(append(b, `,"ttft_ms":`...))
		}
		if p.TokensPerSecond != nil {
			b = api.AppendFloat(append(b, `,"tokens_per_second":`...), p.TokensPerSecond)
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// appendFields appends the fields without the braces.
func (s *Sums) appendFields(b []byte) []byte {
	b = strconv.AppendInt(append(b, `"api_call_count":`...), s.Calls, 10)
	b = strconv.AppendInt(append(b, `,"error_count":`...), s.Errors, 10)
	b = strconv.AppendInt(append(b, `,"input_tokens":`...), s.Input, 10)
	b = strconv.AppendInt(append(b, `,"output_tokens":`...), s.Output, 10)
	b = strconv.AppendInt(append(b, `,"cache_read_tokens":`...), s.CacheRead, 10)
	b = strconv.AppendInt(append(b, `,"cache_write_tokens":`...), s.CacheWrite, 10)
	b = strconv.AppendInt(append(b, `,"reasoning_tokens":`...), s.Reasoning, 10)
	b = strconv.AppendInt(append(b, `,"total_tokens":`...), s.Total, 10)
	b = usage.NanoUSD(s.Cost).Append(append(b, `,"cost_usd":`...))
	b = strconv.AppendInt(append(b, `,"no_usage_count":`...), s.NoUsage, 10)
	return strconv.AppendInt(append(b, `,"unpriced_count":`...), s.Unpriced, 10)
}

// AppendJSON appends quantiles as JSON.
func (q *Quantiles) AppendJSON(b []byte) []byte {
	b = api.AppendFloat(append(b, `{"p50":`...), q.P50)
	b = api.AppendFloat(append(b, `,"p95":`...), q.P95)
	return append(api.AppendFloat(append(b, `,"p99":`...), q.P99), '}')
}

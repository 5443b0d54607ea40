package console

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/strictjson"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// A trend of many groups is a thousand points of a dozen figures, and to write them by reflection takes
// longer than to add them up. So trends are written by hand, in the very form that encoding/json gives.

// jsonFormat is huma's, with the exception above, and reads bodies so that no other reader can take them
// for something else.
var jsonFormat = huma.Format{Marshal: writeJSON, Unmarshal: func(data []byte, into any) error { return strictjson.Unmarshal(data, into) }}

// jsonAppender is data of an answer that writes itself.
type jsonAppender interface{ appendJSON(b []byte) []byte }

var jsonRoom = sync.Pool{New: func() any { return new([]byte) }}

func writeJSON(w io.Writer, v any) error {
	data, ok := dataOf(v).(jsonAppender)
	if !ok {
		return huma.DefaultJSONFormat.Marshal(w, v)
	}
	room, _ := jsonRoom.Get().(*[]byte)
	b := data.appendJSON(append((*room)[:0], `{"code":0,"data":`...))
	b = append(b, '}', '\n')
	_, err := w.Write(b)
	const kept = 1 << 20
	if cap(b) <= kept {
		*room = b
		jsonRoom.Put(room)
	}
	return err
}

// dataOf gives the data of an envelope's body of success; nil of anything else.
func dataOf(body any) any {
	v := reflect.ValueOf(body)
	if v.Kind() != reflect.Struct || v.NumField() != 2 || v.Type().Field(1).Name != "Data" || v.Field(0).Kind() != reflect.Int || v.Field(0).Int() != 0 {
		return nil
	}
	return v.Field(1).Interface()
}

func (t Trend) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"days":`...), int64(t.Days), 10)
	b = appendString(append(b, `,"interval":`...), t.Interval)
	b = appendString(append(b, `,"timezone":`...), t.Timezone)
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
			b = appendString(append(b, `{"group":`...), s.Group)
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
		b = appendTime(b, *t.AsOf)
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
		b = append(appendTime(append(b, `{"time":`...), p.Time), ',')
		b = p.appendFields(b)
		if p.Latency != nil {
			b = p.Latency.appendJSON(append(b, `,"latency_ms":`...))
		}
		if p.TTFT != nil {
			b = p.TTFT.appendJSON(append(b, `,"ttft_ms":`...))
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

func (q *Quantiles) appendJSON(b []byte) []byte {
	b = appendFloat(append(b, `{"p50":`...), q.P50)
	b = appendFloat(append(b, `,"p95":`...), q.P95)
	return append(appendFloat(append(b, `,"p99":`...), q.P99), '}')
}

// appendFloat appends a number that is not as large or small as to need an exponent.
func appendFloat(b []byte, f *float64) []byte {
	const smallest, largest = 1e-6, 1e21
	switch {
	case f == nil:
		return append(b, "null"...)
	case *f == 0 || (math.Abs(*f) >= smallest && math.Abs(*f) < largest):
		return strconv.AppendFloat(b, *f, 'f', -1, 64)
	}
	return appendAny(b, *f)
}

func appendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendAny(b, s)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendAny appends what encoding/json makes of a text or a number; nothing else.
func appendAny(b []byte, v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return append(b, "null"...) // no number: there is none
	}
	return append(b, bytes.TrimSuffix(out.Bytes(), []byte("\n"))...)
}

// Package promjson writes answers of PromQL as Prometheus' HTTP API has them. It is written by hand: a range can have hundreds of
// thousands of samples.
package promjson

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
)

// ErrTooLarge reports an answer of more bytes than are allowed.
var ErrTooLarge = errors.New("the answer is too large; ask for fewer series or fewer points")

// AppendResult appends the data of a query's answer, of limit bytes at most.
func AppendResult(b []byte, v parser.Value, limit int) ([]byte, error) {
	b = append(b, `{"resultType":"`...)
	b = append(b, v.Type()...)
	b = append(b, `","result":`...)
	var err error
	switch v := v.(type) {
	case promql.Matrix:
		b, err = appendMatrix(b, v, limit)
	case promql.Vector:
		b, err = appendVector(b, v, limit)
	case promql.Scalar:
		b = appendPoint(b, v.T, v.V)
	case promql.String:
		b = append(appendTime(append(b, '['), v.T), ',')
		b = append(AppendString(b, v.V), ']')
	}
	return append(b, '}'), err
}

func appendMatrix(b []byte, m promql.Matrix, limit int) ([]byte, error) {
	b = append(b, '[')
	for i, s := range m {
		if len(b) > limit {
			return b, ErrTooLarge
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendLabels(append(b, `{"metric":`...), s.Metric)
		for k, p := range s.Floats {
			if k == 0 {
				b = append(b, `,"values":[`...)
			} else {
				b = append(b, ',')
			}
			b = appendPoint(b, p.T, p.F)
		}
		if len(s.Floats) > 0 {
			b = append(b, ']')
		}
		if len(s.Histograms) > 0 {
			h, err := json.Marshal(s.Histograms)
			if err != nil {
				return b, err
			}
			b = append(append(b, `,"histograms":`...), h...)
		}
		b = append(b, '}')
	}
	return append(b, ']'), nil
}

func appendVector(b []byte, v promql.Vector, limit int) ([]byte, error) {
	b = append(b, '[')
	for i, s := range v {
		if len(b) > limit {
			return b, ErrTooLarge
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = AppendLabels(append(b, `{"metric":`...), s.Metric)
		if s.H != nil {
			h, err := json.Marshal(promql.HPoint{T: s.T, H: s.H})
			if err != nil {
				return b, err
			}
			b = append(append(append(b, `,"histogram":`...), h...), '}')
			continue
		}
		b = append(appendPoint(append(b, `,"value":`...), s.T, s.F), '}')
	}
	return append(b, ']'), nil
}

func appendPoint(b []byte, t int64, v float64) []byte {
	b = append(appendTime(append(b, '['), t), `,"`...)
	switch {
	case math.IsInf(v, 1):
		b = append(b, "+Inf"...)
	case math.IsInf(v, -1):
		b = append(b, "-Inf"...)
	default:
		b = strconv.AppendFloat(b, v, 'f', -1, 64)
	}
	return append(b, `"]`...)
}

// appendTime appends milliseconds as seconds.
func appendTime(b []byte, t int64) []byte {
	if t < 0 {
		b, t = append(b, '-'), -t
	}
	const second = 1000
	b = strconv.AppendInt(b, t/second, 10)
	if ms := t % second; ms != 0 {
		b = append(b, '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10))
	}
	return b
}

// AppendLabels appends the labels of a series as an object.
func AppendLabels(b []byte, l labels.Labels) []byte {
	b = append(b, '{')
	first := true
	l.Range(func(one labels.Label) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(AppendString(b, one.Name), ':')
		b = AppendString(b, one.Value)
	})
	return append(b, '}')
}

// AppendString appends a JSON string.
func AppendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ' || r == '<' || r == '>' || r == '&' || r == 0x7f:
			b = append(b, `\u00`...)
			b = append(b, hex[r>>4], hex[r&15])
		case r == '\u2028' || r == '\u2029':
			b = append(b, `\u202`...)
			b = append(b, hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

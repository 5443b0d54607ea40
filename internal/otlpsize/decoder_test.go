package otlpsize

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

var signals = []Signal{Traces, Logs, Metrics}

// request is what the collector's requests of all signals have.
type request interface {
	UnmarshalJSON(data []byte) error
	UnmarshalProto(data []byte) error
	MarshalJSON() ([]byte, error)
	MarshalProto() ([]byte, error)
}

func newRequest(s Signal) request {
	switch s {
	case Traces:
		return ptraceotlp.NewExportRequest()
	case Logs:
		return plogotlp.NewExportRequest()
	default:
		return pmetricotlp.NewExportRequest()
	}
}

// encoding is JSON or protobuf.
type encoding string

const (
	asJSON     encoding = "JSON"
	asProtobuf encoding = "protobuf"
)

func (e encoding) scanner(s Signal, l Limits) Scanner {
	if e == asJSON {
		return NewJSON(s, l)
	}
	return NewProtobuf(s, l)
}

// decode runs the collector's decoder and returns how many bytes it allocated: the least of several runs of a small request,
// since what other goroutines of the process allocate meanwhile, as the race detector's and the runtime's, is counted too.
func (e encoding) decode(s Signal, body []byte) (allocated int64, err error) {
	const small, runs = 64 << 10, 5
	for run := range runs {
		r := newRequest(s)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if e == asJSON {
			err = r.UnmarshalJSON(body)
		} else {
			err = r.UnmarshalProto(body)
		}
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(r)
		one := int64(after.TotalAlloc - before.TotalAlloc)
		if run == 0 || one < allocated {
			allocated = one
		}
		if len(body) >= small || err != nil {
			break
		}
	}
	return allocated, err
}

// scan returns a scanner a request in pieces of a size; all at once for 0.
func scan(s Scanner, body []byte, piece int) error {
	if piece == 0 {
		piece = max(1, len(body))
	}
	for len(body) > 0 {
		n := min(piece, len(body))
		if _, err := s.Write(body[:n]); err != nil {
			return err
		}
		body = body[n:]
	}
	return s.Close()
}

// unlimited bounds nothing but what the stack of the decoder needs.
var unlimited = Limits{Memory: 1 << 40, Depth: 64}

// within fails where the decoder allocates more than the estimate says. Texts with escapes and runs of
// garbage that are collected on the way are let off: they are several times their length, one after another.
func within(t *testing.T, e encoding, s Signal, body []byte, estimate int64) {
	t.Helper()
	allocated, _ := e.decode(s, body)
	const once = 16 << 10 // of the decoder and of the runtime beside it
	require.LessOrEqual(t, allocated, estimate+once, "%s allocates more than was estimated", e)
}

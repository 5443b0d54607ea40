package otlpguardextension

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that the collector replaces with its own
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tokenboard/tokenboard/internal/otlpsize"
)

// requests are the messages that are known, by the names of their types.
var requests = map[string]otlpsize.Signal{
	"ExportTraceServiceRequest": otlpsize.Traces, "ExportLogsServiceRequest": otlpsize.Logs, "ExportMetricsServiceRequest": otlpsize.Metrics,
}

// GetGRPCServerOptions puts the guard before the decoder of a server. gRPC decodes a message before any
// interceptor sees the call, so that the guard is a codec, which has no context; a handler of statistics sees
// the beginning and the end of each call, and an interceptor refuses what the codec did not decode.
func (g *guard) GetGRPCServerOptions(context.Context) ([]grpc.ServerOption, error) {
	inner := encoding.GetCodecV2("proto")
	if inner == nil {
		return nil, errors.New("gRPC has no codec for protobuf")
	}
	return []grpc.ServerOption{
		grpc.ForceServerCodecV2(&codec{inner, g}), grpc.StatsHandler(&calls{g}), grpc.ChainUnaryInterceptor(g.intercept),
	}, nil
}

// message tracks the state of a message, from its arrival to the end of its call.
type message struct {
	refused *refusal // it was not decoded
	held    int64    // bytes of guard.decoding
}

// codec decodes messages that the guard lets pass. The others it leaves empty.
type codec struct {
	encoding.CodecV2
	guard *guard
}

// Unmarshal checks and decodes a message.
func (c *codec) Unmarshal(data mem.BufferSlice, v any) error {
	g := c.guard
	if _, again := g.messages.Load(v); again {
		return errors.New("a call has more than one message")
	}
	m := g.admit(data, v)
	if m.refused == nil {
		if err := c.CodecV2.Unmarshal(data, v); err != nil {
			g.decoding.Release(m.held)
			return err
		}
	}
	g.messages.Store(v, m)
	return nil
}

// admit checks a message and waits for the memory to decode it.
func (g *guard) admit(data mem.BufferSlice, v any) *message {
	signal, known := otlpsize.Traces, false
	if t := reflect.TypeOf(v); t.Kind() == reflect.Pointer {
		signal, known = requests[t.Elem().Name()]
	}
	if !known {
		return &message{refused: &refusal{
			reason: "unknown", grpc: codes.Unimplemented, message: "the extension " + g.id.String() + " supports traces, logs and metrics of OTLP",
		}}
	}
	s := otlpsize.NewProtobuf(signal, g.limits)
	read := int64(0)
	for _, piece := range data {
		p := piece.ReadOnlyData()
		if err := g.scan(s, p, read); err != nil {
			return &message{refused: g.refuse(err)}
		}
		read += int64(len(p))
	}
	if err := s.Close(); err != nil {
		return &message{refused: g.refuse(err)}
	}
	n := size(s, read)
	if !g.acquire(context.Background(), g.decoding, n) {
		return &message{refused: g.busy()}
	}
	return &message{held: n}
}

func (g *guard) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	m, ok := g.messages.Load(req)
	if !ok {
		return nil, status.Error(codes.Internal, "the message of the call was not checked")
	}
	if r := m.(*message).refused; r != nil {
		g.count(ctx, r)
		return nil, g.status(r)
	}
	return handler(ctx, req)
}

func (g *guard) status(r *refusal) error {
	s := status.New(r.grpc, r.message)
	if r.grpc == codes.Unavailable {
		if with, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(g.wait)}); err == nil {
			s = with
		}
	}
	return s.Err()
}

// calls sees the beginning and the end of each call.
type calls struct{ guard *guard }

// call is one of them. gRPC calls its methods one after another.
type call struct {
	message any    // its message, when it has come
	arrived func() // returns the right to receive it
}

type callKey struct{}

var _ stats.Handler = (*calls)(nil)

// TagRPC makes the call known to what follows.
func (*calls) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, callKey{}, &call{})
}

// HandleRPC has a call wait until it may send its message, and cleans up after it. Until it may, gRPC takes
// no more of it than a window, 64 KiB.
func (h *calls) HandleRPC(ctx context.Context, s stats.RPCStats) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return
	}
	switch s := s.(type) {
	case *stats.Begin:
		if h.guard.calls.Acquire(ctx, 1) == nil {
			c.arrived = h.guard.receivingCall()
		}
	case *stats.InPayload:
		c.done()
		c.message = s.Payload
	case *stats.End:
		c.done()
		if c.message == nil {
			return
		}
		if m, ok := h.guard.messages.LoadAndDelete(c.message); ok {
			h.guard.decoding.Release(m.(*message).held)
		}
	}
}

// TagConn and HandleConn are not needed.
func (*calls) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn does nothing.
func (*calls) HandleConn(context.Context, stats.ConnStats) {}

func (c *call) done() {
	if c.arrived != nil {
		c.arrived()
	}
}

// receivingCall returns the function that gives up the right to receive a message. The right expires after a
// time, so that clients that send nothing do not keep others from sending.
func (g *guard) receivingCall() (arrived func()) {
	once := sync.OnceFunc(func() { g.calls.Release(1) })
	late := time.AfterFunc(2*g.wait, once)
	return func() {
		late.Stop()
		once()
	}
}

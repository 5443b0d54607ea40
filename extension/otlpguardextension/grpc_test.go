package otlpguardextension

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// traceServer counts the spans that reach it.
type traceServer struct {
	ptraceotlp.UnimplementedGRPCServer
	spans atomic.Int64
	wait  chan struct{} // where it is not nil, calls wait for it
}

func (s *traceServer) Export(_ context.Context, r ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	if s.wait != nil {
		<-s.wait
	}
	s.spans.Add(int64(r.Traces().SpanCount()))
	return ptraceotlp.NewExportResponse(), nil
}

type logServer struct {
	plogotlp.UnimplementedGRPCServer
}

func (*logServer) Export(context.Context, plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	return plogotlp.NewExportResponse(), nil
}

type metricServer struct {
	pmetricotlp.UnimplementedGRPCServer
}

func (*metricServer) Export(context.Context, pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	return pmetricotlp.NewExportResponse(), nil
}

// serve runs a server behind a guard, with more options, and returns a client of it.
func serve(t *testing.T, g *guard, traces *traceServer, more ...grpc.ServerOption) *grpc.ClientConn {
	t.Helper()
	options, err := g.GetGRPCServerOptions(t.Context())
	require.NoError(t, err)
	s := grpc.NewServer(append(more, options...)...)
	ptraceotlp.RegisterGRPCServer(s, traces)
	plogotlp.RegisterGRPCServer(s, &logServer{})
	pmetricotlp.RegisterGRPCServer(s, &metricServer{})
	healthpb.RegisterHealthServer(s, health.NewServer())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(l)
	}()
	c, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		s.Stop()
		<-ended
	})
	return c
}

// raw sends bytes as they are.
type raw struct{}

func (raw) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(string))}, nil
}
func (raw) Unmarshal(mem.BufferSlice, any) error { return nil }
func (raw) Name() string                         { return "proto" }

const export = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

func send(t *testing.T, c *grpc.ClientConn, body string) error {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	return c.Invoke(ctx, export, body, nil, grpc.ForceCodecV2(raw{}))
}

// soonIdle waits for what servers do after they have answered.
func soonIdle(t *testing.T, g *guard) {
	t.Helper()
	require.Eventually(t, func() bool {
		free := g.decoding.TryAcquire(defaultMemory << 20)
		if free {
			g.decoding.Release(defaultMemory << 20)
		}
		known := false
		g.messages.Range(func(any, any) bool { known = true; return false })
		return free && !known
	}, time.Minute, time.Millisecond)
	idle(t, g)
}

func TestGRPC(t *testing.T) {
	g, _ := newTestGuard(t, nil)
	traces := &traceServer{}
	c := serve(t, g, traces)
	_, body := batch(t, 512, 60)
	require.NoError(t, send(t, c, string(body)))
	require.EqualValues(t, 512, traces.spans.Load())
	_, err := plogotlp.NewGRPCClient(c).Export(t.Context(), plogotlp.NewExportRequest())
	require.NoError(t, err)
	_, err = pmetricotlp.NewGRPCClient(c).Export(t.Context(), pmetricotlp.NewExportRequest())
	require.NoError(t, err)
	for _, refused := range []struct {
		body string
		code codes.Code
		says string
	}{
		{strings.Repeat("\x0a\x00", 1_000_000), codes.InvalidArgument, "max_request_memory_mib"},
		{"\x0a\x05", codes.InvalidArgument, "malformed"},
	} {
		err := send(t, c, refused.body)
		require.Equal(t, refused.code, status.Code(err), err)
		require.ErrorContains(t, err, refused.says)
	}
	require.EqualValues(t, 512, traces.spans.Load(), "what was refused reached the receiver")
	// The scanner does not read identifiers; the decoder does.
	require.Equal(t, codes.Internal, status.Code(send(t, c, "\x0a\x08\x12\x06\x12\x04\x0a\x02ab")))
	_, err = healthpb.NewHealthClient(c).Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.Equal(t, codes.Unimplemented, status.Code(err), "a message that is not known is not decoded")
	soonIdle(t, g)
}

// TestRejectedCalls: the memory of calls that another interceptor rejects is released.
func TestRejectedCalls(t *testing.T) {
	g, _ := newTestGuard(t, nil)
	reject := func(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
		return nil, status.Error(codes.Unauthenticated, "who is it?")
	}
	c := serve(t, g, &traceServer{}, grpc.ChainUnaryInterceptor(reject))
	for range 3 {
		require.Equal(t, codes.Unauthenticated, status.Code(send(t, c, "\x0a\x00")))
	}
	soonIdle(t, g)
}

// TestTwoMessages refuses a call that has two messages before the second is decoded.
func TestTwoMessages(t *testing.T) {
	g, _ := newTestGuard(t, nil)
	traces := &traceServer{}
	c := serve(t, g, traces)
	s, err := c.NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true}, export, grpc.ForceCodecV2(raw{}))
	require.NoError(t, err)
	require.NoError(t, s.SendMsg("\x0a\x00"))
	_ = s.SendMsg("\x0a\x00") // the call may have ended
	_ = s.CloseSend()
	require.Error(t, s.RecvMsg(nil))
	require.Zero(t, traces.spans.Load())
	soonIdle(t, g)
}

// TestBusyGRPC refuses for the time being what finds no memory.
func TestBusyGRPC(t *testing.T) {
	g, _ := newTestGuard(t, func(c *Config) { c.Wait = 20 * time.Millisecond })
	c := serve(t, g, &traceServer{})
	require.True(t, g.decoding.TryAcquire(defaultMemory<<20))
	err := send(t, c, "\x0a\x00")
	require.Equal(t, codes.Unavailable, status.Code(err))
	details := status.Convert(err).Details()
	require.Len(t, details, 1)
	require.Equal(t, 20*time.Millisecond, details[0].(*errdetails.RetryInfo).RetryDelay.AsDuration())
	g.decoding.Release(defaultMemory << 20)
	require.NoError(t, send(t, c, "\x0a\x00"))
	soonIdle(t, g)
}

// TestReceivingCalls has calls wait while as many as may be are received, and takes the right back from those
// that send nothing. Calls whose message has come do not count.
func TestReceivingCalls(t *testing.T) {
	g, _ := newTestGuard(t, func(c *Config) { c.MaxReceivingCalls, c.Wait = 1, 100*time.Millisecond })
	traces := &traceServer{wait: make(chan struct{})}
	c := serve(t, g, traces)
	first := make(chan error, 1)
	go func() { first <- send(t, c, "\x0a\x00") }()
	require.Eventually(t, func() bool {
		known := false
		g.messages.Range(func(any, any) bool { known = true; return false })
		return known
	}, time.Minute, time.Millisecond)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	_, err := c.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, export, grpc.ForceCodecV2(raw{}))
	require.NoError(t, err)
	second := make(chan error, 1)
	go func() { second <- send(t, c, "\x0a\x00") }()
	close(traces.wait)
	require.NoError(t, <-first)
	require.NoError(t, <-second)
}

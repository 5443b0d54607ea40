package otlpguardextension

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc/codes"

	"github.com/tokenboard/tokenboard/extension/otlpguardextension/internal/metadata"
	"github.com/tokenboard/tokenboard/internal/otlpsize"
)

// copies is how often the bytes of a request are in memory until it is decoded: as they came, while the
// receiver puts them together, and whole.
const copies = 3

// guard holds what requests may take.
type guard struct {
	id        component.ID
	limits    otlpsize.Limits
	wait      time.Duration
	telemetry *metadata.TelemetryBuilder

	decoding  *semaphore.Weighted // bytes of memory, estimated
	receiving *semaphore.Weighted // bytes of bodies
	calls     *semaphore.Weighted // messages that are received over gRPC
	messages  sync.Map            // of gRPC, by pointer: *message
	pieces    sync.Pool           // of bodies: *[largestPiece]byte
}

var (
	_ extension.Extension            = (*guard)(nil)
	_ extensionmiddleware.HTTPServer = (*guard)(nil)
	_ extensionmiddleware.GRPCServer = (*guard)(nil)
)

func newGuard(id component.ID, c *Config, telemetry *metadata.TelemetryBuilder) *guard {
	const mib = 1 << 20
	return &guard{
		id: id, limits: otlpsize.Limits{Memory: c.MaxRequestMemoryMiB * mib, Depth: c.MaxDepth}, wait: c.Wait, telemetry: telemetry,
		decoding: semaphore.NewWeighted(c.MaxMemoryMiB * mib), receiving: semaphore.NewWeighted(c.MaxReceivingMiB * mib),
		calls: semaphore.NewWeighted(c.MaxReceivingCalls),
	}
}

// Start does nothing: the servers of receivers ask for what they need.
func (*guard) Start(context.Context, component.Host) error { return nil }

// Shutdown ends the metrics.
func (g *guard) Shutdown(context.Context) error {
	g.telemetry.Shutdown()
	return nil
}

// acquire waits for a share of something, for a while.
func (g *guard) acquire(ctx context.Context, of *semaphore.Weighted, n int64) bool {
	if of.TryAcquire(n) { // mostly: a timer would cost more than the rest; who waits already comes first
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, g.wait)
	defer cancel()
	return of.Acquire(ctx, n) == nil
}

// refusal is why a request is not decoded.
type refusal struct {
	reason  string // of the metric
	http    int
	grpc    codes.Code
	message string
}

func (g *guard) busy() *refusal {
	return &refusal{
		"busy", http.StatusServiceUnavailable, codes.Unavailable,
		"too many requests are received and decoded at one time; send it again later",
	}
}

// refuse says what a scanner found.
func (g *guard) refuse(err error) *refusal {
	switch {
	case errors.Is(err, otlpsize.ErrDepth):
		return &refusal{
			"depth", http.StatusBadRequest, codes.InvalidArgument,
			fmt.Sprintf("the request is nested more than %d deep; max_depth of the extension %s sets the limit", g.limits.Depth, g.id),
		}
	case errors.Is(err, otlpsize.ErrMemory):
		return &refusal{
			"memory", http.StatusRequestEntityTooLarge, codes.InvalidArgument,
			fmt.Sprintf("decoding the request would take more than %d MiB of memory; send smaller batches, or raise max_request_memory_mib of the extension %s",
				g.limits.Memory>>20, g.id),
		}
	default:
		return &refusal{"malformed", http.StatusBadRequest, codes.InvalidArgument, err.Error()}
	}
}

func (g *guard) count(ctx context.Context, r *refusal) {
	g.telemetry.ExtensionOtlpguardRefusedRequests.Add(ctx, 1, metric.WithAttributes(attribute.String("reason", r.reason)))
}

// size estimates the memory that a request takes, from the bytes that the scanner has read so far.
func size(s otlpsize.Scanner, read int64) int64 { return s.Memory() + copies*read }

// scan passes the next piece of a request to a scanner, after read bytes of it.
func (g *guard) scan(s otlpsize.Scanner, p []byte, read int64) error {
	if _, err := s.Write(p); err != nil {
		return err
	}
	if size(s, read+int64(len(p))) > g.limits.Memory {
		return otlpsize.ErrMemory
	}
	return nil
}

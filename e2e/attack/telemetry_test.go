package attack

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/encoding/gzip" // what an attacker sends is short
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
)

// telemetryAttacks make the process take memory for few bytes of telemetry.
func telemetryAttacks() []attack {
	return []attack{
		{"telemetry", "memory of one request, as JSON", []string{"open"}, hostileJSON},
		{"telemetry", "memory of one request, as protobuf over HTTP", []string{"open"}, hostileProtobuf},
		{"telemetry", "memory of one request, over gRPC", []string{"open"}, hostileGRPC},
		{"telemetry", "processor time at 1, 2 and 4 MiB", []string{"open"}, telemetryTime},
		{"telemetry", "1,000 hostile requests at one time", nil, telemetryAtOnce},
		{"telemetry", "clients that send a little and then nothing", []string{"open"}, silentClients},
	}
}

// hostile is telemetry of something that is repeated until a request has its size.
type hostile struct {
	name, begin, text, end string
	id                     bool // text has a place for a number
}

func (h hostile) body(size int) string {
	if !h.id {
		return h.begin + strings.Repeat(h.text, size/len(h.text)) + h.end
	}
	var b strings.Builder
	b.WriteString(h.begin)
	for i := 1; b.Len() < size; i++ {
		fmt.Fprintf(&b, h.text, i)
	}
	b.WriteString(h.end)
	return b.String()
}

const (
	spansJSON = `{"resourceSpans":[{"scopeSpans":[{"spans":[`
	attrsJSON = spansJSON + `{"attributes":[`
	callJSON  = `{"traceId":"%032[1]x","spanId":"%016[1]x","startTimeUnixNano":"1","attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}]},`
	tinyCall  = `{"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}}]},`
)

var hostilesJSON = []hostile{
	{"lists in a list", `{"resourceSpans":`, "[", "", false},
	{"lists in an unknown field", `{"x":`, "[", "", false},
	{"objects in an unknown field", `{"x":`, `{"a":`, "", false},
	{"values in values", attrsJSON + `{"key":"a","value":`, `{"arrayValue":{"values":[`, "", false},
	{"empty resources", `{"resourceSpans":[`, `{},`, "{}]}", false},
	{"empty spans", spansJSON, `{},`, "{}]}]}]}", false},
	{"empty attributes", attrsJSON, `{},`, "{}]}]}]}]}", false},
	{"empty values", attrsJSON + `{"key":"a","value":{"arrayValue":{"values":[`, `{},`, "{}]}}}]}]}]}]}", false},
	{"events", spansJSON + `{"events":[`, `{},`, "{}]}]}]}]}", false},
	{"links", spansJSON + `{"links":[`, `{},`, "{}]}]}]}]}", false},
	{"a field of another type", spansJSON, `{"name":{}},`, "{}]}]}]}", false},
	{"attributes of other names", attrsJSON, `{"key":"k%d","value":{"stringValue":"v"}},`, `{}]}]}]}]}`, true},
	{"calls without anything", spansJSON, tinyCall, "{}]}]}]}", false},
	{"calls", spansJSON, callJSON, "{}]}]}]}", true},
	{"calls with short attributes", spansJSON, `{"attributes":[{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"user.id","value":{"stringValue":"u%[1]d"}},{"key":"session.id","value":{"stringValue":"s%[1]d"}}]},`, "{}]}]}]}", true},
	{"a text with escapes", spansJSON + `{"name":"`, `\n`, `"}]}]}]}`, false},
	{"a text of commas", spansJSON + `{"name":"`, `},{},`, `"}]}]}]}`, false},
	{"a prompt", attrsJSON + `{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.input.messages","value":{"stringValue":"`, `[{\"role\":\"user\",\"content\":\"sk-0123456789abcdef0123456789 \"}],`, `"}}]}]}]}]}`, false},
	{"an error text full of secrets", attrsJSON + `{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"error.message","value":{"stringValue":"`, `sk-%032d `, `"}}]}]}]}]}`, true},
	{"an error text of JSON", attrsJSON + `{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"error.message","value":{"stringValue":"[`, `{\"api_key\":\"x%d\"},`, `{}]"}}]}]}]}]}`, true},
}

// prefixed is a field of protobuf that holds a text or a message.
func prefixed(number int, body string) string {
	const wireLen = 2
	b := binary.AppendUvarint(nil, uint64(number)<<3|wireLen)
	b = binary.AppendUvarint(b, uint64(len(body)))
	return string(b) + body
}

func inSpans(spans string) string { return prefixed(1, prefixed(2, spans)) }

func attributeOf(key, value string) string {
	return prefixed(9, prefixed(1, key)+prefixed(2, prefixed(1, value)))
}

// hostilesProtobuf give a body of a size.
var hostilesProtobuf = []struct {
	name string
	body func(size int) string
}{
	{"empty resources", func(size int) string { return strings.Repeat("\x0a\x00", size/2) }},
	{"empty scopes", func(size int) string { return prefixed(1, strings.Repeat("\x12\x00", size/2)) }},
	{"empty spans", func(size int) string { return inSpans(strings.Repeat("\x12\x00", size/2)) }},
	{"empty attributes", func(size int) string { return inSpans(prefixed(2, strings.Repeat("\x4a\x00", size/2))) }},
	{"events", func(size int) string { return inSpans(prefixed(2, strings.Repeat("\x5a\x00", size/2))) }},
	{"links", func(size int) string { return inSpans(prefixed(2, strings.Repeat("\x6a\x00", size/2))) }},
	{"values in values", func(size int) string {
		value := ""
		for range 5000 {
			value = prefixed(5, prefixed(1, value))
		}
		one := prefixed(9, prefixed(2, value))
		return inSpans(prefixed(2, strings.Repeat(one, size/len(one))))
	}},
	{"empty values", func(size int) string {
		return inSpans(prefixed(2, prefixed(9, prefixed(2, prefixed(5, strings.Repeat("\x0a\x00", size/2))))))
	}},
	{"calls without anything", func(size int) string {
		one := prefixed(2, attributeOf("gen_ai.operation.name", "chat"))
		return inSpans(strings.Repeat(one, size/len(one)))
	}},
	{"calls", func(size int) string {
		var b strings.Builder
		for i := 1; b.Len() < size; i++ {
			id := fmt.Sprintf("%016d", i)
			b.WriteString(prefixed(2, prefixed(1, id)+prefixed(2, id[8:])+attributeOf("gen_ai.operation.name", "chat")+attributeOf("user.id", id)))
		}
		return inSpans(b.String())
	}},
	{"an error text", func(size int) string {
		return inSpans(prefixed(2, attributeOf("gen_ai.operation.name", "chat")+attributeOf("error.message", strings.Repeat("sk-0123456789abcdef0123456789 ", size/30))))
	}},
	{"a prompt", func(size int) string {
		return inSpans(prefixed(2, attributeOf("gen_ai.operation.name", "chat")+attributeOf("gen_ai.input.messages", strings.Repeat("sk-0123456789abcdef0123456789 ", size/30))))
	}},
}

// sizesOfHostiles are below the limits of the receivers, at them, and beyond. What the guard lets pass takes the
// most a little below its limits: they are many, so that one is near.
var sizesOfHostiles = []int{400 << 10, 600 << 10, 1 << 20, 2 << 20, 4<<20 - 512, 6 << 20, 8<<20 - 512, 32 << 20}

// worst sends hostile requests one after another to a process of their own and returns the most memory above
// idle that it held. In one process for all, what the calls of earlier requests left behind would count, too.
func worst(t *testing.T, name string, send func(t *testing.T, b *target, size int) string) (above int64) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		b := run(t, "open")
		defer b.stop()
		for _, size := range sizesOfHostiles {
			var outcome string
			took := b.peakAbove(b.idle, func() { outcome = send(t, b, size) })
			t.Logf("%d bytes: memory +%s, %s", size, mib(took), outcome)
			require.Less(t, took, int64(mostMemory), "%d bytes: %s", size, outcome)
			above = max(above, took)
		}
	})
	return above
}

// answerTo sends traces, compressed, and returns what the answer is.
func (b *target) answerTo(t *testing.T, body, contentType string) string {
	t.Helper()
	status, answer, err := b.post(t.Context(), "traces", zipped(body, "", 0, ""), map[string]string{"Content-Encoding": "gzip", "Content-Type": contentType})
	require.NoError(t, err)
	return fmt.Sprintf("%d %.40q", status, answer)
}

func hostileJSON(t *testing.T, _ *target) string {
	var most int64
	for _, h := range hostilesJSON {
		most = max(most, worst(t, h.name, func(t *testing.T, b *target, size int) string {
			return b.answerTo(t, h.body(size), "application/json")
		}))
	}
	return "memory +" + mib(most)
}

func hostileProtobuf(t *testing.T, _ *target) string {
	var most int64
	for _, h := range hostilesProtobuf {
		most = max(most, worst(t, h.name, func(t *testing.T, b *target, size int) string {
			return b.answerTo(t, h.body(size), "application/x-protobuf")
		}))
	}
	return "memory +" + mib(most)
}

const exportTraces = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

// rawCodec sends bytes as they are.
type rawCodec struct{}

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	return mem.BufferSlice{mem.SliceBuffer(v.(string))}, nil
}
func (rawCodec) Unmarshal(mem.BufferSlice, any) error { return nil }
func (rawCodec) Name() string                         { return "proto" }

// export sends bytes as a request for traces over gRPC.
func export(ctx context.Context, c *grpc.ClientConn, body string) error {
	var none struct{}
	return c.Invoke(ctx, exportTraces, body, &none, grpc.ForceCodecV2(rawCodec{}), grpc.UseCompressor("gzip"))
}

func (b *target) dial(t *testing.T) *grpc.ClientConn {
	t.Helper()
	c, err := grpc.NewClient(b.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func hostileGRPC(t *testing.T, _ *target) string {
	var most int64
	for _, h := range hostilesProtobuf {
		most = max(most, worst(t, h.name, func(t *testing.T, b *target, size int) string {
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			return fmt.Sprint(export(ctx, b.dial(t), h.body(size)))
		}))
	}
	return "memory +" + mib(most)
}

// telemetryAtOnce sends requests of which each takes as much as one may, by HTTP and by gRPC, with and
// without compression.
func telemetryAtOnce(t *testing.T, b *target) string {
	const n = 1000
	var bodies [][]byte
	var plain []string
	for _, h := range hostilesProtobuf {
		for _, size := range []int{600 << 10, 1 << 20, 4<<20 - 512} {
			plain = append(plain, h.body(size))
			bodies = append(bodies, zipped(h.body(size), "", 0, ""))
		}
	}
	var connections []*grpc.ClientConn
	for range 20 {
		connections = append(connections, b.dial(t))
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	outcomes := map[string]int{}
	var mu sync.Mutex
	above := b.peak(func() {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				which := i / 3 % len(bodies)
				var outcome string
				switch i % 3 {
				case 0:
					code, _, err := b.post(ctx, "traces", bodies[which], map[string]string{"Content-Encoding": "gzip", "Content-Type": "application/x-protobuf"})
					outcome = fmt.Sprint("HTTP ", code, err != nil)
				case 1:
					code, _, err := b.post(ctx, "traces", []byte(plain[which]), map[string]string{"Content-Type": "application/x-protobuf"})
					outcome = fmt.Sprint("HTTP ", code, err != nil)
				default:
					outcome = "gRPC " + status.Code(export(ctx, connections[i%len(connections)], plain[which])).String()
				}
				mu.Lock()
				outcomes[outcome]++
				mu.Unlock()
			})
		}
		all.Wait()
	})
	held := b.memory("VmHWM")
	t.Log(outcomes)
	require.Less(t, held, int64(limit))
	time.Sleep(10 * time.Second)
	begun := time.Now()
	code, err := b.export("traces", traces([]call{{id: 8_000_000, start: time.Now(), model: "after", input: 1, output: 1}}), nil)
	require.NoError(t, err)
	require.Equal(t, 200, code)
	b.viewer.get(api+"/stats").must(t, 200)
	answered := time.Since(begun)
	require.Less(t, answered, 10*time.Second)
	return fmt.Sprintf("memory %s (+%s), then served in %.0f ms; %v", mib(held), mib(above), answered.Seconds()*1000, outcomes)
}

// silentClients begin requests and do not go on: others are served beside them, over gRPC when those have lost
// their turn.
func silentClients(t *testing.T, b *target) string {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for range 100 {
		c, err := net.Dial("tcp", b.otlp)
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		_, err = io.WriteString(c, "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n{")
		require.NoError(t, err)
	}
	for range 20 {
		stream, err := b.dial(t).NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, exportTraces, grpc.ForceCodecV2(rawCodec{}))
		require.NoError(t, err)
		defer func() { _ = stream.CloseSend() }()
	}
	time.Sleep(time.Second)
	begun := time.Now()
	code, err := b.export("traces", traces([]call{{id: 8_100_000, start: time.Now(), model: "beside", input: 1, output: 1}}), nil)
	require.NoError(t, err)
	require.Equal(t, 200, code)
	overHTTP := time.Since(begun)
	within, end := context.WithTimeout(t.Context(), time.Minute)
	defer end()
	begun = time.Now()
	require.NoError(t, export(within, b.dial(t), inSpans(prefixed(2, attributeOf("gen_ai.operation.name", "chat")))))
	return fmt.Sprintf("served in %.1f s over HTTP, in %.1f s over gRPC", overHTTP.Seconds(), time.Since(begun).Seconds())
}

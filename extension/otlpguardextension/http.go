package otlpguardextension

import (
	"context"
	"io"
	"math"
	"mime"
	"net/http"
	"path"
	"strconv"

	"go.opentelemetry.io/collector/extension/extensionmiddleware"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/tokenboard/tokenboard/internal/otlpsize"
)

const (
	contentJSON     = "application/json"
	contentProtobuf = "application/x-protobuf"
)

// signals are those whose requests are known, by the end of their paths.
var signals = map[string]otlpsize.Signal{"traces": otlpsize.Traces, "logs": otlpsize.Logs, "metrics": otlpsize.Metrics}

// GetHTTPHandler puts the guard before the handlers of a server, behind its decompression.
func (g *guard) GetHTTPHandler(context.Context) (extensionmiddleware.WrapHTTPHandlerFunc, error) {
	return func(_ context.Context, next http.Handler) (http.Handler, error) {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, next) }), nil
	}, nil
}

func (g *guard) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	content, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")) // as the receiver does
	if r.Method != http.MethodPost || err != nil || content != contentJSON && content != contentProtobuf {
		r.Body = http.NoBody // the receiver takes no other
		next.ServeHTTP(w, r)
		return
	}
	b := &body{guard: g}
	defer func() { _ = b.Close() }()
	s, refused := g.receiveHTTP(r, b, content)
	if refused == nil {
		n := size(s, b.length)
		if g.acquire(r.Context(), g.decoding, n) {
			defer g.decoding.Release(n)
			r.Body, r.ContentLength = b, b.length
			next.ServeHTTP(w, r)
			return
		}
		refused = g.busy()
	}
	g.count(r.Context(), refused)
	_ = b.Close()
	// A client that is still sending might not see the answer; the server bounds the body's length and time.
	_, _ = io.Copy(io.Discard, r.Body)
	g.answer(w, content, refused)
}

// receiveHTTP reads a request's body into b.
func (g *guard) receiveHTTP(r *http.Request, b *body, content string) (otlpsize.Scanner, *refusal) {
	signal, known := signals[path.Base(r.URL.Path)]
	if !known {
		return nil, &refusal{
			reason: "unknown", http: http.StatusNotFound, grpc: codes.Unimplemented,
			message: "the extension " + g.id.String() + " supports paths that end in /traces, /logs and /metrics",
		}
	}
	s := otlpsize.NewProtobuf(signal, g.limits)
	if content == contentJSON {
		s = otlpsize.NewJSON(signal, g.limits)
	}
	refused, err := b.receive(r.Context(), r.Body, r.ContentLength, s)
	if err != nil {
		return nil, unreadable(err)
	}
	return s, refused
}

// answer refuses a request as OTLP says: with a status in the encoding of the request.
func (g *guard) answer(w http.ResponseWriter, content string, r *refusal) {
	status := &spb.Status{Code: int32(r.grpc), Message: r.message}
	encode := proto.Marshal
	if content == contentJSON {
		encode = protojson.Marshal
	}
	text, err := encode(status)
	if err != nil { // a message that is no UTF-8
		content, text = "text/plain; charset=utf-8", []byte("the request is refused")
	}
	w.Header().Set("Content-Type", content)
	if r.http == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(g.wait.Seconds()))))
	}
	w.WriteHeader(r.http)
	_, _ = w.Write(text) // the client may have left
}

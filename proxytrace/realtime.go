package proxytrace

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// realtimeTree reads https://platform.openai.com/docs/api-reference/realtime-server-events/response/done, and the
// events of the Responses API where they come over a WebSocket.
var realtimeTree = tree(here, table{
	"type": fType, "session.model": fModel, "response.id": fID, "response.model": fModel, "response.status": fStatus,
	"response.status_details.error": fError, "response.status_details.error.type": fErrorType, "response.status_details.error.code": fErrorCode,
	"response.error": fError, "response.error.code": fErrorCode,
}, within("response.usage", responsesUsage), table{
	"response.usage.input_token_details.cached_tokens":                      fCacheRead,
	"response.usage.input_token_details.audio_tokens":                       fAudioInput,
	"response.usage.input_token_details.image_tokens":                       fImageInput,
	"response.usage.input_token_details.cached_tokens_details.audio_tokens": fAudioRead,
	"response.usage.input_token_details.cached_tokens_details.image_tokens": fImageRead,
	"response.usage.output_token_details.audio_tokens":                      fAudioOutput,
})

var realtimeFamily = family{
	operation: "chat", provider: "openai", answers: realtimeTree,
	rule: func(t *tokens, f *figures) { t.openAI(f, OpenAIResponses) },
}

// recognizeSession recognises requests that ask for a WebSocket.
func recognizeSession(r *http.Request, path string) API {
	if r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && (under(path, "/realtime") || under(path, "/responses")) {
		return OpenAIRealtime
	}
	return None
}

// session is a WebSocket, over which many responses come. Each is a call with a span of its own, which ends when
// the response does; its usage is reported once.
type session struct {
	config *config
	ctx    context.Context //nolint:containedctx // the request's, for the spans' parent
	kind   trace.SpanKind
	who    *identity
	attrs  []attribute.KeyValue
	asked  string // the model that the address names

	mu      sync.Mutex // guards what follows
	frames  frames
	scan    scanner
	reading reading
	model   string // the last that the session named
	begun   map[string]time.Time
	done    seen
	inHead  int // how much of the end of the handshake's answer has passed; headOver: all
	over    bool
}

const (
	maxBegun = 64 // responses of one session that run at once and are remembered
	headEnd  = "\r\n\r\n"
)

// newSession begins to look at a session that a request asks for.
func (c *config) newSession(r *http.Request, kind trace.SpanKind, host string) *session {
	who := identityOf(r.Context())
	if who == nil || kind == trace.SpanKindServer {
		who = c.identify(r)
	}
	s := &session{
		config: c, ctx: r.Context(), kind: kind, who: who, attrs: c.describe(r, OpenAIRealtime, who, host),
		begun: map[string]time.Time{}, inHead: len(headEnd),
	}
	q := r.URL.Query()
	for _, asked := range []string{q.Get("model"), q.Get("deployment"), modelInPath(r.URL.Path)} {
		if asked != "" && s.asked == "" && len(asked) <= maxCapture {
			s.asked = cleaned(asked)
		}
	}
	s.reading.api = OpenAIRealtime
	s.scan = scanner{root: realtimeTree, sink: &s.reading}
	s.scan.reset()
	s.frames = frames{scan: &s.scan, message: s.message}
	return s
}

// passed looks at what the server has sent.
func (s *session) passed(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.inHead < len(headEnd) && len(p) > 0 {
		switch {
		case p[0] == headEnd[s.inHead]:
			s.inHead++
		case p[0] == headEnd[0]:
			s.inHead = 1
		default:
			s.inHead = 0
		}
		p = p[1:]
	}
	if !s.over {
		s.frames.write(p)
	}
}

// message takes an event that has come to its end.
func (s *session) message() {
	r := s.reading
	s.reading = reading{api: OpenAIRealtime}
	if r.model != "" {
		s.model = r.model
	}
	if r.id == "" || len(r.id) > maxCapture {
		return
	}
	if !r.ended {
		if _, known := s.begun[r.id]; !known && len(s.begun) < maxBegun && r.status == "in_progress" {
			s.begun[r.id] = time.Now()
		}
		return
	}
	start, known := s.begun[r.id]
	if !known {
		start = time.Now()
	}
	delete(s.begun, r.id)
	if s.done.first(r.id) {
		s.emit(&r, start, r.failure(), http.StatusSwitchingProtocols)
	}
}

// emit makes the span of one response.
func (s *session) emit(r *reading, start time.Time, failure string, status int) {
	if s.kind == trace.SpanKindServer && s.who.seesBelow() {
		return // the transport below reports the same
	}
	asked, answered := s.asked, s.model
	if asked == "" {
		asked = answered
	}
	if answered == "" {
		answered = asked
	}
	name := OpenAIRealtime.operation()
	attrs := append([]attribute.KeyValue(nil), s.attrs...)
	if asked != "" {
		name += " " + asked
		attrs = append(attrs, attribute.String(attrRequestModel, asked), attribute.String(attrResponseModel, answered))
	}
	if r.id != "" {
		attrs = append(attrs, attribute.String(attrResponseID, r.id))
	}
	t := r.figures.tokens(OpenAIRealtime)
	attrs = r.figures.parts.attributes(t.attributes(attrs), &t)
	if r.figures.bad {
		attrs = append(attrs, attribute.StringSlice(attrQuality, []string{qualityIncoherent}))
	}
	if failure != "" {
		attrs = append(attrs, attribute.String(attrErrorType, failure))
	}
	if user := s.who.getUser(); user != "" {
		attrs = append(attrs, attribute.String(attrUser, user), attribute.String(attrUserID, user))
	}
	attrs = append(attrs, attribute.Bool(attrRequestStream, true))
	if status != 0 {
		attrs = append(attrs, attribute.Int(attrHTTPStatus, status))
	}
	_, span := s.config.tracer.Start(s.ctx, name, trace.WithSpanKind(s.kind), trace.WithTimestamp(start), trace.WithAttributes(attrs...))
	if failure != "" {
		span.SetStatus(codes.Error, failure)
	}
	span.End()
}

// finish ends the session. Responses that had begun and did not end have no figures.
func (s *session) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return
	}
	s.over = true
	for id, start := range s.begun {
		s.emit(&reading{api: OpenAIRealtime, id: id}, start, errorCut, http.StatusSwitchingProtocols)
	}
	clear(s.begun)
}

// refused reports a session that did not come about.
func (s *session) refused(status int, failure string, start time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over = true; status != 0 {
		failure = strconv.Itoa(status)
	}
	s.emit(&reading{api: OpenAIRealtime}, start, failure, status)
}

func (i *identity) seesBelow() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.sees
}

func (i *identity) see() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sees = true
}

// session passes on a request for a WebSocket.
func (m *middleware) session(w http.ResponseWriter, r *http.Request) {
	s := m.config.newSession(r, trace.SpanKindServer, r.Host)
	s.inHead = 0 // the handler writes the head of its answer to the connection
	a := &answer{ResponseWriter: w, session: s}
	start := time.Now()
	m.next.ServeHTTP(a.as(w), r.WithContext(context.WithValue(r.Context(), identityKey{}, s.who)))
	if a.status >= http.StatusBadRequest {
		s.refused(a.status, "", start)
	}
}

// session makes a request for a WebSocket.
func (t *Transport) session(r *http.Request) (*http.Response, error) {
	s := t.config.newSession(r, trace.SpanKindClient, r.URL.Host)
	s.who.see()
	start, out := time.Now(), r
	if p := t.config.propagator; p != nil {
		out = r.Clone(r.Context())
		p.Inject(r.Context(), propagation.HeaderCarrier(out.Header))
	}
	res, err := t.base.RoundTrip(out)
	switch {
	case err != nil:
		s.refused(0, errorConnection, start)
		return res, err
	case res.StatusCode >= http.StatusBadRequest:
		s.refused(res.StatusCode, "", start)
	case res.StatusCode == http.StatusSwitchingProtocols:
		if both, ok := res.Body.(io.ReadWriteCloser); ok {
			res.Body = watchBody(both, s)
		}
	}
	if out != r {
		res.Request = r
	}
	return res, nil
}

// watchedUpgrade is a connection to a server that is looked at.
type watchedUpgrade struct {
	io.ReadWriteCloser
	session *session
}

func (w *watchedUpgrade) Read(p []byte) (int, error) {
	n, err := w.ReadWriteCloser.Read(p)
	w.session.passed(p[:n])
	if err != nil {
		w.session.finish()
	}
	return n, err
}

func (w *watchedUpgrade) Close() error {
	defer w.session.finish()
	return w.ReadWriteCloser.Close()
}

// closeWriter is a connection of which one direction can be closed.
type closeWriter interface{ CloseWrite() error }

type halfUpgrade struct {
	*watchedUpgrade
	closeWriter
}

// watchBody puts a session between a connection and who reads it.
func watchBody(body io.ReadWriteCloser, s *session) io.ReadWriteCloser {
	w := &watchedUpgrade{body, s}
	if half, ok := body.(closeWriter); ok {
		return halfUpgrade{w, half}
	}
	return w
}

// watchedConn is a connection to a client that is looked at.
type watchedConn struct {
	net.Conn
	session *session
}

func (w *watchedConn) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	w.session.passed(p[:max(0, min(n, len(p)))])
	return n, err
}

func (w *watchedConn) Close() error {
	defer w.session.finish()
	return w.Conn.Close()
}

type halfConn struct {
	*watchedConn
	closeWriter
}

// watch puts the session between a connection and the handler that has taken it.
func (s *session) watch(conn net.Conn, rw *bufio.ReadWriter) net.Conn {
	w := &watchedConn{conn, s}
	if rw != nil && rw.Writer.Buffered() == 0 {
		rw.Writer.Reset(w)
	}
	if half, ok := conn.(closeWriter); ok {
		return halfConn{w, half}
	}
	return w
}

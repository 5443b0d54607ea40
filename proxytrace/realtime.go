package proxytrace

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/tokenboard/tokenboard/proxytrace/internal/bodies"
	"github.com/tokenboard/tokenboard/proxytrace/internal/cleantext"
	"github.com/tokenboard/tokenboard/proxytrace/internal/jsonscan"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// session is a WebSocket, over which many responses come. Each is a call with a span of its own, which ends when
// the response does; its usage is reported once.
type session struct {
	config *config
	ctx    context.Context //nolint:containedctx // the request's, for the spans' parent
	kind   trace.SpanKind
	who    *identity
	attrs  []attribute.KeyValue
	asked  string // the model that the URL names

	mu     sync.Mutex // guards what follows
	frames *bodies.Frames
	event  llmapi.Answer // the event that is being read
	model  string        // the last that the server named
	begun  map[string]time.Time
	done   seenIDs
	inHead int // how many bytes of headEnd have passed, at the end of the handshake's answer
	over   bool
}

const (
	maxBegun = 64 // concurrent responses of one session whose beginning is remembered
	headEnd  = "\r\n\r\n"
)

// newSession returns the session that a request asks for.
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
	for _, asked := range []string{q.Get("model"), q.Get("deployment"), llmapi.ModelInPath(r.URL.Path)} {
		if asked != "" && s.asked == "" && len(asked) <= jsonscan.MaxCapture {
			s.asked = cleantext.Clean(asked)
		}
	}
	s.event = llmapi.NewAnswer(OpenAIRealtime)
	s.frames = bodies.NewFrames(jsonscan.New(llmapi.SpecOf(OpenAIRealtime).Tree, &s.event), s.message)
	return s
}

// passed reads bytes that the server has sent.
func (s *session) passed(p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.inHead < len(headEnd) && len(p) > 0 {
		switch p[0] {
		case headEnd[s.inHead]:
			s.inHead++
		case headEnd[0]:
			s.inHead = 1
		default:
			s.inHead = 0
		}
		p = p[1:]
	}
	if !s.over {
		s.frames.Feed(p)
	}
}

// message handles an event that has been read completely.
func (s *session) message() {
	r := s.event
	s.event = llmapi.NewAnswer(OpenAIRealtime)
	if r.Model != "" {
		s.model = r.Model
	}
	if r.ID == "" || len(r.ID) > jsonscan.MaxCapture {
		return
	}
	if !r.Ended {
		if _, known := s.begun[r.ID]; !known && len(s.begun) < maxBegun && r.Status == "in_progress" {
			s.begun[r.ID] = time.Now()
		}
		return
	}
	start, known := s.begun[r.ID]
	if !known {
		start = time.Now()
	}
	delete(s.begun, r.ID)
	if s.done.first(r.ID) {
		s.emit(&r, start, r.Failure(), http.StatusSwitchingProtocols)
	}
}

// emit makes the span of one response. status is 0 where no answer to the handshake came.
func (s *session) emit(r *llmapi.Answer, start time.Time, failure string, status int) {
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
	name := llmapi.SpecOf(OpenAIRealtime).Operation
	attrs := append([]attribute.KeyValue(nil), s.attrs...)
	if asked != "" {
		name += " " + asked
		attrs = append(attrs, attribute.String(attrRequestModel, asked), attribute.String(attrResponseModel, answered))
	}
	if r.ID != "" {
		attrs = append(attrs, attribute.String(attrResponseID, r.ID))
	}
	t := r.Tokens()
	attrs = tokenAttributes(attrs, &t)
	if r.HasBadFigures() {
		attrs = append(attrs, attribute.StringSlice(attrQuality, []string{qualityInconsistent}))
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
	_, span := s.config.tracer.Start(s.ctx, name, trace.WithSpanKind(s.kind), trace.WithTimestamp(start),
		trace.WithAttributes(attrs...))
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
		r := llmapi.NewAnswer(OpenAIRealtime)
		r.ID = id
		s.emit(&r, start, errorCut, http.StatusSwitchingProtocols)
	}
	clear(s.begun)
}

// refused makes the span of a session whose handshake failed.
func (s *session) refused(status int, failure string, start time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over = true; status != 0 {
		failure = strconv.Itoa(status)
	}
	r := llmapi.NewAnswer(OpenAIRealtime)
	s.emit(&r, start, failure, status)
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

// session handles a request for a WebSocket.
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

// session sends a request for a WebSocket.
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

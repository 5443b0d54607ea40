package proxytrace

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/tokenboard/tokenboard/proxytrace/internal/bodies"
	"github.com/tokenboard/tokenboard/proxytrace/internal/cleantext"
	"github.com/tokenboard/tokenboard/proxytrace/internal/llmapi"
)

// Values of attributes.
const (
	roleCall            = "call"
	qualityEstimated    = "estimated"
	qualityInconsistent = "inconsistent"
	errorCanceled       = "canceled"
	errorTimeout        = "timeout"
	errorCut            = "stream_cut"
	errorAborted        = "aborted"
	errorConnection     = "connection_error"
)

// longestServiceTier is the longest name of a service tier, in bytes.
const longestServiceTier = 32

// call is a call that has not ended, and its span.
type call struct {
	config   *config
	api      API
	spec     *llmapi.Spec
	ctx      context.Context //nolint:containedctx // the call's own, for why it ended
	span     trace.Span
	start    time.Time
	who      *identity
	request  *bodies.Request
	pathName string // the model that the path names
	method   string
	sent     http.Header

	mu       sync.Mutex       // guards what follows
	response *bodies.Response // nil before the head of the answer
	status   int
	first    time.Time // of the first byte of the answer
	stream   bool      // the answer is a stream of events
	id       string    // the provider's id of the request
	route    string
	finished bool
	counts   bool // it has consumed tokens, or may have; see decideCounted
}

// begin starts the span of a call.
func (c *config) begin(r *http.Request, a API, kind trace.SpanKind, host string) (*call, *http.Request) {
	ctx := r.Context()
	who := identityOf(ctx)
	if who == nil || kind == trace.SpanKindServer {
		who = c.identify(r)
	}
	k := &call{
		config: c, api: a, spec: llmapi.SpecOf(a), start: time.Now(), who: who,
		pathName: llmapi.ModelInPath(r.URL.Path), method: r.Method, sent: r.Header,
	}
	attrs := c.describe(r, a, who, host)
	ctx, k.span = c.tracer.Start(ctx, k.spec.Operation, trace.WithSpanKind(kind), trace.WithTimestamp(k.start),
		trace.WithAttributes(attrs...))
	if kind == trace.SpanKindServer {
		ctx = context.WithValue(ctx, identityKey{}, who)
	}
	k.ctx = ctx
	r = r.WithContext(ctx)
	if k.span.IsRecording() {
		k.request = bodies.WatchRequest(r)
	}
	return k, r
}

// describe returns the attributes of a call that its request has.
func (c *config) describe(r *http.Request, a API, who *identity, host string) []attribute.KeyValue {
	provider := ""
	if c.provider != nil {
		provider = c.provider(r)
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	if provider == "" {
		provider = llmapi.ProviderOf(a, name, r.URL.Path)
	}
	attrs := make([]attribute.KeyValue, 0, 12)
	attrs = append(attrs,
		attribute.String(attrProvider, cleantext.Clean(provider)),
		attribute.String(attrHTTPMethod, r.Method),
		attribute.String(attrURLPath, cleantext.Clean(r.URL.Path)),
	)
	if spec := llmapi.SpecOf(a); spec.Counts == nil {
		attrs = append(attrs, attribute.String(attrRole, roleCall), attribute.String(attrOperation, spec.Operation))
	}
	if name != "" {
		attrs = append(attrs, attribute.String(attrServerAddress, cleantext.Clean(name)))
	}
	if n, err := strconv.Atoi(port); err == nil {
		attrs = append(attrs, attribute.Int(attrServerPort, n))
	}
	if who.fingerprint != "" {
		attrs = append(attrs, attribute.String(attrKeyFingerprint, who.fingerprint), attribute.String(attrKeyDisplay, who.display))
	}
	return attrs
}

// answered is called with the head of the answer.
func (k *call) answered(status int, h http.Header) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.response != nil || k.finished || !k.span.IsRecording() {
		return
	}
	k.status, k.id = status, requestID(k.sent, h)
	k.response = bodies.NewResponse(k.api, h)
	k.stream = k.response.IsStream()
}

// passed reads a piece of the answer, which has been forwarded.
func (k *call) passed(p []byte) {
	if len(p) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.finished || k.response == nil {
		return
	}
	if k.first.IsZero() {
		k.first = time.Now()
	}
	k.response.Feed(p)
}

// finish ends the span, once. err is why the answer was interrupted, nil where it was not; the body decides in both cases,
// where it has a mark of its end.
func (k *call) finish(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.finished {
		return
	}
	k.finished = true
	end := time.Now()
	if k.response != nil {
		k.response.Finish()
	}
	attrs := make([]attribute.KeyValue, 0, 24)
	request := k.request.Finish()
	k.decideCounted(&request)
	attrs = k.models(attrs, &request)
	attrs = k.outcome(attrs, err)
	attrs = k.attribution(attrs, &request)
	attrs = k.role(attrs)
	stream := request.Stream || k.stream || k.spec.Streams
	attrs = append(attrs, attribute.Bool(attrRequestStream, stream))
	if stream && !k.first.IsZero() && k.status < http.StatusBadRequest {
		attrs = append(attrs, attribute.Float64(attrTTFT, k.first.Sub(k.start).Seconds()))
	}
	if k.route != "" {
		attrs = append(attrs, attribute.String(attrHTTPRoute, cleantext.Clean(k.route)))
	}
	if k.id != "" {
		attrs = append(attrs, attribute.String(attrRequestID, k.id))
	}
	k.span.SetAttributes(attrs...)
	k.span.End(trace.WithTimestamp(end))
}

// models adds the models, the id of the answer, the service tiers and the finish reasons, and names the span.
func (k *call) models(attrs []attribute.KeyValue, request *llmapi.Request) []attribute.KeyValue {
	asked := request.Model
	if asked == "" {
		asked = k.pathName
	}
	asked = cleantext.Clean(asked)
	answered := asked
	if k.response != nil {
		r := k.response.Answer()
		if r.Model != "" {
			answered = r.Model
		}
		if r.ID != "" {
			attrs = append(attrs, attribute.String(attrResponseID, r.ID))
		}
		tier := r.Tier
		if tier == "" && k.counts {
			tier = k.spec.Tier
		}
		attrs = tierAttribute(attrs, k.spec.Tiers.Answered, tier)
		if len(r.Finishes) > 0 {
			attrs = append(attrs, attribute.StringSlice(attrFinishReasons, r.Finishes))
		}
	}
	attrs = tierAttribute(attrs, k.spec.Tiers.Requested, request.Tier)
	if asked != "" {
		attrs = append(attrs, attribute.String(attrRequestModel, asked))
		k.span.SetName(k.spec.Operation + " " + asked)
	}
	if answered != "" {
		attrs = append(attrs, attribute.String(attrResponseModel, answered))
	}
	return attrs
}

// tierAttribute adds the name of a tier, if it can be one.
func tierAttribute(attrs []attribute.KeyValue, name, tier string) []attribute.KeyValue {
	if name == "" || tier == "" || len(tier) > longestServiceTier {
		return attrs
	}
	return append(attrs, attribute.String(name, tier))
}

// outcome adds the status, the error if the call failed, the figures and their quality.
func (k *call) outcome(attrs []attribute.KeyValue, err error) []attribute.KeyValue {
	failure := ""
	if k.status != 0 {
		attrs = append(attrs, attribute.Int(attrHTTPStatus, k.status))
	}
	cut := err != nil
	var quality []string
	if k.response != nil {
		ended, judged := k.response.Ended()
		if judged && k.status < http.StatusBadRequest {
			cut = !ended && (err != nil || !k.first.IsZero())
		}
		answer := k.response.Answer()
		if !k.counts {
			answer.DropFigures()
		}
		t := answer.Tokens()
		attrs = tokenAttributes(attrs, &t)
		if cut && t.Reported != 0 {
			quality = append(quality, qualityEstimated)
		}
		if answer.HasBadFigures() {
			quality = append(quality, qualityInconsistent)
		}
		failure = answer.Failure()
	}
	switch {
	case k.status >= http.StatusBadRequest && failure == "":
		failure = strconv.Itoa(k.status)
	case failure == "" && cut:
		failure = k.why(err)
	}
	if failure != "" {
		attrs = append(attrs, attribute.String(attrErrorType, failure))
		k.span.SetStatus(codes.Error, failure)
	}
	if len(quality) > 0 {
		attrs = append(attrs, attribute.StringSlice(attrQuality, quality))
	}
	return attrs
}

var (
	errAborted = errors.New("the handler panicked")
	errNotRead = errors.New("the body was closed before its end")
)

// why returns the error.type of an answer that was interrupted.
func (k *call) why(err error) string {
	cause := k.ctx.Err()
	var netErr net.Error
	switch {
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &netErr) && netErr.Timeout():
		return errorTimeout
	case cause != nil, errors.Is(err, context.Canceled), errors.Is(err, errNotRead), errors.Is(err, errClientDisconnected):
		return errorCanceled
	case k.response == nil && errors.Is(err, errAborted):
		return errorAborted
	case k.response == nil:
		return errorConnection
	default:
		return errorCut
	}
}

// attribution adds the user.
func (k *call) attribution(attrs []attribute.KeyValue, request *llmapi.Request) []attribute.KeyValue {
	user := k.who.getUser()
	if user == "" && k.config.bodyUser {
		switch {
		case k.api == AnthropicMessages:
			user = request.AnthropicUser
		case request.SafetyID != "":
			user = request.SafetyID
		default:
			user = request.User
		}
	}
	if user != "" {
		attrs = append(attrs, attribute.String(attrUser, user), attribute.String(attrUserID, user))
	}
	return attrs
}

// tokenAttributes adds the figures of an answer.
func tokenAttributes(attrs []attribute.KeyValue, t *llmapi.Tokens) []attribute.KeyValue {
	for _, f := range []struct {
		has  llmapi.TokenFields
		name string
		n    int64
	}{
		{llmapi.HasInput, attrInputTokens, t.Input}, {llmapi.HasOutput, attrOutputTokens, t.Output},
		{llmapi.HasCacheRead, attrCacheRead, t.CacheRead}, {llmapi.HasCacheWrite, attrCacheWrite, t.CacheWrite},
		{llmapi.HasReasoning, attrReasoningTokens, t.Reasoning}, {llmapi.HasCacheWrite1h, attrCacheWrite1h, t.CacheWrite1h},
	} {
		if t.Has(f.has) {
			attrs = append(attrs, attribute.Int64(f.name, f.n))
		}
	}
	for i, n := range t.Parts {
		if n > 0 {
			attrs = append(attrs, attribute.Int64(attrParts[i], n))
		}
	}
	if t.AudioSeconds > 0 {
		attrs = append(attrs, attribute.Float64(attrAudioSeconds, t.AudioSeconds))
	}
	return attrs
}

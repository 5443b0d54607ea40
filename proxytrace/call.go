package proxytrace

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// What the conventions name and the ledger has no use for.
const (
	attrFinishReasons  = "gen_ai.response.finish_reasons"
	attrServiceTier    = "openai.response.service_tier"
	attrRequestTier    = "openai.request.service_tier"
	attrAnthropicTier  = "anthropic.response.service_tier"
	attrOtherTier      = "gen_ai.response.service_tier" // of providers that the conventions have no name for
	attrOtherAsked     = "gen_ai.request.service_tier"
	attrServerAddress  = "server.address"
	attrServerPort     = "server.port"
	roleCall           = "call"
	qualityEstimated   = "estimated"
	qualityIncoherent  = "inconsistent"
	errorCanceled      = "canceled"
	errorTimeout       = "timeout"
	errorCut           = "stream_cut"
	errorAborted       = "aborted"
	errorConnection    = "connection_error"
	longestServiceTier = 32
)

// call is one call on its way, and its span in the making.
type call struct {
	config   *config
	api      API
	ctx      context.Context //nolint:containedctx // the call's own, for why it ended
	span     trace.Span
	start    time.Time
	who      *identity
	request  *requestBody
	pathName string // the model that the path names
	method   string
	sent     http.Header

	mu       sync.Mutex // guards what follows
	observer *observer
	status   int
	first    time.Time // when the first byte of the answer passed
	stream   bool      // the answer is a stream of events
	id       string    // the provider's id of the request
	route    string
	finished bool
	counts   bool // it spends, or may; see judge
}

// begin starts the span of a call.
func (c *config) begin(r *http.Request, a API, kind trace.SpanKind, host string) (*call, *http.Request) {
	ctx := r.Context()
	who := identityOf(ctx)
	if who == nil || kind == trace.SpanKindServer {
		who = c.identify(r)
	}
	k := &call{config: c, api: a, start: time.Now(), who: who, pathName: modelInPath(r.URL.Path), method: r.Method, sent: r.Header}
	attrs := c.describe(r, a, who, host)
	ctx, k.span = c.tracer.Start(ctx, a.operation(), trace.WithSpanKind(kind), trace.WithTimestamp(k.start), trace.WithAttributes(attrs...))
	if kind == trace.SpanKindServer {
		ctx = context.WithValue(ctx, identityKey{}, who)
	}
	k.ctx = ctx
	r = r.WithContext(ctx)
	if k.span.IsRecording() {
		k.request = watchRequest(r)
	}
	return k, r
}

// describe gives what is known of a call before it is answered.
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
		if provider = providerOfHost(name); provider == "" {
			provider = a.providerAt(strings.TrimSuffix(r.URL.Path, "/"))
		}
	}
	attrs := make([]attribute.KeyValue, 0, 12)
	attrs = append(attrs,
		attribute.String(attrProvider, cleaned(provider)),
		attribute.String(attrHTTPMethod, r.Method),
		attribute.String(attrURLPath, cleaned(r.URL.Path)),
	)
	if !a.late() {
		attrs = append(attrs, attribute.String(attrRole, roleCall), attribute.String(attrOperation, a.operation()))
	}
	if name != "" {
		attrs = append(attrs, attribute.String(attrServerAddress, cleaned(name)))
	}
	if n, err := strconv.Atoi(port); err == nil {
		attrs = append(attrs, attribute.Int(attrServerPort, n))
	}
	if who.fingerprint != "" {
		attrs = append(attrs, attribute.String(attrKeyFingerprint, who.fingerprint), attribute.String(attrKeyDisplay, who.display))
	}
	return attrs
}

// answered takes the head of the answer.
func (k *call) answered(status int, h http.Header) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.observer != nil || k.finished || !k.span.IsRecording() {
		return
	}
	k.status, k.id = status, requestID(k.sent, h)
	k.observer = newObserver(k.api, h.Get("Content-Type"), h.Get("Content-Encoding"))
	k.observer.reading.figures = k.api.headerFigures(h)
	k.stream = k.observer.streams()
}

// passed looks at a piece of the answer, after it was passed on.
func (k *call) passed(p []byte) {
	if len(p) == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.finished || k.observer == nil {
		return
	}
	if k.first.IsZero() {
		k.first = time.Now()
	}
	k.observer.pass(p)
}

// finish ends the span, once. err says why the answer ended before its end, nil where it did not;
// the body may say otherwise in both cases.
func (k *call) finish(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.finished {
		return
	}
	k.finished = true
	end := time.Now()
	if k.observer != nil {
		k.observer.finish()
	}
	attrs := make([]attribute.KeyValue, 0, 24)
	request := k.request.finish()
	k.judge(&request)
	attrs = k.models(attrs, &request)
	attrs = k.outcome(attrs, err)
	attrs = k.people(attrs, &request)
	attrs = k.role(attrs)
	stream := request.stream || k.stream || k.api.streams()
	attrs = append(attrs, attribute.Bool(attrRequestStream, stream))
	if stream && !k.first.IsZero() && k.status < http.StatusBadRequest {
		attrs = append(attrs, attribute.Float64(attrTTFT, k.first.Sub(k.start).Seconds()))
	}
	if k.route != "" {
		attrs = append(attrs, attribute.String(attrHTTPRoute, cleaned(k.route)))
	}
	if k.id != "" {
		attrs = append(attrs, attribute.String(attrRequestID, k.id))
	}
	k.span.SetAttributes(attrs...)
	k.span.End(trace.WithTimestamp(end))
}

// models tells the models, what the answer is called, and names the span.
func (k *call) models(attrs []attribute.KeyValue, request *requestReading) []attribute.KeyValue {
	asked := request.model
	if asked == "" {
		asked = k.pathName
	}
	asked = cleaned(asked)
	answered := asked
	if k.observer != nil {
		r := &k.observer.reading
		if r.model != "" {
			answered = r.model
		}
		if r.id != "" {
			attrs = append(attrs, attribute.String(attrResponseID, r.id))
		}
		attrs = tierAttribute(attrs, k.api.tierNames().answered, r.tier)
		if len(r.finishes) > 0 {
			attrs = append(attrs, attribute.StringSlice(attrFinishReasons, r.finishes))
		}
	}
	attrs = tierAttribute(attrs, k.api.tierNames().asked, request.tier)
	if asked != "" {
		attrs = append(attrs, attribute.String(attrRequestModel, asked))
		k.span.SetName(k.api.operation() + " " + asked)
	}
	if answered != "" {
		attrs = append(attrs, attribute.String(attrResponseModel, answered))
	}
	return attrs
}

// tierNames are the attributes of the service tier that answered and of the one that was asked for; "" for none.
type tierNames struct{ answered, asked string }

func (a API) tierNames() tierNames {
	switch a.answers() {
	case anthropicTree:
		return tierNames{answered: attrAnthropicTier} // a request asks for no tier: it says whether it may be raised
	case geminiTree:
		return tierNames{attrOtherTier, attrOtherAsked}
	}
	return tierNames{attrServiceTier, attrRequestTier}
}

// tierAttribute adds the name of a tier, if it can be one.
func tierAttribute(attrs []attribute.KeyValue, name, tier string) []attribute.KeyValue {
	if name == "" || tier == "" || len(tier) > longestServiceTier {
		return attrs
	}
	return append(attrs, attribute.String(name, tier))
}

// outcome tells the status, why the call failed if it did, its figures and how good they are.
func (k *call) outcome(attrs []attribute.KeyValue, err error) []attribute.KeyValue {
	failure := ""
	if k.status != 0 {
		attrs = append(attrs, attribute.Int(attrHTTPStatus, k.status))
	}
	cut := err != nil
	var quality []string
	if o := k.observer; o != nil {
		ended, judged := o.ended()
		if judged && k.status < http.StatusBadRequest {
			cut = !ended && (err != nil || !k.first.IsZero())
		}
		t := o.reading.figures.tokens(k.api)
		if !k.counts {
			t, o.reading.figures = tokens{}, figures{}
		}
		attrs = t.attributes(attrs)
		attrs = o.reading.figures.parts.attributes(attrs, &t)
		if cut && t.has != 0 {
			quality = append(quality, qualityEstimated)
		}
		if o.reading.figures.bad {
			quality = append(quality, qualityIncoherent)
		}
		failure = o.reading.failure()
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
	errAborted = errors.New("the handler gave up")
	errNotRead = errors.New("closed before its end")
)

// why names the reason of an answer that did not come to its end.
func (k *call) why(err error) string {
	cause := k.ctx.Err()
	var netErr net.Error
	switch {
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return errorTimeout
	case cause != nil, errors.Is(err, context.Canceled), errors.Is(err, errNotRead), errors.Is(err, errGone):
		return errorCanceled
	case k.observer == nil && errors.Is(err, errAborted):
		return errorAborted
	case k.observer == nil:
		return errorConnection
	default:
		return errorCut
	}
}

func (k *call) people(attrs []attribute.KeyValue, request *requestReading) []attribute.KeyValue {
	user := k.who.getUser()
	if user == "" && k.config.bodyUser {
		switch {
		case k.api == AnthropicMessages:
			user = request.anthropicUser
		case request.safetyID != "":
			user = request.safetyID
		default:
			user = request.user
		}
	}
	if user != "" {
		attrs = append(attrs, attribute.String(attrUser, user), attribute.String(attrUserID, user))
	}
	return attrs
}

func (t *tokens) attributes(attrs []attribute.KeyValue) []attribute.KeyValue {
	for _, f := range []struct {
		has  tokenFields
		name string
		n    int64
	}{
		{hasInput, attrInputTokens, t.input}, {hasOutput, attrOutputTokens, t.output},
		{hasCacheRead, attrCacheRead, t.cacheRead}, {hasCacheWrite, attrCacheWrite, t.cacheWrite},
		{hasReasoning, attrReasoningTokens, t.reasoning}, {hasCacheWrite1h, attrCacheWrite1h, t.cacheWrite1h},
	} {
		if t.has&f.has != 0 {
			attrs = append(attrs, attribute.Int64(f.name, f.n))
		}
	}
	return attrs
}

package cliproxyreceiver

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/dialect/failure"
	"github.com/tokenboard/tokenboard/internal/sources"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// event has the fields that are read from an entry of the usage feed, in all versions from v6.10 to v7.2. Data that
// must not be passed on have no field here and are never decoded: client_ip, x_forwarded_for, user_agent, fail.body but for
// its message, access_token_sha256, and headers of the upstream's answer that say nothing of a quota. Of the upstream's key or e-mail
// address (source) only the display form leaves readEvent.
type event struct {
	Timestamp string   `json:"timestamp"`
	LatencyMs count    `json:"latency_ms"`
	TTFTMs    count    `json:"ttft_ms"`
	AuthIndex text     `json:"auth_index"`
	AuthType  text     `json:"auth_type"`
	Tokens    *tokens  `json:"tokens"`
	Failed    flag     `json:"failed"`
	Stream    flag     `json:"stream"`
	Fail      failed   `json:"fail"`
	Parts     *buckets `json:"token_breakdown"`
	Provider  text     `json:"provider"`
	Executor  text     `json:"executor_type"`
	Model     text     `json:"model"`
	Alias     text     `json:"alias"`
	Endpoint  text     `json:"endpoint"`
	APIKey    string   `json:"api_key"`
	RequestID text     `json:"request_id"`
	Effort    text     `json:"reasoning_effort"`
	Tier      text     `json:"service_tier"`
	TierGiven text     `json:"response_service_tier"`
	Source    text     `json:"source"`

	Headers quotaHeaders `json:"response_headers"`
}

type failed struct {
	Status count  `json:"status_code"`
	Body   answer `json:"body"`
}

// answer is the message in the answer of an upstream. Of an answer that is no error object nothing is kept.
type answer string

// UnmarshalJSON reads the text of an answer.
func (a *answer) UnmarshalJSON(b []byte) error {
	var body string
	if json.Unmarshal(b, &body) == nil {
		*a = answer(failure.InAnswer(body))
	}
	return nil // something else than ever seen: the rest of the event is read
}

// text is a short text of the feed; numbers are taken as they are written.
type text string

// UnmarshalJSON takes texts and numbers, and leaves out what is neither.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case json.Unmarshal(b, &s) == nil:
	case len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9'):
		s = string(b)
	}
	*t = text(clean(s))
	return nil
}

// maxText bounds the texts of a record, which are hostile.
const maxText = 256

func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\uFFFD' {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	if len(s) > maxText {
		s = strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// known is a text; empty where the proxy wrote "unknown" because it had none.
func (t text) known() string {
	if strings.EqualFold(string(t), "unknown") {
		return ""
	}
	return string(t)
}

// flag is a boolean of the feed that may be absent.
type flag usage.Tristate

// UnmarshalJSON takes what is plainly one, and leaves out the rest.
func (f *flag) UnmarshalJSON(b []byte) error {
	switch string(bytes.Trim(b, `"`)) {
	case "true":
		*f = flag(usage.Yes)
	case "false":
		*f = flag(usage.No)
	}
	return nil
}

// count is a number of the feed. Bad says that the value was not a number, or an impossible count:
// negative, fractional, above usage.MaxTokens.
type count struct {
	n    int64
	here bool
	bad  bool
}

// UnmarshalJSON takes whole numbers, also as 1200.0 and "1200"; null is absent.
func (c *count) UnmarshalJSON(b []byte) error {
	*c = count{}
	s := string(bytes.Trim(b, `"`))
	if s == "null" || s == "" {
		return nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(s, 64)
		if ferr != nil || f != math.Trunc(f) || math.Abs(f) > float64(usage.MaxTokens) {
			c.bad = true
			return nil
		}
		n = int64(f)
	}
	if n < 0 || n > usage.MaxTokens {
		c.bad = true
		return nil
	}
	c.n, c.here = n, true
	return nil
}

// call is one attempt, redacted.
type call struct {
	usage.Call
	route     string
	authIndex string
	authType  string
	executor  string
	effort    string
	tier      string
	tierGiven string
	quota     *sources.Quota // what the answer said of its account's quotas; nil: nothing
}

var (
	errUnreadable = errors.New("the event is no JSON object with a timestamp")
	errNoCall     = errors.New("the event is of a request that consumes no tokens")
)

// readEvent reads and redacts one entry of the feed. Its errors say nothing of what it held.
func readEvent(raw json.RawMessage, proxy string) (call, error) {
	if len(raw) > 0 && raw[0] == '"' { // an entry that is JSON as a text
		var inner string
		if json.Unmarshal(raw, &inner) != nil {
			return call{}, errUnreadable
		}
		raw = json.RawMessage(inner)
	}
	var e event
	if err := json.Unmarshal(raw, &e); err != nil {
		// a field of another type than ever seen is left out, and the rest is taken
		if wrongType := (*json.UnmarshalTypeError)(nil); !errors.As(err, &wrongType) {
			return call{}, errUnreadable
		}
	}
	at, err := time.Parse(time.RFC3339Nano, e.Timestamp)
	if err != nil || at.Year() < 2000 || at.Year() > 2200 {
		return call{}, errUnreadable
	}
	method, route := endpoint(string(e.Endpoint))
	if strings.HasSuffix(route, "/count_tokens") || strings.HasSuffix(route, ":countTokens") {
		return call{}, errNoCall
	}
	upstream, configured := provider(&e)
	index := usage.AccountIndex(string(e.AuthIndex))
	c := call{
		Call: usage.Call{
			Signal: usage.SignalSpan, Role: usage.RoleCall, Start: at.UTC(), Duration: milliseconds(e.LatencyMs),
			Provider: upstream, Model: e.Model.known(), RequestModel: e.Alias.known(), Method: method, Path: route,
			KeyFingerprint: usage.Fingerprint(e.APIKey), Stream: usage.Tristate(e.Stream),
			Account: usage.AccountDisplay(e.Source.known(), index),
		},
		route: route, authIndex: index, authType: e.AuthType.known(), executor: e.Executor.known(),
		effort: string(e.Effort), tier: string(e.Tier), tierGiven: string(e.TierGiven),
	}
	if c.RequestModel == "" {
		c.RequestModel = c.Model
	}
	c.Operation = operation(route, c.Model)
	c.Tier = usage.ParseTier(cmp.Or(c.tierGiven, c.tier)) // the one that served the call, before the one that was asked for
	if e.APIKey != "" {
		c.KeyDisplay = clean(usage.DisplayKey(e.APIKey))
	}
	if c.Stream != usage.No { // of an answer that comes at once it says nothing
		c.TTFT = milliseconds(e.TTFTMs)
	}
	c.outcome(&e)
	c.Tokens, c.Quality = e.usage()
	if configured {
		c.Quality |= usage.ConfiguredProvider
	}
	if q, some := e.Headers.quota(c.Start.Add(c.Duration)); some {
		c.quota = &q
	}
	c.identify(&e, proxy, raw)
	return c, nil
}

// identify returns the call ids that follow from the event, so that a repeat is the same call.
func (c *call) identify(e *event, proxy string, raw json.RawMessage) {
	h := sha256.New()
	for _, part := range []string{"cliproxy", proxy, c.Start.Format(time.RFC3339Nano), string(e.RequestID), string(e.AuthIndex), string(e.Model)} {
		_, _ = h.Write([]byte(part + "\x00"))
	}
	if e.RequestID == "" { // versions without it: the time alone may be that of two attempts
		_, _ = h.Write(raw)
	}
	sum := h.Sum(nil)
	copy(c.Trace[:], sum[:16])
	copy(c.Span[:], sum[16:24])
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	if e.RequestID != "" {
		// as in the answer's header X-Cpa-Trace-Id, without the time in front, which is another one
		c.RequestID = string(e.RequestID)
		if c.authIndex != "" {
			c.RequestID = c.authIndex + "-" + c.RequestID
		}
	}
}

// outcome says whether the attempt failed and why.
func (c *call) outcome(e *event) {
	status := int(e.Fail.Status.n)
	if status < 100 || status > 599 {
		status = 0
	}
	c.Failed = usage.Tristate(e.Failed) == usage.Yes || status >= 400
	switch {
	case !c.Failed:
		c.Status = status
		return
	case status >= 400:
		c.Status, c.ErrorType = status, strconv.Itoa(status)
	default:
		c.ErrorType = "_OTHER"
	}
	c.ErrorMessage = string(e.Fail.Body)
}

func milliseconds(c count) time.Duration {
	const longest = 30 * 24 * time.Hour
	if !c.here || c.n > longest.Milliseconds() {
		return 0
	}
	return time.Duration(c.n) * time.Millisecond
}

// endpoint divides "POST /v1/chat/completions".
func endpoint(s string) (method, route string) {
	if m, r, ok := strings.Cut(s, " "); ok && strings.HasPrefix(r, "/") {
		method, s = strings.ToUpper(m), r
	}
	route, _, _ = strings.Cut(s, "?")
	if !strings.HasPrefix(route, "/") {
		route = ""
	}
	return method, route
}

// operations are the ends of the proxy's routes, and what is done there by the GenAI conventions.
var operations = []struct{ route, operation string }{
	{"/chat/completions", "chat"}, {"/messages", "chat"}, {"/responses", "chat"}, {"/responses/compact", "chat"},
	{"/completions", "text_completion"}, {"/embeddings", "embeddings"}, {"/images/generations", "generate_content"},
	{"/images/edits", "generate_content"}, {":embedContent", "embeddings"}, {":batchEmbedContents", "embeddings"},
}

func operation(route, model string) string {
	for _, o := range operations {
		if strings.HasSuffix(route, o.route) {
			return o.operation
		}
	}
	switch {
	case strings.Contains(model, "embedding"):
		return "embeddings"
	case strings.HasPrefix(route, "/v1beta/"), strings.HasPrefix(route, "/v1internal"), strings.Contains(route, "/videos"):
		return "generate_content"
	}
	return "chat"
}

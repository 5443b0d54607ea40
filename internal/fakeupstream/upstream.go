// Package fakeupstream is a provider of language models for tests and demonstrations: it speaks
// OpenAI's, Anthropic's and Google's APIs, whole and streamed, and keeps account of what it would
// bill. It shares no code with the readers of its answers, so that its account can be compared with theirs.
package fakeupstream

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Headers of a request that choose how it is answered.
const (
	HeaderStatus = "X-Fake-Status" // answer with this status and the provider's error body
	HeaderCut    = "X-Fake-Cut"    // break the connection after so many events of a stream
	HeaderDelay  = "X-Fake-Delay"  // wait so long before each event, such as "10ms"
	HeaderBill   = "X-Fake-Bill"   // a Bill in JSON: what the call spends
	HeaderFirst  = "X-Fake-First"  // wait so long before the first event of a stream
	HeaderTook   = "X-Fake-Took"   // answer for so long in all: a whole answer comes then, the events of a stream are spread over it
	HeaderTool   = "X-Fake-Tool"   // a ToolCall in JSON: the answer calls this tool instead of speaking
)

// ToolCall is the call of a tool that an answer asks for.
type ToolCall struct {
	Name      string         `json:"name"`
	Arguments map[string]any `json:"arguments"`
}

// Bill is the usage of one call, by the rule of the conventions: Input includes the cache, Output the reasoning.
type Bill struct {
	Input, Output, CacheRead, CacheWrite, CacheWrite1h, Reasoning int64

	Audio, AudioOutput, Image, ImageOutput int64 // parts of Input and Output
}

// Served is one call that was answered.
type Served struct {
	API      string // "chat", "completions", "responses", "embeddings", "messages", "generateContent"
	Model    string
	ID       string
	Key      string // as it came; the upstream's own key where a proxy replaces it
	Status   int
	Stream   bool
	Reported bool // the complete usage was sent
	Bill     Bill // what was consumed, reported or not; zero for a failed call
}

// Totals are sums over calls.
type Totals struct {
	Calls, Failed, NoUsage int64
	Bill
}

// Upstream is the provider. The zero value is ready; set the fields before it serves.
type Upstream struct {
	Delay time.Duration // before each event of a stream
	Gzip  bool          // compress whole answers for clients that take it

	mu      sync.Mutex
	served  []Served
	batches map[string]bool // those that were asked for
	ids     atomic.Int64
}

// Served returns the account, in the order in which calls ended.
func (u *Upstream) Served() []Served {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]Served(nil), u.served...)
}

// Totals returns the sums of the account.
func (u *Upstream) Totals() Totals { return Sum(u.Served()) }

// Sum adds up calls. Only reported usage counts: the rest cannot be known from the answers.
func Sum(served []Served) (t Totals) {
	for _, s := range served {
		t.Calls++
		if s.Status >= http.StatusBadRequest {
			t.Failed++
		}
		if !s.Reported {
			t.NoUsage++
			continue
		}
		t.Input += s.Bill.Input
		t.Output += s.Bill.Output
		t.CacheRead += s.Bill.CacheRead
		t.CacheWrite += s.Bill.CacheWrite
		t.CacheWrite1h += s.Bill.CacheWrite1h
		t.Reasoning += s.Bill.Reasoning
		t.Audio += s.Bill.Audio
		t.AudioOutput += s.Bill.AudioOutput
		t.Image += s.Bill.Image
		t.ImageOutput += s.Bill.ImageOutput
	}
	return t
}

func (u *Upstream) record(s Served) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.served = append(u.served, s)
}

// request has the fields that the requests of all APIs have in common.
type request struct {
	Model         string `json:"model"`
	Stream        bool   `json:"stream"`
	StreamOptions struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
	MaxTokens    int64  `json:"max_tokens"`
	StreamFormat string `json:"stream_format"` // of speech
}

// exchange is one call being answered.
type exchange struct {
	u     *Upstream
	w     http.ResponseWriter
	r     *http.Request
	body  request
	bill  Bill
	words []string
	tool  *ToolCall // nil where the answer is text
	// toolPrompt are input tokens of tools that the provider runs itself, which Gemini reports apart from the prompt.
	// A bill that was asked for has none.
	toolPrompt int64
	call       Served

	events, cut int
	delay       time.Duration // before each event
	first, took time.Duration // see HeaderFirst and HeaderTook
}

// errCut says that the connection shall break here.
type errCut struct{}

func (errCut) Error() string { return "cut" }

func (u *Upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimSuffix(r.URL.Path, "/")
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	x := &exchange{u: u, w: w, r: r, delay: u.Delay}
	_ = json.Unmarshal(raw, &x.body)
	x.form(raw)
	x.read(raw)
	if x.media(path) {
		return
	}
	switch {
	case r.Method == http.MethodGet && strings.HasSuffix(path, "/models"):
		x.json(http.StatusOK, map[string]any{"object": "list", "data": []any{
			map[string]any{"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "system"},
		}, "models": []any{}})
	case strings.HasSuffix(path, "/messages/count_tokens"):
		x.json(http.StatusOK, map[string]any{"input_tokens": x.bill.Input})
	case strings.HasSuffix(path, ":countTokens"):
		x.json(http.StatusOK, map[string]any{"totalTokens": x.bill.Input})
	case strings.HasSuffix(path, "/chat/completions"):
		x.serve("chat", x.chat)
	case strings.HasSuffix(path, "/completions"):
		x.serve("completions", x.completions)
	case strings.HasSuffix(path, "/responses"):
		x.serve("responses", x.responses)
	case strings.HasSuffix(path, "/embeddings"):
		x.serve("embeddings", x.embeddings)
	case strings.HasSuffix(path, "/messages"):
		x.serve("messages", x.messages)
	case strings.HasSuffix(path, ":generateContent"), strings.HasSuffix(path, ":streamGenerateContent"):
		_, model, _ := strings.Cut(path, "/models/")
		x.body.Model, _, _ = strings.Cut(model, ":")
		x.body.Stream = strings.HasSuffix(path, ":streamGenerateContent")
		x.serve("generateContent", x.generate)
	default:
		http.NotFound(w, r)
	}
}

// read decides what the call will cost and what the answer is: the same request always costs the same.
func (x *exchange) read(raw []byte) {
	h := fnv.New64a()
	_, _ = h.Write(raw)
	rng := rand.New(rand.NewPCG(h.Sum64(), 1))
	b := &x.bill
	b.CacheRead = rng.Int64N(3) * (rng.Int64N(4000) + 1)
	b.CacheWrite = rng.Int64N(2) * (rng.Int64N(2000) + 1)
	b.CacheWrite1h = min(b.CacheWrite, rng.Int64N(1000))
	b.Input = b.CacheRead + b.CacheWrite + int64(len(raw))/4 + rng.Int64N(500) + 1
	b.Reasoning = rng.Int64N(2) * (rng.Int64N(300) + 1)
	b.Output = b.Reasoning + rng.Int64N(400) + 1
	for i := range 4 + rng.IntN(12) {
		x.words = append(x.words, fmt.Sprintf("word%d \"quoted\" 数 \\ ", i))
	}
	x.toolPrompt = 7
	x.cut = -1
	if n, err := strconv.Atoi(x.r.Header.Get(HeaderCut)); err == nil {
		x.cut = n
	}
	if asked := x.r.Header.Get(HeaderBill); asked != "" {
		*b, x.toolPrompt = Bill{}, 0
		_ = json.Unmarshal([]byte(asked), b)
	}
	if asked := x.r.Header.Get(HeaderTool); asked != "" {
		x.tool = &ToolCall{}
		_ = json.Unmarshal([]byte(asked), x.tool)
	}
	if d, err := time.ParseDuration(x.r.Header.Get(HeaderDelay)); err == nil {
		x.delay = d
	}
	x.first, _ = time.ParseDuration(x.r.Header.Get(HeaderFirst))
	if x.took, _ = time.ParseDuration(x.r.Header.Get(HeaderTook)); x.took > x.first && x.body.Stream {
		x.delay = (x.took - x.first) / time.Duration(len(x.words))
	}
}

func (x *exchange) text() string { return strings.Join(x.words, "") }

// serve answers a call and puts it into the account.
func (x *exchange) serve(api string, answer func() error) {
	n := x.u.ids.Add(1)
	x.call = Served{
		API: api, Model: x.body.Model, Key: keyOf(x.r), Status: http.StatusOK, Stream: x.body.Stream,
		ID: fmt.Sprintf("%s-%x-%d", api, time.Now().UnixNano(), n),
	}
	x.w.Header().Set(map[bool]string{true: "Request-Id", false: "X-Request-Id"}[api == "messages"], "req_"+x.call.ID)
	if !x.body.Stream && x.wait(x.took) != nil {
		return // the client is gone
	}
	if status, err := strconv.Atoi(x.r.Header.Get(HeaderStatus)); err == nil {
		x.call.Status = status
		x.u.record(x.call)
		x.fail(api, status)
		return
	}
	err := answer()
	x.call.Bill = x.bill
	x.u.record(x.call)
	if err != nil {
		panic(http.ErrAbortHandler) // breaks the connection
	}
}

func keyOf(r *http.Request) string {
	for _, h := range []string{"Authorization", "X-Api-Key", "X-Goog-Api-Key"} {
		if v := r.Header.Get(h); v != "" {
			return strings.TrimPrefix(v, "Bearer ")
		}
	}
	return r.URL.Query().Get("key")
}

// fail answers with a provider's error.
func (x *exchange) fail(api string, status int) {
	name := map[int]string{429: "rate_limit_exceeded", 500: "server_error", 529: "overloaded_error"}[status]
	if name == "" {
		name = "invalid_request_error"
	}
	switch api {
	case "messages":
		if status == http.StatusTooManyRequests {
			name = "rate_limit_error"
		}
		x.json(status, map[string]any{"type": "error", "error": map[string]any{"type": name, "message": "configured to fail"}, "request_id": "req_" + x.call.ID})
	case "generateContent":
		x.json(status, map[string]any{"error": map[string]any{"code": status, "message": "configured to fail", "status": "RESOURCE_EXHAUSTED"}})
	default:
		x.json(status, map[string]any{"error": map[string]any{"message": "configured to fail", "type": name, "param": nil, "code": name}})
	}
}

// json sends a whole answer.
func (x *exchange) json(status int, v any) {
	h := x.w.Header()
	h.Set("Content-Type", "application/json")
	var out io.Writer = x.w
	if x.u.Gzip && strings.Contains(x.r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(x.w)
		defer func() { _ = z.Close() }()
		out = z
	}
	x.w.WriteHeader(status)
	_ = json.NewEncoder(out).Encode(v)
}

// event sends one event of a stream.
func (x *exchange) event(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if name != "" {
		name = "event: " + name + "\n"
	}
	return x.raw(name + "data: " + string(data) + "\n\n")
}

func (x *exchange) raw(s string) error {
	if x.events == x.cut {
		return errCut{}
	}
	if x.events == 0 && x.w.Header().Get("Content-Type") == "" {
		x.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		x.w.Header().Set("Cache-Control", "no-cache")
	}
	x.events++
	wait := x.delay
	if x.events == 1 && x.first > 0 {
		wait = x.first
	}
	if err := x.wait(wait); err != nil {
		return err
	}
	if _, err := io.WriteString(x.w, s); err != nil {
		return err
	}
	return http.NewResponseController(x.w).Flush()
}

// wait waits as long as the client does.
func (x *exchange) wait(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	select {
	case <-time.After(d):
		return nil
	case <-x.r.Context().Done():
		return x.r.Context().Err() //nolint:wrapcheck // ends the answer, nobody reads it
	}
}

// inOrder sends events one after the other until one fails.
func inOrder(sends ...func() error) error {
	for _, send := range sends {
		if err := send(); err != nil {
			return err
		}
	}
	return nil
}

func marshal(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // maps of plain values
	}
	return string(b)
}

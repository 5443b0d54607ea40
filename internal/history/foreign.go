package history

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/strictjson"
	"github.com/tokenboard/tokenboard/internal/usage"
	"github.com/tokenboard/tokenboard/internal/usage/figures"
)

// identity makes a record's id from what makes its row unique. The parts are separated unambiguously.
func identity(parts ...string) (id usage.ID) {
	h := sha256.New()
	for _, p := range parts {
		_, _ = h.Write([]byte(strconv.Itoa(len(p)) + ":" + p))
	}
	copy(id[:], h.Sum(nil))
	return id
}

// cutTexts allows texts that are no UTF-8: other programs cut long texts off within a letter.
var cutTexts = jsontext.AllowInvalidUTF8(true)

// rowFigures are the token counts of a row as its emitter defines them; total is 0 where not reported.
type rowFigures struct{ input, output, cacheRead, cacheWrite, reasoning, total int64 }

// tokens divides figures into buckets. Where the emitter's input leaves the cache out, or its output the
// reasoning, arithmetic decides; inclusive is the rule otherwise. It returns what is wrong with them.
func (f rowFigures) tokens(cacheApart bool) (usage.Tokens, string) {
	for _, n := range []int64{f.input, f.output, f.cacheRead, f.cacheWrite, f.reasoning, f.total} {
		if n < 0 || n > usage.MaxTokens {
			return usage.Tokens{}, "its token figures cannot be"
		}
	}
	if f.input+f.output == 0 {
		return usage.Tokens{}, ""
	}
	cache := f.cacheRead + f.cacheWrite
	reasoningApart := f.reasoning > f.output
	w := figures.Whole{Input: f.input, Output: f.output, Cache: cache, Reasoning: f.reasoning, Total: f.total, HasTotal: f.total > f.input+f.output}
	rule := figures.Undecided
	if cacheApart {
		rule = figures.Excluded
	}
	cacheBeside, reasoningBeside := w.Decide(rule, figures.Undecided)
	if cacheApart && !w.Fits(true, reasoningBeside) { // some total a Claude answer without its cache
		w.Cache = 0
		_, reasoningBeside = w.Decide(rule, figures.Undecided)
	}
	cacheApart, reasoningApart = cacheApart || cacheBeside, reasoningApart || reasoningBeside
	t := usage.Tokens{
		InputUncached: f.input, CacheRead: f.cacheRead, CacheWrite: f.cacheWrite, OutputText: f.output, Reasoning: f.reasoning,
		Fields: usage.HasInput | usage.HasOutput,
	}
	if !cacheApart && cache <= f.input {
		t.InputUncached -= cache
	}
	if !reasoningApart {
		t.OutputText -= f.reasoning
	}
	if !t.Possible() {
		return usage.Tokens{}, "its token figures cannot be"
	}
	for _, part := range []struct {
		n   int64
		has usage.TokenFields
	}{{f.cacheRead, usage.HasCacheRead}, {f.cacheWrite, usage.HasCacheWrite}, {f.reasoning, usage.HasReasoning}} {
		if part.n > 0 {
			t.Fields |= part.has
		}
	}
	return t, ""
}

// cliDetail is one call of CLIProxyAPI's export. Its source is an upstream key or an e-mail address
// and is only used to distinguish two calls.
type cliDetail struct {
	Timestamp  *time.Time `json:"timestamp"`
	LatencyMS  float64    `json:"latency_ms"`
	Source     string     `json:"source"`
	AuthIndex  any        `json:"auth_index"` // a number in old versions
	RequestID  string     `json:"request_id"`
	Failed     bool       `json:"failed"`
	ErrorCode  string     `json:"error_code"`
	StatusCode int        `json:"status_code"`
	Tokens     struct {
		Input     int64 `json:"input_tokens"`
		Output    int64 `json:"output_tokens"`
		Reasoning int64 `json:"reasoning_tokens"`
		Cached    int64 `json:"cached_tokens"`
		Total     int64 `json:"total_tokens"`
	} `json:"tokens"`
}

// readCLIProxy reads {"usage": {"apis": {KEY: {"models": {MODEL: {"details": [...]}}}}}}, or what
// is in usage alone.
func (d *document) readCLIProxy(visit func(*Row) error) error {
	found := false
	apis := func() error {
		found = true
		return d.object(func(key string) error {
			return d.object(func(field string) error {
				if field != "models" {
					return d.skip()
				}
				return d.object(func(model string) error {
					return d.object(func(field string) error {
						if field != "details" {
							return d.skip()
						}
						parse := func(raw []byte, row *Row) { callOfCLIProxy(key, model, raw, row) }
						return d.array(func() error { return d.row(parse, visit) })
					})
				})
			})
		})
	}
	err := d.object(func(field string) error {
		switch field {
		case "apis":
			return apis()
		case "usage":
			return d.object(func(field string) error {
				if field == "apis" {
					return apis()
				}
				return d.skip()
			})
		}
		return d.skip()
	})
	if err == nil && !found {
		return &SyntaxError{d.line, `it has no "apis": it is no usage export of CLIProxyAPI`}
	}
	return err
}

func callOfCLIProxy(key, model string, raw []byte, row *Row) {
	var x cliDetail
	if err := strictjson.Unmarshal(raw, &x, cutTexts); err != nil {
		row.Bad = "it is not a call of a usage export: " + err.Error()
		return
	}
	if x.Timestamp == nil || x.Timestamp.IsZero() {
		row.Bad = "it has no timestamp"
		return
	}
	t := &x.Tokens
	c := &row.Call
	c.ID = identity("cliproxyapi", key, model, x.Timestamp.UTC().Format(time.RFC3339Nano), x.Source, fmt.Sprint(x.AuthIndex), x.RequestID,
		strconv.FormatBool(x.Failed), fmt.Sprint(t.Input, t.Output, t.Reasoning, t.Cached))
	c.Start, c.Role, c.Signal, c.Scope, c.Service = x.Timestamp.UTC(), usage.RoleCall, usage.SignalLog, scope, "cliproxyapi"
	c.Model, c.RequestModel, c.RequestID = dialect.Clean(model), dialect.Clean(model), dialect.Clean(x.RequestID)
	if c.Model == "unknown" {
		c.Model, c.RequestModel = "", ""
	}
	c.Duration = milliseconds(&x.LatencyMS)
	if c.Failed = x.Failed; x.StatusCode >= 100 && x.StatusCode <= 599 {
		c.Status = x.StatusCode
	}
	if c.Failed {
		c.ErrorType = dialect.Clean(x.ErrorCode)
	}
	// substitute for the key of a call without one: its route, its provider or nothing
	switch method, path, isRoute := strings.Cut(key, " "); {
	case isRoute && strings.HasPrefix(path, "/"):
		c.Method, c.Path = dialect.Clean(method), dialect.Clean(path)
	case strings.HasPrefix(key, "/"):
		c.Path = dialect.Clean(key)
	case key != "" && key != "unknown":
		c.KeyFingerprint, c.KeyDisplay = usage.Fingerprint(key), usage.DisplayKey(key)
	}
	// For Claude, the input leaves the cache out. Its cached tokens are reads, but where there were none they are
	// writes, which cannot be distinguished any more.
	claude := strings.Contains(strings.ToLower(model), "claude")
	f := rowFigures{input: t.Input, output: t.Output, cacheRead: t.Cached, reasoning: t.Reasoning, total: t.Total}
	if c.Tokens, row.Bad = f.tokens(claude); claude && c.Tokens.CacheRead > 0 {
		c.Quality |= usage.Estimated
	}
}

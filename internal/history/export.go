package history

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/dialect/failure"
	"github.com/tokenboard/tokenboard/internal/strictjson"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// exported is one call of our own export, as far as it is read again. Prices and speeds are worked
// out again.
type exported struct {
	ID           string         `json:"id"`
	Time         *time.Time     `json:"time"`
	TraceID      string         `json:"trace_id"`
	SpanID       string         `json:"span_id"`
	Method       string         `json:"method"`
	Path         string         `json:"path"`
	Status       *int           `json:"status"`
	ErrorType    string         `json:"error_type"`
	ErrorMessage string         `json:"error_message"`
	Failed       bool           `json:"failed"`
	Provider     string         `json:"provider"`
	Model        string         `json:"model"`
	RequestModel string         `json:"request_model"`
	Operation    string         `json:"operation"`
	Tier         string         `json:"service_tier"`
	Account      string         `json:"account"`
	Stream       *bool          `json:"stream"`
	Key          *Key           `json:"key"`
	User         string         `json:"user"`
	Service      string         `json:"service"`
	Environment  string         `json:"environment"`
	Project      string         `json:"project"`
	Session      string         `json:"session"`
	RequestID    string         `json:"request_id"`
	ResponseID   string         `json:"response_id"`
	Input        *int64         `json:"input_tokens"`
	Output       *int64         `json:"output_tokens"`
	CacheRead    *int64         `json:"cache_read_tokens"`
	CacheWrite   *int64         `json:"cache_write_tokens"`
	CacheWrite1h *int64         `json:"cache_write_1h_tokens"`
	Reasoning    *int64         `json:"reasoning_tokens"`
	Cost         jsontext.Value `json:"cost_usd"`
	DurationMS   *float64       `json:"duration_ms"`
	TTFTMS       *float64       `json:"ttft_ms"`
	Quality      []string       `json:"quality"`
	Counted      *bool          `json:"counted"`
	Modalities   *struct {
		AudioInput     int64 `json:"audio_input_tokens"`
		AudioCacheRead int64 `json:"audio_cache_read_tokens"`
		AudioOutput    int64 `json:"audio_output_tokens"`
		ImageInput     int64 `json:"image_input_tokens"`
		ImageCacheRead int64 `json:"image_cache_read_tokens"`
		ImageOutput    int64 `json:"image_output_tokens"`
		VideoInput     int64 `json:"video_input_tokens"`
		VideoOutput    int64 `json:"video_output_tokens"`
	} `json:"modalities"`
}

// scope names what wrote the record: nothing that an emitter would call itself.
const scope = "tokenboard/import"

func (d *document) readExport(visit func(*Row) error) error {
	found := false
	err := d.object(func(field string) error {
		if field != "logs" {
			return d.skip()
		}
		found = true
		return d.array(func() error { return d.row(callOfExport, visit) })
	})
	if err == nil && !found {
		return &SyntaxError{d.line, `it has no "logs": it is no JSON export of Tokenboard`}
	}
	return err
}

// callOfExport reads one call of our own export.
func callOfExport(raw []byte, row *Row) {
	var e exported
	if err := strictjson.Unmarshal(raw, &e); err != nil {
		row.Bad = "it is not a call of an export: " + err.Error()
		return
	}
	const startLen = 16
	if len(e.ID) <= startLen || e.Time == nil {
		row.Bad = "it has no id or no time: it is not a call of an export"
		return
	}
	start, err := hex.DecodeString(e.ID[:startLen])
	id, ok := usage.ParseID(e.ID[startLen:])
	if err != nil || !ok {
		row.Bad = "its id is not one that an export has"
		return
	}
	c := &row.Call
	c.ID, c.Start = id, time.Unix(0, int64(binary.BigEndian.Uint64(start))).UTC()
	if !c.Start.Equal(*e.Time) {
		row.Bad = "its id belongs to another time"
		return
	}
	if e.Counted != nil && !*e.Counted {
		row.LeftOut = "it does not count; the record that stands for it does"
		return
	}
	c.Role, c.Signal, c.Scope = usage.RoleCall, usage.SignalLog, scope
	ids(c, e.TraceID, e.SpanID)
	if usage.SpanRecordID(c.Trace, c.Span) == c.ID {
		c.Signal = usage.SignalSpan
	}
	e.describe(c)
	if row.Bad = e.figures(c); row.Bad != "" {
		return
	}
	if e.Key != nil {
		row.Key = Key{ID: e.Key.ID, Name: dialect.Clean(e.Key.Name), Display: dialect.Clean(e.Key.Display)}
	}
}

func ids(c *usage.Call, trace, span string) {
	if b, err := hex.DecodeString(trace); err == nil && len(b) == len(c.Trace) {
		copy(c.Trace[:], b)
	}
	if b, err := hex.DecodeString(span); err == nil && len(b) == len(c.Span) {
		copy(c.Span[:], b)
	}
}

func (e *exported) describe(c *usage.Call) {
	for _, t := range []struct {
		into *string
		text string
	}{
		{&c.Method, e.Method}, {&c.Path, e.Path}, {&c.ErrorType, e.ErrorType}, {&c.Provider, e.Provider}, {&c.Model, e.Model},
		{&c.RequestModel, e.RequestModel}, {&c.Operation, e.Operation}, {&c.User, e.User}, {&c.Service, e.Service},
		{&c.Environment, e.Environment}, {&c.Project, e.Project}, {&c.Session, e.Session}, {&c.RequestID, e.RequestID}, {&c.ResponseID, e.ResponseID},
	} {
		*t.into = dialect.Clean(t.text)
	}
	c.Tier, c.Account = usage.ParseTier(e.Tier), usage.ReadAccount(dialect.Clean(e.Account))
	if c.Failed = e.Failed; c.Failed {
		c.ErrorMessage = failure.Message(e.ErrorMessage)
	}
	if e.Status != nil && *e.Status >= 100 && *e.Status <= 599 {
		c.Status = *e.Status
	}
	if e.Stream != nil {
		c.Stream = usage.No
		if *e.Stream {
			c.Stream = usage.Yes
		}
	}
	c.Duration, c.TTFT = milliseconds(e.DurationMS), milliseconds(e.TTFTMS)
	c.Quality = usage.ParseQuality(e.Quality) & (usage.Inconsistent | usage.Estimated)
}

// figures reads tokens and cost; it returns what is wrong with them.
func (e *exported) figures(c *usage.Call) string {
	t := &c.Tokens
	value := func(n *int64, has usage.TokenFields) int64 {
		if n == nil {
			return 0
		}
		t.Fields |= has
		return *n
	}
	input, output := value(e.Input, usage.HasInput), value(e.Output, usage.HasOutput)
	t.CacheRead, t.CacheWrite = value(e.CacheRead, usage.HasCacheRead), value(e.CacheWrite, usage.HasCacheWrite)
	t.CacheWrite1h, t.Reasoning = value(e.CacheWrite1h, usage.HasCacheWrite1h), value(e.Reasoning, usage.HasReasoning)
	t.InputUncached, t.OutputText = input-t.CacheRead-t.CacheWrite, output-t.Reasoning
	for _, n := range []int64{input, output, t.CacheRead, t.CacheWrite, t.CacheWrite1h, t.Reasoning, t.InputUncached, t.OutputText, t.CacheWrite - t.CacheWrite1h} {
		if n < 0 || n > usage.MaxTokens {
			return "its token figures do not add up"
		}
	}
	if !t.Possible() {
		return "its token figures are more than a call can have"
	}
	if m := e.Modalities; m != nil {
		c.Modalities = usage.Modalities(*m)
		if !c.Modalities.Fit(*t) || min(m.AudioInput, m.AudioCacheRead, m.AudioOutput, m.ImageInput, m.ImageCacheRead, m.ImageOutput, m.VideoInput, m.VideoOutput) < 0 {
			return "its audio, image or video tokens do not fit into its token figures"
		}
	}
	if len(e.Cost) == 0 || e.Cost.Kind() == 'n' {
		return ""
	}
	// Where the prices here have the call's model, the cost is computed again. Otherwise it keeps this one.
	cost, ok := money(e.Cost)
	if !ok {
		return "its cost is not an amount of US dollars that a call can have"
	}
	c.ReportedCost, c.HasReportedCost = cost, true
	return ""
}

// money reads an amount exactly, from a number or a text with a number.
func money(v jsontext.Value) (usage.NanoUSD, bool) {
	const longest = 40
	text := strings.Trim(string(v), `"`)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || len(text) > longest || strings.Trim(text, "+-.0123456789eE") != "" || f < 0 || f > float64(usage.MaxCost)/1e9 || (f != 0 && f < 1e-30) {
		return 0, false
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, false
	}
	exact.Mul(exact, big.NewRat(1_000_000_000, 1)).Add(exact, big.NewRat(1, 2))
	return usage.NanoUSD(new(big.Int).Quo(exact.Num(), exact.Denom()).Int64()), true
}

func milliseconds(ms *float64) time.Duration {
	const longest = 30 * 24 * time.Hour
	if ms == nil || !(*ms > 0) || *ms > float64(longest/time.Millisecond) {
		return 0
	}
	return time.Duration(math.Round(*ms * float64(time.Millisecond)))
}

package calls

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/console/keyindex"
	"github.com/tokenboard/tokenboard/internal/console/keys"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Handlers answer the routes of single calls.
type Handlers struct {
	*filter.Reader
	Ledger   *ledger.Ledger
	Stats    *stats.Handlers
	KeyList  *keys.Handlers
	TraceURL string // template of the address of a trace, see CheckTraceURL; empty: no links
}

// Routes adds the routes.
func (c *Handlers) Routes(r *api.Router) {
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/logs", "logs", "Single calls, newest first or sorted by a figure"), c.logs)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/logs/{id}", "log", "One call, with what its cost is made of and what other records report it"), c.log)
	api.Register(r, access.ReadUsage, api.Operation(http.MethodGet, "/export", "export", "Calls, with stats, trend and keys, streamed"), c.export)
}

// KeyRef names the key of a call.
type KeyRef struct {
	ID      string `json:"id" doc:"id of a key of this console; of a key made elsewhere a name (ext_...) that filters take"`
	Name    string `json:"name" doc:"kept after the key is revoked; empty for a key made elsewhere"`
	Display string `json:"display" doc:"first letters and last four"`
}

// LogItem is one call. Fields that the telemetry did not report are null, or empty texts.
type LogItem struct {
	ID              string      `json:"id"`
	Time            time.Time   `json:"time" doc:"when the call started"`
	TraceID         string      `json:"trace_id"`
	SpanID          string      `json:"span_id"`
	Method          string      `json:"method"`
	Path            string      `json:"path"`
	Status          *int        `json:"status" doc:"HTTP status code"`
	ErrorType       string      `json:"error_type"`
	ErrorMessage    string      `json:"error_message" doc:"what the emitter said of the failure, at most 512 bytes, without keys, e-mail addresses, queries of URLs and what was asked; empty where it said nothing"`
	Failed          bool        `json:"failed"`
	Provider        string      `json:"provider"`
	Model           string      `json:"model" doc:"the model that answered"`
	RequestModel    string      `json:"request_model"`
	Operation       string      `json:"operation"`
	Tier            string      `json:"service_tier" doc:"service tier of the answer, else the requested one: standard, batch, flex, priority, scale or other; empty where it is not known"`
	Account         string      `json:"account" doc:"upstream account that served the call: the first letters of its name, and its index; empty where it is not known"`
	Stream          *bool       `json:"stream"`
	Key             *KeyRef     `json:"key"`
	User            string      `json:"user"`
	Service         string      `json:"service"`
	Environment     string      `json:"environment" doc:"deployment.environment.name of the service"`
	Project         string      `json:"project"`
	Session         string      `json:"session"`
	RequestID       string      `json:"request_id"`
	ResponseID      string      `json:"response_id"`
	Input           *int64      `json:"input_tokens" doc:"cache reads and writes included"`
	Output          *int64      `json:"output_tokens" doc:"reasoning included"`
	CacheRead       *int64      `json:"cache_read_tokens"`
	CacheWrite      *int64      `json:"cache_write_tokens"`
	CacheWrite1h    *int64      `json:"cache_write_1h_tokens" doc:"part of cache_write_tokens: kept for an hour"`
	Reasoning       *int64      `json:"reasoning_tokens"`
	Total           *int64      `json:"total_tokens"`
	Modalities      *Modalities `json:"modalities" doc:"tokens that are not text, parts of the figures above; null where none were reported"`
	Cost            *api.Money  `json:"cost_usd" doc:"null where it is not known"`
	PriceVersion    string      `json:"price_version" doc:"prices that gave cost_usd; empty where the telemetry did"`
	DurationMS      *float64    `json:"duration_ms"`
	TTFTMS          *float64    `json:"ttft_ms"`
	TokensPerSecond *float64    `json:"tokens_per_second" doc:"output tokens per second after the first token, or in all where its time is not known"`
	Quality         []string    `json:"quality" doc:"no_usage, inconsistent, estimated, unpriced, reported_cost, running_sum, cache_missing, several_calls, tier_unpriced"`
	Counted         bool        `json:"counted" doc:"false: another record stands for this call in every sum"`
	SupersededBy    string      `json:"superseded_by" doc:"span or record that counts in its place, where it is a single one"`
	Superseded      string      `json:"superseded_reason" doc:"ancestor, same_call, echo or twin"`
}

// Modalities are the tokens of a call that are not text.
type Modalities struct {
	AudioInput     int64 `json:"audio_input_tokens" doc:"part of input_tokens"`
	AudioCacheRead int64 `json:"audio_cache_read_tokens" doc:"part of audio_input_tokens and of cache_read_tokens"`
	AudioOutput    int64 `json:"audio_output_tokens" doc:"part of output_tokens"`
	ImageInput     int64 `json:"image_input_tokens" doc:"part of input_tokens"`
	ImageCacheRead int64 `json:"image_cache_read_tokens" doc:"part of image_input_tokens and of cache_read_tokens"`
	ImageOutput    int64 `json:"image_output_tokens" doc:"part of output_tokens"`
	VideoInput     int64 `json:"video_input_tokens" doc:"part of input_tokens"`
	VideoOutput    int64 `json:"video_output_tokens" doc:"part of output_tokens"`
}

// LogPage is a page of calls.
type LogPage struct {
	Items      []LogItem `json:"items"`
	NextCursor string    `json:"next_cursor" doc:"cursor of the next page; empty at the end"`
}

type logsInput struct {
	Limit      int    `query:"limit" default:"100" minimum:"1" maximum:"1000"`
	Cursor     string `query:"cursor" maxLength:"64"`
	Query      string `query:"q" maxLength:"256" doc:"words to find, see docs/api.md; field:word for one of request_id, trace_id, span_id, model, path, error, message, user, service, provider, key, project, session, operation, method, status, quality, superseded, tier; -word for calls without it" example:"status:429 model:gpt -user:ci"`
	Superseded bool   `query:"superseded" doc:"also records that do not count, because another one stands for their call"`
	Sort       string `query:"sort" default:"time" enum:"time,cost_usd,duration_ms,ttft_ms,total_tokens" doc:"what to sort all calls that match by; calls whose figure is not known come last, equal ones newest first. Another sort than time reads all of them for each page"`
	Order      string `query:"order" default:"desc" enum:"desc,asc"`
	filter.Filters
}

var logOrders = map[string]store.Figure{
	"time": store.ByTime, "cost_usd": store.ByCost, "duration_ms": store.ByDuration, "ttft_ms": store.ByTTFT, "total_tokens": store.ByTotalTokens,
}

func (c *Handlers) logs(ctx context.Context, in *logsInput) (*api.Envelope[LogPage], error) {
	f, index, err := c.Searched(ctx, "logs", &in.Filters, in.Query, in.Superseded)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, api.QueryTimeout)
	defer cancel()
	order := store.Order{By: logOrders[in.Sort], Ascending: in.Order == "asc"}
	records, next, err := c.Ledger.List(limited, store.Page{Filter: f, Order: order, Cursor: in.Cursor, Limit: in.Limit})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, api.TookTooLong("sorting the stored calls")
	}
	if err != nil {
		return nil, c.Failed("logs", err)
	}
	page := LogPage{Items: make([]LogItem, len(records)), NextCursor: next}
	for i := range records {
		page.Items[i] = ItemOf(&records[i], index)
	}
	return api.Answer(page), nil
}

// ItemID holds the start besides the record's id: with both a record is found at once.
func ItemID(r *store.Record) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(r.Start.UnixNano()))
	return hex.EncodeToString(b[:]) + r.ID.String()
}

func parseItemID(s string) (usage.ID, time.Time, bool) {
	const startLen = 16
	if len(s) < startLen {
		return usage.ID{}, time.Time{}, false
	}
	b, err := hex.DecodeString(s[:startLen])
	id, ok := usage.ParseID(s[startLen:])
	if err != nil || !ok {
		return usage.ID{}, time.Time{}, false
	}
	return id, time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC(), true
}

// ItemOf returns a stored record as the API shows it, with the key that index finds for it.
func ItemOf(r *store.Record, index *keyindex.Index) LogItem {
	t := r.Tokens
	item := LogItem{
		ID: ItemID(r), Time: r.Start, TraceID: r.Trace.String(), SpanID: r.Span.String(), Method: r.Method, Path: r.Path,
		ErrorType: r.ErrorType, ErrorMessage: r.ErrorMessage, Failed: r.Failed, Provider: r.Provider, Model: r.Model, RequestModel: r.RequestModel,
		Operation: r.Operation, Tier: r.Tier.String(), Account: r.Account, User: r.User, Service: r.Service, Environment: r.Environment, Project: r.Project, Session: r.Session,
		RequestID: r.RequestID, ResponseID: r.ResponseID, Quality: r.Quality.Names(), Counted: r.Counted, Superseded: r.Reason.String(),
		Input: figure(t, usage.HasInput, t.Input()), Output: figure(t, usage.HasOutput, t.Output()),
		CacheRead: figure(t, usage.HasCacheRead, t.CacheRead), CacheWrite: figure(t, usage.HasCacheWrite, t.CacheWrite),
		CacheWrite1h: figure(t, usage.HasCacheWrite1h, t.CacheWrite1h), PriceVersion: r.PriceVersion,
		Reasoning: figure(t, usage.HasReasoning, t.Reasoning), Total: figure(t, usage.HasInput|usage.HasOutput, t.Total()),
	}
	if !r.Modalities.IsZero() {
		m := Modalities(r.Modalities)
		item.Modalities = &m
	}
	if r.KeyFingerprint != "" {
		item.Key = &KeyRef{ID: index.ID(r.KeyFingerprint), Display: r.KeyDisplay}
		if k := index.Key(r.KeyFingerprint); k != nil {
			*item.Key = KeyRef{ID: k.ID, Name: k.Name, Display: k.Display}
		}
	}
	if r.Status != 0 {
		item.Status = &r.Status
	}
	if r.Stream != usage.Unknown {
		streamed := r.Stream == usage.Yes
		item.Stream = &streamed
	}
	if r.SupersededBy != (usage.ID{}) {
		item.SupersededBy = r.SupersededBy.String()
	}
	if r.CostKnown() {
		cost := api.Money(r.Cost)
		item.Cost = &cost
	}
	if r.Duration > 0 {
		item.DurationMS = stats.Milliseconds(r.Duration)
	}
	if r.TTFT > 0 {
		item.TTFTMS = stats.Milliseconds(r.TTFT)
	}
	if generating := r.Duration - r.TTFT; generating > 0 && t.Output() > 0 {
		perSecond := float64(int64(float64(t.Output())/generating.Seconds()*100+.5)) / 100
		item.TokensPerSecond = &perSecond
	}
	return item
}

func figure(t usage.Tokens, fields usage.TokenFields, n int64) *int64 {
	if t.Fields&fields == 0 {
		return nil
	}
	return &n
}

package history

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/dialect/failure"
	"github.com/tokenboard/tokenboard/internal/strictjson"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// spendLog is one row of LiteLLM_SpendLogs. Prompts and answers, which it can hold, are not read.
type spendLog struct {
	RequestID       string     `json:"request_id"`
	CallType        string     `json:"call_type"`
	APIKey          string     `json:"api_key"` // SHA-256 of the key, as we have it
	Spend           *float64   `json:"spend"`
	Total           int64      `json:"total_tokens"`
	Prompt          int64      `json:"prompt_tokens"`
	Completion      int64      `json:"completion_tokens"`
	Start           string     `json:"startTime"`
	End             string     `json:"endTime"`
	CompletionStart string     `json:"completionStartTime"`
	Model           string     `json:"model"`
	ModelGroup      string     `json:"model_group"`
	Provider        string     `json:"custom_llm_provider"`
	User            string     `json:"user"`
	EndUser         string     `json:"end_user"`
	TeamID          string     `json:"team_id"`
	SessionID       string     `json:"session_id"`
	Status          string     `json:"status"`
	CacheHit        any        `json:"cache_hit"` // "True", "False", "", or a boolean
	Metadata        spendParts `json:"metadata"`
}

// spendParts has the fields of a row's metadata that are read.
type spendParts struct {
	KeyAlias   string      `json:"user_api_key_alias"`
	TeamAlias  string      `json:"user_api_key_team_alias"`
	Status     string      `json:"status"`
	Usage      *spendUsage `json:"usage_object"`
	Additional *spendUsage `json:"additional_usage_values"`
	Error      *struct {
		Code  any    `json:"error_code"`
		Class string `json:"error_class"`
		Text  string `json:"error_message"`
	} `json:"error_information"`
}

// spendUsage is LiteLLM's usage object.
type spendUsage struct {
	CacheRead  int64 `json:"cache_read_input_tokens"`
	CacheWrite int64 `json:"cache_creation_input_tokens"`
	Prompt     *struct {
		Cached     int64 `json:"cached_tokens"`
		CacheWrite int64 `json:"cache_creation_tokens"`
		Audio      int64 `json:"audio_tokens"`
	} `json:"prompt_tokens_details"`
	Completion *struct {
		Reasoning int64 `json:"reasoning_tokens"`
		Audio     int64 `json:"audio_tokens"`
	} `json:"completion_tokens_details"`
}

// UnmarshalJSON reads metadata that is an object, or the text of one, as the database has it. Fields that
// it cannot read are left out: the row's own columns are enough.
func (p *spendParts) UnmarshalJSON(b []byte) error {
	var text string
	if strictjson.Unmarshal(b, &text, cutTexts) == nil {
		b = []byte(text)
	}
	type plain spendParts
	var out plain
	if strictjson.Unmarshal(b, &out, cutTexts) == nil {
		*p = spendParts(out)
	}
	return nil
}

// liteLLM is the table LiteLLM_SpendLogs, and the answers of LiteLLM's /spend/logs.
// https://github.com/BerriAI/litellm/blob/main/schema.prisma
var liteLLM = table{
	name:    "litellm_spendlogs",
	columns: slices.Sorted(maps.Keys(spendColumns)),
	marks:   []string{"requestid", "prompttokens"},
	parse: func(r record, row *Row) {
		callOfLiteLLM(r.json(spendColumns, "spend", "totaltokens", "prompttokens", "completiontokens"), row)
	},
}

// spendColumns are the columns of spendLog by the names of a record.
var spendColumns = map[string]string{
	"requestid": "request_id", "calltype": "call_type", "apikey": "api_key", "spend": "spend", "totaltokens": "total_tokens",
	"prompttokens": "prompt_tokens", "completiontokens": "completion_tokens", "starttime": "startTime", "endtime": "endTime",
	"completionstarttime": "completionStartTime", "model": "model", "modelgroup": "model_group", "customllmprovider": "custom_llm_provider",
	"user": "user", "enduser": "end_user", "teamid": "team_id", "sessionid": "session_id", "status": "status", "cachehit": "cache_hit",
	"metadata": "metadata",
}

// operations are LiteLLM's call types, without the a of asynchronous ones, by the conventions' names.
var operations = map[string]string{
	"completion": "chat", "responses": "chat", "anthropic_messages": "chat", "generate_content": "generate_content", "text_completion": "text_completion",
	"embedding": "embeddings",
}

func callOfLiteLLM(raw []byte, row *Row) {
	var x spendLog
	if err := strictjson.Unmarshal(raw, &x, cutTexts); err != nil {
		row.Bad = "it is not a row of LiteLLM_SpendLogs: " + err.Error()
		return
	}
	start, ok := spendTime(x.Start)
	switch {
	case x.RequestID == "":
		row.Bad = "it has no request_id"
		return
	case !ok:
		row.Bad = "its startTime is not a time"
		return
	case x.CacheHit == true || x.CacheHit == "True" || x.CacheHit == "true":
		row.LeftOut = "it was answered from LiteLLM's cache, and no provider was asked"
		return
	}
	c := &row.Call
	c.ID = identity("litellm", x.RequestID)
	c.Start, c.Role, c.Signal, c.Scope, c.Service = start, usage.RoleCall, usage.SignalLog, scope, "litellm"
	if end, ok := spendTime(x.End); ok && end.After(start) {
		c.Duration = end.Sub(start)
	}
	if first, ok := spendTime(x.CompletionStart); ok && first.After(start) && (c.Duration == 0 || first.Sub(start) < c.Duration) {
		c.TTFT = first.Sub(start)
	}
	x.describe(c)
	x.key(c)
	if row.Bad = x.figures(c); row.Bad != "" {
		return
	}
	if x.Spend != nil && *x.Spend > 0 { // 0 is written where LiteLLM has no price, too
		if cost, err := usage.USD(*x.Spend); err == nil && cost.Possible() {
			c.ReportedCost, c.HasReportedCost = cost, true
		} else {
			c.Quality |= usage.Inconsistent
		}
	}
}

func (x *spendLog) describe(c *usage.Call) {
	c.Provider = dialect.Provider(x.Provider)
	c.Model = dialect.Clean(strings.TrimPrefix(x.Model, x.Provider+"/"))
	if c.RequestModel = dialect.Clean(x.ModelGroup); c.RequestModel == "" {
		c.RequestModel = c.Model
	}
	c.ResponseID = dialect.Clean(x.RequestID) // of most providers it is the id of the answer
	c.Session = dialect.Clean(x.SessionID)
	if c.User = dialect.Clean(x.User); c.User == "" {
		c.User = dialect.Clean(x.EndUser)
	}
	if c.Project = dialect.Clean(x.Metadata.TeamAlias); c.Project == "" {
		c.Project = dialect.Clean(x.TeamID)
	}
	kind := x.CallType
	if bare, ok := strings.CutPrefix(kind, "a"); ok && kind != "anthropic_messages" && !strings.HasPrefix(kind, "audio") {
		kind = bare
	}
	if c.Operation = operations[kind]; c.Operation == "" {
		c.Operation = dialect.Clean(kind)
	}
	if c.Failed = x.Status == "failure" || x.Metadata.Status == "failure"; !c.Failed {
		return
	}
	if e := x.Metadata.Error; e != nil {
		c.ErrorType, c.ErrorMessage = dialect.Clean(e.Class), failure.Message(e.Text)
		var code int
		switch v := e.Code.(type) {
		case string:
			code, _ = strconv.Atoi(v)
		case float64:
			code = int(v)
		}
		if code >= 100 && code <= 599 {
			c.Status = code
		}
	}
}

// key keeps LiteLLM's hash of a key, which equals our fingerprint. A raw key, which it should
// never have, becomes one.
func (x *spendLog) key(c *usage.Call) {
	switch k := strings.ToLower(x.APIKey); {
	case x.APIKey == "":
		return
	case usage.IsFingerprint(k):
		c.KeyFingerprint = k
	case strings.HasPrefix(x.APIKey, "sk-"):
		c.KeyFingerprint, c.KeyDisplay = usage.Fingerprint(x.APIKey), usage.DisplayKey(x.APIKey)
	default: // the name of something that is no key, such as litellm_proxy_master_key
		c.KeyFingerprint = usage.Fingerprint("litellm " + x.APIKey)
		c.KeyDisplay = usage.DisplayKey(x.APIKey)
	}
	if alias := dialect.Clean(x.Metadata.KeyAlias); alias != "" && alias != x.APIKey {
		c.KeyDisplay = alias
	}
}

func (x *spendLog) figures(c *usage.Call) (bad string) {
	f := rowFigures{input: x.Prompt, output: x.Completion, total: x.Total}
	var audioIn, audioOut int64
	for _, u := range []*spendUsage{x.Metadata.Additional, x.Metadata.Usage} { // the latter is the newer, and wins
		if u == nil {
			continue
		}
		read, write := u.CacheRead, u.CacheWrite
		if p := u.Prompt; p != nil {
			read, write, audioIn = max(read, p.Cached), max(write, p.CacheWrite), p.Audio
		}
		if read > 0 {
			f.cacheRead = read
		}
		if write > 0 {
			f.cacheWrite = write
		}
		if p := u.Completion; p != nil {
			if audioOut = p.Audio; p.Reasoning > 0 {
				f.reasoning = p.Reasoning
			}
		}
	}
	if c.Tokens, bad = f.tokens(false); bad != "" {
		return bad
	}
	if m := (usage.Modalities{AudioInput: audioIn, AudioOutput: audioOut}); audioIn >= 0 && audioOut >= 0 && m.Fit(c.Tokens) {
		c.Modalities = m
	}
	return ""
}

// spendTime reads a time as LiteLLM and its database write it; without a zone it is UTC.
func spendTime(s string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999-07", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

package history

import (
	"strconv"
	"time"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/dialect/failure"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// newAPI is the table "logs" of new-api and one-api, and the answers of their /api/log.
// https://github.com/QuantumNous/new-api/blob/main/model/log.go, https://github.com/songquanpeng/one-api/blob/main/model/log.go
var newAPI = table{
	name: "logs",
	columns: []string{
		"id", "createdat", "type", "username", "tokenname", "tokenid", "modelname", "quota", "prompttokens", "completiontokens",
		"usetime", "elapsedtime", "requesttime", "isstream", "content", "group", "channel", "channelid", "requestid", "other",
	},
	marks: []string{"createdat", "modelname", "prompttokens"},
	parse: callOfNewAPI,
}

// The types of new-api's rows.
const (
	newAPIConsume = 2
	newAPIError   = 5
)

// quotaPerUSD is how much of new-api's and one-api's quota is a dollar, where QuotaPerUnit was not changed.
const quotaPerUSD = 500_000

func callOfNewAPI(r record, row *Row) {
	end, ok := r.moment("createdat")
	if !ok {
		row.Bad = "its created_at is not a time"
		return
	}
	kind, ok := r.number("type")
	switch {
	case !ok:
		row.Bad = "it has no type: it is no row of the table logs"
		return
	case kind != newAPIConsume && kind != newAPIError:
		row.LeftOut = "it is a top-up, a refund or an entry of the management, and no call"
		return
	}
	other := r.within("other")
	c := &row.Call
	c.Role, c.Signal, c.Scope, c.Service = usage.RoleCall, usage.SignalLog, scope, "new-api"
	c.Duration = newAPIDuration(r)
	c.Start = end.Add(-c.Duration)                              // a row is written at the end of its call
	if first, ok := other.number("frt"); ok && c.Duration > 0 { // of old versions it is negative where there was none
		c.TTFT = min(milliseconds(&first), c.Duration)
	}
	c.Model = dialect.Clean(r.text("modelname"))
	c.RequestModel = c.Model
	if upstream := dialect.Clean(other.text("upstream_model_name")); upstream != "" {
		c.Model = upstream
	}
	c.User = dialect.Clean(r.text("username"))
	if group := dialect.Clean(r.text("group")); group != "default" {
		c.Project = group
	}
	c.RequestID = dialect.Clean(r.text("requestid"))
	c.Path = dialect.Clean(other.text("request_path"))
	switch r["isstream"] {
	case nil, "":
	default:
		if c.Stream = usage.No; r.isTrue("isstream") {
			c.Stream = usage.Yes
		}
	}
	if id, name := r.text("tokenid"), r.text("tokenname"); name != "" || (id != "" && id != "0") {
		c.KeyFingerprint, c.KeyDisplay = usage.Fingerprint("new-api token\x00"+id+"\x00"+name), dialect.Clean(name)
	}
	if c.Failed = kind == newAPIError; c.Failed {
		c.ErrorType = dialect.Clean(other.text("error_code", "error_type"))
		c.ErrorMessage = failure.Message(r.text("content")) // of a row of this type what went wrong
		if status := other.count("status_code"); status >= 100 && status <= 599 {
			c.Status = int(status)
		}
	} else if row.Bad = newAPIFigures(r, other, c); row.Bad != "" {
		return
	}
	if quota := r.count("quota"); quota > 0 && !c.Failed {
		if cost, err := usage.USD(float64(quota) / quotaPerUSD); err == nil && cost.Possible() {
			c.ReportedCost, c.HasReportedCost = cost, true
		}
	}
	c.ID = identityOfNewAPI(r, c, int64(kind))
}

// identityOfNewAPI makes a row's identity. A request that was tried again has several rows, so that its id alone is
// none; the API hides the ids of rows from users, so that they are only used where there is no id of the request.
func identityOfNewAPI(r record, c *usage.Call, kind int64) usage.ID {
	parts := []string{
		"newapi", strconv.FormatInt(kind, 10), strconv.FormatInt(c.Start.Add(c.Duration).Unix(), 10), r.text("username"), r.text("tokenname"),
		r.text("modelname"), r.text("prompttokens"), r.text("completiontokens"), r.text("quota"), r.text("channelid", "channel"), c.RequestID,
	}
	if c.RequestID == "" {
		parts = append(parts, r.text("id"))
	}
	return identity(parts...)
}

func newAPIDuration(r record) time.Duration {
	const longest = 24 * 3600
	if s, ok := r.number("usetime"); ok && s > 0 && s <= longest {
		return time.Duration(s * float64(time.Second))
	}
	if ms, ok := r.number("elapsedtime", "requesttime"); ok {
		return milliseconds(&ms)
	}
	return 0
}

func newAPIFigures(r, other record, c *usage.Call) (bad string) {
	f := rowFigures{
		input: r.count("prompttokens"), output: r.count("completiontokens"),
		cacheRead: other.count("cache_tokens"), cacheWrite: other.count("cache_write_tokens", "cache_creation_tokens"),
	}
	short, hour := other.count("cache_creation_tokens_5m"), other.count("cache_creation_tokens_1h")
	f.cacheWrite = max(f.cacheWrite, short+hour)
	// For Claude, prompt_tokens leaves the cache out.
	apart := other.isTrue("claude") || other.text("usage_semantic") == "anthropic"
	if total := other.count("input_tokens_total"); total > 0 && total == f.input+f.cacheRead+f.cacheWrite {
		apart = true
	}
	if c.Tokens, bad = f.tokens(apart); bad == "" && hour > 0 && hour <= c.Tokens.CacheWrite {
		c.Tokens.CacheWrite1h = hour
		c.Tokens.Fields |= usage.HasCacheWrite1h
	}
	if other.isTrue("local_count_tokens") || other.within("admin_info").isTrue("local_count_tokens") {
		c.Quality |= usage.Estimated // new-api counted itself: the provider reported nothing
	}
	return bad
}

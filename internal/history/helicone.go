package history

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// helicone is Helicone's requests: as its export tool (npm @helicone/export) writes them to JSON, JSONL or CSV, and as
// its API's /v1/request/query-clickhouse returns them. https://docs.helicone.ai/tools/export
var helicone = table{
	columns: []string{
		"requestid", "responseid", "requestcreatedat", "responsecreatedat", "responsestatus", "responsemodel", "requestmodel", "modeloverride", "model",
		"requestpath", "requestuserid", "heliconeuser", "provider", "delayms", "latency", "timetofirsttoken", "totaltokens", "prompttokens", "completiontokens",
		"promptcachereadtokens", "promptcachewritetokens", "promptaudiotokens", "completionaudiotokens", "reasoningtokens", "costusd", "cost", "properties",
		"requestproperties", "cacheenabled", "cachereferenceid", "userid", "status", "createdat",
	},
	marks: []string{"requestid", "requestcreatedat"},
	parse: callOfHelicone,
}

// noCache is the reference of an answer that did not come from Helicone's cache.
const noCache = "00000000-0000-0000-0000-000000000000"

func callOfHelicone(r record, row *Row) {
	id := r.text("requestid")
	start, ok := r.moment("requestcreatedat", "createdat")
	switch {
	case id == "":
		row.Bad = "it has no request_id"
		return
	case !ok:
		row.Bad = "its request_created_at is not a time"
		return
	}
	if from := r.text("cachereferenceid"); from != "" && from != noCache && from != id {
		row.LeftOut = "it was answered from Helicone's cache, and no provider was asked"
		return
	}
	c := &row.Call
	c.ID = identity("helicone", id)
	c.Start, c.Role, c.Signal, c.Scope, c.Service = start, usage.RoleCall, usage.SignalLog, scope, "helicone"
	c.RequestID = dialect.Clean(id)
	c.Provider = dialect.Provider(r.text("provider"))
	c.RequestModel = dialect.Clean(r.text("requestmodel", "modeloverride"))
	if c.Model = dialect.Clean(r.text("responsemodel", "model")); c.Model == "" {
		c.Model = c.RequestModel
	}
	if c.RequestModel == "" {
		c.RequestModel = c.Model
	}
	c.User = dialect.Clean(r.text("requestuserid", "heliconeuser", "userid"))
	properties := r.within("requestproperties")
	if len(properties) == 0 {
		properties = r.within("properties")
	}
	c.Session = dialect.Clean(properties.text("helicone-session-id"))
	c.Project = dialect.Clean(properties.text("project", "team"))
	c.Path = dialect.Clean(r.text("requestpath"))
	outcomeOfHelicone(r, c)
	row.Bad = usageOfHelicone(r, c)
}

// outcomeOfHelicone sets the times and the status of a call that started at c.Start.
func outcomeOfHelicone(r record, c *usage.Call) {
	if ms, ok := r.number("delayms", "latency"); ok {
		c.Duration = milliseconds(&ms)
	} else if end, ok := r.moment("responsecreatedat"); ok && end.After(c.Start) && end.Sub(c.Start) < 24*time.Hour {
		c.Duration = end.Sub(c.Start)
	}
	if ms, ok := r.number("timetofirsttoken"); ok && (c.Duration == 0 || milliseconds(&ms) <= c.Duration) {
		c.TTFT = milliseconds(&ms)
	}
	status := r.count("responsestatus", "status")
	if status >= 100 && status <= 599 {
		c.Status = int(status)
	}
	if c.Failed = c.Status >= 400 || status < 0; c.Failed && c.Status == 0 {
		c.ErrorType = "_OTHER" // Helicone writes -1 to -4 where there was no answer
	}
}

// usageOfHelicone sets the figures and the cost of a call. It returns what is wrong with them, "" where nothing is.
func usageOfHelicone(r record, c *usage.Call) (bad string) {
	f := rowFigures{
		input: r.count("prompttokens"), output: r.count("completiontokens"), total: r.count("totaltokens"),
		cacheRead: r.count("promptcachereadtokens"), cacheWrite: r.count("promptcachewritetokens"), reasoning: r.count("reasoningtokens"),
	}
	audioIn, audioOut := r.count("promptaudiotokens"), r.count("completionaudiotokens")
	// Helicone takes the cache out of the prompt's tokens, of every provider.
	if c.Tokens, bad = f.tokens(true); bad != "" {
		return bad
	}
	if m := (usage.Modalities{AudioInput: audioIn, AudioOutput: audioOut}); audioIn >= 0 && audioOut >= 0 && m.Fit(c.Tokens) {
		c.Modalities = m
	}
	if cost, ok := r.number("costusd", "cost"); ok && cost > 0 {
		if n, err := usage.USD(cost); err == nil && n.Possible() {
			c.ReportedCost, c.HasReportedCost = n, true
		}
	}
	return ""
}

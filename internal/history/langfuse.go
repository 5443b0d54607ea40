package history

import (
	"encoding/hex"
	"slices"
	"strings"

	"github.com/tokenboard/tokenboard/internal/dialect"
	"github.com/tokenboard/tokenboard/internal/dialect/failure"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// langfuse is Langfuse's observations: of its export to blob storage (JSON, JSONL, CSV; with or without the columns of
// the trace), of its pages' export, and of its API.
// https://langfuse.com/docs/api-and-data-platform/features/blob-storage-export-fields
var langfuse = table{
	columns: []string{
		"id", "traceid", "projectid", "environment", "type", "parentobservationid", "starttime", "endtime", "completionstarttime", "name", "level",
		"statusmessage", "model", "providedmodelname", "internalmodelname", "usagedetails", "usage", "costdetails", "totalcost", "calculatedtotalcost",
		"inputusage", "outputusage", "totalusage", "prompttokens", "completiontokens", "totaltokens", "latency", "timetofirsttoken", "userid", "sessionid",
		"timestamp",
	},
	marks: []string{"id", "traceid", "starttime"},
	parse: callOfLangfuse,
}

func callOfLangfuse(r record, row *Row) {
	start, ok := r.moment("starttime", "timestamp")
	id := r.text("id")
	kind := strings.ToUpper(r.text("type"))
	model := dialect.Clean(r.text("providedmodelname", "model", "internalmodelname"))
	switch {
	case id == "":
		row.Bad = "it has no id"
		return
	case !ok:
		row.Bad = "its start_time is not a time"
		return
	case kind != "" && kind != "GENERATION" && kind != "EMBEDDING", kind == "" && model == "":
		row.LeftOut = "it is an observation of another type than generation and embedding"
		return
	}
	c := &row.Call
	c.Start, c.Role, c.Signal, c.Scope, c.Service = start, usage.RoleCall, usage.SignalLog, scope, "langfuse"
	c.ID = identity("langfuse", r.text("projectid"), r.text("traceid"), id)
	langfuseSpan(r, id, c)
	if end, ok := r.moment("endtime"); ok && end.After(start) {
		c.Duration = end.Sub(start)
	} else if s, ok := r.number("latency"); ok {
		s *= 1000
		c.Duration = milliseconds(&s)
	}
	if first, ok := r.moment("completionstarttime"); ok && first.After(start) && (c.Duration == 0 || first.Sub(start) <= c.Duration) {
		c.TTFT = first.Sub(start)
	} else if s, ok := r.number("timetofirsttoken"); ok {
		s *= 1000
		c.TTFT = milliseconds(&s)
	}
	c.Model, c.RequestModel = model, model
	c.Operation = "chat"
	if kind == "EMBEDDING" {
		c.Operation = "embeddings"
	}
	c.User, c.Session = dialect.Clean(r.text("userid")), dialect.Clean(r.text("sessionid"))
	if c.Failed = r.text("level") == "ERROR"; c.Failed {
		c.ErrorType, c.ErrorMessage = "_OTHER", failure.Message(r.text("statusmessage"))
	}
	if c.Tokens, c.Modalities, row.Bad = langfuseFigures(r); row.Bad != "" {
		return
	}
	cost, ok := r.number("totalcost", "calculatedtotalcost")
	if !ok || cost <= 0 {
		cost, ok = r.within("costdetails").number("total")
	}
	if ok && cost > 0 {
		if n, err := usage.USD(cost); err == nil && n.Possible() {
			c.ReportedCost, c.HasReportedCost = n, true
		}
	}
}

// langfuseSpan gives a call the identity of the span that Langfuse got it from, where the ids are OpenTelemetry's: if
// the same span was also sent to Tokenboard, both are then one record.
func langfuseSpan(r record, id string, c *usage.Call) {
	var trace usage.TraceID
	var span usage.SpanID
	if !hexInto(trace[:], r.text("traceid")) || !hexInto(span[:], id) || trace.IsZero() || span.IsZero() {
		return
	}
	c.ID, c.Signal = usage.SpanRecordID(trace, span), usage.SignalSpan
	c.Trace, c.Span = trace, span
	var parent usage.SpanID
	if hexInto(parent[:], r.text("parentobservationid")) {
		c.Parent = parent
	}
}

func hexInto(b []byte, s string) bool {
	if len(s) != 2*len(b) {
		return false
	}
	_, err := hex.Decode(b, []byte(s))
	return err == nil
}

// langfuseFigures reads Langfuse's usage. Its buckets are disjoint by its own rule, and their total is the sum of all;
// where the total is the sum of input and output alone, an application wrote inclusive ones.
func langfuseFigures(r record) (usage.Tokens, usage.Modalities, string) {
	f := rowFigures{
		input: r.count("inputusage", "prompttokens"), output: r.count("outputusage", "completiontokens"), total: r.count("totalusage", "totaltokens"),
	}
	var audioIn, audioOut int64
	details := r.within("usagedetails")
	if len(details) == 0 {
		details = r.within("usage")
	}
	if len(details) > 0 {
		f = rowFigures{}
	}
	names := make([]string, 0, len(details))
	for name := range details {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		n := details.count(name)
		if n < 0 {
			return usage.Tokens{}, usage.Modalities{}, "its token figures cannot be"
		}
		has := func(parts ...string) bool {
			return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(name, p) })
		}
		into := &f.input
		switch {
		case name == "unit":
			continue
		case has("total"):
			into = &f.total
		case has("cach") && has("creat", "write"):
			into = &f.cacheWrite
		case has("cach"):
			into = &f.cacheRead
		case has("reason", "thought", "thinking"):
			into = &f.reasoning
		case has("audio") && has("output", "completion"):
			into = &audioOut
		case has("audio"):
			into = &audioIn
		case has("output", "completion"):
			into = &f.output
		case !has("input", "prompt"):
			continue // what an application counts beside tokens
		}
		*into = usage.AddSat(*into, n)
	}
	if f.total == 0 || f.total != f.input+f.output { // disjoint
		f.input = usage.AddSat(usage.AddSat(f.input, f.cacheRead+f.cacheWrite), audioIn)
		f.output = usage.AddSat(usage.AddSat(f.output, f.reasoning), audioOut)
	}
	f.total = 0
	t, bad := f.tokens(false)
	m := usage.Modalities{AudioInput: audioIn, AudioOutput: audioOut}
	if bad != "" || !m.Fit(t) {
		m = usage.Modalities{}
	}
	return t, m, bad
}

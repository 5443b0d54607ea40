// Package calls answers which calls there were: the log page by page, one call in detail, and exports of all that
// match.
package calls

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// LogDetail is one call in full. The fields of the call itself are there twice: on their own, and in call.
type LogDetail struct {
	LogItem
	Call       LogItem     `json:"call"`
	CostParts  *CallCost   `json:"cost" doc:"null where the cost is not known"`
	Flags      []FlagNote  `json:"flags" doc:"what quality and superseded_reason mean"`
	Supersedes []LogItem   `json:"supersedes" doc:"other records of this call, which it stands for in every sum; at most 100"`
	StoodFor   *LogItem    `json:"superseded_by_call" doc:"the record that stands for this one, where it is a single one and is kept"`
	Links      DetailLinks `json:"links"`
}

// CallCost says how a call's cost comes about.
type CallCost struct {
	PriceVersion string     `json:"price_version" doc:"prices that gave the cost; empty where the telemetry did"`
	Total        api.Money  `json:"total_usd" doc:"what every sum has"`
	Reported     *api.Money `json:"reported_usd" doc:"what the telemetry says; null where it says nothing"`
	Parts        []CostPart `json:"parts" doc:"what the total is made of; empty where the telemetry gave it, or where the prices have changed since"`
}

// CostPart is the cost of some of a call's tokens.
type CostPart struct {
	Kind   string    `json:"kind" doc:"input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, ...; request for a price per request"`
	Tokens int64     `json:"tokens" doc:"of this kind that no other part has"`
	Rate   api.Rate  `json:"usd_per_mtok" doc:"US dollars for a million tokens"`
	USD    api.Money `json:"usd"`
	// of a call whose service tier has prices of its own
	Standard *api.Rate `json:"standard_usd_per_mtok,omitempty" doc:"there where the call's service tier has a factor: the rate of the standard tier"`
	Factor   *api.Rate `json:"tier_factor,omitempty" doc:"what the service tier multiplies it by, rounded to four places"`
}

// FlagNote explains a flag.
type FlagNote struct {
	Flag        string `json:"flag"`
	Explanation string `json:"explanation"`
}

// DetailLinks lead to other systems.
type DetailLinks struct {
	Trace *string `json:"trace" doc:"the call's trace, by links::trace_url of the configuration; null where none is configured or the call has no trace"`
}

// flagNotes explain the values of LogItem.Quality and LogItem.Superseded.
var flagNotes = map[string]string{
	"no_usage":            "The telemetry reported no token figures for this call: it counts as a call, with no tokens.",
	"inconsistent":        "Some figures cannot be (negative, not a number, too large) or do not add up; those that cannot be were left out.",
	"estimated":           "The emitter says that it estimated the figures.",
	"unpriced":            "No price is known for this model at that time: the call has tokens, and no cost in any sum. A price can be configured.",
	"reported_cost":       "The cost is the one that the telemetry reported.",
	"running_sum":         "The emitter reports the sum of a tool loop so far; shown is what this call added to it.",
	"cache_missing":       "The emitter leaves cached tokens out of the input and did not report them: where the call had any, the input is short of them.",
	"several_calls":       "The record is a run of an agent, which may be several calls that are not reported one by one.",
	"tier_unpriced":       "No price is known for the call's service tier: the cost is that of the standard tier. A price can be configured.",
	"configured_provider": "The provider is a name from the configuration of a gateway: the price is that of the model's name, whoever serves it there.",
	"ancestor":            "A span below this one has the same usage, and counts in its place.",
	"same_call":           "A more complete record with the same response or request id counts in its place.",
	"echo":                "Its emitter reports the call more completely in another kind of record, which counts.",
	"twin":                "Another instrumentation library reported the same call more completely; that record counts.",
}

func (c *Handlers) log(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"64" doc:"as /logs returns it"`
}) (*api.Envelope[LogDetail], error) {
	id, start, ok := parseItemID(in.ID)
	if !ok {
		return nil, api.WithReason("call_unknown", api.NewProblem(404, "there is no call of this id; take one from /logs"))
	}
	r, found, err := c.Ledger.Get(ctx, id, start)
	if err != nil {
		return nil, c.Failed("log", err)
	}
	if !found {
		return nil, api.WithReason("call_unknown", api.NewProblem(404, "there is no call of this id; it may be older than what is kept"))
	}
	index, err := c.Keys.Index(ctx)
	if err != nil {
		return nil, c.Failed("log", err)
	}
	if !index.MaySee(ctx, r.KeyFingerprint) {
		return nil, api.WithReason("call_unknown", api.NewProblem(404, "there is no call of this id; take one from /logs"))
	}
	supersedes, by, err := c.Ledger.Related(ctx, &r)
	if err != nil {
		return nil, c.Failed("log", err)
	}
	item := ItemOf(&r, index)
	out := LogDetail{LogItem: item, Call: item, CostParts: c.costOf(&r.Call), Flags: []FlagNote{}, Supersedes: []LogItem{}}
	for _, flag := range append(item.Quality, item.Superseded) {
		if note := flagNotes[flag]; note != "" {
			out.Flags = append(out.Flags, FlagNote{flag, note})
		}
	}
	for i := range supersedes {
		if index.MaySee(ctx, supersedes[i].KeyFingerprint) {
			out.Supersedes = append(out.Supersedes, ItemOf(&supersedes[i], index))
		}
	}
	if by != nil && index.MaySee(ctx, by.KeyFingerprint) {
		standing := ItemOf(by, index)
		out.StoodFor = &standing
	}
	if link := traceLink(c.TraceURL, &r); link != "" {
		out.Links.Trace = &link
	}
	return api.Answer(out), nil
}

// traceMargin is how far a link's range of time reaches around the call.
const traceMargin = 15 * time.Minute

// traceLink fills a link's template in; empty where there is no template or no trace.
func traceLink(template string, r *store.Record) string {
	if template == "" || r.Trace.IsZero() {
		return ""
	}
	ms := func(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }
	return strings.NewReplacer(
		"{trace_id}", url.QueryEscape(r.Trace.String()), "{span_id}", url.QueryEscape(r.Span.String()), "{service}", url.QueryEscape(r.Service),
		"{from_ms}", ms(r.Start.Add(-traceMargin)), "{to_ms}", ms(r.Start.Add(max(r.Duration, 0)+traceMargin)),
	).Replace(template)
}

// costOf says what a call's cost is made of; nil where it is not known.
func (c *Handlers) costOf(call *usage.Call) *CallCost {
	if !call.CostKnown() {
		return nil
	}
	out := &CallCost{PriceVersion: call.PriceVersion, Total: api.Money(call.Cost), Parts: []CostPart{}}
	if call.HasReportedCost {
		reported := api.Money(call.ReportedCost)
		out.Reported = &reported
	}
	if call.Quality&usage.ReportedCost == 0 {
		out.Parts = c.costParts(call)
	}
	return out
}

// costParts explains a computed cost by the prices of now, as far as they give the same cost.
func (c *Handlers) costParts(call *usage.Call) []CostPart {
	out := []CostPart{}
	book, ok := c.Ledger.Prices().(explainer)
	if !ok {
		return out
	}
	_, parts, ok := book.Explain(call)
	var sum usage.NanoUSD
	for _, p := range parts {
		sum += p.USD
	}
	if !ok || sum != call.Cost {
		return out
	}
	for _, p := range parts {
		part := CostPart{Kind: p.Kind, Tokens: p.Tokens, Rate: api.Rate(p.Rate.String()), USD: api.Money(p.USD)}
		if p.Factor != "" {
			standard, factor := api.Rate(p.Standard.String()), api.Rate(p.Factor)
			part.Standard, part.Factor = &standard, &factor
		}
		out = append(out, part)
	}
	return out
}

// explainer is a price book that can say how it comes to a cost.
type explainer interface {
	Explain(c *usage.Call) (pricing.Quote, []pricing.Part, bool)
}

// CheckTraceURL reports what is wrong with a template of Options.TraceURL.
func CheckTraceURL(template string) error {
	if template == "" {
		return nil
	}
	u, err := url.Parse(traceFields("a").Replace(template))
	other, otherErr := url.Parse(traceFields("b").Replace(template))
	switch {
	case err != nil || otherErr != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil:
		return errors.New("must be an http or https address without a user and password")
	case !strings.Contains(template, "{trace_id}"):
		return errors.New("must hold {trace_id}, where the id of the trace goes")
	case u.Scheme != other.Scheme || u.Host != other.Host:
		return errors.New("must not have the host's name depend on a call")
	case strings.ContainsAny(traceFields("").Replace(template), "{}"):
		return errors.New("holds braces around something else than trace_id, span_id, service, from_ms or to_ms; write others as %7B and %7D")
	}
	return nil
}

// traceFields puts a value in the place of everything that a template can hold.
func traceFields(value string) *strings.Replacer {
	return strings.NewReplacer("{trace_id}", value, "{span_id}", value, "{service}", value, "{from_ms}", value, "{to_ms}", value)
}

package quality

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/filter"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// FlagSum is the sums of the calls that have a quality flag.
type FlagSum struct {
	Flag    string    `json:"flag"`
	Calls   int64     `json:"api_call_count"`
	Failed  int64     `json:"error_count" doc:"of them failed calls, which mostly have no usage that could be missing"`
	Input   int64     `json:"input_tokens" doc:"as far as they were reported"`
	Output  int64     `json:"output_tokens"`
	Cost    api.Money `json:"cost_usd"`
	AtLeast bool      `json:"at_least" doc:"of these calls something is missing: every total that they are in is a lower bound"`
	Missing string    `json:"missing" doc:"what is missing of these calls, or doubtful"`
	Remedy  string    `json:"remedy" doc:"what brings it"`
}

// Flags are the quality flags of the calls of a range.
type Flags struct {
	Calls   int64      `json:"api_call_count"`
	Flags   []FlagSum  `json:"flags" nullable:"false" doc:"those that some call has, most calls first; a call is in the sums of each of its flags"`
	AtLeast bool       `json:"at_least" doc:"some call has a flag with which something is missing: the totals of the range are lower bounds"`
	AsOf    *time.Time `json:"as_of"`
}

// meaning says of a flag what it is that is missing, and what brings it.
type meaning struct {
	flag            usage.Quality
	atLeast         bool
	missing, remedy string
}

// meanings are those of all flags; docs/accuracy.md has the settings of each emitter.
var meanings = []meaning{
	{
		usage.NoUsage, true, "All tokens and the cost: the telemetry reported none.",
		`Streams: "stream_options": {"include_usage": true}, or always_include_stream_usage of LiteLLM. Failed calls have no usage.`,
	},
	{
		usage.CacheMissing, true, "Cache reads and writes, and in the input the tokens that came from the cache.",
		"An instrumentation that reports the cache, or a gateway in front; Spring AI 2 with call() instead of streams.",
	},
	{
		usage.Inconsistent, true, "Figures that cannot be were left out.",
		"A newer version of the emitter; the call's record says which figures are there.",
	},
	{
		usage.Unpriced, true, "The cost: no price is known for the model at that time.",
		"Set a price on the page Prices, and apply it to stored calls.",
	},
	{
		usage.Estimated, false, "The figures are the emitter's estimate.",
		"include_usage for streams; LiteLLM's first integration does not estimate.",
	},
	{
		usage.RunningSum, false, "Nothing: the emitter reports running sums of tool loops, of which each call has its difference.",
		"Spring AI 2 reports single calls.",
	},
	{
		usage.SeveralCalls, true, "Single calls: one record stands for a run, so that the number of calls is too low.",
		"The client's own instrumentation beside the framework's.",
	},
	{
		usage.TierUnpriced, false, "The price of the service tier: the standard tier's was taken.",
		"A price for the tier, see the configuration of prices.",
	},
	{usage.ReportedCost, false, "Nothing: the cost is the one that the telemetry reported.", "A price of the model's own, if it should be computed."},
	{
		usage.ConfiguredProvider, false, "The provider: it is a name from a gateway's configuration, and the price is that of the model's name.",
		"A price for this provider.",
	},
}

type flagsInput struct{ filter.Filters }

func (c *Handlers) flags(ctx context.Context, in *flagsInput) (*api.Envelope[Flags], error) {
	f, _, err := c.Filtered(ctx, "quality", &in.Filters)
	if err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, api.QueryTimeout)
	defer cancel()
	b, err := c.Ledger.Breakdown(limited, ledger.BreakdownQuery{Filter: f, By: []ledger.GroupBy{ledger.ByQuality}})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, api.TookTooLong("reading the stored calls")
	}
	if err != nil {
		return nil, c.Failed("quality", err)
	}
	out := Flags{Flags: []FlagSum{}, AsOf: api.OptionalTime(b.AsOf)}
	for i := range b.Rows {
		out.Calls += b.Rows[i].Calls
	}
	for _, m := range meanings {
		if s := m.sum(b.Rows); s.Calls > 0 {
			out.Flags = append(out.Flags, s)
			out.AtLeast = out.AtLeast || s.AtLeast
		}
	}
	slices.SortStableFunc(out.Flags, func(a, b FlagSum) int { return int(min(max(b.Calls-a.Calls, -1), 1)) })
	return api.Answer(out), nil
}

// sum adds the rows whose flags have one.
func (m *meaning) sum(rows []ledger.Row) FlagSum {
	name := m.flag.Names()[0]
	out := FlagSum{Flag: name, Missing: m.missing, Remedy: m.remedy}
	var all usage.Counts
	for i := range rows {
		if slices.Contains(strings.Split(rows[i].Values[0], ","), name) {
			all.Merge(&rows[i].Counts)
		}
	}
	out.Calls, out.Failed, out.Cost = all.Calls, all.Errors, api.Money(all.Cost)
	out.Input, out.Output = all.Tokens.Input(), all.Tokens.Output()
	// a failed call that reported nothing mostly spent nothing
	out.AtLeast = m.atLeast && (m.flag != usage.NoUsage || all.Calls > all.Errors)
	return out
}

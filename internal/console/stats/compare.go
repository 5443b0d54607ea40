package stats

import (
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Against says what a breakdown is compared with.
type Against struct {
	Against   string `query:"against" doc:"compares every row with another range: before is the equally long range that ends with from, year the same range a year earlier, a time (RFC 3339 or Unix seconds) the range that begins then; needs from" maxLength:"64"`
	AgainstTo string `query:"against_to" doc:"where the range that against begins ends; by default it is as long as the range itself" maxLength:"64"`
	Measure   string `query:"measure" default:"total_tokens" enum:"api_call_count,error_count,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,reasoning_tokens,total_tokens,cost_usd,no_usage_count,unpriced_count,error_rate,cache_share,cost_per_call_usd,cost_per_million_usd,latency_p50_ms,latency_p95_ms,ttft_p50_ms,ttft_p95_ms,tokens_per_second" doc:"the measure of change_share and contribution, and of sorting by before, change and change_share"`
	Times     bool   `query:"times" doc:"rows have latency_ms, ttft_ms and tokens_per_second; sorting by one of them implies it. Rows by session or team have none"`
}

// Compared is a row in the other range, and what changed.
type Compared struct {
	Before       Measured `json:"before" doc:"the row in the range that it is compared with"`
	Difference   Measured `json:"difference" doc:"what each figure is more than before, exactly; of ratios null where one of both is not known"`
	ChangeShare  *float64 `json:"change_share" doc:"difference / before of the measure asked for; null where before is 0 or not known"`
	Contribution *float64 `json:"contribution" doc:"part of the total's difference of the measure; null where that is 0, and of ratios"`
}

// ComparedRange is the range that a breakdown is compared with.
type ComparedRange struct {
	From time.Time `json:"from" doc:"where it begins"`
	To   time.Time `json:"to" doc:"where it ends"`
}

// comparison is what the rows of a breakdown are compared with.
type comparison struct {
	ComparedRange
	measure measure
	was     []ledger.Row            // the rows of the other range
	rows    map[string]*ledger.Sums // the same by their values
	now     ledger.Sums             // of all rows
	before  ledger.Sums
	times   bool
}

// rangeOf works out the other range; nil where none is asked for.
func (in *Against) rangeOf(f *store.Filter, now time.Time) (*ComparedRange, error) {
	if in.Against == "" {
		if in.AgainstTo != "" {
			return nil, api.WithReason("compare_without_range", api.Invalid("query.against_to", "needs against, the beginning of the range", in.AgainstTo))
		}
		return nil, nil
	}
	if f.From.IsZero() {
		return nil, api.WithReason("compare_without_range", api.Invalid("query.against", "needs a range to compare: set from", in.Against))
	}
	to := f.To
	if to.IsZero() {
		to = now
	}
	if !f.From.Before(to) {
		return nil, api.WithReason("range_empty", api.Invalid("query.from", "must lie before the end of the range", in.Against))
	}
	length := to.Sub(f.From)
	var out ComparedRange
	switch in.Against {
	case "before":
		out = ComparedRange{f.From.Add(-length), f.From}
	case "year":
		out = ComparedRange{f.From.AddDate(-1, 0, 0), to.AddDate(-1, 0, 0)}
	default:
		from, until, err := api.ParseRange(in.Against, in.AgainstTo)
		if err != nil {
			return nil, api.WithReason("time_unreadable", api.Invalid("query.against", "is before, year, or a time that begins before against_to", in.Against))
		}
		if out = (ComparedRange{from, until}); until.IsZero() {
			out.To = from.Add(length)
		}
	}
	out.From, out.To = out.From.UTC(), out.To.UTC()
	return &out, nil
}

// compare adds the rows that only the other range has, without calls, and remembers what the rows were.
func (o *orderedRows) compare(other ComparedRange, before []ledger.Row, m measure) {
	c := &comparison{ComparedRange: other, measure: m, was: before, rows: make(map[string]*ledger.Sums, len(before)), times: o.times}
	here := make(map[string]bool, len(o.rows))
	for i := range o.rows {
		here[nameOfRow(o.rows[i].Values)] = true
		c.now.Merge(&o.rows[i].Sums)
	}
	for i := range before {
		c.rows[nameOfRow(before[i].Values)] = &before[i].Sums
		c.before.Merge(&before[i].Sums)
	}
	for i := range before {
		if !here[nameOfRow(before[i].Values)] {
			o.rows = append(o.rows, ledger.Row{Values: slices.Clone(before[i].Values)})
		}
	}
	o.compared = c
}

// once corrects the sums of what is compared where rows have calls in common.
func (c *comparison) once(now, before *ledger.Breakdown, first ledger.GroupBy) {
	if now.Total != nil && before.Total != nil {
		c.now, c.before = *now.Total, *before.Total
	}
	if before.Once != nil && first != ledger.ByTeam {
		c.was = before.Once
	}
}

func nameOfRow(values []string) string { return strings.Join(values, "\x1f") }

// of returns what a row was; nil without a comparison.
func (c *comparison) of(now *ledger.Sums, values []string) *Compared {
	if c == nil {
		return nil
	}
	before := c.rows[nameOfRow(values)]
	if before == nil {
		before = &ledger.Sums{}
	}
	return c.between(now, before)
}

func (c *comparison) between(now, before *ledger.Sums) *Compared {
	a, b := measuredOf(now, c.times), measuredOf(before, c.times)
	out := &Compared{Before: b, Difference: a.minus(&b)}
	d, known := c.measure.difference(now, before)
	if was, also := c.measure.value(before); known && also && was != 0 {
		share := d / math.Abs(was)
		out.ChangeShare = &share
	}
	if c.measure.sum != nil {
		if all, _ := c.measure.difference(&c.now, &c.before); all != 0 {
			part := d / all
			out.Contribution = &part
		}
	}
	return out
}

// total is the comparison of all rows.
func (c *comparison) total() *Compared {
	if c == nil {
		return nil
	}
	return c.between(&c.now, &c.before)
}

// key returns a sort key of a row that is made with what it was: its figure before, how large its change is, or its
// change as a part of what it was.
func (c *comparison) key(by string) func(*ledger.Row) int64 {
	return func(r *ledger.Row) int64 {
		before := c.rows[nameOfRow(r.Values)]
		if before == nil {
			before = &ledger.Sums{}
		}
		if by == "before" {
			return c.measure.key(before)
		}
		if by == "change" && c.measure.sum != nil { // exact
			d := usage.SubSat(c.measure.sum(&r.Sums), c.measure.sum(before))
			return max(d, -d)
		}
		d, known := c.measure.difference(&r.Sums, before)
		if !known {
			return unknown
		}
		if by == "change" {
			return ordered(math.Abs(d))
		}
		was, also := c.measure.value(before)
		if !also || was == 0 {
			return unknown
		}
		return ordered(d / math.Abs(was))
	}
}

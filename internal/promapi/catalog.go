package promapi

import "github.com/tokenboard/tokenboard/internal/promapi/cube"

// prefix begins the names of all metrics.
const prefix = "tokenboard_"

// cube.Overflow is the label value of the series that sum everything beyond a cardinality limit.

// counterMetric is a counter with the labels of the counter series.
type counterMetric struct {
	name  string
	scale float64       // its figures by this are its value
	parts []counterPart // one, or one for each value of the label kind
}

type counterPart struct {
	kind string // of the label kind; empty: no label
	of   cube.Figure
}

func counterOf(f cube.Figure) []counterPart { return []counterPart{{of: f}} }

const nano = 1e9

var counterMetrics = []counterMetric{
	{prefix + "calls_total", 1, counterOf(cube.Calls)},
	{prefix + "errors_total", 1, counterOf(cube.Errors)},
	{prefix + "tokens_total", 1, []counterPart{
		{"input_uncached", cube.InputUncached}, {"cache_read", cube.CacheRead}, {"cache_write", cube.CacheWrite},
		{"output_text", cube.OutputText}, {"reasoning", cube.Reasoning},
	}},
	{prefix + "cost_usd_total", nano, counterOf(cube.Cost)},
	{prefix + "calls_without_usage_total", 1, counterOf(cube.NoUsage)},
	{prefix + "unpriced_calls_total", 1, counterOf(cube.Unpriced)},
}

// histogramMetric is a histogram by provider and model. Its classic buckets are powers of two.
type histogramMetric struct {
	name     string
	of       cube.Timing
	from, to int // exponents of the bounds of the first and the last bucket
}

var histogramMetrics = []histogramMetric{
	{prefix + "call_duration_seconds", cube.Duration, -4, 10},
	{prefix + "time_to_first_token_seconds", cube.TTFT, -5, 7},
	{prefix + "output_tokens_per_second", cube.Speed, 0, 11},
}

// Suffixes of the series of a classic histogram.
const (
	suffixBucket = "_bucket"
	suffixCount  = "_count"
	suffixSum    = "_sum"
)

// budgetMetric is a gauge of a budget.
type budgetMetric struct {
	name string
	what budgetFigure
	cost bool // of budgets of money
}

type budgetFigure uint8

const (
	budgetLimit budgetFigure = iota
	budgetUsed
	budgetLeft
	budgetReset
)

var budgetMetrics = []budgetMetric{
	{prefix + "budget_limit_tokens", budgetLimit, false},
	{prefix + "budget_used_tokens", budgetUsed, false},
	{prefix + "budget_remaining_tokens", budgetLeft, false},
	{prefix + "budget_limit_usd", budgetLimit, true},
	{prefix + "budget_used_usd", budgetUsed, true},
	{prefix + "budget_remaining_usd", budgetLeft, true},
	{prefix + "budget_reset_timestamp_seconds", budgetReset, false},
}

// recordsMetric is how many records there were; in the past, how many calls that count.
const recordsMetric = prefix + "store_records"

// lastingMetrics are gauges whose value now held since some time: of these the value, of the others the start of
// the process.
var lastingMetrics = map[string]func(value float64, started int64) (since int64){
	prefix + "store_last_commit_timestamp_seconds": func(value float64, _ int64) int64 { return int64(value * 1000) },
	prefix + "start_time_seconds":                  func(value float64, _ int64) int64 { return int64(value * 1000) },
	prefix + "price_book_info":                     func(_ float64, started int64) int64 { return started },
}

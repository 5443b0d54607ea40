package console

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tokenboard/tokenboard/internal/rollup/series"
)

// metricDef describes a metric. docs/metrics.md is made from these.
type metricDef struct {
	name   string // without the prefix
	kind   prometheus.ValueType
	hist   bool
	series bool // has the labels that are configured, before those of its own
	labels []string
	help   string
}

const metricPrefix = "tokenboard_"

// labelNames are the labels of series, in the order of series.Labels.
var labelNames = [series.LabelCount]string{"provider", "model", "service", "key", "status"}

// ofModel are the labels of histograms: more would be too many buckets.
var ofModel = []string{"provider", "model"}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// The metrics.
var (
	mCalls    = metricDef{name: "calls_total", kind: counter, series: true, help: "Model calls, failed ones included."}
	mErrors   = metricDef{name: "errors_total", kind: counter, series: true, help: "Model calls that failed."}
	mTokens   = metricDef{name: "tokens_total", kind: counter, series: true, labels: []string{"kind"}, help: "Tokens in disjoint kinds (input_uncached, cache_read, cache_write, output_text, reasoning): their sum is the total."}
	mCost     = metricDef{name: "cost_usd_total", kind: counter, series: true, help: "Cost in US dollars of the calls whose cost is known."}
	mNoUsage  = metricDef{name: "calls_without_usage_total", kind: counter, series: true, help: "Model calls that told no token figures, failed ones included."}
	mUnpriced = metricDef{name: "unpriced_calls_total", kind: counter, series: true, help: "Model calls with tokens whose cost is not known."}

	mDuration = metricDef{name: "call_duration_seconds", hist: true, labels: ofModel, help: "Time from the start of a call to its end."}
	mTTFT     = metricDef{name: "time_to_first_token_seconds", hist: true, labels: ofModel, help: "Time from the start of a streamed call to its first token."}
	mSpeed    = metricDef{name: "output_tokens_per_second", hist: true, labels: ofModel, help: "Output tokens of a call by the seconds from its first token (from its start, where that is not known) to its end."}

	mSeries     = metricDef{name: "series", kind: gauge, help: "Combinations of labels that calls are counted by; from series::max of the store on, what is new is counted as other."}
	mLimitTok   = metricDef{name: "budget_limit_tokens", kind: gauge, labels: budgetLabels, help: "Tokens that may be spent in the current period, by a key or (scope console) by all calls."}
	mUsedTok    = metricDef{name: "budget_used_tokens", kind: gauge, labels: budgetLabels, help: "Tokens spent in the current period of a budget of tokens."}
	mLimitUSD   = metricDef{name: "budget_limit_usd", kind: gauge, labels: budgetLabels, help: "US dollars that may be spent in the current period, by a key or (scope console) by all calls."}
	mUsedUSD    = metricDef{name: "budget_used_usd", kind: gauge, labels: budgetLabels, help: "US dollars spent in the current period of a budget of money."}
	mReset      = metricDef{name: "budget_reset_timestamp_seconds", kind: gauge, labels: budgetLabels, help: "When the current period of a budget ends; budgets for ever have none."}
	mHidden     = metricDef{name: "budgets_not_shown", kind: gauge, help: "Keys with budgets that have no metrics because too many have; those that have used the largest share are shown."}
	mKeys       = metricDef{name: "keys", kind: gauge, labels: []string{"status"}, help: "API keys by status."}
	mRecords    = metricDef{name: "store_records", kind: gauge, help: "Stored call records, superseded ones included."}
	mBytes      = metricDef{name: "store_size_bytes", kind: gauge, help: "Size of the database on disk."}
	mLastCommit = metricDef{name: "store_last_commit_timestamp_seconds", kind: gauge, help: "Time of the last write of calls."}
	mStart      = metricDef{name: "start_time_seconds", kind: gauge, help: "Time when the console was started."}
	mPrices     = metricDef{name: "price_book_info", kind: gauge, labels: []string{"version"}, help: "1; version is that of the prices that calls get, empty where none are known."}

	mCommits    = metricDef{name: "commits_total", kind: counter, help: "Batches of telemetry acknowledged since the process started."}
	mDuplicates = metricDef{name: "duplicate_records_total", kind: counter, help: "Records delivered again that changed nothing, since the process started."}
	mFuller     = metricDef{name: "fuller_records_total", kind: counter, help: "Records replaced by a fuller delivery of themselves, since the process started."}
	mSuperseded = metricDef{name: "superseded_records_total", kind: counter, help: "Records that counted until a record came that stands for the same call, since the process started."}
	mRefused    = metricDef{name: "refused_records_total", kind: counter, labels: []string{"reason"}, help: "Records that were not taken (reasons too_old, future, unusable), since the process started."}
	mDropped    = metricDef{name: "dropped_records_total", kind: counter, help: "Records that retention removed, since the process started."}
	mForgotten  = metricDef{name: "forgotten_spans_total", kind: counter, help: "Spans whose late relatives will not be recognised because correlation::max_spans was reached, since the process started."}
	mFolded     = metricDef{name: "folded_calls_total", kind: counter, help: "Calls that some sums show as (other) because sums::max_values was reached, since the process started."}
	mSecrets    = metricDef{name: "secrets_removed_total", kind: counter, help: "Keys and other secrets in clear that were taken out of telemetry, since the process started."}
)

// budgetLabels: scope is key or console, key the key's name (empty for the console), period day,
// week, month or total.
var budgetLabels = []string{"scope", "key", "period"}

// metricDefs are all metrics, in the order of docs/metrics.md.
var metricDefs = []*metricDef{
	&mCalls, &mErrors, &mTokens, &mCost, &mNoUsage, &mUnpriced,
	&mDuration, &mTTFT, &mSpeed,
	&mLimitTok, &mUsedTok, &mLimitUSD, &mUsedUSD, &mReset, &mHidden, &mKeys,
	&mRecords, &mBytes, &mLastCommit, &mSeries, &mStart, &mPrices,
	&mCommits, &mDuplicates, &mFuller, &mSuperseded, &mRefused, &mDropped, &mForgotten, &mFolded, &mSecrets,
}

// allLabels gives a metric's labels where series have these.
func (d *metricDef) allLabels(ofSeries []string) []string {
	if !d.series {
		return d.labels
	}
	return slices.Concat(ofSeries, d.labels)
}

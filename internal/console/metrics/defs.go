package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/tokenboard/tokenboard/internal/rollup/series"
)

// Def describes a metric. docs/metrics.md is made from these.
type Def struct {
	Name      string // without the prefix
	Kind      prometheus.ValueType
	Histogram bool
	Series    bool // has the labels that are configured, before those of its own
	Labels    []string
	Help      string
}

// MetricPrefix begins the name of every metric.
const MetricPrefix = "tokenboard_"

// labelNames are the labels of series, in the order of series.Labels.
var labelNames = [series.LabelCount]string{"provider", "model", "service", "key", "status", "account"}

// ofModel are the labels of histograms: more would be too many buckets.
var ofModel = []string{"provider", "model"}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// The metrics.
var (
	mCalls    = Def{Name: "calls_total", Kind: counter, Series: true, Help: "Model calls, failed ones included."}
	mErrors   = Def{Name: "errors_total", Kind: counter, Series: true, Help: "Model calls that failed."}
	mTokens   = Def{Name: "tokens_total", Kind: counter, Series: true, Labels: []string{"kind"}, Help: "Tokens in disjoint kinds (input_uncached, cache_read, cache_write, output_text, reasoning): their sum is the total."}
	mCost     = Def{Name: "cost_usd_total", Kind: counter, Series: true, Help: "Cost in US dollars of the calls whose cost is known."}
	mNoUsage  = Def{Name: "calls_without_usage_total", Kind: counter, Series: true, Help: "Model calls that reported no token figures, failed ones included."}
	mUnpriced = Def{Name: "unpriced_calls_total", Kind: counter, Series: true, Help: "Model calls with tokens whose cost is not known."}

	mDuration = Def{Name: "call_duration_seconds", Histogram: true, Labels: ofModel, Help: "Time from the start of a call to its end."}
	mTTFT     = Def{Name: "time_to_first_token_seconds", Histogram: true, Labels: ofModel, Help: "Time from the start of a streamed call to its first token."}
	mSpeed    = Def{Name: "output_tokens_per_second", Histogram: true, Labels: ofModel, Help: "Output tokens of a call by the seconds from its first token (from its start, where that is not known) to its end."}

	mSeries     = Def{Name: "series", Kind: gauge, Help: "Combinations of labels that calls are counted by; from series::max of the store on, what is new is counted as other."}
	mLimitTok   = Def{Name: "budget_limit_tokens", Kind: gauge, Labels: budgetLabels, Help: "Tokens that may be spent in the current period, by a key, (scope console) by all calls, or of a budget of its own."}
	mUsedTok    = Def{Name: "budget_used_tokens", Kind: gauge, Labels: budgetLabels, Help: "Tokens spent in the current period of a budget of tokens."}
	mLimitUSD   = Def{Name: "budget_limit_usd", Kind: gauge, Labels: budgetLabels, Help: "US dollars that may be spent in the current period, by a key, (scope console) by all calls, or of a budget of its own."}
	mUsedUSD    = Def{Name: "budget_used_usd", Kind: gauge, Labels: budgetLabels, Help: "US dollars spent in the current period of a budget of money."}
	mLeftTok    = Def{Name: "budget_remaining_tokens", Kind: gauge, Labels: budgetLabels, Help: "Tokens that may still be spent in the current period of a budget of tokens: its limit less what is used and reserved, at least 0."}
	mLeftUSD    = Def{Name: "budget_remaining_usd", Kind: gauge, Labels: budgetLabels, Help: "US dollars that may still be spent in the current period of a budget of money, likewise."}
	mReset      = Def{Name: "budget_reset_timestamp_seconds", Kind: gauge, Labels: budgetLabels, Help: "When the current period of a budget ends; budgets for ever have none."}
	mHidden     = Def{Name: "budgets_not_shown", Kind: gauge, Help: "Keys with budgets, and budgets of their own, that have no metrics because too many have; those that have used the largest share are shown."}
	mKeys       = Def{Name: "keys", Kind: gauge, Labels: []string{"status"}, Help: "API keys by status."}
	mRecords    = Def{Name: "store_records", Kind: gauge, Help: "Stored call records, superseded ones included."}
	mBytes      = Def{Name: "store_size_bytes", Kind: gauge, Help: "Size of the database on disk."}
	mLastCommit = Def{Name: "store_last_commit_timestamp_seconds", Kind: gauge, Help: "Time of the last write of calls."}
	mStart      = Def{Name: "start_time_seconds", Kind: gauge, Help: "Time when the console was started."}
	mLeader     = Def{Name: "replica_leader", Kind: gauge, Help: "1 where this process decides what counts, 0 where it follows another one. Calls, tokens, cost and keys are exported by the leader only."}
	mCommit     = Def{Name: "replica_commit", Kind: gauge, Help: "Number of the last transaction of the store that the answers of this process include; 0 where no other process can use the store."}
	mInbox      = Def{Name: "inbox_batches", Kind: gauge, Help: "Accepted batches that wait for the leader; 0 where no other process can use the store."}
	mInboxAge   = Def{Name: "inbox_oldest_seconds", Kind: gauge, Help: "How long the first batch waits for the leader; 0 where no other process can use the store."}
	mPrices     = Def{Name: "price_book_info", Kind: gauge, Labels: []string{"version"}, Help: "1; version is that of the prices that calls get, empty where none are known."}

	mCommits    = Def{Name: "commits_total", Kind: counter, Help: "Batches of telemetry acknowledged since the process started."}
	mDuplicates = Def{Name: "duplicate_records_total", Kind: counter, Help: "Records delivered again that changed nothing, since the process started."}
	mReplaced   = Def{Name: "fuller_records_total", Kind: counter, Help: "Records replaced by a more complete delivery, since the process started."}
	mSuperseded = Def{Name: "superseded_records_total", Kind: counter, Help: "Records that counted until a record came that stands for the same call, since the process started."}
	mRefused    = Def{Name: "refused_records_total", Kind: counter, Labels: []string{"reason"}, Help: "Rejected records (reasons too_old, future, unusable), since the process started."}
	mDropped    = Def{Name: "dropped_records_total", Kind: counter, Help: "Records that retention removed, since the process started."}
	mEvicted    = Def{Name: "forgotten_spans_total", Kind: counter, Help: "Spans evicted from the correlation index because correlation::max_spans was reached, since the process started."}
	mOverflowed = Def{Name: "folded_calls_total", Kind: counter, Help: "Calls that some sums show as (other) because sums::max_values was reached, since the process started."}
	mSecrets    = Def{Name: "secrets_removed_total", Kind: counter, Help: "Keys and other secrets in clear that were taken out of telemetry, since the process started."}
)

// budgetLabels: of the limits of a key and the quota, scope is key or console and budget is empty; of a budget of its own, scope is what it is for
// (all, key, user, team, model, provider) and budget its name. key is the key's name, of other scopes empty. period is day,
// week, month or total.
var budgetLabels = []string{"scope", "key", "period", "budget"}

// Defs are all metrics, in the order of docs/metrics.md.
var Defs = []*Def{
	&mCalls, &mErrors, &mTokens, &mCost, &mNoUsage, &mUnpriced,
	&mDuration, &mTTFT, &mSpeed,
	&mLimitTok, &mUsedTok, &mLeftTok, &mLimitUSD, &mUsedUSD, &mLeftUSD, &mReset, &mHidden, &mKeys,
	&mRecords, &mBytes, &mLastCommit, &mSeries, &mStart, &mPrices, &mLeader, &mCommit, &mInbox, &mInboxAge,
	&mCommits, &mDuplicates, &mReplaced, &mSuperseded, &mRefused, &mDropped, &mEvicted, &mOverflowed, &mSecrets,
}

// AllLabels returns a metric's labels where series have these.
func (d *Def) AllLabels(ofSeries []string) []string {
	if !d.Series {
		return d.Labels
	}
	return slices.Concat(ofSeries, d.Labels)
}

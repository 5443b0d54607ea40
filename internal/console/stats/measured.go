package stats

import (
	"math"
	"math/bits"
	"time"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Measured is sums with the ratios that are made of them.
type Measured struct {
	Sums
	ErrorRate       *float64   `json:"error_rate" doc:"error_count / api_call_count; null without calls"`
	CacheShare      *float64   `json:"cache_share" doc:"cache_read_tokens / input_tokens; null without input"`
	CostPerCall     *api.Money `json:"cost_per_call_usd" doc:"cost_usd / api_call_count; null without calls, and where no call has a known cost"`
	CostPerMillion  *api.Money `json:"cost_per_million_usd" doc:"cost_usd of a million of total_tokens, likewise"`
	Latency         *Quantiles `json:"latency_ms,omitempty" doc:"with times only"`
	TTFT            *Quantiles `json:"ttft_ms,omitempty" doc:"time to the first token, with times only"`
	TokensPerSecond *float64   `json:"tokens_per_second,omitempty" doc:"output_tokens by the durations of the calls, right within five percent; with times only"`
}

// measuredOf returns sums of the ledger as the API shows them. times says that their histograms are filled.
func measuredOf(s *ledger.Sums, times bool) Measured {
	m := Measured{
		Sums: SumsOf(s), ErrorRate: ratio(s.Errors, s.Calls), CacheShare: ratio(s.Tokens.CacheRead, s.Tokens.Input()),
		CostPerCall: costPer(s, s.Calls, 1), CostPerMillion: costPer(s, s.Tokens.Total(), 1_000_000),
	}
	if times {
		latency, ttft := quantilesOf(&s.Duration), quantilesOf(&s.TTFT)
		m.Latency, m.TTFT, m.TokensPerSecond = &latency, &ttft, tokensPerSecond(s)
	}
	return m
}

func ratio(part, whole int64) *float64 {
	if whole <= 0 {
		return nil
	}
	r := float64(part) / float64(whole)
	return &r
}

// costPer returns what each of a number of things cost, times a factor, rounded to nano-USD; nil where that is not known.
func costPer(s *ledger.Sums, number int64, factor uint64) *api.Money {
	if number <= 0 || s.Cost < 0 || (s.Cost == 0 && s.Unpriced+s.NoUsage >= s.Calls) {
		return nil
	}
	high, low := bits.Mul64(uint64(s.Cost), factor)
	low, carry := bits.Add64(low, uint64(number)/2, 0)
	high += carry
	if high >= uint64(number) {
		m := api.Money(math.MaxInt64)
		return &m
	}
	quotient, _ := bits.Div64(high, low, uint64(number))
	m := api.Money(min(quotient, math.MaxInt64))
	return &m
}

// tokensPerSecond is nil where no duration is known.
func tokensPerSecond(s *ledger.Sums) *float64 {
	total := s.Duration.Total()
	if total <= 0 {
		return nil
	}
	r := math.Round(float64(s.Tokens.Output())/total.Seconds()*1000) / 1000
	return &r
}

// minus returns what each figure of m is more than that of o. A ratio that one of them has not is nil.
func (m *Measured) minus(o *Measured) Measured {
	less := usage.SubSat
	return Measured{
		Sums: Sums{
			Calls: less(m.Calls, o.Calls), Errors: less(m.Errors, o.Errors), Input: less(m.Input, o.Input), Output: less(m.Output, o.Output),
			CacheRead: less(m.CacheRead, o.CacheRead), CacheWrite: less(m.CacheWrite, o.CacheWrite), Reasoning: less(m.Reasoning, o.Reasoning),
			Total: less(m.Total, o.Total), Cost: api.Money(less(int64(m.Cost), int64(o.Cost))), NoUsage: less(m.NoUsage, o.NoUsage),
			Unpriced: less(m.Unpriced, o.Unpriced),
		},
		ErrorRate: subtracted(m.ErrorRate, o.ErrorRate), CacheShare: subtracted(m.CacheShare, o.CacheShare),
		CostPerCall: subtracted(m.CostPerCall, o.CostPerCall), CostPerMillion: subtracted(m.CostPerMillion, o.CostPerMillion),
		Latency: m.Latency.minus(o.Latency), TTFT: m.TTFT.minus(o.TTFT), TokensPerSecond: subtracted(m.TokensPerSecond, o.TokensPerSecond),
	}
}

func (q *Quantiles) minus(o *Quantiles) *Quantiles {
	if q == nil || o == nil {
		return nil
	}
	return &Quantiles{P50: subtracted(q.P50, o.P50), P95: subtracted(q.P95, o.P95), P99: subtracted(q.P99, o.P99)}
}

func subtracted[T float64 | api.Money](a, b *T) *T {
	if a == nil || b == nil {
		return nil
	}
	d := *a - *b
	return &d
}

// measure is something that rows can be sorted and ranked by.
type measure struct {
	sum   func(*ledger.Sums) int64           // of a sum: exact
	ratio func(*ledger.Sums) (float64, bool) // of a ratio: false where it is not known
	times bool                               // it is made of histograms
}

// measures are all measures by name.
var measures = func() map[string]measure {
	out := map[string]measure{}
	for name, key := range sortKeys {
		out[name] = measure{sum: key}
	}
	number := func(of func(*ledger.Sums) *float64) func(*ledger.Sums) (float64, bool) {
		return func(s *ledger.Sums) (float64, bool) {
			v := of(s)
			if v == nil {
				return 0, false
			}
			return *v, true
		}
	}
	cost := func(of func(*ledger.Sums) *api.Money) func(*ledger.Sums) (float64, bool) {
		return func(s *ledger.Sums) (float64, bool) {
			v := of(s)
			if v == nil {
				return 0, false
			}
			return float64(*v), true
		}
	}
	quantile := func(of func(*ledger.Sums) *ledger.Histogram, q float64) func(*ledger.Sums) (float64, bool) {
		return func(s *ledger.Sums) (float64, bool) {
			d, known := of(s).Quantile(q)
			return float64(d) / float64(time.Millisecond), known
		}
	}
	duration := func(s *ledger.Sums) *ledger.Histogram { return &s.Duration }
	ttft := func(s *ledger.Sums) *ledger.Histogram { return &s.TTFT }
	out["error_rate"] = measure{ratio: number(func(s *ledger.Sums) *float64 { return ratio(s.Errors, s.Calls) })}
	out["cache_share"] = measure{ratio: number(func(s *ledger.Sums) *float64 { return ratio(s.Tokens.CacheRead, s.Tokens.Input()) })}
	out["cost_per_call_usd"] = measure{ratio: cost(func(s *ledger.Sums) *api.Money { return costPer(s, s.Calls, 1) })}
	out["cost_per_million_usd"] = measure{ratio: cost(func(s *ledger.Sums) *api.Money { return costPer(s, s.Tokens.Total(), 1_000_000) })}
	out["latency_p50_ms"] = measure{ratio: quantile(duration, .5), times: true}
	out["latency_p95_ms"] = measure{ratio: quantile(duration, .95), times: true}
	out["ttft_p50_ms"] = measure{ratio: quantile(ttft, .5), times: true}
	out["ttft_p95_ms"] = measure{ratio: quantile(ttft, .95), times: true}
	out["tokens_per_second"] = measure{ratio: number(tokensPerSecond), times: true}
	return out
}()

// unknown is the key of a figure that is not known. It comes last in both directions.
const unknown = math.MinInt64

// key returns a number that is the larger the larger the measure is.
func (m measure) key(s *ledger.Sums) int64 {
	if m.sum != nil {
		return m.sum(s)
	}
	v, known := m.ratio(s)
	if !known {
		return unknown
	}
	return ordered(v)
}

// difference returns what the measure of a is more than that of b.
func (m measure) difference(a, b *ledger.Sums) (float64, bool) {
	if m.sum != nil {
		return float64(usage.SubSat(m.sum(a), m.sum(b))), true
	}
	x, known := m.ratio(a)
	y, also := m.ratio(b)
	return x - y, known && also
}

// value returns the measure as a number.
func (m measure) value(s *ledger.Sums) (float64, bool) {
	if m.sum != nil {
		return float64(m.sum(s)), true
	}
	return m.ratio(s)
}

// ordered returns a number that orders as a float does.
func ordered(v float64) int64 {
	b := int64(math.Float64bits(v))
	if b < 0 {
		b ^= math.MaxInt64
	}
	return max(b, unknown+1)
}

package billing

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// Limits of what is set.
const (
	MaxRules  = 500 // of terms
	maxName   = 300 // characters of a model or a provider
	maxFactor = 1000
	maxPrice  = 1_000_000 // USD per million tokens
)

// MonthForm is the form of months.
const MonthForm = "2006-01"

// Terms are the internal prices from a month on: what bills charge for calls.
type Terms struct {
	From   string  `json:"from,omitempty" maxLength:"7" doc:"the first month that they hold for, such as 2026-01; empty: always, until other terms begin"`
	Factor float64 `json:"factor" minimum:"0" maximum:"1000" doc:"what is charged for each dollar of cost where no rule fits: 1 is the cost, 1.15 adds 15 percent"`
	Rules  []Rule  `json:"rules,omitempty" maxItems:"500" doc:"of several that fit a model the first holds"`
}

// Rule is the internal price of models: a factor, or prices of tokens.
type Rule struct {
	Provider string   `json:"provider,omitempty" maxLength:"300" doc:"empty: any"`
	Model    string   `json:"model" maxLength:"300" doc:"* stands for any letters"`
	Factor   *float64 `json:"factor,omitempty" minimum:"0" maximum:"1000" doc:"on the cost; either this or prices"`
	Prices   *Prices  `json:"prices,omitempty" doc:"of tokens, whatever they cost; calls without a known cost are charged too"`
}

// Prices are US dollars for a million tokens. Cache reads and writes without a price of their own have that of input, reasoning
// that of output.
type Prices struct {
	Input      float64  `json:"input_usd_per_mtok" minimum:"0" maximum:"1000000"`
	Output     float64  `json:"output_usd_per_mtok" minimum:"0" maximum:"1000000"`
	CacheRead  *float64 `json:"cache_read_usd_per_mtok,omitempty" minimum:"0" maximum:"1000000"`
	CacheWrite *float64 `json:"cache_write_usd_per_mtok,omitempty" minimum:"0" maximum:"1000000"`
	Reasoning  *float64 `json:"reasoning_usd_per_mtok,omitempty" minimum:"0" maximum:"1000000"`
	Request    float64  `json:"request_usd,omitempty" minimum:"0" maximum:"1000000" doc:"for each call, failed ones included"`
}

// SchemaName is the name in the description of the API.
func (Prices) SchemaName() string { return "InternalPrices" }

// SchemaName is the name in the description of the API.
func (Rule) SchemaName() string { return "BillingRule" }

// ErrUnfit reports terms, a credit or a currency that cannot be.
var ErrUnfit = errors.New("unfit")

// unfit names the field that is wrong.
func unfit(field, message string, args ...any) error {
	return &Unfit{Field: field, Message: fmt.Sprintf(message, args...)}
}

// Unfit says which field is wrong.
type Unfit struct{ Field, Message string }

func (e *Unfit) Error() string { return e.Field + " " + e.Message }

func (e *Unfit) Unwrap() error { return ErrUnfit }

// ParseMonth reads a month in a zone and returns its first moment.
func ParseMonth(month string, loc *time.Location) (time.Time, bool) {
	t, err := time.ParseInLocation(MonthForm, month, loc)
	return t, err == nil && t.Year() >= 1970 && t.Year() < 2200
}

// Check returns an *Unfit where terms cannot be.
func (t *Terms) Check() error {
	if _, ok := ParseMonth(t.From, time.UTC); t.From != "" && !ok {
		return unfit("from", "must be a month, such as 2026-01")
	}
	if !within(t.Factor, maxFactor) {
		return unfit("factor", "must be a number from 0 to 1,000")
	}
	if len(t.Rules) > MaxRules {
		return unfit("rules", "must be at most %d", MaxRules)
	}
	for i := range t.Rules {
		if err := t.Rules[i].check(fmt.Sprintf("rules[%d]", i)); err != nil {
			return err
		}
	}
	return nil
}

func within(v, most float64) bool { return v >= 0 && v <= most } // false of what is no number

func (r *Rule) check(at string) error {
	r.Provider, r.Model = strings.TrimSpace(r.Provider), strings.TrimSpace(r.Model)
	switch {
	case r.Model == "":
		return unfit(at+".model", "is missing; * is any")
	case utf8.RuneCountInString(r.Model) > maxName || utf8.RuneCountInString(r.Provider) > maxName:
		return unfit(at+".model", "has more than %d characters", maxName)
	case (r.Factor == nil) == (r.Prices == nil):
		return unfit(at, "needs either factor or prices")
	case r.Factor != nil && !within(*r.Factor, maxFactor):
		return unfit(at+".factor", "must be a number from 0 to 1,000")
	case r.Prices == nil:
		return nil
	}
	for _, v := range []*float64{&r.Prices.Input, &r.Prices.Output, r.Prices.CacheRead, r.Prices.CacheWrite, r.Prices.Reasoning, &r.Prices.Request} {
		if v != nil && !within(*v, maxPrice) {
			return unfit(at+".prices", "must be from 0 to 1,000,000 USD")
		}
	}
	return nil
}

// Plain are the terms where none are set: bills charge what calls cost.
func Plain() Terms { return Terms{Factor: 1} }

// Charge is what a bill charges for calls of a model.
type Charge struct {
	Amount usage.NanoUSD
	// Unknown is how many calls are not charged, because their cost is not known.
	Unknown int64
	Factor  *float64 // nil: by prices of tokens
}

// Charge returns what is charged for calls of a model.
func (t *Terms) Charge(provider, model string, c *usage.Counts) Charge {
	factor := t.Factor
	for i := range t.Rules {
		r := &t.Rules[i]
		if !pricing.Fits(r.Provider, r.Model, provider, model) {
			continue
		}
		if r.Prices != nil {
			return Charge{Amount: r.Prices.of(c)}
		}
		factor = *r.Factor
		break
	}
	return Charge{Amount: times(c.Cost, factor), Unknown: c.Unpriced, Factor: &factor}
}

const nano = 1_000_000_000

// scaled returns a number in thousand-millionths, in which people write factors and prices.
func scaled(v float64) *big.Int { return big.NewInt(int64(math.Round(v * nano))) }

// times returns an amount times a factor, rounded to nano-dollars, half away from zero.
func times(m usage.NanoUSD, factor float64) usage.NanoUSD {
	if factor == 1 {
		return m
	}
	return quotient(new(big.Int).Mul(big.NewInt(int64(m)), scaled(factor)), nano)
}

// of returns what tokens cost by prices. The sum is rounded once.
func (p *Prices) of(c *usage.Counts) usage.NanoUSD {
	or := func(v *float64, other float64) float64 {
		if v != nil {
			return *v
		}
		return other
	}
	const million = 1_000_000
	sum := new(big.Int)
	for _, k := range []struct {
		tokens int64
		price  float64
	}{
		{c.Tokens.InputUncached, p.Input}, {c.Tokens.CacheRead, or(p.CacheRead, p.Input)}, {c.Tokens.CacheWrite, or(p.CacheWrite, p.Input)},
		{c.Tokens.OutputText, p.Output}, {c.Tokens.Reasoning, or(p.Reasoning, p.Output)},
	} {
		sum.Add(sum, new(big.Int).Mul(big.NewInt(k.tokens), scaled(k.price)))
	}
	calls := new(big.Int).Mul(big.NewInt(c.Calls), scaled(p.Request))
	return quotient(sum.Add(sum, calls.Mul(calls, big.NewInt(million))), million)
}

// quotient divides, rounds half away from zero and saturates.
func quotient(n *big.Int, by int64) usage.NanoUSD {
	half := big.NewInt(by / 2)
	if n.Sign() < 0 {
		half.Neg(half)
	}
	n.Add(n, half)
	n.Quo(n, big.NewInt(by))
	switch {
	case n.IsInt64():
		return usage.NanoUSD(n.Int64())
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

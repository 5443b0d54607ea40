package pricing

import (
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// KindRate is the rate of one kind of token.
type KindRate struct {
	Kind  string // input, output, cache_read, cache_write, cache_write_1h, reasoning, audio_input, ...
	Rate  Rate
	Tiers []Tier // ascending
}

// Quote is the prices that hold for a model at one time.
type Quote struct {
	ID       string    // Override.ID
	Provider string    // as the book names it; of an own price as configured, "" for any
	Model    string    // entry of the book, or the pattern of an own price
	Own      bool      // it is the operator's own price
	From     time.Time // since when; zero where it was always so, or changes with the hour
	Rates    []KindRate
	Request  usage.NanoUSD // per request, whatever its tokens
}

// Quote finds the prices that hold for a model; false where there are none.
func (b *Book) Quote(provider, model string, at time.Time) (Quote, bool) {
	p := b.pricedFor(&usage.Call{Provider: provider, Model: model, Start: at})
	if p.rates == nil {
		return Quote{}, false
	}
	return quoteOf(p.rates, p.own, p.published, at), true
}

func quoteOf(r *rates, own *ownPrice, published *found, at time.Time) Quote {
	q := Quote{Request: usage.NanoUSD(r.request / perNano)}
	if own != nil {
		q.ID, q.Provider, q.Model, q.Own, q.From = own.ID, own.Provider, own.Model, true, own.From
	} else {
		q.Provider, q.Model, q.From = published.provider.ID, published.model.ID, published.model.since(at)
	}
	for i := len(r.priced) - 1; i >= 0; i-- {
		p := &r.priced[i]
		q.Rates = append(q.Rates, KindRate{kinds[p.kind].name, p.base, p.tiers})
	}
	return q
}

// since returns the day from which the prices at a time hold; zero where they always did, or change
// with the hour.
func (m *model) since(t time.Time) time.Time {
	for i := len(m.Prices) - 1; i >= 0; i-- {
		if c := m.Prices[i].Constraint; c.holds(t) {
			if c != nil {
				return c.from
			}
			break
		}
	}
	return time.Time{}
}

// Part is the cost of some of a call's tokens.
type Part struct {
	Kind   string // as in KindRate, or request
	Tokens int64  // that cost this rate; of a request 1
	Rate   Rate   // USD per million tokens, Standard times Factor; of a request 0
	// Standard is the rate before the factor of the call's service tier, and Factor is that factor as a decimal number,
	// rounded to four places; "" where the rate has none.
	Standard Rate
	Factor   string
	USD      usage.NanoUSD
}

// Explain returns how the cost of a call comes about by the prices of now: whose they are, and the
// parts, which add up to what Price returns. False where the call has no price.
func (b *Book) Explain(c *usage.Call) (q Quote, parts []Part, ok bool) {
	if !c.Tokens.Reported() {
		return Quote{}, nil, false
	}
	held := b.pricedFor(c)
	r := held.rates
	if r == nil {
		return Quote{}, nil, false
	}
	var tokens [kindCount]int64
	if _, ok := r.cost(c, held.factors); !ok || !r.divide(c, &tokens) {
		return Quote{}, nil, false
	}
	// Each part is the step that the rounded sum takes, so that the parts add up to the rounded whole.
	partial, sum := rates{request: r.request}, usage.NanoUSD(0)
	step := func(p Part) {
		next, _ := partial.sum(tokens[:len(partial.priced)], c.Tokens.Input(), held.factors) // less than the whole, which fits
		p.USD = next - sum
		sum = next
		parts = append(parts, p)
	}
	if r.request > 0 {
		step(Part{Kind: "request", Tokens: 1})
	}
	for i := range r.priced {
		p := &r.priced[i]
		partial.priced = r.priced[:i+1]
		if tokens[i] > 0 {
			part := Part{Kind: kinds[p.kind].name, Tokens: tokens[i], Rate: held.factors.at(p, c.Tokens.Input()), Standard: p.at(c.Tokens.Input())}
			if held.factors != nil {
				part.Factor = held.factors.factor(p.kind).String()
			}
			step(part)
		}
	}
	return quoteOf(r, held.own, held.published, c.Start), parts, true
}

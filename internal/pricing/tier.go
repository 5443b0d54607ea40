package pricing

import (
	"math"
	"math/big"
	"math/bits"
	"strings"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// factor is the fraction by which a service tier multiplies a rate; the zero value changes nothing.
type factor struct{ num, den int64 }

// of multiplies a rate, rounded half up. The result is at most the largest price that there can be.
func (f factor) of(r Rate) Rate {
	if f.den == 0 || f.num == f.den {
		return r
	}
	const most = Rate(maxUSD) * ratesPerUSD
	hi, lo := bits.Mul64(uint64(r), uint64(f.num))
	lo, carry := bits.Add64(lo, uint64(f.den)/2, 0)
	if hi += carry; hi >= uint64(f.den) {
		return most
	}
	out, _ := bits.Div64(hi, lo, uint64(f.den))
	return Rate(min(out, uint64(most)))
}

// String returns the factor as a decimal number with at most four places: "0.5", "1.6667".
func (f factor) String() string {
	if f.den == 0 {
		return "1"
	}
	const places = 4
	return strings.TrimRight(strings.TrimRight(big.NewRat(f.num, f.den).FloatString(places), "0"), ".")
}

// tierFactors are the factors of one service tier.
type tierFactors struct{ all, cacheRead factor }

// at returns the rate of a priced kind for a call; nil factors stand for the standard tier.
func (t *tierFactors) at(p *pricedKind, totalInput int64) Rate {
	return t.factor(p.kind).of(p.at(totalInput))
}

func (t *tierFactors) factor(k kind) factor {
	switch {
	case t == nil:
		return factor{}
	case k == cacheRead || k == cacheAudioRead || k == cacheImageRead:
		return t.cacheRead
	}
	return t.all
}

// same are factors that hold for all kinds.
func same(num, den int64) *tierFactors {
	return &tierFactors{factor{num, den}, factor{num, den}}
}

// charged reports whether a tier has prices of its own.
func charged(t usage.Tier) bool { return t != usage.TierUnknown && t != usage.TierStandard }

// publishedTiers are the published prices of service tiers, relative to the standard tier, as of 2026-11-29. Models are
// the beginnings of entries of the book, or the whole where they end with "$". The first that fits holds. Other prices
// are not known: committed capacity (OpenAI's scale tier, Anthropic's priority tier, Bedrock's reserved one) is not
// paid by the token, and Bedrock publishes its premium for priority by model and region.
//
// Sources. OpenAI: https://developers.openai.com/api/docs/pricing, and
// https://developers.openai.com/api/docs/guides/flex-processing ("priced at Batch API rates"). Anthropic:
// https://platform.claude.com/docs/en/build-with-claude/batch-processing. Google:
// https://ai.google.dev/gemini-api/docs/optimization and /pricing. Azure:
// https://learn.microsoft.com/azure/ai-services/openai/how-to/batch. Bedrock:
// https://docs.aws.amazon.com/bedrock/latest/userguide/capacity-limits-cost-optimization.html. Groq:
// https://console.groq.com/docs/flex-processing. The figures by model (priority, cache reads) are those of the pricing
// pages as LiteLLM 1.110.2 (MIT, model_prices_and_context_window.json) has them.
var publishedTiers = []struct {
	provider string // of the book
	tier     usage.Tier
	models   []string // nil: all
	factors  *tierFactors
}{
	{"openai", usage.TierBatch, []string{"gpt-3.5-turbo-1106$"}, same(1, 1)},
	{"openai", usage.TierBatch, nil, same(1, 2)},
	{"openai", usage.TierFlex, nil, same(1, 2)},
	{"openai", usage.TierPriority, []string{"gpt-4o$"}, same(17, 10)},
	{"openai", usage.TierPriority, []string{"gpt-4o-mini$"}, same(5, 3)},
	{"openai", usage.TierPriority, []string{"gpt-4o-2024-05-13$", "gpt-4.1$", "gpt-4.1-mini$", "o3$", "o3-2025-04-16$"}, same(7, 4)},
	{"openai", usage.TierPriority, []string{"o4-mini$"}, same(20, 11)},
	{"openai", usage.TierPriority, []string{"gpt-5-mini$"}, same(9, 5)},
	{"openai", usage.TierPriority, []string{"gpt-5.5$"}, same(5, 2)},
	{"openai", usage.TierPriority, []string{
		"gpt-4.1-nano$", "gpt-5$", "gpt-5.1$", "gpt-5.2$", "gpt-5.3-codex$", "gpt-5.4$", "gpt-5.4-mini$", "gpt-5.6-luna$", "gpt-5.6-sol$",
		"gpt-5.6-terra$", "gpt-6-astra$", "gpt-6-luna$", "gpt-6-sol$",
	}, same(2, 1)},
	{"anthropic", usage.TierBatch, nil, same(1, 2)},
	{"azure", usage.TierBatch, nil, same(1, 2)},
	{"aws", usage.TierBatch, nil, same(1, 2)},
	{"google", usage.TierBatch, cacheAsStandard, &tierFactors{all: factor{1, 2}}},
	{"google", usage.TierFlex, cacheAsStandard, &tierFactors{all: factor{1, 2}}},
	{"google", usage.TierBatch, []string{"gemini-"}, same(1, 2)},
	{"google", usage.TierFlex, []string{"gemini-"}, same(1, 2)},
	{"google", usage.TierPriority, []string{"gemini-2.5", "gemini-3", "gemini-4"}, same(9, 5)},
	{"groq", usage.TierFlex, nil, same(1, 1)},
}

// cacheAsStandard are the Gemini models whose cache reads cost the same in every cheaper tier.
var cacheAsStandard = []string{"gemini-1", "gemini-2", "gemini-3-", "gemini-3.1"}

// publishedFactors returns what a tier of a model of the book is charged at; nil where it is not known.
func (f *found) publishedFactors(tier usage.Tier) *tierFactors {
	for i := range publishedTiers {
		p := &publishedTiers[i]
		if p.provider == f.provider.ID && p.tier == tier && (p.models == nil || anyModel(p.models, f.model.ID)) {
			return p.factors
		}
	}
	return nil
}

func anyModel(patterns []string, model string) bool {
	for _, p := range patterns {
		if whole, is := strings.CutSuffix(p, "$"); (is && model == whole) || (!is && strings.HasPrefix(model, p)) {
			return true
		}
	}
	return false
}

// priced has the rates and factors that apply to one call.
type priced struct {
	rates     *rates
	own       *ownPrice // the operator's own price, else
	published *found
	factors   *tierFactors // of the service tier; nil: the rates are as they are
	tierKnown bool         // of a call of a charged tier: its price is known; without, the rates are those of the standard tier
}

// inTier adds what a service tier with prices of its own changes.
func (p *priced) inTier(k *candidates, t usage.Tier) {
	if p.own != nil {
		if own := p.own.tiers[t]; own != nil {
			p.tierKnown = true
			if p.factors = own.factors; own.rates != nil {
				p.rates = own.rates
			}
			return
		}
	}
	for _, f := range append([]*found{p.published}, k.published...) {
		if f == nil || p.rates == nil {
			continue
		}
		if p.factors = f.publishedFactors(t); p.factors != nil {
			p.tierKnown = true
			return
		}
	}
}

// PricesTier reports whether the price of a call's service tier is known. Where it is not, Price returns what the call
// costs in the standard tier. It is true where the call has no price at all.
func (b *Book) PricesTier(c *usage.Call) bool {
	if !charged(c.Tier) {
		return true
	}
	p := b.pricedFor(c)
	return p.rates == nil || p.tierKnown
}

// maxFactor bounds the factors of own prices.
const maxFactor = 100

// ownFactor reads a factor of an own price, exact to six places; false for what is none.
func ownFactor(v float64) (factor, bool) {
	const millionths = 1_000_000
	if math.IsNaN(v) || v < 0 || v > maxFactor {
		return factor{}, false
	}
	return factor{int64(math.Round(v * millionths)), millionths}, true
}

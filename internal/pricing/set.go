package pricing

import (
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Over returns a book in which further prices of the operator's own go before those that the book has, whatever the days
// from which they hold: of the further ones that fit a call and hold at its time the one that begins last, of those the
// first.
func (b *Book) Over(set []Override) (*Book, error) {
	if len(set) == 0 {
		return b, nil
	}
	over, err := b.With(set)
	if err != nil {
		return nil, err
	}
	over.version = b.version + " + set " + strings.TrimPrefix(over.version, b.version+" + own ")
	over.own = append(over.own, b.own...)
	return over, nil
}

// OwnID is the id of the operator's own price that a call is priced by; "" where it is priced by another or not at all.
func (b *Book) OwnID(c *usage.Call) string {
	if p := b.pricedFor(c); p.own != nil {
		return p.own.ID
	}
	return ""
}

// Date is the day on which the published prices came out; zero where it is not known.
func (b *Book) Date() time.Time { return b.date }

// Models returns the published prices of all models that hold at a time, by provider and model. Models without a price at
// that time are left out.
func (b *Book) Models(at time.Time) []Quote {
	var out []Quote
	for i := range b.providers {
		p := &b.providers[i]
		for j := range p.Models {
			if r := p.Models[j].at(at); r != nil {
				out = append(out, quoteOf(r, nil, &found{p, &p.Models[j]}, at))
			}
		}
	}
	return out
}

// TierFactor is what a service tier of some models multiplies their rates by.
type TierFactor struct {
	Provider  string     // of the book
	Tier      usage.Tier //
	Models    []string   // beginnings of names; one that ends with "$" is a whole name; none: all models of the provider
	Factor    string     // a decimal number with at most four places
	CacheRead string     // that of cache reads
}

// TierFactors lists the published factors of service tiers; of several that fit a model the first holds.
func TierFactors() []TierFactor {
	out := make([]TierFactor, 0, len(publishedTiers))
	for i := range publishedTiers {
		p := &publishedTiers[i]
		out = append(out, TierFactor{p.provider, p.tier, slices.Clone(p.models), p.factors.all.String(), p.factors.cacheRead.String()})
	}
	return out
}

// Check returns what is wrong with a price of the operator's own, by the name of the setting.
func Check(o Override) error {
	_, err := newOwnPrice(o)
	return err
}

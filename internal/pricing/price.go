package pricing

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// providerIDs are the book's names of providers where they differ from the GenAI conventions'.
var providerIDs = map[string]string{
	"gcp.gemini": "google", "gcp.vertex_ai": "google", "gcp.gen_ai": "google", "aws.bedrock": "aws",
	"azure.ai.openai": "azure", "azure.ai.inference": "azure", "x_ai": "x-ai", "mistral_ai": "mistral", "moonshot_ai": "moonshotai",
}

// Price says what a call costs by the book; false where it has no price for it.
func (b *Book) Price(c *usage.Call) (usage.NanoUSD, bool) {
	if !c.Tokens.Reported() {
		return 0, false
	}
	for i := range b.overrides {
		if o := &b.overrides[i]; o.fits(c) {
			return o.rates.cost(&c.Tokens)
		}
	}
	for _, name := range []string{c.Model, c.RequestModel} {
		if m := b.find(c.Provider, name); m != nil {
			if r := m.at(c.Start); r != nil {
				return r.cost(&c.Tokens)
			}
		}
	}
	return 0, false
}

// maxCached bounds the names whose models are remembered: names are hostile text.
const maxCached = 10_000

func (b *Book) find(providerName, name string) *model {
	if name == "" {
		return nil
	}
	k := cacheKey{providerName, name}
	b.mu.Lock()
	defer b.mu.Unlock()
	if m, known := b.cache[k]; known {
		return m
	}
	if len(b.cache) >= maxCached {
		clear(b.cache)
	}
	m := b.search(strings.ToLower(providerName), strings.ToLower(name))
	b.cache[k] = m
	return m
}

// search finds a model under its provider, else under those that the provider passes on. Only
// where the provider is not known at all, the model's name tells whose it is.
func (b *Book) search(providerName, name string) *model {
	names := []string{name}
	if _, bare, ok := strings.Cut(name, "/"); ok { // models/gemini-2.5-flash, openai/gpt-4o
		names = append(names, bare)
	}
	p := b.provider(providerName)
	for _, n := range names {
		switch {
		case p != nil:
			if m := p.model(n); m != nil {
				return m
			}
			for _, id := range p.Fallback {
				if other := b.byID[id]; other != nil {
					if m := other.model(n); m != nil {
						return m
					}
				}
			}
		case providerName == "":
			for i := range b.providers {
				if b.providers[i].ModelMatch.fits(n) {
					if m := b.providers[i].model(n); m != nil {
						return m
					}
				}
			}
		}
	}
	return nil
}

func (b *Book) provider(name string) *provider {
	if name == "" {
		return nil
	}
	if id, ok := providerIDs[name]; ok {
		name = id
	}
	if p := b.byID[name]; p != nil {
		return p
	}
	for i := range b.providers {
		if b.providers[i].ProviderMatch.fits(name) {
			return &b.providers[i]
		}
	}
	return nil
}

// cost sums the parts of a call's tokens at their rates; false where a part has tokens and no
// rate. Cache reads and writes without a rate of their own cost what input costs, reasoning what
// output costs.
func (r *rates) cost(t *usage.Tokens) (usage.NanoUSD, bool) {
	or := func(a, b rate) rate {
		if a.known {
			return a
		}
		return b
	}
	total := t.Input()
	sum, product := new(big.Int), new(big.Int)
	for _, part := range []struct {
		tokens int64
		rate   rate
	}{
		{t.InputUncached, r.Input}, {t.CacheRead, or(r.CacheRead, r.Input)}, {t.CacheWrite, or(r.CacheWrite, r.Input)},
		{t.OutputText, r.Output}, {t.Reasoning, or(r.Reasoning, r.Output)},
	} {
		if part.tokens == 0 {
			continue
		}
		if !part.rate.known {
			return 0, false
		}
		sum.Add(sum, product.Mul(big.NewInt(part.tokens), big.NewInt(part.rate.at(total))))
	}
	if !r.Input.known && !r.Output.known {
		return 0, false
	}
	if r.Requests.known { // per thousand, where rates are read as per million
		sum.Add(sum, big.NewInt(r.Requests.base*1000))
	}
	const half, nano = 500, 1000 // 10^-12 USD to 10^-9
	sum.Add(sum, big.NewInt(half)).Quo(sum, big.NewInt(nano))
	if !sum.IsInt64() {
		return 0, false
	}
	return usage.NanoUSD(sum.Int64()), true
}

// Empty is a book without prices, to be filled by With.
func Empty() *Book { return &Book{version: "none", cache: map[cacheKey]*model{}} }

// Override is a price of the operator's own, in USD per million tokens.
type Override struct {
	Provider string    // GenAI name; "" is any
	Model    string    // name, with * for any letters
	From     time.Time // calls from then on; zero is always

	Input, Output float64
	// CacheRead and CacheWrite are what Input is where they are nil.
	CacheRead, CacheWrite *float64
}

type override struct {
	provider, model string
	from            time.Time
	rates           rates
}

func (o *override) fits(c *usage.Call) bool {
	if (o.provider != "" && o.provider != strings.ToLower(c.Provider)) || c.Start.Before(o.from) {
		return false
	}
	for _, name := range []string{c.Model, c.RequestModel} {
		if ok, _ := path.Match(o.model, strings.ToLower(name)); ok && name != "" { // the pattern was checked
			return true
		}
	}
	return false
}

// With gives a book in which the operator's own prices go before the published ones; among several
// that fit a call, the one that begins last.
func (b *Book) With(own []Override) (*Book, error) {
	out := &Book{version: b.version, providers: b.providers, byID: b.byID, cache: map[cacheKey]*model{}}
	for _, o := range own {
		if o.Model == "" {
			return nil, errors.New("an own price names no model")
		}
		if _, err := path.Match(o.Model, ""); err != nil {
			return nil, fmt.Errorf("own price of %q: %w", o.Model, err)
		}
		add := override{provider: strings.ToLower(o.Provider), model: strings.ToLower(o.Model), from: o.From}
		for _, p := range []struct {
			usd  *float64
			into *rate
		}{{&o.Input, &add.rates.Input}, {&o.Output, &add.rates.Output}, {o.CacheRead, &add.rates.CacheRead}, {o.CacheWrite, &add.rates.CacheWrite}} {
			if p.usd == nil {
				continue
			}
			text, err := json.Marshal(*p.usd)
			if err != nil {
				return nil, fmt.Errorf("own price of %q: %w", o.Model, errPrice)
			}
			if err := p.into.UnmarshalJSON(text); err != nil {
				return nil, fmt.Errorf("own price of %q: %w", o.Model, err)
			}
		}
		out.overrides = append(out.overrides, add)
	}
	slices.SortStableFunc(out.overrides, func(a, b override) int { return b.from.Compare(a.from) })
	if len(own) > 0 {
		out.version += " with own prices"
	}
	return out, nil
}

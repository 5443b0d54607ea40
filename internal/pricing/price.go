package pricing

import (
	"regexp"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// providerIDs are the book's names of providers where the GenAI conventions' names would lead to
// another one or to none.
var providerIDs = map[string]string{
	"gcp.gemini": "google", "gcp.vertex_ai": "google", "gcp.gen_ai": "google", "aws.bedrock": "aws",
	"azure.ai.openai": "azure", "azure.ai.inference": "azure", "x_ai": "x-ai", "mistral_ai": "mistral", "moonshot_ai": "moonshotai",
}

// name is who a call was made to, as its telemetry reports it.
type name struct {
	provider, model, requestModel string
	configured                    bool // the provider is a name from a gateway's configuration
}

// candidates are the prices that can hold for a name, whatever the time.
type candidates struct {
	own       []*ownPrice // the one that begins last first
	published []*found    // of the model that answered, then of the one that was asked for
}

// found is a model of the book.
type found struct {
	provider *provider
	model    *model
}

// Price says what a call costs by the book; false where it has no price for it.
func (b *Book) Price(c *usage.Call) (usage.NanoUSD, bool) {
	if !c.Tokens.Reported() {
		return 0, false
	}
	p := b.pricedFor(c)
	if p.rates == nil {
		return 0, false
	}
	return p.rates.cost(c, p.factors)
}

// pricedFor returns what holds for a call; its rates are nil where the call has no price.
func (b *Book) pricedFor(c *usage.Call) priced {
	k := b.candidates(name{c.Provider, c.Model, c.RequestModel, c.Quality&usage.ConfiguredProvider != 0})
	p := k.at(c.Start)
	if charged(c.Tier) {
		p.inTier(k, c.Tier)
	}
	return p
}

// at returns what holds at a time in the standard tier.
func (k *candidates) at(t time.Time) priced {
	for _, o := range k.own {
		if !t.Before(o.From) {
			return priced{rates: &o.rates, own: o}
		}
	}
	for _, f := range k.published {
		if r := f.model.at(t); r != nil {
			return priced{rates: r, published: f}
		}
	}
	return priced{}
}

// maxCached bounds the names whose prices are remembered: names are hostile text.
const maxCached = 10_000

func (b *Book) candidates(n name) *candidates {
	b.mu.RLock()
	k := b.cache[n]
	b.mu.RUnlock()
	if k != nil {
		return k
	}
	k = &candidates{}
	provider := strings.ToLower(strings.TrimSpace(n.provider))
	models := []string{strings.ToLower(strings.TrimSpace(n.model))}
	if n.requestModel != n.model {
		models = append(models, strings.ToLower(strings.TrimSpace(n.requestModel)))
	}
	for i := range b.own {
		if b.own[i].fits(provider, models) {
			k.own = append(k.own, &b.own[i])
		}
	}
	known := provider
	if n.configured && b.provider(provider) == nil {
		known = "" // the model's name decides
	}
	for _, m := range models {
		if f := b.search(known, m); f != nil {
			k.published = append(k.published, f)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.cache) >= maxCached {
		clear(b.cache)
	}
	b.cache[n] = k
	return k
}

// search finds a model, first by its name as it is, then without the part before the first slash
// (models/gemini-2.5-flash, openai/gpt-4o).
func (b *Book) search(providerName, model string) *found {
	if model == "" {
		return nil
	}
	if f := b.lookUp(providerName, model); f != nil {
		return f
	}
	if _, bare, ok := strings.Cut(model, "/"); ok && bare != "" {
		return b.lookUp(providerName, bare)
	}
	return nil
}

// lookUp finds a model as genai-prices does: under its provider, else under those whose models the
// provider passes on, first by its name as it is, then with its date written another way. Where the
// provider is not reported, the model's name says whose it is. A provider that the book does not have
// has no prices in it.
func (b *Book) lookUp(providerName, model string) *found {
	// LiteLLM names the provider before the model.
	if providerName == "litellm" {
		if before, after, ok := strings.Cut(model, "/"); ok && before != "" && after != "" && b.provider(before) != nil {
			providerName, model = before, after
		} else if b.provider(providerName) == nil {
			providerName = ""
		}
	}
	p := b.provider(providerName)
	if p == nil && providerName == "" {
		for i := range b.providers {
			if b.providers[i].ModelMatch.fits(model) {
				p = &b.providers[i]
				break
			}
		}
	}
	if p == nil {
		return nil
	}
	if f := b.under(p, model); f != nil {
		return f
	}
	if dated := spreadDates(model); dated != model {
		return b.under(p, dated)
	}
	return nil
}

// under finds a model under a provider, else under those whose models it passes on.
func (b *Book) under(p *provider, model string) *found {
	if m := p.model(model); m != nil {
		return &found{p, m}
	}
	for _, id := range p.Fallback {
		if other := b.byID[id]; other != nil {
			if m := other.model(model); m != nil {
				return &found{other, m}
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

// compactDate matches a date without hyphens in a model's name, with what ends it.
var compactDate = regexp.MustCompile(`-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(-|:|$)`)

// spreadDates writes gpt-4o-20240806 as gpt-4o-2024-08-06. Anything else stays as it is.
func spreadDates(model string) string {
	for at := 0; at < len(model); {
		m := compactDate.FindStringSubmatchIndex(model[at:])
		if m == nil {
			break
		}
		date := model[at+m[2] : at+m[7]]
		end := at + m[7]
		if t, err := time.Parse("20060102", date); err == nil {
			spread := t.Format(time.DateOnly)
			model = model[:at+m[2]] + spread + model[end:]
			end += len(spread) - len(date)
		}
		at = end
	}
	return model
}

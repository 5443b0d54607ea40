package pricing

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// Override is a price of the operator's own, in USD per million tokens.
type Override struct {
	ID       string    // names it where it is stored; not part of the price
	Provider string    // GenAI name; "" is any
	Model    string    // name of the answering or requested model; * matches any letters
	From     time.Time // calls that started then or later; zero is always
	Rates    Amounts
	Tiers    []OverrideTier
	Request  *float64 // USD per request, whatever its tokens
	// ServiceTiers are the prices of service tiers, by name: batch, flex, priority, scale or other. A tier that is not
	// there has the published factor of the model, where there is one.
	ServiceTiers map[string]OverrideServiceTier
}

// OverrideServiceTier sets the prices of a service tier: a factor on all rates, or rates. Kinds that have no rate
// here keep theirs. Set one of the two.
type OverrideServiceTier struct {
	Factor *float64 // 0 to 100
	Rates  Amounts  // whatever the size of the input
}

// Amounts are USD per million tokens; nil is no price of its own, see kinds: what lies within
// another kind costs what that one costs, and input and output tokens without a price make a call
// unpriced.
type Amounts struct {
	Input, Output, CacheRead, CacheWrite, CacheWrite1h, Reasoning *float64

	AudioInput, AudioCacheRead, AudioOutput, ImageInput, ImageCacheRead, ImageOutput *float64
}

// OverrideTier are the prices of calls whose total input is more than Above tokens; they hold for all
// of the call. A kind that has none keeps the price of the tier before.
type OverrideTier struct {
	Above int64
	Rates Amounts
}

func (a *Amounts) each(visit func(kind, *float64)) {
	for k, v := range [kindCount]*float64{
		cacheWrite1h: a.CacheWrite1h, cacheAudioRead: a.AudioCacheRead, cacheImageRead: a.ImageCacheRead, cacheRead: a.CacheRead,
		cacheWrite: a.CacheWrite, inputAudio: a.AudioInput, inputImage: a.ImageInput, input: a.Input, reasoning: a.Reasoning,
		outputAudio: a.AudioOutput, outputImage: a.ImageOutput, output: a.Output,
	} {
		if v != nil {
			visit(kind(k), v)
		}
	}
}

// ownPrice is an Override, ready for use.
type ownPrice struct {
	Override
	provider, model string // in lower case; provider as the book names it
	rates           rates
	tiers           map[usage.Tier]*ownTier
}

// ownTier is an OverrideServiceTier, ready for use: one of the two is there.
type ownTier struct {
	factors *tierFactors
	rates   *rates
}

// newOwnTiers reads the service tiers of an own price.
func newOwnTiers(o *Override) (map[usage.Tier]*ownTier, error) {
	out := map[usage.Tier]*ownTier{}
	for name, s := range o.ServiceTiers {
		where := fmt.Sprintf("service_tiers: %s", name)
		tier, known := usage.TierNamed(name)
		if !known || !charged(tier) {
			return nil, fmt.Errorf("%s: name batch, flex, priority, scale or other", where)
		}
		some := false
		s.Rates.each(func(kind, *float64) { some = true })
		if some == (s.Factor != nil) {
			return nil, fmt.Errorf("%s: set either factor or prices", where)
		}
		if s.Factor != nil {
			f, ok := ownFactor(*s.Factor)
			if !ok {
				return nil, fmt.Errorf("%s: factor must be a number from 0 to %d", where, maxFactor)
			}
			out[tier] = &ownTier{factors: &tierFactors{f, f}}
			continue
		}
		p, err := newOwnPrice(Override{Model: o.Model, Rates: s.Rates.over(o.Rates), Request: o.Request})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
		out[tier] = &ownTier{rates: &p.rates}
	}
	return out, nil
}

// over returns the amounts, with the amounts of base for the kinds that have none.
func (a Amounts) over(base Amounts) Amounts {
	for _, p := range [...][2]**float64{
		{&a.Input, &base.Input}, {&a.Output, &base.Output}, {&a.CacheRead, &base.CacheRead}, {&a.CacheWrite, &base.CacheWrite},
		{&a.CacheWrite1h, &base.CacheWrite1h}, {&a.Reasoning, &base.Reasoning}, {&a.AudioInput, &base.AudioInput},
		{&a.AudioCacheRead, &base.AudioCacheRead}, {&a.AudioOutput, &base.AudioOutput}, {&a.ImageInput, &base.ImageInput},
		{&a.ImageCacheRead, &base.ImageCacheRead}, {&a.ImageOutput, &base.ImageOutput},
	} {
		if *p[0] == nil {
			*p[0] = *p[1]
		}
	}
	return a
}

// newOwnPrice checks an override and returns it ready for use. The error is the first problem, by the name of the setting.
func newOwnPrice(o Override) (p ownPrice, err error) {
	if strings.TrimSpace(o.Model) == "" {
		return p, errors.New(`model is missing; name the model, or "*" for all`)
	}
	p = ownPrice{Override: o, provider: ownProvider(o.Provider), model: strings.ToLower(strings.TrimSpace(o.Model))}
	var r ratesReader
	r.readRates(&o.Rates)
	r.readTiers(o.Tiers)
	r.requireWholes()
	for k, t := range r.priced {
		if t != nil {
			p.rates.set(kind(k), *t)
		}
	}
	p.rates.request = r.readRequest(o.Request)
	if r.err != nil {
		return p, r.err
	}
	p.tiers, err = newOwnTiers(&o)
	return p, err
}

// ratesReader reads the rates of an override, and keeps the first problem.
type ratesReader struct {
	priced [kindCount]*tiered
	err    error
}

func (r *ratesReader) wrong(what string, e error) {
	if r.err == nil {
		r.err = fmt.Errorf("%s: %w", what, e)
	}
}

func (r *ratesReader) readRates(a *Amounts) {
	a.each(func(k kind, usd *float64) {
		rate, e := ownRate(*usd)
		if e != nil {
			r.wrong(kinds[k].name, e)
		}
		r.priced[k] = &tiered{base: rate}
	})
	if r.priced[input] == nil && r.priced[output] == nil {
		r.wrong("input", errors.New("set input and output, in USD per million tokens; 0 is free of charge"))
	}
}

func (r *ratesReader) readTiers(tiers []OverrideTier) {
	for i, t := range tiers {
		where := fmt.Sprintf("tiers[%d]", i)
		if t.Above <= 0 || (i > 0 && t.Above <= tiers[i-1].Above) {
			r.wrong(where, errors.New("above must be a number of input tokens, larger than that of the tier before"))
		}
		some := false
		t.Rates.each(func(k kind, usd *float64) {
			some = true
			rate, e := ownRate(*usd)
			switch {
			case e != nil:
				r.wrong(where+": "+kinds[k].name, e)
			case r.priced[k] == nil:
				r.wrong(where, fmt.Errorf("%s has no price below the tier; set one beside the tiers", kinds[k].name))
			default:
				r.priced[k].tiers = append(r.priced[k].tiers, Tier{t.Above, rate})
			}
		})
		if !some {
			r.wrong(where, errors.New("it has no price"))
		}
	}
}

// requireWholes requires a price of each kind that contains a priced one, and of the kind that is in two priced ones.
func (r *ratesReader) requireWholes() {
	for k, t := range r.priced {
		if t == nil {
			continue
		}
		for _, whole := range kinds[k].within {
			if (whole == input || whole == output) && r.priced[whole] == nil {
				r.wrong(kinds[k].name, fmt.Errorf("needs a price of %s beside it", kinds[whole].name))
			}
		}
	}
	for _, both := range []struct{ medium, cached kind }{{inputAudio, cacheAudioRead}, {inputImage, cacheImageRead}} {
		if r.priced[both.medium] != nil && r.priced[cacheRead] != nil && r.priced[both.cached] == nil {
			r.wrong(kinds[both.cached].name, fmt.Errorf("is needed where %s and cache_read have prices: which of the two would hold?", kinds[both.medium].name))
		}
	}
}

// readRequest returns the price of a request in 10^-18 USD.
func (r *ratesReader) readRequest(usd *float64) Rate {
	if usd == nil {
		return 0
	}
	rate, e := ownRate(*usd)
	switch {
	case e != nil:
		r.wrong("request", e)
	case *usd > maxRequest:
		r.wrong("request", errors.New("must be at most 1 USD"))
	}
	return rate * perMillion
}

const (
	maxRequest = 1         // USD
	perMillion = 1_000_000 // from a Rate to 10^-18 USD
)

func ownRate(usd float64) (Rate, error) { return parseRate(strconv.FormatFloat(usd, 'f', -1, 64)) }

// ownProvider returns the one name that represents all names of a provider: prices of "google" hold for
// gcp.gemini too.
func ownProvider(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if id, ok := providerIDs[name]; ok {
		return id
	}
	return name
}

// fits reports whether the price is for one of a call's models, whatever the time. Names are in lower case.
func (p *ownPrice) fits(provider string, models []string) bool {
	if p.provider != "" && p.provider != ownProvider(provider) {
		return false
	}
	return slices.ContainsFunc(models, func(m string) bool { return m != "" && like(p.model, m) })
}

// Fits reports whether the provider ("" is any) and the model's name of an Override are for a call of a provider and a model.
func Fits(provider, model, ofProvider, ofModel string) bool {
	p := ownPrice{provider: ownProvider(provider), model: strings.ToLower(model)}
	return p.fits(ofProvider, []string{strings.ToLower(ofModel)})
}

// like reports whether a text matches a pattern in which * matches any letters, also none.
func like(pattern, text string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	text = text[len(first):]
	for {
		part, more, again := strings.Cut(rest, "*")
		if !again {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], more
	}
}

// With returns a book in which the operator's own prices go before the published ones; of several that
// fit a call the one that begins last, of those the first.
func (b *Book) With(own []Override) (*Book, error) {
	out := &Book{
		version: b.version, source: b.source, date: b.date, providers: b.providers, byID: b.byID, cache: map[name]*candidates{},
	}
	if len(own) == 0 {
		return out, nil
	}
	digest := sha256.New()
	for i, o := range own {
		p, err := newOwnPrice(o)
		if err != nil {
			return nil, fmt.Errorf("own price %d (%s): %w", i+1, cmp.Or(o.Model, "no model"), err)
		}
		_, _ = fmt.Fprintf(digest, "%q %q %d %v\n", p.provider, p.model, p.From.UnixNano(), p.rates)
		for _, name := range slices.Sorted(maps.Keys(o.ServiceTiers)) {
			t, _ := usage.TierNamed(name)
			if own := p.tiers[t]; own.rates != nil {
				_, _ = fmt.Fprintf(digest, "%s %v\n", name, *own.rates)
			} else {
				_, _ = fmt.Fprintf(digest, "%s %v\n", name, *own.factors)
			}
		}
		out.own = append(out.own, p)
	}
	slices.SortStableFunc(out.own, func(a, b ownPrice) int { return b.From.Compare(a.From) })
	out.version += " + own " + hex.EncodeToString(digest.Sum(nil)[:4])
	return out, nil
}

// Own returns the operator's own prices, those that go first first.
func (b *Book) Own() []Quote {
	out := make([]Quote, 0, len(b.own))
	for i := range b.own {
		out = append(out, quoteOf(&b.own[i].rates, &b.own[i], nil, time.Time{}))
	}
	return out
}

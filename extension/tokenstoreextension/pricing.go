package tokenstoreextension

import (
	"fmt"
	"time"

	"github.com/tokenboard/tokenboard/internal/pricing"
)

// Pricing says how calls get their cost.
type Pricing struct {
	// Book uses the published prices that are part of the binary.
	Book bool `mapstructure:"book"`
	// Prefer is "computed" or "reported": which cost is shown where telemetry reports one too.
	Prefer string `mapstructure:"prefer"`
	// Overrides are prices of one's own; they go before the published ones.
	Overrides []PriceOverride `mapstructure:"overrides"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// PriceOverride is a price of one's own.
type PriceOverride struct {
	// Provider is the GenAI name of the provider (openai, anthropic, gcp.gemini); empty is any.
	Provider string `mapstructure:"provider"`
	// Model is the model's name; * matches any letters.
	Model string `mapstructure:"model"`
	// From is the day (2026-01-31, UTC) or the RFC 3339 time from which it holds; not set is always. It
	// is a text, or the time that YAML makes of a day without quotation marks.
	From any `mapstructure:"from"`
	// Amounts are the prices below all tiers.
	Amounts `mapstructure:",squash"`
	// Tiers are prices of calls with more input.
	Tiers []PriceTier `mapstructure:"tiers"`
	// Request is USD for each request, whatever its tokens.
	Request *float64 `mapstructure:"request"`
	// ServiceTiers are prices of service tiers: batch, flex, priority, scale or other.
	ServiceTiers map[string]ServiceTier `mapstructure:"service_tiers"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Amounts are prices in USD per million tokens. A kind of token that has none costs what the kind it
// is part of costs; input and output without a price make a call with such tokens unpriced.
type Amounts struct {
	// Input is for prompt tokens.
	Input *float64 `mapstructure:"input"`
	// Output is for generated tokens.
	Output *float64 `mapstructure:"output"`
	// CacheRead is for input tokens read from a cache.
	CacheRead *float64 `mapstructure:"cache_read"`
	// CacheWrite is for input tokens written to a cache.
	CacheWrite *float64 `mapstructure:"cache_write"`
	// CacheWrite1h is for input tokens written to a cache that keeps them for an hour.
	CacheWrite1h *float64 `mapstructure:"cache_write_1h"`
	// Reasoning is for output tokens that are reasoning.
	Reasoning *float64 `mapstructure:"reasoning"`
	// AudioInput and the rest are for tokens that are not text.
	AudioInput     *float64 `mapstructure:"audio_input"`
	AudioCacheRead *float64 `mapstructure:"audio_cache_read"`
	AudioOutput    *float64 `mapstructure:"audio_output"`
	ImageInput     *float64 `mapstructure:"image_input"`
	ImageCacheRead *float64 `mapstructure:"image_cache_read"`
	ImageOutput    *float64 `mapstructure:"image_output"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// PriceTier has the prices of calls whose total input is larger; they apply to the whole call.
type PriceTier struct {
	// Above is the number of input tokens, cache included, above which they hold.
	Above int64 `mapstructure:"above"`
	// Amounts are the prices that change.
	Amounts `mapstructure:",squash"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// ServiceTier sets the prices of a service tier: a factor on the model's prices, or prices.
type ServiceTier struct {
	// Factor multiplies all prices; 0.5 is half of them.
	Factor *float64 `mapstructure:"factor"`
	// Amounts are prices, whatever the size of the input. A kind that has none here keeps its price.
	Amounts `mapstructure:",squash"`
	// prevent unkeyed literal initialization
	_ struct{}
}

// Which cost is shown where telemetry reports one and the book has one.
const (
	preferComputed = "computed"
	preferReported = "reported"
)

func (a *Amounts) rates() pricing.Amounts {
	return pricing.Amounts{
		Input: a.Input, Output: a.Output, CacheRead: a.CacheRead, CacheWrite: a.CacheWrite, CacheWrite1h: a.CacheWrite1h,
		Reasoning: a.Reasoning, AudioInput: a.AudioInput, AudioCacheRead: a.AudioCacheRead, AudioOutput: a.AudioOutput,
		ImageInput: a.ImageInput, ImageCacheRead: a.ImageCacheRead, ImageOutput: a.ImageOutput,
	}
}

// book makes the price book of the configuration.
func (p *Pricing) book() (*pricing.Book, error) {
	published, own, err := p.read()
	if err != nil {
		return nil, err
	}
	book, err := published.With(own)
	if err != nil {
		return nil, fmt.Errorf("pricing: %w", err)
	}
	return book, nil
}

// read returns the published prices and the configured ones.
func (p *Pricing) read() (published *pricing.Book, own []pricing.Override, err error) {
	for i := range p.Overrides {
		o := &p.Overrides[i]
		from, err := since(o.From)
		if err != nil {
			return nil, nil, fmt.Errorf("pricing: own price %d (%s): from: %w", i+1, o.Model, err)
		}
		add := pricing.Override{Provider: o.Provider, Model: o.Model, From: from, Rates: o.rates(), Request: o.Request}
		for j := range o.Tiers {
			add.Tiers = append(add.Tiers, pricing.OverrideTier{Above: o.Tiers[j].Above, Rates: o.Tiers[j].rates()})
		}
		for name := range o.ServiceTiers {
			if add.ServiceTiers == nil {
				add.ServiceTiers = map[string]pricing.OverrideServiceTier{}
			}
			s := o.ServiceTiers[name]
			add.ServiceTiers[name] = pricing.OverrideServiceTier{Factor: s.Factor, Rates: s.rates()}
		}
		own = append(own, add)
	}
	published = pricing.Empty()
	if p.Book {
		if published, err = pricing.Default(); err != nil {
			return nil, nil, fmt.Errorf("pricing: %w", err)
		}
	}
	return published, own, nil
}

// since reads the time from which a price holds.
func since(v any) (time.Time, error) {
	if t, is := v.(time.Time); is {
		return t.UTC(), nil
	}
	if v == nil || v == "" {
		return time.Time{}, nil
	}
	s := fmt.Sprint(v)
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a day such as 2026-01-31 nor an RFC 3339 time", s)
}

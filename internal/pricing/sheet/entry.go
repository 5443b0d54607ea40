// Package sheet reads and writes lists of the operator's own prices: as YAML in the words of the configuration, as CSV, and
// in the JSON form of LiteLLM's price list. It reads strictly and within limits: what it does not know or cannot keep
// makes it refuse the sheet, and says where.
package sheet

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tokenboard/tokenboard/internal/pricing"
)

// Limits of what is read.
const (
	MaxBytes   = 8 << 20
	MaxEntries = 5_000
	maxTiers   = 20
	maxName    = 300 // characters of a model's or provider's name
	maxNote    = 500
)

// Amounts are prices in USD per million tokens. A kind that has none costs what the kind costs that it is part of.
type Amounts struct {
	Input          *float64 `json:"input,omitempty" yaml:"input,omitempty"`
	Output         *float64 `json:"output,omitempty" yaml:"output,omitempty"`
	CacheRead      *float64 `json:"cache_read,omitempty" yaml:"cache_read,omitempty"`
	CacheWrite     *float64 `json:"cache_write,omitempty" yaml:"cache_write,omitempty"`
	CacheWrite1h   *float64 `json:"cache_write_1h,omitempty" yaml:"cache_write_1h,omitempty"`
	Reasoning      *float64 `json:"reasoning,omitempty" yaml:"reasoning,omitempty"`
	AudioInput     *float64 `json:"audio_input,omitempty" yaml:"audio_input,omitempty"`
	AudioCacheRead *float64 `json:"audio_cache_read,omitempty" yaml:"audio_cache_read,omitempty"`
	AudioOutput    *float64 `json:"audio_output,omitempty" yaml:"audio_output,omitempty"`
	ImageInput     *float64 `json:"image_input,omitempty" yaml:"image_input,omitempty"`
	ImageCacheRead *float64 `json:"image_cache_read,omitempty" yaml:"image_cache_read,omitempty"`
	ImageOutput    *float64 `json:"image_output,omitempty" yaml:"image_output,omitempty"`
}

// kinds lists the kinds of token in the order of a CSV's columns.
var kinds = []struct {
	name string
	of   func(*Amounts) **float64
}{
	{"input", func(a *Amounts) **float64 { return &a.Input }},
	{"output", func(a *Amounts) **float64 { return &a.Output }},
	{"cache_read", func(a *Amounts) **float64 { return &a.CacheRead }},
	{"cache_write", func(a *Amounts) **float64 { return &a.CacheWrite }},
	{"cache_write_1h", func(a *Amounts) **float64 { return &a.CacheWrite1h }},
	{"reasoning", func(a *Amounts) **float64 { return &a.Reasoning }},
	{"audio_input", func(a *Amounts) **float64 { return &a.AudioInput }},
	{"audio_cache_read", func(a *Amounts) **float64 { return &a.AudioCacheRead }},
	{"audio_output", func(a *Amounts) **float64 { return &a.AudioOutput }},
	{"image_input", func(a *Amounts) **float64 { return &a.ImageInput }},
	{"image_cache_read", func(a *Amounts) **float64 { return &a.ImageCacheRead }},
	{"image_output", func(a *Amounts) **float64 { return &a.ImageOutput }},
}

// Tier has the prices of calls with more than Above input tokens.
type Tier struct {
	Above   int64 `json:"above" yaml:"above"`
	Amounts `yaml:",inline"`
}

// ServiceTier sets a factor on all prices, or prices.
type ServiceTier struct {
	Factor  *float64 `json:"factor,omitempty" yaml:"factor,omitempty"`
	Amounts `yaml:",inline"`
}

// Entry is one price of the operator's own.
type Entry struct {
	Provider     string `json:"provider,omitempty" yaml:"provider,omitempty" doc:"any of the provider's names; empty: any provider"`
	Model        string `json:"model" yaml:"model" doc:"name of the answering or requested model; * stands for any letters"`
	From         string `json:"from,omitempty" yaml:"from,omitempty" doc:"a day (UTC) or an RFC 3339 time; calls that start then or later. Empty: always"`
	Amounts      `yaml:",inline"`
	Request      *float64               `json:"request,omitempty" yaml:"request,omitempty" doc:"USD for each call, whatever its tokens"`
	Tiers        []Tier                 `json:"tiers,omitempty" yaml:"tiers,omitempty" doc:"ascending; they apply to all of a call with more input"`
	ServiceTiers map[string]ServiceTier `json:"service_tiers,omitempty" yaml:"service_tiers,omitempty" doc:"batch, flex, priority, scale or other"`
	Note         string                 `json:"note,omitempty" yaml:"note,omitempty" doc:"for people"`
}

func (a *Amounts) rates() pricing.Amounts {
	return pricing.Amounts{
		Input: a.Input, Output: a.Output, CacheRead: a.CacheRead, CacheWrite: a.CacheWrite, CacheWrite1h: a.CacheWrite1h,
		Reasoning: a.Reasoning, AudioInput: a.AudioInput, AudioCacheRead: a.AudioCacheRead, AudioOutput: a.AudioOutput,
		ImageInput: a.ImageInput, ImageCacheRead: a.ImageCacheRead, ImageOutput: a.ImageOutput,
	}
}

// Since reads the time from which a price holds; zero where it always does.
func Since(from string) (time.Time, error) {
	if from == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(form, from); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("from: %q is neither a day such as 2026-01-31 nor an RFC 3339 time", clipped(from))
}

func clipped(s string) string {
	const most = 80
	if utf8.RuneCountInString(s) > most {
		return string([]rune(s)[:most]) + "…"
	}
	return s
}

// Override returns the price in the form of the price book, and checks it.
func (e *Entry) Override() (pricing.Override, error) {
	e.Provider, e.Model, e.Note = strings.TrimSpace(e.Provider), strings.TrimSpace(e.Model), strings.TrimSpace(e.Note)
	for _, t := range []struct {
		name, text string
		most       int
	}{{"provider", e.Provider, maxName}, {"model", e.Model, maxName}, {"note", e.Note, maxNote}} {
		if utf8.RuneCountInString(t.text) > t.most {
			return pricing.Override{}, fmt.Errorf("%s has more than %d characters", t.name, t.most)
		}
		if !utf8.ValidString(t.text) || strings.ContainsFunc(t.text, func(r rune) bool { return !unicode.IsGraphic(r) }) {
			return pricing.Override{}, fmt.Errorf("%s has characters that cannot be shown", t.name)
		}
	}
	from, err := Since(e.From)
	if err != nil {
		return pricing.Override{}, err
	}
	if len(e.Tiers) > maxTiers {
		return pricing.Override{}, fmt.Errorf("tiers: there are more than %d", maxTiers)
	}
	o := pricing.Override{ID: e.ID(), Provider: e.Provider, Model: e.Model, From: from, Rates: e.rates(), Request: e.Request}
	for i := range e.Tiers {
		o.Tiers = append(o.Tiers, pricing.OverrideTier{Above: e.Tiers[i].Above, Rates: e.Tiers[i].rates()})
	}
	for name := range e.ServiceTiers {
		if o.ServiceTiers == nil {
			o.ServiceTiers = map[string]pricing.OverrideServiceTier{}
		}
		s := e.ServiceTiers[name]
		o.ServiceTiers[name] = pricing.OverrideServiceTier{Factor: s.Factor, Rates: s.rates()}
	}
	return o, pricing.Check(o)
}

// ID identifies a price by what it is for: provider, model and the time from which it holds.
func (e *Entry) ID() string {
	from, _ := Since(e.From)
	unix := int64(0)
	if !from.IsZero() {
		unix = from.UnixNano()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d", strings.ToLower(strings.TrimSpace(e.Provider)), strings.ToLower(strings.TrimSpace(e.Model)), unix))
	return "price_" + hex.EncodeToString(sum[:10])
}

// checked checks entries, and that no two are for the same.
func checked(entries []Entry, where func(i int) string) ([]Entry, error) {
	if len(entries) == 0 {
		return nil, fmt.Errorf("the sheet has no price")
	}
	if len(entries) > MaxEntries {
		return nil, fmt.Errorf("the sheet has %d prices; at most %d are read", len(entries), MaxEntries)
	}
	seen := map[string]int{}
	for i := range entries {
		if _, err := entries[i].Override(); err != nil {
			return nil, fmt.Errorf("%s (%s): %w", where(i), clipped(entries[i].Model), err)
		}
		id := entries[i].ID()
		if j, twice := seen[id]; twice {
			return nil, fmt.Errorf("%s (%s): %s is for the same provider, model and time", where(i), clipped(entries[i].Model), where(j))
		}
		seen[id] = i
	}
	return entries, nil
}

package sheet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// litellmKinds are the names of prices per token in LiteLLM's list.
var litellmKinds = map[string]func(*Amounts) **float64{
	"input_cost_per_token":                      func(a *Amounts) **float64 { return &a.Input },
	"output_cost_per_token":                     func(a *Amounts) **float64 { return &a.Output },
	"cache_read_input_token_cost":               func(a *Amounts) **float64 { return &a.CacheRead },
	"cache_creation_input_token_cost":           func(a *Amounts) **float64 { return &a.CacheWrite },
	"cache_creation_input_token_cost_above_1hr": func(a *Amounts) **float64 { return &a.CacheWrite1h },
	"output_cost_per_reasoning_token":           func(a *Amounts) **float64 { return &a.Reasoning },
	"input_cost_per_audio_token":                func(a *Amounts) **float64 { return &a.AudioInput },
	"cache_read_input_audio_token_cost":         func(a *Amounts) **float64 { return &a.AudioCacheRead },
	"output_cost_per_audio_token":               func(a *Amounts) **float64 { return &a.AudioOutput },
}

var (
	// litellmTier matches the prices of calls with more input: ..._above_200k_tokens.
	litellmTier = regexp.MustCompile(`^(.+)_above_(\d{1,7})(k?)_tokens$`)
	// litellmService matches the prices of service tiers.
	litellmService = regexp.MustCompile(`^(.+)_(batches|flex|priority)$`)
)

// litellmProviders are the names of providers in LiteLLM's list where the GenAI conventions have another.
var litellmProviders = map[string]string{
	"bedrock": "aws.bedrock", "bedrock_converse": "aws.bedrock", "azure": "azure.ai.openai", "azure_ai": "azure.ai.inference", "vertex_ai": "gcp.vertex_ai",
	"gemini": "gcp.gemini", "xai": "x_ai", "mistral": "mistral_ai",
}

// readLiteLLM reads an object of models by name, each an object of prices in USD per token. Models without a price by the
// token are left out, as what else LiteLLM says about a model; a price that is no number makes it refuse the sheet.
func readLiteLLM(b []byte) ([]Entry, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var models map[string]map[string]any
	if err := d.Decode(&models); err != nil {
		return nil, fmt.Errorf("read the JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("read the JSON: there is more than one document")
	}
	var entries []Entry
	seen := map[string]bool{} // of two names for one model of a provider the first goes
	for _, name := range slices.Sorted(maps.Keys(models)) {
		if name == "sample_spec" {
			continue
		}
		e, priced, err := litellmEntry(name, models[name])
		if err != nil {
			return nil, fmt.Errorf("%q: %w", clipped(name), err)
		}
		if !priced || seen[e.ID()] {
			continue
		}
		seen[e.ID()] = true
		if len(entries) == MaxEntries {
			return nil, fmt.Errorf("at most %d prices are read", MaxEntries)
		}
		entries = append(entries, e)
	}
	return checked(entries, func(i int) string { return fmt.Sprintf("model %q", clipped(entries[i].Model)) })
}

func litellmEntry(name string, m map[string]any) (e Entry, priced bool, err error) {
	provider, _ := m["litellm_provider"].(string)
	e = Entry{Provider: provider, Model: name}
	if known, ok := litellmProviders[provider]; ok {
		e.Provider = known
	}
	if bare, ok := strings.CutPrefix(name, provider+"/"); ok && provider != "" {
		e.Model = bare // telemetry names the model without the provider
	}
	tiers := map[int64]*Tier{}
	services := map[string]*ServiceTier{}
	for _, field := range slices.Sorted(maps.Keys(m)) {
		into := &e.Amounts
		key := field
		if of := litellmService.FindStringSubmatch(key); of != nil && litellmKinds[of[1]] != nil {
			tier := map[string]string{"batches": "batch"}[of[2]]
			if tier == "" {
				tier = of[2]
			}
			if services[tier] == nil {
				services[tier] = &ServiceTier{}
			}
			key, into = of[1], &services[tier].Amounts
		} else if of := litellmTier.FindStringSubmatch(key); of != nil && litellmKinds[of[1]] != nil {
			above, _ := strconv.ParseInt(of[2], 10, 64)
			if of[3] != "" {
				above *= 1000
			}
			if tiers[above] == nil {
				tiers[above] = &Tier{Above: above}
			}
			key, into = of[1], &tiers[above].Amounts
		}
		kind := litellmKinds[key]
		if kind == nil || m[field] == nil {
			continue
		}
		n, is := m[field].(json.Number)
		if !is {
			return e, false, fmt.Errorf("%s is no number", field)
		}
		if *kind(into), err = perMillion(n); err != nil {
			return e, false, fmt.Errorf("%s: %w", field, err)
		}
	}
	if e.Input == nil && e.Output == nil {
		return e, false, nil
	}
	for _, above := range slices.Sorted(maps.Keys(tiers)) {
		e.Tiers = append(e.Tiers, *tiers[above])
	}
	for tier, s := range services {
		if e.ServiceTiers == nil {
			e.ServiceTiers = map[string]ServiceTier{}
		}
		e.ServiceTiers[tier] = *s
	}
	e.fit()
	return e, true, nil
}

// fit adds the prices that LiteLLM's list takes for granted: of cached audio, and below a tier.
func (e *Entry) fit() {
	if e.AudioInput != nil && e.CacheRead != nil && e.AudioCacheRead == nil {
		e.AudioCacheRead = e.AudioInput
	}
	for _, k := range kinds {
		base := k.of(&e.Amounts)
		for i := range e.Tiers {
			at := k.of(&e.Tiers[i].Amounts)
			if *at == nil || *base != nil {
				continue
			}
			if whole := (map[bool]*float64{true: e.Output, false: e.Input})[k.name == "reasoning" || k.name == "audio_output"]; whole != nil {
				*base = whole
			} else {
				*at = nil
			}
		}
	}
	e.Tiers = slices.DeleteFunc(e.Tiers, func(t Tier) bool { return t.Amounts == Amounts{} })
}

// writeLiteLLM writes the prices that hold always, with tiers by thousands.
func writeLiteLLM(entries []Entry) ([]byte, int, error) {
	out := map[string]map[string]any{}
	leftOut := 0
	for i := range entries {
		e := &entries[i]
		name := e.Model
		if e.Provider != "" && out[name] != nil {
			name = e.Provider + "/" + e.Model
		}
		if out[name] != nil || e.From != "" || strings.Contains(e.Model, "*") {
			leftOut++
			continue
		}
		m := map[string]any{"litellm_provider": e.Provider, "mode": "chat"}
		for litellm, kind := range litellmKinds {
			put := func(suffix string, v *float64) {
				if v != nil {
					m[litellm+suffix] = perToken(*v)
				}
			}
			put("", *kind(&e.Amounts))
			for j := range e.Tiers {
				t := &e.Tiers[j]
				suffix := fmt.Sprintf("_above_%d_tokens", t.Above)
				if t.Above%1000 == 0 {
					suffix = fmt.Sprintf("_above_%dk_tokens", t.Above/1000)
				}
				put(suffix, *kind(&t.Amounts))
			}
			for tier, suffix := range map[string]string{"batch": "_batches", "flex": "_flex", "priority": "_priority"} {
				s, ok := e.ServiceTiers[tier]
				if !ok {
					continue
				}
				v := *kind(&s.Amounts)
				if base := *kind(&e.Amounts); s.Factor != nil && base != nil {
					product := *base * *s.Factor
					v = &product
				}
				put(suffix, v)
			}
		}
		out[name] = m
	}
	b, err := json.MarshalIndent(out, "", "  ")
	return append(b, '\n'), leftOut, err
}

// perToken writes USD per million tokens as USD per token, exactly.
func perToken(usd float64) json.Number {
	v, ok := new(big.Rat).SetString(strconv.FormatFloat(usd, 'f', -1, 64))
	if !ok {
		return "0"
	}
	const places = 24
	text := v.Quo(v, big.NewRat(1_000_000, 1)).FloatString(places)
	return json.Number(strings.TrimRight(strings.TrimRight(text, "0"), "."))
}

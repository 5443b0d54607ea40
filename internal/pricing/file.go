package pricing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Limits of a price book that is read from a file.
const (
	MaxBookBytes = 8 << 20
	maxProviders = 500
	maxModels    = 20_000
	maxRules     = 100_000 // of all names
	maxRuleDepth = 8
	maxPattern   = 1_000 // characters of a name or pattern
)

// unused are the prices of genai-prices for what telemetry of token usage does not report.
var unused = []string{
	"web_searches_kcount", "storage_searches_kcount", "audio_hours", "input_audio_hours", "input_document_kpages",
	"input_annotated_document_kpages", "input_text_messages_kcount", "output_citation_mtok",
}

// ReadBook reads a price book from a file: prices.json of this package, or the list of providers that genai-prices
// publishes, which has no version: it is named by the day given, as which it was taken. It reads strictly: a price or a
// rule that it does not know makes it refuse the file, because the costs would be wrong.
func ReadBook(b []byte, day time.Time) (*Book, error) {
	if len(b) > MaxBookBytes {
		return nil, fmt.Errorf("read the price book: it has more than %d bytes", MaxBookBytes)
	}
	if trimmed := bytes.TrimSpace(b); bytes.HasPrefix(trimmed, []byte("[")) {
		var err error
		if b, err = rewritten(trimmed, day); err != nil {
			return nil, fmt.Errorf("read the price book: %w", err)
		}
	}
	book, err := parse(b)
	if err != nil {
		return nil, err
	}
	return book, book.check()
}

// rewritten turns the list of providers of genai-prices into the form of prices.json.
func rewritten(b []byte, day time.Time) ([]byte, error) {
	type published struct {
		ID            string          `json:"id"`
		ProviderMatch json.RawMessage `json:"provider_match,omitempty"`
		ModelMatch    json.RawMessage `json:"model_match,omitempty"`
		Fallback      []string        `json:"fallback_model_providers,omitempty"`
		Models        []struct {
			ID     string          `json:"id"`
			Match  json.RawMessage `json:"match"`
			Prices json.RawMessage `json:"prices"`
		} `json:"models"`
	}
	var providers []published
	if err := json.Unmarshal(b, &providers); err != nil {
		return nil, err
	}
	for i := range providers {
		for j := range providers[i].Models {
			m := &providers[i].Models[j]
			var err error
			if m.Prices, err = onlyTokens(m.Prices); err != nil {
				return nil, fmt.Errorf("%s %s: %w", providers[i].ID, m.ID, err)
			}
		}
	}
	date := day.UTC().Format(time.DateOnly)
	return json.Marshal(map[string]any{
		"source": "https://github.com/pydantic/genai-prices", "version": "file of " + date, "date": date, "providers": providers,
	})
}

// onlyTokens returns the prices of a model as a list, without those that are not used.
func onlyTokens(b json.RawMessage) (json.RawMessage, error) {
	type conditional struct {
		Constraint json.RawMessage            `json:"constraint,omitempty"`
		Prices     map[string]json.RawMessage `json:"prices"`
	}
	list := []conditional{{}}
	into := any(&list[0].Prices)
	if bytes.HasPrefix(bytes.TrimSpace(b), []byte("[")) {
		into = &list
	}
	if err := json.Unmarshal(b, into); err != nil {
		return nil, fmt.Errorf("read the prices: %w", err)
	}
	for i := range list {
		for _, name := range unused {
			delete(list[i].Prices, name)
		}
		if bytes.Equal(list[i].Constraint, []byte("null")) {
			list[i].Constraint = nil
		}
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads a rule. A look-ahead at the beginning of a pattern, which Go's patterns do not have, becomes two rules:
// not this, and then that.
func (m *match) UnmarshalJSON(b []byte) error {
	type plain match
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode((*plain)(m)); err != nil {
		return err
	}
	ahead := lookAhead.FindStringSubmatch(m.Regex)
	if ahead == nil {
		return nil
	}
	not := match{Not: &match{Regex: "^" + ahead[1]}}
	if *m = not; ahead[2] != "" {
		*m = match{And: []match{not, {Regex: "^" + ahead[2]}}}
	}
	return nil
}

var lookAhead = regexp.MustCompile(`^\^\(\?!((?:[^()]|\([^()]*\))*)\)(.*)$`)

// check refuses a book that is empty, or larger than one can be.
func (b *Book) check() error {
	models, rules := 0, 0
	for i := range b.providers {
		p := &b.providers[i]
		models += len(p.Models)
		all := []*match{p.ProviderMatch, p.ModelMatch}
		for j := range p.Models {
			m := &p.Models[j]
			if m.ID == "" || m.Match == nil || len(m.ID) > maxPattern {
				return fmt.Errorf("read the price book: %s: a model has no name or no rule", p.ID)
			}
			for k := range m.Prices {
				if r := &m.Prices[k].Rates; slices.ContainsFunc(r.priced, func(p pricedKind) bool { return len(p.tiers) > maxPriceTiers }) {
					return fmt.Errorf("read the price book: %s %s has too many tiers", p.ID, m.ID)
				}
			}
			all = append(all, m.Match)
		}
		for _, r := range all {
			n, err := r.size(maxRuleDepth)
			if err != nil {
				return fmt.Errorf("read the price book: %s: %w", p.ID, err)
			}
			rules += n
		}
	}
	switch {
	case models == 0:
		return errors.New("read the price book: it has no model")
	case len(b.providers) > maxProviders || models > maxModels || rules > maxRules:
		return fmt.Errorf("read the price book: it has %d providers, %d models and %d rules; at most %d, %d and %d are read",
			len(b.providers), models, rules, maxProviders, maxModels, maxRules)
	case len(b.version) > maxVersion || strings.ContainsFunc(b.version, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("read the price book: its version is no short text")
	}
	return nil
}

const (
	maxPriceTiers = 100
	maxVersion    = 60 // characters, with the name of the source
)

// size counts the rules within a rule.
func (m *match) size(depth int) (int, error) {
	if m == nil {
		return 0, nil
	}
	if depth == 0 {
		return 0, errors.New("its rules are nested too deeply")
	}
	for _, text := range []string{m.Equals, m.StartsWith, m.EndsWith, m.Contains, m.Regex} {
		if len(text) > maxPattern {
			return 0, errors.New("a rule has a text that is too long")
		}
	}
	n := 1
	for _, list := range [][]match{m.Or, m.And} {
		for i := range list {
			k, err := list[i].size(depth - 1)
			if err != nil {
				return 0, err
			}
			n += k
		}
	}
	k, err := m.Not.size(depth - 1)
	return n + k, err
}

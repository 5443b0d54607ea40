package pricing

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

//go:embed prices.json
var embedded []byte

// constraint says when prices hold.
type constraint struct {
	Type      string `json:"type"`
	StartDate string `json:"start_date"`
	StartTime string `json:"start_time"`
	EndTime   string `json:"end_time"`

	from     time.Time     // of start_date
	day, end time.Duration // of time_of_date, since midnight UTC
}

func (c *constraint) parse() (err error) {
	clock := func(s string) (time.Duration, error) {
		t, err := time.Parse("15:04:05Z07:00", s)
		if err != nil {
			return 0, fmt.Errorf("read a time of day: %w", err)
		}
		t = t.UTC()
		return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second, nil
	}
	switch c.Type {
	case "start_date":
		if c.from, err = time.Parse(time.DateOnly, c.StartDate); err != nil {
			return fmt.Errorf("read a start date: %w", err)
		}
		return nil
	case "time_of_date":
		if c.day, err = clock(c.StartTime); err != nil {
			return err
		}
		c.end, err = clock(c.EndTime)
		return err
	default:
		return fmt.Errorf("prices hold under a condition %q that is not known", c.Type)
	}
}

func (c *constraint) holds(t time.Time) bool {
	if c == nil {
		return true
	}
	if c.Type == "start_date" {
		return !t.Before(c.from)
	}
	since := t.Sub(t.Truncate(24 * time.Hour))
	if c.day <= c.end {
		return since >= c.day && since < c.end
	}
	return since >= c.day || since < c.end // over midnight
}

// match is a rule on a name.
type match struct {
	Equals     string  `json:"equals"`
	StartsWith string  `json:"starts_with"`
	EndsWith   string  `json:"ends_with"`
	Contains   string  `json:"contains"`
	Regex      string  `json:"regex"`
	Or         []match `json:"or"`
	And        []match `json:"and"`
	Not        *match  `json:"not"`

	pattern *regexp.Regexp
}

func (m *match) parse() error {
	for _, text := range []*string{&m.Equals, &m.StartsWith, &m.EndsWith, &m.Contains} {
		*text = strings.ToLower(*text) // names are compared in lower case; a regular expression is as it is
	}
	for _, list := range [][]match{m.Or, m.And} {
		for i := range list {
			if err := list[i].parse(); err != nil {
				return err
			}
		}
	}
	if m.Not != nil {
		return m.Not.parse()
	}
	if m.Regex == "" {
		return nil
	}
	var err error
	if m.pattern, err = regexp.Compile(m.Regex); err != nil {
		return fmt.Errorf("read a rule on names: %w", err)
	}
	return nil
}

// fits reports whether a name in lower case follows the rule.
func (m *match) fits(name string) bool {
	switch {
	case m == nil:
		return false
	case m.Equals != "":
		return name == m.Equals
	case m.StartsWith != "":
		return strings.HasPrefix(name, m.StartsWith)
	case m.EndsWith != "":
		return strings.HasSuffix(name, m.EndsWith)
	case m.Contains != "":
		return strings.Contains(name, m.Contains)
	case m.pattern != nil:
		return m.pattern.MatchString(name)
	case m.Not != nil:
		return !m.Not.fits(name)
	case m.Or != nil:
		for i := range m.Or {
			if m.Or[i].fits(name) {
				return true
			}
		}
		return false
	default:
		for i := range m.And {
			if !m.And[i].fits(name) {
				return false
			}
		}
		return m.And != nil
	}
}

type model struct {
	ID     string `json:"id"`
	Match  *match `json:"match"`
	Prices []struct {
		Constraint *constraint `json:"constraint"`
		Rates      rates       `json:"prices"`
	} `json:"prices"`
}

// at returns the prices at a time: the last of the list that hold.
func (m *model) at(t time.Time) *rates {
	for i := len(m.Prices) - 1; i >= 0; i-- {
		if m.Prices[i].Constraint.holds(t) {
			return &m.Prices[i].Rates
		}
	}
	return nil
}

type provider struct {
	ID            string   `json:"id"`
	ProviderMatch *match   `json:"provider_match"`
	ModelMatch    *match   `json:"model_match"`
	Fallback      []string `json:"fallback_model_providers"`
	Models        []model  `json:"models"`
}

func (p *provider) model(name string) *model {
	for i := range p.Models {
		if p.Models[i].Match.fits(name) {
			return &p.Models[i]
		}
	}
	return nil
}

// Book is a price book. It is safe for concurrent use.
type Book struct {
	version   string
	source    string
	date      time.Time // when it came out; zero where that is not known
	providers []provider
	byID      map[string]*provider
	own       []ownPrice // the one that begins last first

	mu    sync.RWMutex
	cache map[name]*candidates
}

// Default reads the book that is part of the binary.
func Default() (*Book, error) { return parse(embedded) }

func parse(b []byte) (*Book, error) {
	var doc struct {
		Version   string     `json:"version"`
		Source    string     `json:"source"`
		Date      string     `json:"date"`
		Providers []provider `json:"providers"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("read the price book: %w", err)
	}
	book := &Book{
		version: "genai-prices " + doc.Version, source: doc.Source, providers: doc.Providers, byID: map[string]*provider{},
		cache: map[name]*candidates{},
	}
	if doc.Date != "" {
		var err error
		if book.date, err = time.Parse(time.DateOnly, doc.Date); err != nil {
			return nil, fmt.Errorf("read the price book: its date: %w", err)
		}
	}
	for i := range book.providers {
		p := &book.providers[i]
		book.byID[p.ID] = p
		if err := p.parse(); err != nil {
			return nil, fmt.Errorf("read the price book: %s: %w", p.ID, err)
		}
	}
	return book, nil
}

// parse parses the texts of a provider's rules.
func (p *provider) parse() error {
	rules := []*match{p.ProviderMatch, p.ModelMatch}
	for i := range p.Models {
		m := &p.Models[i]
		rules = append(rules, m.Match)
		for j := range m.Prices {
			if c := m.Prices[j].Constraint; c != nil {
				if err := c.parse(); err != nil {
					return fmt.Errorf("price of %s: %w", m.ID, err)
				}
			}
		}
	}
	for _, r := range rules {
		if r == nil {
			continue
		}
		if err := r.parse(); err != nil {
			return err
		}
	}
	return nil
}

// Empty is a book without prices, to be filled by With.
func Empty() *Book { return &Book{version: "none", cache: map[name]*candidates{}} }

// Version names the book, its version, and the operator's own prices where there are some: it is
// another one whenever a price can be another one.
func (b *Book) Version() string { return b.version }

// Source says where the published prices come from; "" where there are none.
func (b *Book) Source() string { return b.source }

package pricing

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"sync"
	"time"
)

//go:embed prices.json
var embedded []byte

// rate is a price in 10^-12 USD per token (10^-6 USD per million tokens), or, of requests, in
// 10^-12 USD per request. The zero value of known says that there is none.
type rate struct {
	base  int64
	tiers []tier // ascending by start
	known bool
}

// tier is a rate for calls whose total input is more than start tokens. It holds for all of
// the call's tokens.
type tier struct{ start, rate int64 }

func (r rate) at(totalInput int64) int64 {
	out := r.base
	for _, t := range r.tiers {
		if totalInput > t.start {
			out = t.rate
		}
	}
	return out
}

// UnmarshalJSON reads USD per million tokens: a number, or {base, tiers}.
func (r *rate) UnmarshalJSON(b []byte) error {
	var tiered struct {
		Base  json.Number `json:"base"`
		Tiers []struct {
			Start int64       `json:"start"`
			Price json.Number `json:"price"`
		} `json:"tiers"`
	}
	if !bytes.HasPrefix(b, []byte("{")) {
		tiered.Base = json.Number(b)
	} else if err := json.Unmarshal(b, &tiered); err != nil {
		return fmt.Errorf("read a tiered price: %w", err)
	}
	var err error
	if r.base, err = perToken(tiered.Base); err != nil {
		return err
	}
	for _, t := range tiered.Tiers {
		price, err := perToken(t.Price)
		if err != nil {
			return err
		}
		r.tiers = append(r.tiers, tier{t.Start, price})
	}
	r.known = true
	return nil
}

var errPrice = errors.New("a price must be a number of USD from 0 to 1,000,000")

// perToken turns USD per million tokens into 10^-12 USD per token, rounded half up.
func perToken(n json.Number) (int64, error) {
	v, ok := new(big.Rat).SetString(n.String())
	if !ok || v.Sign() < 0 || v.Cmp(big.NewRat(1_000_000, 1)) > 0 {
		return 0, fmt.Errorf("%w, not %q", errPrice, n.String())
	}
	v.Mul(v, big.NewRat(1_000_000, 1)).Add(v, big.NewRat(1, 2))
	return new(big.Int).Quo(v.Num(), v.Denom()).Int64(), nil
}

// rates are a model's prices at one time.
type rates struct {
	Input      rate `json:"input_mtok"`
	Output     rate `json:"output_mtok"`
	CacheRead  rate `json:"cache_read_mtok"`
	CacheWrite rate `json:"cache_write_mtok"`
	Reasoning  rate `json:"output_reasoning_mtok"`
	Requests   rate `json:"requests_kcount"` // USD per thousand, read as if per million
}

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

// fits tells whether a name in lower case follows the rule.
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

// at gives the prices at a time: the last of the list that hold.
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
	providers []provider
	byID      map[string]*provider
	overrides []override

	mu    sync.Mutex
	cache map[cacheKey]*model
}

type cacheKey struct{ provider, model string }

// Default reads the book that is part of the binary.
func Default() (*Book, error) { return parse(embedded) }

func parse(b []byte) (*Book, error) {
	var doc struct {
		Version   string     `json:"version"`
		Providers []provider `json:"providers"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("read the price book: %w", err)
	}
	book := &Book{version: "genai-prices " + doc.Version, providers: doc.Providers, byID: map[string]*provider{}, cache: map[cacheKey]*model{}}
	for i := range book.providers {
		p := &book.providers[i]
		book.byID[p.ID] = p
		rules := []*match{p.ProviderMatch, p.ModelMatch}
		for j := range p.Models {
			rules = append(rules, p.Models[j].Match)
			for k := range p.Models[j].Prices {
				if c := p.Models[j].Prices[k].Constraint; c != nil {
					if err := c.parse(); err != nil {
						return nil, fmt.Errorf("price of %s: %w", p.Models[j].ID, err)
					}
				}
			}
		}
		for _, r := range rules {
			if r != nil {
				if err := r.parse(); err != nil {
					return nil, fmt.Errorf("prices of %s: %w", p.ID, err)
				}
			}
		}
	}
	return book, nil
}

// Version names the book and its version.
func (b *Book) Version() string { return b.version }

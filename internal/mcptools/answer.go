package mcptools

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// Answer is the result of a tool. What a reader has to know comes before the figures, so that it is there where a client
// cuts the rest off.
type Answer struct {
	Scope    string              `json:"scope"`             // of whose calls the figures are
	Range    *Range              `json:"range,omitempty"`   // of time; not there where the data has its own
	TimeZone string              `json:"time_zone"`         // in which days begin
	Filters  map[string][]string `json:"filters,omitempty"` // as they were asked for
	Units    map[string]string   `json:"units"`
	Quality  *Quality            `json:"data_quality,omitempty"`
	Notes    []string            `json:"notes,omitempty"`
	Source   string              `json:"source"` // request to the API with the same figures
	Data     json.RawMessage     `json:"data"`   // of that answer, byte for byte, unless notes say otherwise
}

// Range is a range of time as it was asked for.
type Range struct {
	From *string `json:"from"` // RFC 3339; null: all that is kept
	To   *string `json:"to"`   // exclusive; null: now
}

// Quality says whether figures are all that was used.
type Quality struct {
	Complete bool   `json:"complete"` // false: the figures are lower bounds
	Calls    int64  `json:"api_call_count"`
	NoUsage  int64  `json:"no_usage_count"` // calls without token figures, failed ones included
	Unpriced int64  `json:"unpriced_count"` // calls with tokens whose cost is not known
	Note     string `json:"note"`
}

// counts are the counts that every sum of the API has.
type counts struct {
	Calls    int64 `json:"api_call_count"`
	NoUsage  int64 `json:"no_usage_count"`
	Unpriced int64 `json:"unpriced_count"`
}

func (c *counts) add(o counts) {
	c.Calls += o.Calls
	c.NoUsage += o.NoUsage
	c.Unpriced += o.Unpriced
}

// quality puts counts into words.
func (c counts) quality() *Quality {
	q := &Quality{Complete: c.NoUsage == 0 && c.Unpriced == 0, Calls: c.Calls, NoUsage: c.NoUsage, Unpriced: c.Unpriced}
	switch {
	case q.Complete:
		q.Note = "Every call in these figures reported its tokens, and the price of each is known."
	case c.Unpriced == 0:
		q.Note = fmt.Sprintf("At least: %d of %d calls reported no token figures (failed calls included), so tokens and cost are lower bounds.", c.NoUsage, c.Calls)
	case c.NoUsage == 0:
		q.Note = fmt.Sprintf("At least: the price of %d of %d calls is not known, so the cost is a lower bound.", c.Unpriced, c.Calls)
	default:
		q.Note = fmt.Sprintf("At least: %d of %d calls reported no token figures (failed calls included) and the price of %d is not known, so tokens and cost are lower bounds.",
			c.NoUsage, c.Calls, c.Unpriced)
	}
	return q
}

// Units of the fields, by the ends of their names.
var (
	sumUnits = map[string]string{
		"*_count": "calls", "*_tokens": "tokens", "cost_usd": "US dollars, of the calls whose cost is known", "*_ms": "milliseconds", "*_rate": "0 to 1",
	}
	callUnits = map[string]string{
		"*_tokens": "tokens; null: not reported", "cost_usd": "US dollars; null: not known", "*_ms": "milliseconds", "tokens_per_second": "output tokens per second",
	}
	changeUnits = map[string]string{
		"*_count": "calls", "*_tokens": "tokens", "*_usd": "US dollars; volume_usd + mix_usd + cache_usd + price_usd = difference_usd, exactly",
	}
	forecastUnits = map[string]string{
		"cost_usd.*": "US dollars", "total_tokens.*": "tokens", "budgets[].tokens": "tokens", "budgets[].usd": "US dollars", "low, high": "a band that holds in 80 of 100 cases",
	}
	budgetUnits = map[string]string{
		"tokens.*": "tokens", "usd.*": "US dollars", "used_share": "1 is all of the budget; may be more", "usage_percent": "percent; may be over 100",
	}
	priceUnits = map[string]string{
		"*_usd_per_mtok": "US dollars per million tokens", "request_usd": "US dollars per call", "*_count": "calls", "*_tokens": "tokens",
	}
)

// newAnswer begins an answer of a route.
func newAnswer(c *caller, zone *time.Location, path string, q url.Values, units map[string]string) *Answer {
	a := &Answer{Scope: c.scope(), TimeZone: zone.String(), Units: units, Source: "GET /api/console" + path, Filters: map[string][]string{}}
	if len(q) > 0 {
		a.Source += "?" + q.Encode()
	}
	for _, name := range []string{"model", "provider", "key", "user", "service", "project", "service_tier", "account", "team", "status", "q"} {
		if len(q[name]) > 0 {
			a.Filters[name] = q[name]
		}
	}
	return a
}

// ranged adds the range that parameters ask for.
func (a *Answer) ranged(q url.Values) *Answer {
	a.Range = &Range{}
	if from := q.Get("from"); from != "" {
		a.Range.From = &from
	}
	if to := q.Get("to"); to != "" {
		a.Range.To = &to
	}
	return a
}

// encode writes an answer as JSON; it fails where that is too long.
func (a *Answer) encode() (json.RawMessage, error) {
	b, err := encodeAsIs(a)
	if err != nil {
		return nil, fmt.Errorf("write the answer: %w", err)
	}
	if len(b) > MaxAnswer {
		return nil, fmt.Errorf("the answer would have %d bytes, and %d are the most: ask for fewer rows (limit, top), a longer interval, or a shorter range of time", len(b), MaxAnswer)
	}
	return b, nil
}

// encodeAsIs writes JSON; texts of the API in it stay as they are, byte for byte.
func encodeAsIs(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err //nolint:wrapcheck // the callers say what is written
}

package billing

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	maxRates = 500
	maxRate  = 1e7
)

// Currency is what amounts are shown in beside US dollars.
type Currency struct {
	Code  string         `json:"code" doc:"as in ISO 4217: CNY, EUR"`
	Rates []CurrencyRate `json:"rates" nullable:"false" minItems:"1" maxItems:"500" doc:"by day"`
}

// CurrencyRate is what a US dollar is from a day on.
type CurrencyRate struct {
	From string  `json:"from,omitempty" maxLength:"10" doc:"a day, such as 2026-01-31; empty: always"`
	Rate float64 `json:"per_usd" doc:"units of the currency for a US dollar"`
}

// On returns the rate of a day; false where none holds yet.
func (c *Currency) On(day time.Time) (CurrencyRate, bool) {
	at := day.Format(time.DateOnly)
	for i := len(c.Rates) - 1; i >= 0; i-- {
		if c.Rates[i].From <= at {
			return c.Rates[i], true
		}
	}
	return CurrencyRate{}, false
}

// Converted is an amount in the currency that is shown, and the rate that it was converted by.
type Converted struct {
	Code   string  `json:"code" doc:"as in ISO 4217"`
	Amount float64 `json:"amount" doc:"rounded to hundredths"`
	Rate   float64 `json:"per_usd" doc:"units of the currency for a US dollar"`
	From   string  `json:"rate_from" doc:"the day since which the rate holds; empty: always"`
}

// SchemaName is the name in the description of the API.
func (Converted) SchemaName() string { return "ConvertedAmount" }

// Convert returns an amount by the rate of a day; nil where there is no currency, or no rate for the day.
func (c *Currency) Convert(m usage.NanoUSD, day time.Time) *Converted {
	if c == nil {
		return nil
	}
	r, ok := c.On(day)
	if !ok {
		return nil
	}
	// in decimal, as the rate was written: cents that are half a cent too much or too little add up
	rate, _ := new(big.Rat).SetString(strconv.FormatFloat(r.Rate, 'f', -1, 64))
	amount, _ := strconv.ParseFloat(rate.Mul(rate, big.NewRat(int64(m), nano)).FloatString(2), 64)
	return &Converted{Code: c.Code, Amount: amount, Rate: r.Rate, From: r.From}
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

// Check orders the rates, and returns an *Unfit where a currency cannot be.
func (c *Currency) Check() error {
	if !currencyCode.MatchString(c.Code) || c.Code == "USD" {
		return unfit("code", "must be three capital letters other than USD, such as CNY")
	}
	if len(c.Rates) == 0 || len(c.Rates) > maxRates {
		return unfit("rates", "must have 1 to %d rates", maxRates)
	}
	slices.SortStableFunc(c.Rates, func(a, b CurrencyRate) int { return strings.Compare(a.From, b.From) })
	for i, r := range c.Rates {
		if _, err := time.Parse(time.DateOnly, r.From); r.From != "" && err != nil {
			return unfit(fmt.Sprintf("rates[%d].from", i), "must be a day, such as 2026-01-31")
		}
		if i > 0 && c.Rates[i-1].From == r.From {
			return unfit(fmt.Sprintf("rates[%d].from", i), "is there twice")
		}
		if !(r.Rate > 0 && r.Rate <= maxRate) {
			return unfit(fmt.Sprintf("rates[%d].per_usd", i), "must be more than 0, and at most 10,000,000")
		}
	}
	return nil
}

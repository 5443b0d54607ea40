package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// ForecastQuery asks what a period will have used at its end. Fields that are not set have the server's defaults.
type ForecastQuery struct {
	Filter              // From, To and Statuses have to be empty: a forecast is of the period that now lies in
	Period       string // day, week or month
	WeekBegins   string // monday, ..., sunday
	MonthBegins  int    // 1 to 31
	Timezone     string // IANA name
	BudgetUSD    USD    // a budget of the period, of which it is estimated when it will be used up
	BudgetTokens int64  // likewise
}

func (q *ForecastQuery) values() url.Values {
	v := q.Filter.values()
	set(v, "period", q.Period)
	set(v, "week_begins", q.WeekBegins)
	set(v, "month_begins", strconv.Itoa(q.MonthBegins))
	set(v, "timezone", q.Timezone)
	set(v, "budget_usd", string(q.BudgetUSD))
	set(v, "budget_tokens", strconv.FormatInt(q.BudgetTokens, 10))
	return v
}

// Forecast estimates the total usage of a period at its end.
type Forecast struct {
	Period        string           `json:"period"`
	From          time.Time        `json:"from"`
	To            time.Time        `json:"to"`
	Timezone      string           `json:"timezone"`
	History       ForecastHistory  `json:"history"`
	Cost          *ForecastCost    `json:"cost_usd"`     // nil without enough history
	Tokens        *ForecastTokens  `json:"total_tokens"` // nil without enough history
	Unpriced      int64            `json:"unpriced_count"`
	Budgets       []ForecastBudget `json:"budgets"`
	AsOf          *time.Time       `json:"as_of"`
	EstimatedFrom time.Time        `json:"estimated_from"`
}

// ForecastHistory describes the history that a forecast is based on.
type ForecastHistory struct {
	Days     int        `json:"days"`
	Needed   int        `json:"needed_days"`
	Enough   bool       `json:"enough"`
	EnoughAt *time.Time `json:"enough_at"`
}

// ForecastCost is money in a period; Actual until now, the others of the whole. The band from Low to High is meant to
// hold in 80 of 100 cases.
type ForecastCost struct {
	Actual   USD `json:"actual"`
	Expected USD `json:"expected"`
	Low      USD `json:"low"`
	High     USD `json:"high"`
}

// ForecastTokens is tokens in a period, likewise.
type ForecastTokens struct {
	Actual   int64 `json:"actual"`
	Expected int64 `json:"expected"`
	Low      int64 `json:"low"`
	High     int64 `json:"high"`
}

// ForecastBudget is when a budget will be used up. A time that is nil means: not before it is reset or, without a reset,
// within 400 days.
type ForecastBudget struct {
	Period   string     `json:"period"`
	ResetsAt *time.Time `json:"resets_at"`
	Tokens   *struct {
		Limit int64 `json:"limit"`
		Used  int64 `json:"used"`
	} `json:"tokens"`
	USD *struct {
		Limit USD `json:"limit"`
		Used  USD `json:"used"`
	} `json:"usd"`
	Exhausted bool       `json:"exhausted"`
	Expected  *time.Time `json:"expected_at"`
	Earliest  *time.Time `json:"earliest_at"`
	Latest    *time.Time `json:"latest_at"`
}

// Forecast estimates what a period will have used at its end, and when budgets will be used up.
func (c *Client) Forecast(ctx context.Context, q ForecastQuery) (Forecast, error) {
	return call[Forecast](ctx, c, http.MethodGet, "/forecast", q.values(), nil)
}

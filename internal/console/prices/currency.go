package prices

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

const (
	currencyID = "currency"
	maxRates   = 500
	maxRate    = 1e7
)

func (c *Handlers) currencyRoutes(r *api.Router) {
	put := api.Operation(http.MethodPut, "/prices/currency", "set-currency", "Show amounts in another currency beside US dollars")
	put.Description = "Only what is shown changes: all amounts are stored and summed in US dollars. A rate holds from its day on; one without a day holds before all others."
	api.Register(r, access.Reprice, put, c.setCurrency)
	api.Register(r, access.Reprice, api.Operation(http.MethodDelete, "/prices/currency", "drop-currency", "Show US dollars alone"), c.dropCurrency)
}

// Currency is shown beside US dollars.
type Currency struct {
	Code  string         `json:"code" doc:"as in ISO 4217: CNY, EUR"`
	Rates []CurrencyRate `json:"rates" nullable:"false" minItems:"1" maxItems:"500" doc:"by day"`
}

// CurrencyRate is what a US dollar is worth from a day on.
type CurrencyRate struct {
	From string  `json:"from,omitempty" maxLength:"10" doc:"a day, such as 2026-01-31; empty: always"`
	Rate float64 `json:"per_usd" doc:"units of the currency for a US dollar"`
}

// On returns the rate that holds on a day, and the day from which; false where none does.
func (c *Currency) On(day time.Time) (CurrencyRate, bool) {
	at := day.Format(time.DateOnly)
	for i := len(c.Rates) - 1; i >= 0; i-- {
		if c.Rates[i].From <= at {
			return c.Rates[i], true
		}
	}
	return CurrencyRate{}, false
}

var currencyCode = regexp.MustCompile(`^[A-Z]{3}$`)

func (c *Currency) check() error {
	wrong := func(field, message string) error {
		return api.WithReason("currency_unfit", api.Invalid("body."+field, message, nil))
	}
	if !currencyCode.MatchString(c.Code) || c.Code == "USD" {
		return wrong("code", "must be three capital letters other than USD, such as CNY")
	}
	if len(c.Rates) == 0 || len(c.Rates) > maxRates {
		return wrong("rates", "must have 1 to 500 rates")
	}
	slices.SortStableFunc(c.Rates, func(a, b CurrencyRate) int {
		return slices.Compare([]string{a.From}, []string{b.From})
	})
	for i, r := range c.Rates {
		if _, err := time.Parse(time.DateOnly, r.From); r.From != "" && err != nil {
			return wrong(fmt.Sprintf("rates[%d].from", i), "must be a day, such as 2026-01-31")
		}
		if i > 0 && c.Rates[i-1].From == r.From {
			return wrong(fmt.Sprintf("rates[%d].from", i), "is there twice")
		}
		if !(r.Rate > 0 && r.Rate <= maxRate) {
			return wrong(fmt.Sprintf("rates[%d].per_usd", i), "must be more than 0, and at most 10,000,000")
		}
	}
	return nil
}

// currency returns what is shown beside US dollars; nil where nothing is.
func (c *Handlers) currency(ctx context.Context) (*Currency, error) {
	return ReadCurrency(ctx, c.Directory)
}

// ReadCurrency returns the currency that is shown beside US dollars; nil where there is none.
func ReadCurrency(ctx context.Context, d store.Documents) (*Currency, error) {
	list, _, err := d.Documents(ctx, store.DocumentBilling, -1)
	if err != nil {
		return nil, fmt.Errorf("read the currency: %w", err)
	}
	for _, doc := range list {
		if doc.ID != currencyID {
			continue
		}
		var out Currency
		if err := json.Unmarshal(doc.Body, &out); err != nil {
			return nil, fmt.Errorf("%w: the currency cannot be read: %w", store.ErrCorrupt, err)
		}
		return &out, nil
	}
	return nil, nil //nolint:nilnil // there is none
}

// Shown is the answer to a change of the currency.
type Shown struct {
	Currency *Currency `json:"currency"`
}

func (c *Handlers) setCurrency(ctx context.Context, in *struct{ Body Currency }) (*api.Envelope[Shown], error) {
	if err := in.Body.check(); err != nil {
		return nil, err
	}
	was, err := c.currency(ctx)
	if err != nil {
		return nil, c.Failed("set the currency", err)
	}
	body, err := json.Marshal(in.Body)
	if err != nil {
		return nil, c.Failed("set the currency", err)
	}
	at := c.Now().UTC()
	return c.changeCurrency(ctx, was, &in.Body, store.DocumentChange{Put: []store.Document{{ID: currencyID, Body: body, Version: store.AnyVersion, CreatedAt: at, UpdatedAt: at}}})
}

func (c *Handlers) dropCurrency(ctx context.Context, _ *struct{}) (*api.Envelope[Shown], error) {
	was, err := c.currency(ctx)
	if err != nil {
		return nil, c.Failed("drop the currency", err)
	}
	if was == nil {
		return nil, api.WithReason("currency_unfit", api.NewProblem(http.StatusNotFound, "amounts are shown in US dollars alone already"))
	}
	return c.changeCurrency(ctx, was, nil, store.DocumentChange{Remove: []store.Document{{ID: currencyID, Version: store.AnyVersion}}})
}

// auditedCurrency is the form of a currency in the audit log: the rate that holds last.
func auditedCurrency(c *Currency) any {
	if c == nil {
		return nil
	}
	return map[string]any{"code": c.Code, "rates": len(c.Rates), "last": c.Rates[len(c.Rates)-1]}
}

func (c *Handlers) changeCurrency(ctx context.Context, was, now *Currency, change store.DocumentChange) (*api.Envelope[Shown], error) {
	entry, err := c.Audit.Entry(ctx, "prices.currency", store.AuditTarget{Type: "currency"}, auditedCurrency(was), auditedCurrency(now))
	if err != nil {
		return nil, err
	}
	if _, err := c.Directory.ChangeDocuments(ctx, store.DocumentBilling, change, entry); err != nil {
		return nil, c.failed("change the currency", err)
	}
	return api.Answer(Shown{now}), nil
}

package prices

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/billing"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

func (c *Handlers) currencyRoutes(r *api.Router) {
	put := api.Operation(http.MethodPut, "/prices/currency", "set-currency", "Show amounts in another currency beside US dollars")
	put.Description = "Only what is shown changes: all amounts are stored and summed in US dollars. A rate holds from its day on; one without a day holds before all others."
	api.Register(r, access.ManageBilling, put, c.setCurrency)
	api.Register(r, access.ManageBilling, api.Operation(http.MethodDelete, "/prices/currency", "drop-currency", "Show US dollars alone"), c.dropCurrency)
}

// Shown is the currency that is shown beside US dollars; null: none.
type Shown struct {
	Currency *billing.Currency `json:"currency"`
}

// currency returns what is set; nil where nothing is.
func (c *Handlers) currency(ctx context.Context) (*billing.Currency, error) {
	state, err := c.Billing.State(ctx)
	return state.Currency, err
}

func (c *Handlers) setCurrency(ctx context.Context, in *struct{ Body billing.Currency }) (*api.Envelope[Shown], error) {
	if err := in.Body.Check(); err != nil {
		var wrong *billing.Unfit
		if errors.As(err, &wrong) {
			return nil, api.WithReason("currency_unfit", api.Invalid("body."+wrong.Field, wrong.Message, nil))
		}
		return nil, c.Failed("set the currency", err)
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
	doc := store.Document{ID: billing.CurrencyID, Body: body, Version: store.AnyVersion, CreatedAt: at, UpdatedAt: at}
	return c.changeCurrency(ctx, was, &in.Body, store.DocumentChange{Put: []store.Document{doc}})
}

func (c *Handlers) dropCurrency(ctx context.Context, _ *struct{}) (*api.Envelope[Shown], error) {
	was, err := c.currency(ctx)
	if err != nil {
		return nil, c.Failed("drop the currency", err)
	}
	if was == nil {
		return nil, api.WithReason("currency_unfit", api.NewProblem(http.StatusNotFound, "amounts are shown in US dollars alone already"))
	}
	return c.changeCurrency(ctx, was, nil, store.DocumentChange{Remove: []store.Document{{ID: billing.CurrencyID, Version: store.AnyVersion}}})
}

// auditedCurrency is the form of a currency in the audit log.
func auditedCurrency(c *billing.Currency) any {
	if c == nil {
		return nil
	}
	return map[string]any{"code": c.Code, "rates": len(c.Rates), "last": c.Rates[len(c.Rates)-1]}
}

func (c *Handlers) changeCurrency(ctx context.Context, was, now *billing.Currency, change store.DocumentChange) (*api.Envelope[Shown], error) {
	entry, err := c.Audit.Entry(ctx, "prices.currency", store.AuditTarget{Type: "currency"}, auditedCurrency(was), auditedCurrency(now))
	if err != nil {
		return nil, err
	}
	if _, err := c.Directory.ChangeDocuments(ctx, store.DocumentBilling, change, entry); err != nil {
		return nil, c.failed("change the currency", err)
	}
	return api.Answer(Shown{now}), nil
}

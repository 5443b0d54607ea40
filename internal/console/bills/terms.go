package bills

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/billing"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/store"
)

func (c *Handlers) termRoutes(r *api.Router) {
	api.Register(r, access.ReadQuality, api.Operation(http.MethodGet, "/bills/terms", "billing-terms", "Internal prices: what bills charge for calls, by month"), c.listTerms)
	put := api.Operation(http.MethodPut, "/bills/terms", "set-billing-terms", "Set the internal prices from a month on")
	put.Description = "A factor on the cost, or prices of tokens, by provider and model. Terms hold from their month until others begin: bills of earlier months stay as they were. " +
		"Terms of the same month are replaced."
	api.Register(r, access.ManageBilling, put, c.setTerms)
	api.Register(r, access.ManageBilling, api.Operation(http.MethodDelete, "/bills/terms/{id}", "delete-billing-terms", "Delete the internal prices of a month"), c.deleteTerms)
}

// StoredTerms are terms that are set.
type StoredTerms struct {
	ID      string `json:"id"`
	Version int64  `json:"version" doc:"changes with every change of them"`
	billing.Terms
}

// SchemaName is the name in the description of the API.
func (StoredTerms) SchemaName() string { return "StoredBillingTerms" }

func (c *Handlers) listTerms(ctx context.Context, _ *struct{}) (*api.Envelope[[]StoredTerms], error) {
	state, err := c.Billing.State(ctx)
	if err != nil {
		return nil, c.Failed("billing terms", err)
	}
	out := make([]StoredTerms, len(state.Terms))
	for i, t := range state.Terms {
		out[i] = StoredTerms{t.ID, t.Version, t.Terms}
	}
	return api.Answer(out), nil
}

type termsInput struct {
	Body struct {
		billing.Terms
		Version int64 `json:"version,omitempty" doc:"of the terms of that month that are replaced; where they have changed since, the answer is 409. 0: whichever they are"`
	}
}

// find returns the terms of an id; version 0 is any. Nil: there are none.
func (c *Handlers) find(ctx context.Context, id string, version int64) (*billing.StoredTerms, error) {
	state, err := c.Billing.State(ctx)
	if err != nil {
		return nil, err //nolint:wrapcheck // it says what was read
	}
	i := slices.IndexFunc(state.Terms, func(t billing.StoredTerms) bool { return t.ID == id })
	if i < 0 {
		return nil, nil //nolint:nilnil // there are none
	}
	if version != 0 && version != state.Terms[i].Version {
		return nil, store.ErrChanged
	}
	return &state.Terms[i], nil
}

// auditedTerms is the form of terms in the audit log.
type auditedTerms struct {
	From   string         `json:"from"`
	Factor float64        `json:"factor"`
	Rules  []billing.Rule `json:"rules"`
}

func (c *Handlers) setTerms(ctx context.Context, in *termsInput) (*api.Envelope[StoredTerms], error) {
	t := in.Body.Terms
	if err := t.Check(); err != nil {
		var wrong *billing.Unfit
		if errors.As(err, &wrong) {
			return nil, api.WithReason("terms_unfit", api.Invalid("body."+wrong.Field, wrong.Message, nil))
		}
		return nil, c.Failed("set billing terms", err)
	}
	id := billing.TermsPrefix + cmp.Or(t.From, "always")
	was, err := c.find(ctx, id, in.Body.Version)
	if err != nil {
		return nil, c.failed("set billing terms", err)
	}
	version, before := int64(0), any(nil)
	switch {
	case was != nil:
		version, before = was.Version, auditedTerms{was.From, was.Factor, was.Rules}
	case in.Body.Version != 0:
		return nil, c.failed("set billing terms", store.ErrChanged)
	}
	return c.putTerms(ctx, id, version, before, &t)
}

// putTerms stores terms; version as in store.DocumentChange.
func (c *Handlers) putTerms(ctx context.Context, id string, version int64, before any, t *billing.Terms) (*api.Envelope[StoredTerms], error) {
	body, err := json.Marshal(t)
	if err != nil {
		return nil, c.Failed("set billing terms", err)
	}
	entry, err := c.Audit.Entry(ctx, "billing.terms", store.AuditTarget{Type: "billing_terms", ID: id, Name: t.From}, before, auditedTerms{t.From, t.Factor, t.Rules})
	if err != nil {
		return nil, err
	}
	at := c.Now().UTC()
	change := store.DocumentChange{Limit: billing.MaxDocuments, Put: []store.Document{{ID: id, Body: body, Version: version, CreatedAt: at, UpdatedAt: at}}}
	if _, err := c.Directory.ChangeDocuments(ctx, store.DocumentBilling, change, entry); err != nil {
		return nil, c.failed("set billing terms", err)
	}
	stored, err := c.find(ctx, id, 0)
	if err == nil && stored == nil {
		err = store.ErrChanged
	}
	if err != nil {
		return nil, c.failed("set billing terms", err)
	}
	return api.Answer(StoredTerms{stored.ID, stored.Version, stored.Terms}), nil
}

func (c *Handlers) deleteTerms(ctx context.Context, in *removeInput) (*api.Envelope[Removed], error) {
	was, err := c.find(ctx, in.ID, in.Version)
	if err == nil && was == nil {
		err = store.ErrDocumentUnknown
	}
	if err != nil {
		return nil, c.failed("delete billing terms", err)
	}
	entry, err := c.Audit.Entry(ctx, "billing.terms", store.AuditTarget{Type: "billing_terms", ID: was.ID, Name: was.From}, auditedTerms{was.From, was.Factor, was.Rules}, nil)
	if err != nil {
		return nil, err
	}
	return c.remove(ctx, was.ID, was.Version, entry)
}

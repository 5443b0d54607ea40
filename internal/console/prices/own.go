package prices

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricebook"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/pricing/sheet"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

const (
	maxPrices    = sheet.MaxEntries // that are stored
	mostPreview  = 1_000_000        // records that a preview looks at
	previewLimit = 30 * time.Second
)

func (c *Handlers) ownRoutes(r *api.Router) {
	put := api.Operation(http.MethodPut, "/prices", "set-price", "Set a price of a model, from a day on")
	put.Description = "Prices that are set here go before those of the configuration, and these before the published ones. They hold for calls that come from then on, " +
		"in every replica within a second; POST /prices/reprice gives them to stored calls."
	api.Register(r, access.Reprice, put, c.setPrice)
	api.Register(r, access.Reprice, api.Operation(http.MethodDelete, "/prices/{id}", "delete-price", "Remove a price that was set"), c.removePrice)
	preview := api.Operation(http.MethodPost, "/prices/preview", "preview-price", "What a price would change about stored calls")
	preview.Description = "Nothing is changed. At most the newest 1,000,000 records are looked at; partial says that there are more."
	api.Register(r, access.Reprice, preview, c.preview)
}

// PriceChange is a price to set.
type PriceChange struct {
	Price    sheet.Entry `json:"price"`
	Replaces string      `json:"replaces,omitempty" maxLength:"64" doc:"id of a stored price that goes, where this one is for another model or day"`
	Version  int64       `json:"version,omitempty" doc:"of the stored price that is changed; where it has changed since, the answer is 409. 0: whichever it is"`
}

// SetPrice is the answer to a change of a price.
type SetPrice struct {
	ID           string `json:"id"`
	PriceVersion string `json:"price_version" doc:"of the prices that calls get from now on"`
}

// unfit answers a price that cannot be.
func unfit(location string, err error) error {
	return api.WithReason("price_unfit", api.Invalid(location, err.Error(), nil))
}

// failed turns an error of the directory into an answer.
func (c *Handlers) failed(what string, err error) error {
	var answered interface{ GetStatus() int }
	switch {
	case errors.As(err, &answered):
		return err
	case errors.Is(err, store.ErrDocumentUnknown):
		return api.WithReason("price_unknown", api.NewProblem(http.StatusNotFound, "no stored price has this id; prices of the configuration can only be changed there"))
	case errors.Is(err, store.ErrChanged), errors.Is(err, store.ErrDocumentExists):
		return api.WithReason("changed_meanwhile", api.NewProblem(http.StatusConflict, "it was changed meanwhile; read it again"))
	case errors.Is(err, store.ErrTooManyDocuments):
		return api.WithReason("prices_full", api.NewProblem(http.StatusConflict, fmt.Sprintf("there are %d prices already; remove some", maxPrices)), maxPrices)
	}
	return c.Failed(what, err)
}

// changed returns the stored prices of now, and those after a change; the new one is checked.
func (c *Handlers) changed(ctx context.Context, in *PriceChange) (now []pricebook.Price, after []pricing.Override, err error) {
	o, err := in.Price.Override()
	if err != nil {
		return nil, nil, unfit("body.price", err)
	}
	if err := c.Keeper.Refresh(ctx); err != nil {
		return nil, nil, c.Failed("read the prices", err)
	}
	now = c.Keeper.State().Set
	kept := slices.DeleteFunc(slices.Clone(now), func(p pricebook.Price) bool { return p.ID == o.ID || p.ID == in.Replaces })
	if after, err = pricebook.Overrides(kept); err != nil {
		return nil, nil, c.Failed("read the prices", err)
	}
	return now, append(after, o), nil
}

func find(set []pricebook.Price, id string) *pricebook.Price {
	if i := slices.IndexFunc(set, func(p pricebook.Price) bool { return p.ID == id }); i >= 0 {
		return &set[i]
	}
	return nil
}

func target(e *sheet.Entry) store.AuditTarget {
	return store.AuditTarget{Type: "price", ID: e.ID(), Name: e.Model}
}

func documentOf(e *sheet.Entry, version int64, at time.Time) (store.Document, error) {
	body, err := json.Marshal(e)
	return store.Document{ID: e.ID(), Body: body, Version: version, CreatedAt: at, UpdatedAt: at}, err
}

func (c *Handlers) setPrice(ctx context.Context, in *struct{ Body PriceChange }) (*api.Envelope[SetPrice], error) {
	now, _, err := c.changed(ctx, &in.Body)
	if err != nil {
		return nil, err
	}
	e := &in.Body.Price
	id := e.ID()
	change := store.DocumentChange{Limit: maxPrices}
	action, version := "price.set", int64(store.AnyVersion)
	var before any
	if was := find(now, id); was != nil {
		action, before, version = "price.change", was.Entry, was.Version
	}
	replaced := in.Body.Replaces != "" && in.Body.Replaces != id
	if replaced {
		was := find(now, in.Body.Replaces)
		if was == nil {
			return nil, c.failed("set a price", store.ErrDocumentUnknown)
		}
		action, before = "price.change", was.Entry
		if in.Body.Version != 0 && in.Body.Version != was.Version {
			return nil, c.failed("set a price", store.ErrChanged)
		}
		change.Remove = []store.Document{{ID: was.ID, Version: was.Version}}
	} else if in.Body.Version != 0 {
		version = in.Body.Version
	}
	doc, err := documentOf(e, version, c.Now().UTC())
	if err != nil {
		return nil, c.Failed("set a price", err)
	}
	change.Put = []store.Document{doc}
	entry, err := c.Audit.Entry(ctx, action, target(e), before, e)
	if err != nil {
		return nil, err
	}
	return c.change(ctx, "set a price", id, change, entry)
}

// change stores a change of prices, and lets calls get them.
func (c *Handlers) change(ctx context.Context, what, id string, change store.DocumentChange, entry store.AuditEntry) (*api.Envelope[SetPrice], error) {
	if _, err := c.Directory.ChangeDocuments(ctx, store.DocumentPrice, change, entry); err != nil {
		return nil, c.failed(what, err)
	}
	if err := c.Keeper.Refresh(ctx); err != nil {
		return nil, c.Failed(what, err)
	}
	return api.Answer(SetPrice{ID: id, PriceVersion: c.Keeper.State().Book.Version()}), nil
}

func (c *Handlers) removePrice(ctx context.Context, in *struct {
	ID      string `path:"id" maxLength:"64"`
	Version int64  `query:"version" doc:"of the price that is removed; where it has changed since, the answer is 409. 0: whichever it is"`
}) (*api.Envelope[SetPrice], error) {
	if err := c.Keeper.Refresh(ctx); err != nil {
		return nil, c.Failed("remove a price", err)
	}
	was := find(c.Keeper.State().Set, in.ID)
	switch {
	case was == nil:
		return nil, c.failed("remove a price", store.ErrDocumentUnknown)
	case in.Version != 0 && in.Version != was.Version:
		return nil, c.failed("remove a price", store.ErrChanged)
	}
	entry, err := c.Audit.Entry(ctx, "price.delete", target(&was.Entry), was.Entry, nil)
	if err != nil {
		return nil, err
	}
	return c.change(ctx, "remove a price", in.ID, store.DocumentChange{Remove: []store.Document{{ID: was.ID, Version: was.Version}}}, entry)
}

// Preview is what a price would change about stored calls.
type Preview struct {
	RepriceReport
	Partial bool `json:"partial" doc:"older calls were not looked at"`
}

func (c *Handlers) preview(ctx context.Context, in *struct{ Body PriceChange }) (*api.Envelope[Preview], error) {
	_, after, err := c.changed(ctx, &in.Body)
	if err != nil {
		return nil, err
	}
	book, err := c.Keeper.With(after)
	if err != nil {
		return nil, unfit("body.price", err)
	}
	id := in.Body.Price.ID()
	q := ledger.RepriceRequest{
		DryRun: true, Prices: book, Most: mostPreview, From: after[len(after)-1].From,
		Only: func(call *usage.Call) bool { return book.OwnID(call) == id },
	}
	limited, cancel := context.WithTimeout(ctx, previewLimit)
	defer cancel()
	r, err := c.Ledger.Reprice(limited, q)
	partial := r.Partial
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		partial, err = true, nil // what was looked at until then
	}
	if err != nil {
		return nil, c.Failed("preview a price", err)
	}
	return api.Answer(Preview{reportOf(&q, &r), partial}), nil
}

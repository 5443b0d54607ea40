package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
)

// PriceEntry is a price of the operator's own, in US dollars for a million tokens. A kind of token without a price has that of the
// kind that it is part of.
type PriceEntry struct {
	Provider   string   `json:"provider,omitempty"` // "": any
	Model      string   `json:"model"`              // * stands for any letters
	From       string   `json:"from,omitempty"`     // the first day; "": always
	Input      *float64 `json:"input,omitempty"`
	Output     *float64 `json:"output,omitempty"`
	CacheRead  *float64 `json:"cache_read,omitempty"`
	CacheWrite *float64 `json:"cache_write,omitempty"`
	Reasoning  *float64 `json:"reasoning,omitempty"`
	Note       string   `json:"note,omitempty"`
}

// PriceAmounts are prices that hold, in US dollars for a million tokens.
type PriceAmounts struct {
	Input      json.Number `json:"input_usd_per_mtok"` // "": none
	Output     json.Number `json:"output_usd_per_mtok"`
	CacheRead  json.Number `json:"cache_read_usd_per_mtok"`
	CacheWrite json.Number `json:"cache_write_usd_per_mtok"`
}

// OwnPrice is a price that was set, or one of the configuration, which has no ID.
type OwnPrice struct {
	ID       string `json:"id"`
	Version  int64  `json:"version"`
	Provider string `json:"provider"`
	Model    string `json:"model"`
	PriceAmounts
}

// ModelPrice is the price of a model in use.
type ModelPrice struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Matched  string `json:"matched"`
	Own      bool   `json:"own"`
	PriceAmounts
}

// UnpricedModel is a model with calls whose cost is not known.
type UnpricedModel struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Calls    int64  `json:"api_call_count"`
	Total    int64  `json:"total_tokens"`
	Known    bool   `json:"price_known_now"`
}

// Prices are the prices of the models in use.
type Prices struct {
	Version  string          `json:"version"`
	Source   string          `json:"source"`
	Own      []OwnPrice      `json:"own"`
	Models   []ModelPrice    `json:"models"`
	Unpriced []UnpricedModel `json:"unpriced"`
}

// SetPrice is the answer to a price that was set.
type SetPrice struct {
	ID           string `json:"id"`
	PriceVersion string `json:"price_version"`
}

// PricePreview is what a price would change about stored calls.
type PricePreview struct {
	Total struct {
		Calls       int64 `json:"api_call_count"`
		Changed     int64 `json:"changed_count"`
		Old         USD   `json:"old_cost_usd"`
		New         USD   `json:"new_cost_usd"`
		NewlyPriced int64 `json:"newly_priced_count"`
	} `json:"total"`
	Partial bool `json:"partial"` // older calls were not looked at
}

// PriceImport is what a file of prices changed, or would change.
type PriceImport struct {
	DryRun       bool   `json:"dry_run"`
	Rows         int    `json:"rows"`
	Added        int    `json:"added"`
	Changed      int    `json:"changed"`
	Same         int    `json:"same"`
	Removed      int    `json:"removed"`
	PriceVersion string `json:"price_version"`
}

// Prices returns the prices of the models in use, those that were set, and the models without one.
func (c *Client) Prices(ctx context.Context) (Prices, error) {
	return call[Prices](ctx, c, http.MethodGet, "/prices", nil, nil)
}

type priceBody struct {
	Price PriceEntry `json:"price"`
}

// SetPrice sets a price. Stored calls keep what they cost until they are repriced.
func (c *Client) SetPrice(ctx context.Context, p PriceEntry) (SetPrice, error) {
	return call[SetPrice](ctx, c, http.MethodPut, "/prices", nil, priceBody{p})
}

// PreviewPrice reports what a price would change about stored calls, and changes nothing.
func (c *Client) PreviewPrice(ctx context.Context, p PriceEntry) (PricePreview, error) {
	return call[PricePreview](ctx, c, http.MethodPost, "/prices/preview", nil, priceBody{p})
}

// ExportPrices returns the prices that were set as a file (yaml, csv or litellm), and the name that the server gives it. The caller
// closes the file.
func (c *Client) ExportPrices(ctx context.Context, format string) (file io.ReadCloser, name string, err error) {
	res, err := c.send(ctx, http.MethodGet, "/prices/sheet", url.Values{"format": {format}}, "", nil, nil)
	if err != nil {
		return nil, "", err
	}
	return res.Body, fileName(res.Header.Get("Content-Disposition")), nil
}

// ImportPrices sets the prices of a file (yaml, csv or litellm); replace removes those that the file does not have.
func (c *Client) ImportPrices(ctx context.Context, format string, replace, dryRun bool, file io.Reader) (PriceImport, error) {
	v := url.Values{"format": {format}}
	if replace {
		v.Set("mode", "replace")
	}
	if dryRun {
		v.Set("dry_run", "true")
	}
	res, err := c.send(ctx, http.MethodPost, "/prices/sheet", v, "application/octet-stream", file, nil) //nolint:bodyclose // answer closes it
	if err != nil {
		return PriceImport{}, err
	}
	return answer[PriceImport](res)
}

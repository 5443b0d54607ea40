package prices

import (
	"bufio"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/download"
	"github.com/tokenboard/tokenboard/internal/pricebook"
	"github.com/tokenboard/tokenboard/internal/pricing/sheet"
	"github.com/tokenboard/tokenboard/internal/store"
)

func (c *Handlers) sheetRoutes(r *api.Router) {
	api.Register(r, access.ReadQuality, api.Operation(http.MethodGet, "/prices/sheet", "export-prices", "The prices that were set, as a file"), c.exportSheet)
	take := api.Operation(http.MethodPost, "/prices/sheet", "import-prices", "Set the prices of a file")
	take.Description = "The body is the file, at most 8 MiB and 5,000 prices. yaml: a list under overrides, in the words of the configuration; csv: a column for each setting, " +
		"as the export has it; litellm: LiteLLM's model_prices_and_context_window.json. All of the file is taken, or nothing."
	take.MaxBodyBytes = sheet.MaxBytes
	api.Register(r, access.Reprice, take, c.importSheet)
}

// SheetFormat is the form of a file of prices.
type SheetFormat struct {
	Format string `query:"format" enum:"yaml,csv,litellm" default:"yaml" doc:"form of the file"`
}

func (c *Handlers) exportSheet(ctx context.Context, in *struct{ SheetFormat }) (*huma.StreamResponse, error) {
	if err := c.Keeper.Refresh(ctx); err != nil {
		return nil, c.Failed("export the prices", err)
	}
	entries := []sheet.Entry{}
	for _, p := range c.Keeper.State().Set {
		entries = append(entries, p.Entry)
	}
	slices.SortFunc(entries, func(a, b sheet.Entry) int {
		return slices.Compare([]string{a.Provider, a.Model, a.From}, []string{b.Provider, b.Model, b.From})
	})
	b, leftOut, err := sheet.Write(sheet.Format(in.Format), entries)
	if err != nil {
		return nil, c.Failed("export the prices", err)
	}
	ending := map[string]string{"litellm": "json"}[in.Format]
	if ending == "" {
		ending = in.Format
	}
	out := download.File(c.Env, download.Name("prices", c.Now().In(c.Location).Format("2006-01-02"), ending), ending, func(w *bufio.Writer) error {
		_, err := w.Write(b)
		return err
	})
	body := out.Body
	out.Body = func(ctx huma.Context) {
		if leftOut > 0 {
			ctx.SetHeader("X-Prices-Left-Out", strconv.Itoa(leftOut)) // of LiteLLM's form, which has no days and no patterns
		}
		body(ctx)
	}
	return out, nil
}

// SheetImport is what the import of a file of prices did, or would do.
type SheetImport struct {
	DryRun       bool   `json:"dry_run"`
	Rows         int    `json:"rows" doc:"prices in the file"`
	Added        int    `json:"added"`
	Changed      int    `json:"changed"`
	Same         int    `json:"same" doc:"that were set so already"`
	Removed      int    `json:"removed" doc:"of mode replace: prices that the file does not have"`
	PriceVersion string `json:"price_version" doc:"of the prices that calls get from now on"`
}

type importSheet struct {
	SheetFormat
	Mode   string `query:"mode" enum:"merge,replace" default:"merge" doc:"replace removes the prices that the file does not have"`
	DryRun bool   `query:"dry_run" doc:"reports what would change, and changes nothing"`
	// RawBody is the file.
	RawBody []byte `contentType:"application/octet-stream"`
}

func (c *Handlers) importSheet(ctx context.Context, in *importSheet) (*api.Envelope[SheetImport], error) {
	entries, err := sheet.Read(sheet.Format(in.Format), in.RawBody)
	if err != nil {
		return nil, api.WithReason("sheet_unfit", api.Invalid("body", err.Error(), nil))
	}
	if err := c.Keeper.Refresh(ctx); err != nil {
		return nil, c.Failed("import prices", err)
	}
	now := c.Keeper.State().Set
	out := SheetImport{DryRun: in.DryRun, Rows: len(entries), PriceVersion: c.Keeper.State().Book.Version()}
	change, err := c.changeOf(now, entries, in.Mode == "replace", &out)
	if err != nil {
		return nil, c.Failed("import prices", err)
	}
	if len(now)+out.Added-out.Removed > maxPrices {
		return nil, c.failed("import prices", store.ErrTooManyDocuments)
	}
	if in.DryRun || len(change.Put)+len(change.Remove) == 0 {
		return api.Answer(out), nil
	}
	audited := out
	entry, err := c.Audit.Entry(ctx, "prices.import", store.AuditTarget{Type: "price", Name: in.Format}, nil, audited)
	if err != nil {
		return nil, err
	}
	set, err := c.change(ctx, "import prices", "", change, entry)
	if err != nil {
		return nil, err
	}
	out.PriceVersion = set.Body.Data.PriceVersion
	return api.Answer(out), nil
}

// changeOf is the change from the stored prices to those of a file.
func (c *Handlers) changeOf(now []pricebook.Price, entries []sheet.Entry, replace bool, out *SheetImport) (change store.DocumentChange, err error) {
	change.Limit = maxPrices
	left := map[string]*pricebook.Price{}
	for i := range now {
		left[now[i].ID] = &now[i]
	}
	at := c.Now().UTC()
	for i := range entries {
		e := &entries[i]
		was := left[e.ID()]
		delete(left, e.ID())
		doc, err := documentOf(e, 0, at)
		if err != nil {
			return change, err
		}
		if was != nil {
			before, err := documentOf(&was.Entry, 0, at)
			if err != nil {
				return change, err
			}
			if string(before.Body) == string(doc.Body) {
				out.Same++
				continue
			}
			doc.Version = was.Version
			out.Changed++
		} else {
			out.Added++
		}
		change.Put = append(change.Put, doc)
	}
	if !replace {
		return change, nil
	}
	for _, id := range slices.Sorted(maps.Keys(left)) {
		change.Remove = append(change.Remove, store.Document{ID: id, Version: left[id].Version})
		out.Removed++
	}
	return change, nil
}

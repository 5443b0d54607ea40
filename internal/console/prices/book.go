package prices

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/tokenboard/tokenboard/internal/access"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/pricebook"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store"
)

// bookID is the one document of its kind.
const bookID = "book"

func (c *Handlers) bookRoutes(r *api.Router) {
	api.Register(r, access.ReadQuality, api.Operation(http.MethodGet, "/prices/book", "price-book", "Search the published prices"), c.search)
	take := api.Operation(http.MethodPut, "/prices/book", "take-price-book", "Take a newer price book from a file")
	take.Description = "The body is prices.json of a newer release, or the list of providers that genai-prices publishes. A price or rule that is not known makes it refuse the file. " +
		"Stored calls keep their cost until they are repriced."
	take.MaxBodyBytes = pricing.MaxBookBytes
	api.Register(r, access.Reprice, take, c.takeBook)
	api.Register(r, access.Reprice, api.Operation(http.MethodDelete, "/prices/book", "drop-price-book", "Go back to the price book of the program"), c.dropBook)
}

// BookInfo is which published prices are used.
type BookInfo struct {
	Version string     `json:"version"`
	Source  string     `json:"source"`
	Date    *time.Time `json:"date" doc:"the day on which they came out; null where it is not known"`
	Age     *int64     `json:"age_days" doc:"days since then"`
	Models  int        `json:"models" doc:"that have a price now"`
	Taken   *Taken     `json:"taken" doc:"the file that they were taken from; null: they are those of the program"`
}

// Taken is the file that a price book was taken from.
type Taken struct {
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	By   string    `json:"by"`
}

func (c *Handlers) bookInfo(state pricebook.State) BookInfo {
	published, _ := c.Keeper.Published()
	out := BookInfo{Version: published.Version(), Source: published.Source(), Models: len(published.Models(c.Now())), Date: api.OptionalTime(published.Date())}
	if out.Date != nil {
		const day = 24 * time.Hour
		days := max(0, int64(c.Now().Sub(*out.Date)/day))
		out.Age = &days
	}
	if t := state.Taken; t != nil {
		out.Taken = &Taken{t.Name, t.TakenAt, t.By}
	}
	return out
}

// TierFactor is what a service tier of some models multiplies their prices by.
type TierFactor struct {
	Provider  string   `json:"provider" doc:"of the price book"`
	Tier      string   `json:"service_tier"`
	Models    []string `json:"models" nullable:"false" doc:"beginnings of names; one that ends with $ is a whole name; none: all models of the provider"`
	Factor    string   `json:"factor" doc:"a decimal number"`
	CacheRead string   `json:"cache_read_factor" doc:"that of cache reads"`
}

func tierFactors() []TierFactor {
	all := pricing.TierFactors()
	out := make([]TierFactor, len(all))
	for i, f := range all {
		out[i] = TierFactor{f.Provider, f.Tier.String(), append([]string{}, f.Models...), f.Factor, f.CacheRead}
	}
	return out
}

// BookEntry is a model of the price book.
type BookEntry struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	PriceList
}

// BookPage is what a search of the price book found.
type BookPage struct {
	Total  int         `json:"total" doc:"models that match"`
	Models []BookEntry `json:"models" nullable:"false" doc:"by provider and model"`
}

func (c *Handlers) search(ctx context.Context, in *struct {
	Query string `query:"q" maxLength:"200" doc:"parts of the provider's and the model's name, whatever the case; all have to be there"`
	Limit int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}) (*api.Envelope[BookPage], error) {
	if err := c.Keeper.Refresh(ctx); err != nil {
		return nil, c.Failed("search the prices", err)
	}
	published, _ := c.Keeper.Published()
	out := BookPage{Models: []BookEntry{}}
	words := strings.Fields(strings.ToLower(in.Query))
next:
	for _, q := range published.Models(c.Now()) {
		name := strings.ToLower(q.Provider + " " + q.Model)
		for _, w := range words {
			if !strings.Contains(name, w) {
				continue next
			}
		}
		if out.Total++; len(out.Models) < in.Limit {
			out.Models = append(out.Models, BookEntry{q.Provider, q.Model, priceListOf(&q)})
		}
	}
	return api.Answer(out), nil
}

type takeInput struct {
	Name string `query:"name" maxLength:"200" doc:"of the file, for people"`
	// RawBody is the file.
	RawBody []byte `contentType:"application/octet-stream"`
}

// Resolve refuses an empty body before the handler.
func (in *takeInput) Resolve(huma.Context) []error {
	if len(in.RawBody) == 0 {
		return []error{&huma.ErrorDetail{Location: "body", Message: "must hold the price book"}}
	}
	return nil
}

func (c *Handlers) takeBook(ctx context.Context, in *takeInput) (*api.Envelope[BookInfo], error) {
	name, err := api.CleanText("name", in.Name, 200) //nolint:mnd // as the parameter
	if err != nil {
		return nil, err
	}
	at := c.Now().UTC()
	book, err := pricing.ReadBook(in.RawBody, at)
	if err != nil {
		return nil, api.WithReason("book_unfit", api.Invalid("body", err.Error(), nil))
	}
	who := access.From(ctx)
	body, err := json.Marshal(pricebook.TakenBook{Name: name, TakenAt: at, By: who.Name, Book: in.RawBody})
	if err != nil {
		return nil, c.Failed("take a price book", err)
	}
	change := store.DocumentChange{Put: []store.Document{{ID: bookID, Body: body, Version: store.AnyVersion, CreatedAt: at, UpdatedAt: at}}}
	return c.changeBook(ctx, "prices.take_book", book.Version(), change)
}

func (c *Handlers) dropBook(ctx context.Context, _ *struct{}) (*api.Envelope[BookInfo], error) {
	if err := c.Keeper.Refresh(ctx); err != nil {
		return nil, c.Failed("drop the price book", err)
	}
	if c.Keeper.State().Taken == nil {
		return nil, api.WithReason("book_unknown", api.NewProblem(http.StatusNotFound, "the prices are those of the program already"))
	}
	return c.changeBook(ctx, "prices.drop_book", "", store.DocumentChange{Remove: []store.Document{{ID: bookID, Version: store.AnyVersion}}})
}

func (c *Handlers) changeBook(ctx context.Context, action, version string, change store.DocumentChange) (*api.Envelope[BookInfo], error) {
	published, _ := c.Keeper.Published()
	entry, err := c.Audit.Entry(ctx, action, store.AuditTarget{Type: "price_book", Name: version}, map[string]string{"version": published.Version()}, map[string]string{"version": version})
	if err != nil {
		return nil, err
	}
	if _, err := c.Directory.ChangeDocuments(ctx, store.DocumentBook, change, entry); err != nil {
		return nil, c.failed("change the price book", err)
	}
	if err := c.Keeper.Refresh(ctx); err != nil {
		return nil, c.Failed("change the price book", err)
	}
	return api.Answer(c.bookInfo(c.Keeper.State())), nil
}

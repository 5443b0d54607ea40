package prices_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/billing"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/prices"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func get[T any](t *testing.T, b *consoletest.Bench, method, path, body string, status int) T {
	t.Helper()
	return consoletest.Read[T](t, b.Do(method, "/api/console"+path, body, nil), status)
}

// ended waits for the repricing that runs.
func ended(t *testing.T, b *consoletest.Bench) *prices.Job {
	t.Helper()
	var job *prices.Job
	require.Eventually(t, func() bool {
		job = get[prices.JobState](t, b, "GET", "/prices/reprice", "", 200).Job
		return job != nil && job.State != "running"
	}, time.Minute, 5*time.Millisecond)
	return job
}

// TestPriceAnUnpricedModel: a price is set, previewed on stored calls, used for new ones at once, and given to stored ones
// by a repricing that changes what the preview said.
func TestPriceAnUnpricedModel(t *testing.T) {
	b := pricedBench(t)
	list := get[prices.Prices](t, b, "GET", "/prices", "", 200)
	require.Len(t, list.Unpriced, 4, "all were stored without prices")
	before := list.Version
	body := `{"price":{"provider":"ollama","model":"unheard-of","input":1000,"output":2000,"note":"ours"}}`
	preview := get[prices.Preview](t, b, "POST", "/prices/preview", body, 200)
	require.Len(t, preview.Models, 1, "only what the price is for")
	require.EqualValues(t, 1, preview.Total.NewlyPriced)
	require.Equal(t, "0.009", amount(t, preview.Total.New), "7 x 1000 + 1 x 2000, per million")
	require.False(t, preview.Partial)
	require.Equal(t, before, get[prices.Prices](t, b, "GET", "/prices", "", 200).Version, "a preview sets nothing")

	set := get[prices.SetPrice](t, b, "PUT", "/prices", body, 200)
	require.NotEqual(t, before, set.PriceVersion)
	list = get[prices.Prices](t, b, "GET", "/prices", "", 200)
	require.Equal(t, set.PriceVersion, list.Version)
	require.Equal(t, set.ID, list.Own[0].ID)
	require.Equal(t, "ours", list.Own[0].Entry.Note)
	require.Len(t, list.Unpriced, 4, "stored calls keep what they cost")

	call := usage.Call{Role: usage.RoleCall, Provider: "ollama", Model: "unheard-of", Start: consoletest.TestNow, Tokens: usage.Tokens{InputUncached: 1, Fields: usage.HasInput | usage.HasOutput}}
	call.Trace, call.Span = usage.TraceID{99}, usage.SpanID{1}
	call.ID = usage.SpanRecordID(call.Trace, call.Span)
	require.NoError(t, b.Ledger.Commit(t.Context(), usage.Batch{Calls: []usage.Call{call}}))
	record, found, err := b.Ledger.Get(t.Context(), call.ID, call.Start)
	require.NoError(t, err)
	require.True(t, found)
	require.EqualValues(t, 1_000_000, record.Cost, "a call that comes now has the price")

	begun := get[prices.JobState](t, b, "POST", "/prices/reprice", `{"price_id":"`+set.ID+`"}`, http.StatusAccepted)
	require.Equal(t, "running", begun.Job.State)
	job := ended(t, b)
	require.Equal(t, "done", job.State)
	require.EqualValues(t, 1, job.Written, "the others are not the price's")
	require.Equal(t, preview.Total.New, job.Report.Total.New-1_000_000)
	list = get[prices.Prices](t, b, "GET", "/prices", "", 200)
	require.Len(t, list.Unpriced, 3)

	var actions []string
	require.NoError(t, b.Directory.Audit(t.Context(), store.AuditFilter{}, func(e *store.AuditEntry) error {
		actions = append(actions, e.Action)
		return nil
	}))
	require.Equal(t, []string{"calls.repriced", "calls.reprice", "price.set"}, actions)
}

func amount(t *testing.T, v json.Marshaler) string {
	t.Helper()
	text, err := v.MarshalJSON()
	require.NoError(t, err)
	return string(text)
}

// TestSetPricesGoFirst: a stored price goes before one of the configuration that begins later, and its removal gives that
// one back.
func TestSetPricesGoFirst(t *testing.T) {
	b := pricedBench(t)
	model := func() prices.ModelPrice {
		for _, m := range get[prices.Prices](t, b, "GET", "/prices", "", 200).Models {
			if m.Model == "local-7b" {
				return m
			}
		}
		require.Fail(t, "the model is not there")
		return prices.ModelPrice{}
	}
	require.EqualValues(t, "1", *model().Input)
	set := get[prices.SetPrice](t, b, "PUT", "/prices", `{"price":{"model":"local-*","from":"2020-01-01","input":7,"output":8}}`, 200)
	require.EqualValues(t, "7", *model().Input)
	changed := get[prices.SetPrice](t, b, "PUT", "/prices", `{"price":{"model":"local-*","from":"2020-02-01","input":9,"output":8},"replaces":"`+set.ID+`"}`, 200)
	require.EqualValues(t, "9", *model().Input)
	require.NotEqual(t, set.ID, changed.ID)
	own := get[prices.Prices](t, b, "GET", "/prices", "", 200).Own
	require.Len(t, own, 2)
	require.Empty(t, own[1].ID, "that of the configuration")
	consoletest.RequireProblem(t, b.Do("PUT", "/api/console/prices", `{"price":{"model":"local-*","from":"2020-02-01","input":1,"output":1},"version":999}`, nil), 409)
	consoletest.RequireProblem(t, b.Do("DELETE", "/api/console/prices/"+set.ID, "", nil), 404)
	get[prices.SetPrice](t, b, "DELETE", "/prices/"+changed.ID, "", 200)
	require.EqualValues(t, "1", *model().Input)
}

// TestUnfitPrices: what cannot be a price is refused by name, and leaves nothing behind.
func TestUnfitPrices(t *testing.T) {
	b := pricedBench(t)
	before := get[prices.Prices](t, b, "GET", "/prices", "", 200)
	for body, names := range map[string]string{
		`{"price":{"model":"","input":1}}`:                                          "model is missing",
		`{"price":{"model":"m"}}`:                                                   "set input and output",
		`{"price":{"model":"m","input":-1}}`:                                        "from 0 to 1,000,000",
		`{"price":{"model":"m","input":1e99}}`:                                      "from 0 to 1,000,000",
		`{"price":{"model":"m","cache_read":1}}`:                                    "set input and output",
		`{"price":{"model":"m","input":1,"from":"soon"}}`:                           "neither a day",
		`{"price":{"model":"m","input":1,"tiers":[{"above":0,"input":1}]}}`:         "tiers[0]",
		`{"price":{"model":"m","input":1,"service_tiers":{"turbo":{"factor":1}}}}`:  "name batch",
		`{"price":{"model":"m","input":1,"colour":2}}`:                              "colour",
		`{"price":{"model":"` + strings.Repeat("m", 301) + `","input":1}}`:          "more than 300",
		`{"price":{"model":"m\u202e","input":1}}`:                                   "cannot be shown",
		`{"price":{"model":"m","input":1},"replaces":"price_0123456789abcdef0123"}`: "no stored price",
	} {
		w := b.Do("PUT", "/api/console/prices", body, nil)
		require.Contains(t, []int{400, 404}, w.Code, body)
		require.Contains(t, w.Body.String(), names, body)
	}
	require.Equal(t, before, get[prices.Prices](t, b, "GET", "/prices", "", 200))
}

// TestSheets: what is exported can be imported again in each form and changes nothing, and a file is taken whole or not
// at all.
func TestSheets(t *testing.T) {
	b := pricedBench(t)
	get[prices.SetPrice](t, b, "PUT", "/prices", `{"price":{"provider":"openai","model":"=HYPERLINK(1)","input":0.1,"output":3.5e-7,"tiers":[{"above":1000,"input":0.3}],"service_tiers":{"batch":{"factor":0.25}}}}`, 200)
	get[prices.SetPrice](t, b, "PUT", "/prices", `{"price":{"model":"b","from":"2026-01-31","input":0,"output":0,"request":0.01}}`, 200)
	for _, format := range []string{"yaml", "csv"} {
		w := b.Do("GET", "/api/console/prices/sheet?format="+format, "", nil)
		require.Equal(t, 200, w.Code)
		require.NotContains(t, w.Body.String(), "\n=", format)
		r := get[prices.SheetImport](t, b, "POST", "/prices/sheet?mode=replace&format="+format, w.Body.String(), 200)
		require.Equal(t, 2, r.Same, "%s: %s", format, w.Body)
		require.Zero(t, r.Added+r.Changed+r.Removed)
	}
	w := b.Do("GET", "/api/console/prices/sheet?format=litellm", "", nil)
	require.Equal(t, "1", w.Header().Get("X-Prices-Left-Out"), "it has no days")
	r := get[prices.SheetImport](t, b, "POST", "/prices/sheet?dry_run=true&mode=replace&format=litellm", w.Body.String(), 200)
	require.Equal(t, 1, r.Changed+r.Same)
	require.Equal(t, 1, r.Removed)
	require.Len(t, get[prices.Prices](t, b, "GET", "/prices", "", 200).Own, 3, "a dry run removes nothing")

	consoletest.RequireProblem(t, b.Do("POST", "/api/console/prices/sheet?format=csv", "model,input\nc,1\nc,2\n", nil), 400)
	require.Len(t, get[prices.Prices](t, b, "GET", "/prices", "", 200).Own, 3)
	r = get[prices.SheetImport](t, b, "POST", "/prices/sheet?format=csv", "model,input\nc,1\nd,2\n", 200)
	require.Equal(t, 2, r.Added)
	require.Len(t, get[prices.Prices](t, b, "GET", "/prices", "", 200).Own, 5)
}

// TestTakeABook: a book from a file takes the place of the program's, and goes again.
func TestTakeABook(t *testing.T) {
	b := pricedBench(t)
	first := get[prices.Prices](t, b, "GET", "/prices", "", 200).Book
	require.NotNil(t, first.Age)
	require.Nil(t, first.Taken)
	found := get[prices.BookPage](t, b, "GET", "/prices/book?q=OpenAI+gpt-4o-mini", "", 200)
	require.Positive(t, found.Total)
	require.Equal(t, "openai", found.Models[0].Provider)
	file := `[{"id":"ollama","models":[{"id":"u","match":{"regex":"^(?!never)unheard.*"},"prices":{"input_mtok":5,"output_mtok":6,"web_searches_kcount":9}}]}]`
	taken := get[prices.BookInfo](t, b, "PUT", "/prices/book?name=data.json", file, 200)
	require.Equal(t, "data.json", taken.Taken.Name)
	require.Equal(t, 1, taken.Models)
	list := get[prices.Prices](t, b, "GET", "/prices", "", 200)
	require.Len(t, list.Models, 1, "that of the file")
	for file, names := range map[string]string{
		`[]`: "no model", `{`: "read the price book", `[{"id":"x","models":[{"id":"u","match":{"equals":"u"},"prices":{"colour_mtok":5}}]}]`: "colour_mtok",
		`[{"id":"x","models":[{"id":"u","match":{"sounds_like":"u"},"prices":{"input_mtok":5}}]}]`: "sounds_like",
	} {
		w := b.Do("PUT", "/api/console/prices/book", file, nil)
		require.Equal(t, 400, w.Code)
		require.Contains(t, w.Body.String(), names)
	}
	require.Equal(t, first, get[prices.BookInfo](t, b, "DELETE", "/prices/book", "", 200))
	consoletest.RequireProblem(t, b.Do("DELETE", "/api/console/prices/book", "", nil), 404)
}

// TestCurrency: amounts can be shown in another currency, at a rate by day.
func TestCurrency(t *testing.T) {
	b := pricedBench(t)
	get[prices.Shown](t, b, "PUT", "/prices/currency", `{"code":"CNY","rates":[{"from":"2026-10-01","per_usd":7.2},{"per_usd":7.1}]}`, 200)
	c := get[prices.Prices](t, b, "GET", "/prices", "", 200).Currency
	require.Equal(t, []billing.CurrencyRate{{Rate: 7.1}, {From: "2026-10-01", Rate: 7.2}}, c.Rates, "by day")
	r, ok := c.On(time.Date(2026, 9, 30, 0, 0, 0, 0, time.UTC))
	require.True(t, ok)
	require.InDelta(t, 7.1, r.Rate, 0)
	for _, body := range []string{
		`{"code":"USD","rates":[{"per_usd":1}]}`, `{"code":"cny","rates":[{"per_usd":1}]}`, `{"code":"CNY","rates":[]}`, `{"code":"CNY","rates":[{"per_usd":0}]}`,
		`{"code":"CNY","rates":[{"per_usd":1},{"per_usd":2}]}`, `{"code":"CNY","rates":[{"from":"2026-13-01","per_usd":2}]}`,
	} {
		consoletest.RequireProblem(t, b.Do("PUT", "/api/console/prices/currency", body, nil), 400)
	}
	get[prices.Shown](t, b, "DELETE", "/prices/currency", "", 200)
	require.Nil(t, get[prices.Prices](t, b, "GET", "/prices", "", 200).Currency)
}

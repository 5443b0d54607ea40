package prices_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// pricedBench is a console over calls that were stored without a price book, and has one now.
func pricedBench(t *testing.T) *consoletest.Bench {
	t.Helper()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "t.db")
	clock := func() time.Time { return consoletest.TestNow }
	open := func(prices ledger.Prices) (*ledger.Ledger, store.Directory) {
		engine, err := sqlite.Open(ctx, sqlite.Options{Path: path})
		require.NoError(t, err)
		l, err := ledger.Open(ctx, engine, ledger.Options{Now: clock, Prices: prices})
		require.NoError(t, err)
		return l, engine.Directory()
	}
	l, _ := open(nil)
	var batch usage.Batch
	for i, c := range []usage.Call{
		{Provider: "openai", Model: "gpt-4o", Tokens: usage.Tokens{InputUncached: 1000, OutputText: 100}},
		{Provider: "anthropic", Model: "claude-sonnet-4-5", Tokens: usage.Tokens{InputUncached: 300_000, OutputText: 100}},
		{Provider: "ollama", Model: "local-7b", Tokens: usage.Tokens{InputUncached: 10, OutputText: 1}},
		{Provider: "ollama", Model: "unheard-of", Tokens: usage.Tokens{InputUncached: 7, OutputText: 1}},
	} {
		c.Role, c.Start, c.Tokens.Fields = usage.RoleCall, consoletest.TestNow.Add(-time.Hour), usage.HasInput|usage.HasOutput
		c.Trace, c.Span = usage.TraceID{byte(i + 1)}, usage.SpanID{1}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(t, l.Commit(ctx, batch))
	require.NoError(t, l.Close())

	book, err := pricing.Default()
	require.NoError(t, err)
	input, output, big := 1., 2., 4.
	book, err = book.With([]pricing.Override{{
		Provider: "ollama", Model: "local-*", From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Rates: pricing.Amounts{Input: &input, Output: &output},
		Tiers: []pricing.OverrideTier{{Above: 1000, Rates: pricing.Amounts{Output: &big}}},
	}})
	require.NoError(t, err)
	l, directory := open(book)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	b := &consoletest.Bench{T: t, Ledger: l, Directory: directory}
	c := console.New(console.Options{Ledger: l, Directory: directory, Version: "test", Open: true, Now: clock})
	b.Served = c.Router.Handler()
	b.Handler = c.Handler()
	return b
}

func TestPrices(t *testing.T) {
	b := pricedBench(t)
	got := consoletest.Data[map[string]any](b, "GET", "/prices", "", 200)
	require.Regexp(t, `^genai-prices [0-9.]+ \+ own [0-9a-f]{8}$`, got["version"])
	require.Contains(t, got["source"], "github.com/pydantic/genai-prices")

	own := got["own"].([]any)
	require.Len(t, own, 1)
	require.Equal(t, "local-*", own[0].(map[string]any)["model"])
	require.Equal(t, "2026-01-01T00:00:00Z", own[0].(map[string]any)["from"])

	models := map[string]map[string]any{}
	var order []string
	for _, m := range got["models"].([]any) {
		m := m.(map[string]any)
		models[m["model"].(string)] = m
		order = append(order, m["model"].(string))
	}
	require.Equal(t, []string{"claude-sonnet-4-5", "gpt-4o", "local-7b"}, order)
	claude := models["claude-sonnet-4-5"]
	require.Equal(t, "anthropic claude-sonnet-4-5", claude["matched"])
	require.Equal(t, 3.75, claude["cache_write_usd_per_mtok"])
	require.Equal(t, 6., claude["cache_write_1h_usd_per_mtok"])
	require.Nil(t, claude["reasoning_usd_per_mtok"])
	local := models["local-7b"]
	require.Equal(t, "ollama local-*", local["matched"])
	require.Equal(t, true, local["own"])
	require.Equal(t, 1., local["input_usd_per_mtok"])
	tier := local["tiers"].([]any)[0].(map[string]any)
	require.Equal(t, 1000., tier["above_input_tokens"])
	require.Equal(t, 4., tier["output_usd_per_mtok"])
	require.Nil(t, tier["input_usd_per_mtok"])

	unpriced := map[string]bool{}
	for _, u := range got["unpriced"].([]any) {
		u := u.(map[string]any)
		unpriced[u["model"].(string)] = u["price_known_now"].(bool)
	}
	require.Equal(t, map[string]bool{"gpt-4o": true, "claude-sonnet-4-5": true, "local-7b": true, "unheard-of": false}, unpriced)

	without := consoletest.NewBench(t, nil)
	none := consoletest.Data[map[string]any](without, "GET", "/prices", "", 200)
	require.NotEmpty(t, none["service_tiers"])
	for _, more := range []string{"service_tiers", "book", "currency"} {
		require.Contains(t, none, more)
		delete(none, more)
	}
	require.Equal(t, map[string]any{"version": "", "source": "", "own": []any{}, "models": []any{}, "unpriced": []any{}}, none)
}

func TestRepriceRoute(t *testing.T) {
	b := pricedBench(t)
	cost := func() float64 {
		return consoletest.Data[map[string]any](b, "GET", "/stats", "", 200)["cost_usd"].(float64)
	}
	require.Zero(t, cost())
	dry := consoletest.Data[map[string]any](b, "POST", "/reprice", `{"from":"2026-11-01T00:00:00Z","dry_run":true}`, 200)
	require.Zero(t, cost(), "a dry run changes nothing")
	total := dry["total"].(map[string]any)
	const want = .0035 + 1.80225 + .000012
	require.Equal(t, 4., total["api_call_count"])
	require.Equal(t, 3., total["newly_priced_count"])
	require.Zero(t, total["old_cost_usd"])
	require.InDelta(t, want, total["difference_usd"], 1e-12)
	first := dry["models"].([]any)[0].(map[string]any)
	require.Equal(t, "claude-sonnet-4-5", first["model"], "the largest difference first")

	some := consoletest.Data[map[string]any](b, "POST", "/reprice", `{"from":"0","models":["gpt-4o"]}`, 200)
	require.Equal(t, 1., some["records_written"])
	require.InDelta(t, .0035, cost(), 1e-12)
	all := consoletest.Data[map[string]any](b, "POST", "/reprice", `{"from":"0","to":"2026-11-03T18:00:00Z"}`, 200)
	require.Equal(t, 2., all["records_written"])
	require.InDelta(t, want, cost(), 1e-12)
	require.Equal(t, 1., consoletest.Data[map[string]any](b, "GET", "/stats", "", 200)["unpriced_count"])
	none := consoletest.Data[map[string]any](b, "POST", "/reprice", `{"from":"2026-11-03T18:00:00Z"}`, 200)
	require.Zero(t, none["records"])

	var actions []string
	audit := consoletest.Data[map[string]any](b, "GET", "/audit", "", 200)
	for _, e := range audit["items"].([]any) {
		actions = append(actions, e.(map[string]any)["action"].(string))
	}
	require.Equal(t, []string{"calls.reprice", "calls.repriced", "calls.reprice", "calls.repriced", "calls.reprice"}, actions)
}

func TestWrongReprice(t *testing.T) {
	b := pricedBench(t)
	for body, want := range map[string]string{
		`{}`:                 "from",
		`{"from":"soon"}`:    "body.from",
		`{"from":""}`:        "body.from",
		`{"from":"1","x":2}`: "x",
		`{"from":"2026-11-03T18:00:00Z","to":"2026-11-03T18:00:00Z"}`: "body.to: must be later than from",
	} {
		w := b.Do("POST", "/api/console/reprice", body, nil)
		require.Equal(t, 400, w.Code, body)
		require.Contains(t, w.Body.String(), want, body)
	}
}

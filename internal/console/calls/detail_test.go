package calls_test

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/pricing"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestLogDetail(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) {
		o.TraceURL = "https://tempo.example/trace/{trace_id}?span={span_id}&at={from_ms}"
	})
	b.Commit(consoletest.CallOf(1, func(c *usage.Call) {
		c.Role, c.Span, c.HasReportedCost, c.ReportedCost = usage.RoleAggregate, usage.SpanID{1}, true, 1500
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
	}))
	id := consoletest.Data[calls.LogPage](b, "GET", "/logs", "", 200).Items[0].ID
	d := consoletest.Data[calls.LogDetail](b, "GET", "/logs/"+id, "", 200)
	require.Equal(t, d.LogItem, d.Call)
	require.Equal(t, []calls.FlagNote{{"reported_cost", calls.FlagNotes["reported_cost"]}}, d.Flags)
	require.NotNil(t, d.CostParts.Reported)
	require.Empty(t, d.CostParts.Parts)
	require.Empty(t, d.Supersedes)
	require.Nil(t, d.StoodFor)
	require.Equal(t, "https://tempo.example/trace/"+d.TraceID+"?span="+d.SpanID+"&at="+strconv.FormatInt(consoletest.TestNow.Add(-time.Hour+time.Second-15*time.Minute).UnixMilli(), 10), *d.Links.Trace)

	b.Commit(consoletest.CallOf(1, func(c *usage.Call) { c.Parent = usage.SpanID{1} }))
	child := consoletest.Data[calls.LogPage](b, "GET", "/logs", "", 200).Items[0]
	parent := consoletest.Data[calls.LogDetail](b, "GET", "/logs/"+id, "", 200)
	require.False(t, parent.Counted)
	require.Equal(t, child, *parent.StoodFor)
	require.Contains(t, parent.Flags, calls.FlagNote{"ancestor", calls.FlagNotes["ancestor"]})
	d = consoletest.Data[calls.LogDetail](b, "GET", "/logs/"+child.ID, "", 200)
	require.Equal(t, []calls.LogItem{parent.LogItem}, d.Supersedes)
	require.Nil(t, d.Cost)
	require.Nil(t, d.CostParts)

	var raw map[string]any
	w := b.Do("GET", api.Base+"/logs/"+child.ID, "", nil)
	var e struct{ Data json.RawMessage }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &e))
	require.NoError(t, json.Unmarshal(e.Data, &raw))
	for _, fixed := range []string{"id", "trace_id", "model", "input_tokens", "cost_usd", "counted", "superseded_by"} {
		require.Contains(t, raw, fixed, "the fields of the call stay where they were")
	}
	require.Len(t, calls.FlagNotes, len((usage.Quality(1<<15-1)).Names())+int(store.ReasonTwin), "every flag has a note")
}

func TestCostArithmetic(t *testing.T) {
	ctx := context.Background()
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	book, err := pricing.Default()
	require.NoError(t, err)
	clock := func() time.Time { return consoletest.TestNow }
	l, err := ledger.Open(ctx, engine, ledger.Options{Now: clock, Prices: book})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	b := &consoletest.Bench{T: t, Ledger: l, Handler: console.New(console.Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true, Now: clock}).Handler()}
	b.Commit(consoletest.CallOf(1, func(c *usage.Call) {
		c.Provider, c.Model = "anthropic", "claude-sonnet-4-5"
		c.Tokens = usage.Tokens{InputUncached: 20, CacheRead: 100, CacheWrite: 50, OutputText: 30, Fields: usage.HasInput | usage.HasOutput | usage.HasCacheRead | usage.HasCacheWrite}
	}))
	item := consoletest.Data[calls.LogPage](b, "GET", "/logs", "", 200).Items[0]
	cost := consoletest.Data[calls.LogDetail](b, "GET", "/logs/"+item.ID, "", 200).CostParts
	require.Equal(t, book.Version(), cost.PriceVersion)
	require.Equal(t, *item.Cost, cost.Total)
	require.Nil(t, cost.Reported)
	byKind := map[string]calls.CostPart{}
	var sum api.Money
	for _, p := range cost.Parts {
		byKind[p.Kind] = p
		sum += p.USD
	}
	require.Equal(t, cost.Total, sum)
	require.Equal(t, map[string]calls.CostPart{
		"input":       {Kind: "input", Tokens: 20, Rate: "3", USD: 60_000},
		"cache_read":  {Kind: "cache_read", Tokens: 100, Rate: "0.3", USD: 30_000},
		"cache_write": {Kind: "cache_write", Tokens: 50, Rate: "3.75", USD: 187_500},
		"output":      {Kind: "output", Tokens: 30, Rate: "15", USD: 450_000},
	}, byKind)
}

func TestTraceURL(t *testing.T) {
	for template, ok := range map[string]bool{
		"": true, "https://a.example/t/{trace_id}": true, "http://localhost:3000/explore?left=%7B%22q%22:%22{trace_id}%22%7D&from={from_ms}&to={to_ms}&s={service}{span_id}": true,
		"javascript:alert('{trace_id}')": false, "ftp://a/{trace_id}": false, "//a/{trace_id}": false, "https://a.example/": false, "/t/{trace_id}": false,
		"https://{trace_id}.example/": false, "https://field-traces.example/{trace_id}": true, "https://a.fields.example:{from_ms}/{trace_id}": false, "https://a{service}b.example/{trace_id}": false,
		"{service}://a.example/{trace_id}": false, "https://b.example/a/{trace_id}": true, "https://{service}/{trace_id}": false, "https://a.example/{trace_id}/{user}": false, "https://u:p@a.example/{trace_id}": false, "{trace_id}": false,
	} {
		if err := calls.CheckTraceURL(template); ok {
			require.NoError(t, err, template)
		} else {
			require.Error(t, err, template)
		}
	}
	r := store.Record{Call: usage.Call{Trace: usage.TraceID{1}, Service: "a b&c=/?#%", Start: time.Unix(1000, 0)}}
	require.Equal(t, "https://a/01000000000000000000000000000000?s=a+b%26c%3D%2F%3F%23%25", calls.TraceLink("https://a/{trace_id}?s={service}", &r))
	require.Empty(t, calls.TraceLink("https://a/{trace_id}", &store.Record{}))
}

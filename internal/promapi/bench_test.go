package promapi

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/leaktest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/promapi/cube"
	callseries "github.com/tokenboard/tokenboard/internal/rollup/series"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestMain(m *testing.M) { leaktest.Main(m) }

// testNow is a Tuesday, not at the edge of a quarter of an hour.
var testNow = time.Date(2026, 11, 3, 18, 20, 7, 123e6, time.UTC)

// bench is an API over a real ledger.
type bench struct {
	testing.TB
	ledger *ledger.Ledger
	api    *API
	now    time.Time
	view   *View
	made   int
}

var allLabels = []callseries.Label{callseries.LabelProvider, callseries.LabelModel, callseries.LabelService, callseries.LabelKey, callseries.LabelStatus}

func newBench(t testing.TB, with func(*ledger.Options, *Options)) *bench {
	t.Helper()
	ctx := context.Background()
	b := &bench{TB: t, now: testNow}
	engine, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(t.TempDir(), "t.db")})
	require.NoError(t, err)
	lo := ledger.Options{Now: func() time.Time { return b.now }, Series: callseries.Options{Labels: allLabels, Max: 2000}}
	o := Options{Now: func() time.Time { return b.now }, View: func(context.Context) (*View, error) { return b.view, nil }}
	if with != nil {
		with(&lo, &o)
	}
	b.ledger, err = ledger.Open(ctx, engine, lo)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.ledger.Close()) })
	o.Ledger = b.ledger
	b.api, err = New(o)
	require.NoError(t, err)
	t.Cleanup(b.api.Close)
	b.view = &View{KeyName: func(f string) string { return "name of " + f }}
	return b
}

// call is a call that nothing else stands for.
func (b *bench) call(at time.Time, with func(*usage.Call)) usage.Call {
	b.made++
	c := usage.Call{
		Role: usage.RoleCall, Start: at, Model: "m", Provider: "p", Service: "s", Status: 200,
		Duration: 3 * time.Second, TTFT: time.Second,
		Tokens: usage.Tokens{InputUncached: 10, OutputText: 2, Fields: usage.HasInput | usage.HasOutput},
	}
	id := fmt.Sprintf("%08d", b.made)
	copy(c.Trace[:], id)
	copy(c.Span[:], id)
	c.ID = usage.SpanRecordID(c.Trace, c.Span)
	if with != nil {
		with(&c)
	}
	return c
}

func (b *bench) commit(calls ...usage.Call) {
	b.Helper()
	require.NoError(b, b.ledger.Commit(context.Background(), usage.Batch{Calls: calls}))
}

var (
	models    = []string{"gpt", "claude", "gemini", "evil\"}\n{model=\"x", "模型"}
	providers = []string{"openai", "anthropic", ""}
	services  = []string{"web", "batch", ""}
	keys      = []string{"k1", "k2", "k3", ""}
	statuses  = []int{200, 200, 200, 429, 500, 0}
)

// seed commits random calls of some days before now.
func (b *bench) seed(r *rand.Rand, days, calls int) {
	b.Helper()
	var batch []usage.Call
	for range calls {
		at := b.now.Add(-time.Duration(r.Int64N(int64(days) * 24 * int64(time.Hour))))
		if r.IntN(10) == 0 {
			at = at.Truncate(cube.SlotLength) // just at an edge
		}
		batch = append(batch, b.call(at, func(c *usage.Call) { randomCall(r, c) }))
	}
	b.commit(batch...)
}

// randomCall gives a call labels and figures.
func randomCall(r *rand.Rand, c *usage.Call) {
	c.Model, c.Provider = models[r.IntN(len(models))], providers[r.IntN(len(providers))]
	c.Service, c.KeyFingerprint = services[r.IntN(len(services))], keys[r.IntN(len(keys))]
	c.Status = statuses[r.IntN(len(statuses))]
	c.Failed = c.Status >= 400
	c.Tokens.InputUncached, c.Tokens.OutputText, c.Tokens.Reasoning = r.Int64N(5000), r.Int64N(900), r.Int64N(3)*r.Int64N(100)
	c.Tokens.CacheRead = r.Int64N(2) * r.Int64N(10_000)
	c.Duration = time.Duration(1 + r.Int64N(int64(time.Minute)))
	c.TTFT = time.Duration(r.Int64N(int64(c.Duration)))
	c.ReportedCost, c.HasReportedCost = usage.NanoUSD(r.Int64N(2_000_000_000)), r.IntN(20) > 0
	if r.IntN(8) == 0 {
		c.Tokens = usage.Tokens{}
	}
}

// instant evaluates an expression.
func (b *bench) instant(expr string, at time.Time) promql.Vector {
	b.Helper()
	q, err := b.api.Instant(context.Background(), b.view, expr, at)
	require.NoError(b, err, expr)
	defer q.Close()
	res := q.Exec(context.Background())
	require.NoError(b, res.Err, expr)
	if s, is := res.Value.(promql.Scalar); is {
		return promql.Vector{{F: s.V}}
	}
	v, err := res.Vector()
	require.NoError(b, err, expr)
	out := append(promql.Vector{}, v...)
	for i := range out {
		out[i].Metric = out[i].Metric.Copy()
	}
	return out
}

// matrix evaluates an expression over a range.
func (b *bench) matrix(expr string, start, end time.Time, step time.Duration) promql.Matrix {
	b.Helper()
	q, err := b.api.Range(context.Background(), b.view, expr, start, end, step)
	require.NoError(b, err, expr)
	res := q.Exec(context.Background())
	require.NoError(b, res.Err, expr)
	m, err := res.Matrix()
	require.NoError(b, err, expr)
	return m
}

// matcher writes a label matcher.
func matcher(label, value string) string {
	return label + `="` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}

package tokenboardreceiver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/cumulativetodeltaprocessor"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/extension/extensiontest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/processor/processortest"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tokenboard/tokenboard/extension/tokenconsoleextension"
	"github.com/tokenboard/tokenboard/extension/tokenstoreextension"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

var consoleID = component.MustNewID("tokenconsole")

// board is a store and a console that run until the test ends.
type board struct {
	host
	*ledger.Ledger
	url string
	n   int // calls that were made
}

func newBoard(t *testing.T) *board {
	t.Helper()
	ctx := context.Background()
	store := tokenstoreextension.NewFactory()
	stored := store.CreateDefaultConfig().(*tokenstoreextension.Config)
	stored.Directory = t.TempDir()
	e, err := store.Create(ctx, extensiontest.NewNopSettings(store.Type()), stored)
	require.NoError(t, err)
	require.NoError(t, e.Start(ctx, componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, e.Shutdown(ctx)) })
	b := &board{host: host{component.MustNewID("tokenstore"): e}}
	b.Ledger, err = tokenstoreextension.Get(component.MustNewID("tokenstore"), b.host)
	require.NoError(t, err)

	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	console := tokenconsoleextension.NewFactory()
	shown := console.CreateDefaultConfig().(*tokenconsoleextension.Config)
	shown.Storage, shown.HTTP.NetAddr.Endpoint = component.MustNewID("tokenstore"), address
	c, err := console.Create(ctx, extensiontest.NewNopSettings(console.Type()), shown)
	require.NoError(t, err)
	require.NoError(t, c.Start(ctx, b.host))
	t.Cleanup(func() { require.NoError(t, c.Shutdown(ctx)) })
	b.host[consoleID], b.url = c, "http://"+address
	return b
}

// calls commits calls of a model, with names that telemetry may carry.
func (b *board) calls(t *testing.T, n int, model string) {
	t.Helper()
	var batch usage.Batch
	for range n {
		b.n++
		c := usage.Call{
			Role: usage.RoleCall, Start: time.Now().Add(-time.Minute), Model: model, Provider: "p\"\\\n", Service: "svc\u202e{}", Status: 200 + 229*(b.n%2),
			Failed: b.n%2 == 1, KeyFingerprint: usage.Fingerprint(fmt.Sprint("key", b.n%3)), Duration: time.Duration(b.n) * 137 * time.Millisecond, TTFT: time.Duration(b.n) * 10 * time.Millisecond,
			HasReportedCost: b.n%5 != 0, ReportedCost: usage.NanoUSD(b.n * 1_234_567), Tokens: usage.Tokens{InputUncached: int64(b.n), CacheRead: 3, OutputText: 7, Fields: usage.HasInput | usage.HasOutput | usage.HasCacheRead},
		}
		c.Trace, c.Span = usage.TraceID{1, byte(b.n >> 8), byte(b.n)}, usage.SpanID{2, byte(b.n >> 8), byte(b.n)}
		c.ID = usage.SpanRecordID(c.Trace, c.Span)
		batch.Calls = append(batch.Calls, c)
	}
	require.NoError(t, b.Commit(context.Background(), batch))
}

// scrape reads /metrics with Prometheus' own parser: the values by series.
func (b *board) scrape(t *testing.T) map[string]float64 {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get(b.url + "/metrics")
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode, string(body))
	p, err := textparse.New(body, res.Header.Get("Content-Type"), labels.NewSymbolTable(), textparse.ParserOptions{})
	require.NoError(t, err)
	out := map[string]float64{}
	for {
		entry, err := p.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		if entry != textparse.EntrySeries {
			continue
		}
		var l labels.Labels
		p.Labels(&l)
		_, _, v := p.Series()
		out[l.String()] = v
	}
}

// samples returns metrics as a scrape has them: the values by series.
func samples(t *testing.T, m pmetric.Metrics) map[string]float64 {
	t.Helper()
	out := map[string]float64{}
	put := func(name string, attributes pcommon.Map, v float64, more ...string) {
		b := labels.NewBuilder(labels.FromStrings(append([]string{"__name__", name}, more...)...))
		attributes.Range(func(k string, v pcommon.Value) bool { b.Set(k, v.Str()); return true })
		require.NotContains(t, out, b.Labels().String())
		out[b.Labels().String()] = v
	}
	each(m, func(m pmetric.Metric) {
		switch m.Type() {
		case pmetric.MetricTypeSum:
			require.True(t, m.Sum().IsMonotonic())
			require.Equal(t, pmetric.AggregationTemporalityCumulative, m.Sum().AggregationTemporality())
			for _, p := range m.Sum().DataPoints().All() {
				put(m.Name(), p.Attributes(), p.DoubleValue())
			}
		case pmetric.MetricTypeGauge:
			for _, p := range m.Gauge().DataPoints().All() {
				put(m.Name(), p.Attributes(), p.DoubleValue())
			}
		case pmetric.MetricTypeHistogram:
			for _, p := range m.Histogram().DataPoints().All() {
				put(m.Name()+"_count", p.Attributes(), float64(p.Count()))
				put(m.Name()+"_sum", p.Attributes(), p.Sum())
				sum := uint64(0)
				for i, n := range p.BucketCounts().AsRaw() {
					sum += n
					le := "+Inf"
					if i < p.ExplicitBounds().Len() {
						le = strconv.FormatFloat(p.ExplicitBounds().At(i), 'g', -1, 64)
						if p.ExplicitBounds().At(i) == math.Trunc(p.ExplicitBounds().At(i)) {
							le = strconv.FormatFloat(p.ExplicitBounds().At(i), 'f', 1, 64) // as Prometheus normalises it
						}
					}
					put(m.Name()+"_bucket", p.Attributes(), float64(sum), "le", le)
				}
			}
		default:
			require.Fail(t, "unexpected type", m.Type())
		}
	})
	return out
}

func each(m pmetric.Metrics, visit func(pmetric.Metric)) {
	for _, rm := range m.ResourceMetrics().All() {
		for _, sm := range rm.ScopeMetrics().All() {
			for _, one := range sm.Metrics().All() {
				visit(one)
			}
		}
	}
}

// started returns a receiver that collects only when the test asks.
func started(t *testing.T, b *board, next consumer.Metrics, change func(*Config)) *metricsReceiver {
	t.Helper()
	cfg := createDefaultConfig().(*Config)
	if change != nil {
		change(cfg)
	}
	require.NoError(t, cfg.Validate())
	r, err := newReceiver(receivertest.NewNopSettings(NewFactory().Type()), cfg, next)
	require.NoError(t, err)
	source, err := tokenconsoleextension.Metrics(consoleID, b.host)
	require.NoError(t, err)
	r.from, r.starts = source, newStarts(source.Started)
	return r
}

func last(sink *consumertest.MetricsSink) pmetric.Metrics {
	all := sink.AllMetrics()
	return all[len(all)-1]
}

// TestEqualsScrape: same series, labels and values as /metrics, with hostile names, after each write.
func TestEqualsScrape(t *testing.T) {
	b := newBoard(t)
	sink := &consumertest.MetricsSink{}
	r := started(t, b, sink, nil)
	for _, model := range []string{"", "m1", "m\"2", "m\\3\n"} {
		if model != "" {
			b.calls(t, 40, model)
		}
		require.NoError(t, r.collect(context.Background()))
		want, got := b.scrape(t), samples(t, last(sink))
		require.Greater(t, len(want), 20)
		const size = `{__name__="tokenboard_store_size_bytes"}` // it changes between the two: the store tidies up
		require.Positive(t, want[size])
		require.Positive(t, got[size])
		delete(want, size)
		delete(got, size)
		require.Equal(t, want, got)
	}
}

// TestExponential: exponential histograms have the count and the sum of the explicit ones, and as many values below each of
// their bounds, which are bounds of exponential buckets, too.
func TestExponential(t *testing.T) {
	b := newBoard(t)
	b.calls(t, 300, "m")
	sink := &consumertest.MetricsSink{}
	require.NoError(t, started(t, b, sink, func(c *Config) { c.Histograms = exponential }).collect(context.Background()))
	want := b.scrape(t)
	checked := 0
	each(last(sink), func(m pmetric.Metric) {
		if m.Type() != pmetric.MetricTypeExponentialHistogram {
			return
		}
		for _, p := range m.ExponentialHistogram().DataPoints().All() {
			require.EqualValues(t, 3, p.Scale())
			of := func(suffix string, more ...string) float64 {
				l := labels.NewBuilder(labels.FromStrings(append([]string{"__name__", m.Name() + suffix}, more...)...))
				p.Attributes().Range(func(k string, v pcommon.Value) bool { l.Set(k, v.Str()); return true })
				require.Contains(t, want, l.Labels().String())
				return want[l.Labels().String()]
			}
			require.Equal(t, of("_count"), float64(p.Count()))
			require.Equal(t, of("_sum"), p.Sum())
			for e, le := range map[int]string{-1: "0.5", 1: "2.0", 3: "8.0", 5: "32.0"} {
				below := p.ZeroCount()
				for i, n := range p.Positive().BucketCounts().AsRaw() {
					if int(p.Positive().Offset())+i < 8*e { // 8 buckets to a power of two
						below += n
					}
				}
				if m.Name() == "tokenboard_output_tokens_per_second" && e < 0 {
					continue // its explicit bounds begin at 1
				}
				require.Equal(t, of("_bucket", "le", le), float64(below), "%s le=%s", m.Name(), le)
				checked++
			}
		}
	})
	require.Greater(t, checked, 8)
}

// points visits the cumulative points.
func points(m pmetric.Metrics, visit func(name, of string, start, at pcommon.Timestamp)) {
	each(m, func(m pmetric.Metric) {
		switch m.Type() {
		case pmetric.MetricTypeSum:
			for _, p := range m.Sum().DataPoints().All() {
				visit(m.Name(), modelOf(p.Attributes()), p.StartTimestamp(), p.Timestamp())
			}
		case pmetric.MetricTypeHistogram:
			for _, p := range m.Histogram().DataPoints().All() {
				visit(m.Name(), modelOf(p.Attributes()), p.StartTimestamp(), p.Timestamp())
			}
		default:
		}
	})
}

func modelOf(attributes pcommon.Map) string {
	if model, ok := attributes.Get("model"); ok {
		return model.Str()
	}
	return ""
}

// TestStarts: what was counted before has a start that says so; what is new starts at the collection before; what counts
// since the process started says since when. A collection that is refused was none.
func TestStarts(t *testing.T) {
	b := newBoard(t)
	b.calls(t, 5, "old")
	sink := &consumertest.MetricsSink{}
	refusing := consumertest.NewErr(errors.New("full"))
	r := started(t, b, refusing, nil)
	require.ErrorContains(t, r.collect(context.Background()), "full")
	r.next = sink
	source, err := tokenconsoleextension.Metrics(consoleID, b.host)
	require.NoError(t, err)
	process := pcommon.NewTimestampFromTime(source.Started)

	require.NoError(t, r.collect(context.Background()))
	var first pcommon.Timestamp
	n := 0
	points(last(sink), func(name, of string, start, at pcommon.Timestamp) {
		first = at
		n++
		if name == "tokenboard_commits_total" || name == "tokenboard_refused_records_total" {
			require.Equal(t, process, start, name)
		} else if of != "" {
			require.Equal(t, at, start, "%s counts since a time that is not known", name)
		}
	})
	require.Greater(t, n, 10)

	b.calls(t, 5, "new")
	r.next = refusing
	require.Error(t, r.collect(context.Background()))
	r.next = sink
	for range 2 {
		require.NoError(t, r.collect(context.Background()))
		kinds := map[string]int{}
		points(last(sink), func(name, of string, start, at pcommon.Timestamp) {
			kinds[of]++
			switch of {
			case "old", "new": // both since the first collection: the old ones were something then, the new ones nothing
				require.Equal(t, first, start, "%s of %s", name, of)
				require.Greater(t, at, start)
			}
		})
		require.Positive(t, kinds["old"])
		require.Positive(t, kinds["new"])
	}
	b.calls(t, 1, "newest")
	second := pcommon.NewTimestampFromTime(r.starts.last)
	require.NoError(t, r.collect(context.Background()))
	points(last(sink), func(name, of string, start, _ pcommon.Timestamp) {
		if of == "newest" {
			require.Equal(t, second, start, name)
		}
	})
}

// TestLeader: of several replicas only the one that leads emits the series; one that begins to lead does not know since when
// they count.
func TestLeader(t *testing.T) {
	b := newBoard(t)
	b.calls(t, 5, "old")
	sink := &consumertest.MetricsSink{}
	r := started(t, b, sink, nil)
	require.True(t, r.from.Leading(), "nobody shares the store")
	require.NoError(t, r.collect(context.Background()))
	leads := false
	r.from.Leading = func() bool { return leads }
	b.calls(t, 5, "new")
	require.NoError(t, r.collect(context.Background()))
	require.Len(t, sink.AllMetrics(), 1)
	leads = true
	require.NoError(t, r.collect(context.Background()))
	require.Len(t, sink.AllMetrics(), 2)
	n := 0
	points(last(sink), func(name, of string, start, at pcommon.Timestamp) {
		if of != "" {
			n++
			require.Equal(t, at, start, "%s of %s", name, of)
		}
	})
	require.Greater(t, n, 10)
}

// TestDelta: the stock processor makes deltas of it that add up to what was counted since the first collection: nothing of
// before, and new series whole.
func TestDelta(t *testing.T) {
	b := newBoard(t)
	b.calls(t, 100, "old")
	sink := &consumertest.MetricsSink{}
	f := cumulativetodeltaprocessor.NewFactory()
	delta, err := f.CreateMetrics(context.Background(), processortest.NewNopSettings(f.Type()), f.CreateDefaultConfig(), sink)
	require.NoError(t, err)
	require.NoError(t, delta.Start(context.Background(), componenttest.NewNopHost()))
	t.Cleanup(func() { require.NoError(t, delta.Shutdown(context.Background())) })
	r := started(t, b, delta, nil)
	before := b.scrape(t)
	require.NoError(t, r.collect(context.Background()))
	for _, model := range []string{"old", "new", "old", "newer", "new"} {
		b.calls(t, 7, model)
		require.NoError(t, r.collect(context.Background()))
	}
	sums, count := map[string]float64{}, 0.0
	for _, m := range sink.AllMetrics() {
		each(m, func(m pmetric.Metric) {
			switch m.Type() {
			case pmetric.MetricTypeSum:
				require.Equal(t, pmetric.AggregationTemporalityDelta, m.Sum().AggregationTemporality())
				for _, p := range m.Sum().DataPoints().All() {
					sums[m.Name()] += p.DoubleValue()
				}
			case pmetric.MetricTypeHistogram:
				for _, p := range m.Histogram().DataPoints().All() {
					if m.Name() == "tokenboard_call_duration_seconds" {
						count += float64(p.Count())
					}
				}
			default:
			}
		})
	}
	after := b.scrape(t)
	total := func(of map[string]float64, name string) (sum float64) {
		for series, v := range of {
			if l := name + `"`; len(series) > 0 && containsName(series, l) {
				sum += v
			}
		}
		return sum
	}
	for _, name := range []string{"tokenboard_calls_total", "tokenboard_errors_total", "tokenboard_tokens_total", "tokenboard_unpriced_calls_total"} {
		require.Equal(t, total(after, name)-total(before, name), sums[name], name)
	}
	require.InDelta(t, total(after, "tokenboard_cost_usd_total")-total(before, "tokenboard_cost_usd_total"), sums["tokenboard_cost_usd_total"], 1e-9)
	require.Equal(t, 35.0, sums["tokenboard_calls_total"])
	require.Equal(t, 35.0, count)
}

// containsName reports whether a series has a name.
func containsName(series, name string) bool {
	const key = `{__name__="`
	return len(series) > len(key)+len(name) && series[:len(key)] == key && series[len(key):len(key)+len(name)] == name
}

// TestCollects: it collects at once and at the interval, ends in Shutdown, and names what is not there.
func TestCollects(t *testing.T) {
	b := newBoard(t)
	f := NewFactory()
	sink := &consumertest.MetricsSink{}
	cfg := createDefaultConfig().(*Config)
	cfg.Interval = minInterval
	r, err := f.CreateMetrics(context.Background(), receivertest.NewNopSettings(f.Type()), cfg, sink)
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(context.Background(), host{}), `no extension "tokenconsole"`)
	require.ErrorContains(t, r.Start(context.Background(), host{consoleID: b.host[component.MustNewID("tokenstore")]}), "is not a tokenconsole")
	require.NoError(t, r.Start(context.Background(), b.host))
	require.Eventually(t, func() bool { return len(sink.AllMetrics()) > 2 }, time.Minute, 10*time.Millisecond)
	require.NoError(t, r.Shutdown(context.Background()))
	n := len(sink.AllMetrics())
	attributes := last(sink).ResourceMetrics().At(0).Resource().Attributes().AsRaw()
	require.Equal(t, "tokenboard", attributes["service.name"])
	require.Len(t, sink.AllMetrics(), n)
	require.NoError(t, r.Shutdown(context.Background()))
}

func TestConfig(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"collection_interval": func(c *Config) { c.Interval = time.Millisecond }, "histograms": func(c *Config) { c.Histograms = "native" },
		"between": func(c *Config) { c.Interval = 25 * time.Hour },
	} {
		cfg := createDefaultConfig().(*Config)
		require.NoError(t, cfg.Validate())
		change(cfg)
		require.ErrorContains(t, cfg.Validate(), name)
	}
}

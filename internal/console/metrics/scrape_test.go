package metrics_test

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/console/metrics"
	"github.com/tokenboard/tokenboard/internal/console/stats"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// scrapeFormats are what clients accept in text.
var scrapeFormats = []string{
	"", "text/plain;version=0.0.4;q=0.3,*/*;q=0.2", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5",
	"application/openmetrics-text;version=0.0.1", "text/plain;version=1.0.0;escaping=allow-utf-8",
}

// byLibrary asks for all metrics by name, which the client library answers.
func byLibrary() string {
	v := url.Values{}
	for _, d := range metrics.Defs {
		v.Add("name[]", metrics.MetricPrefix+d.Name)
	}
	return "/metrics?" + v.Encode()
}

// TestScrapeIsTheLibrarys: a scrape has the bytes that the client library writes, whatever changed since the last one.
func TestScrapeIsTheLibrarys(t *testing.T) {
	b := consoletest.NewBench(t, func(o *console.Options) { o.Quota = stats.Quota{Tokens: 1_000_000, Period: store.Monthly} })
	r := rand.New(rand.NewPCG(7, 7))
	hostile := []string{"m", "a\"b\\c\nd", "\xff", "\xfe", "", "模型", "# HELP x", "a,b=\"c\""}
	lines := 0
	for round := range 12 {
		var batch usage.Batch
		for range round * 3 {
			c := metricCall(r.IntN(1<<30), usage.Fingerprint(fmt.Sprint(r.IntN(3))))
			c.Model, c.Provider, c.Service = hostile[r.IntN(len(hostile))], hostile[r.IntN(len(hostile))], hostile[r.IntN(3)]
			c.Tokens.Reasoning = r.Int64N(2) * r.Int64N(1e6)
			c.ReportedCost, c.HasReportedCost = usage.NanoUSD(r.Int64N(1e15)), true
			c.Failed = r.IntN(3) == 0
			batch.Calls = append(batch.Calls, c)
		}
		if len(batch.Calls) > 0 {
			b.Commit(batch)
		}
		if round%3 == 1 { // budgets of their own, which use more with each round
			name, err := json.Marshal(fmt.Sprint(round, strings.ToValidUTF8(strings.ReplaceAll(hostile[round%len(hostile)], "\n", " "), "?")))
			require.NoError(t, err)
			body := fmt.Sprintf(`{"name":%s,"scope":"all","period":"month","%s":%d}`, name, []string{"tokens", "usd"}[round/3%2], round*1000)
			require.Equal(t, 201, b.Do("POST", api.Base+"/budgets", body, nil).Code, body)
		}
		for _, accept := range scrapeFormats {
			header := map[string]string{"Accept": accept}
			want, got := b.Do("GET", byLibrary(), "", header), b.Do("GET", "/metrics", "", header)
			require.Equal(t, 200, want.Code)
			require.Equal(t, 200, got.Code)
			require.Equal(t, want.Body.String(), got.Body.String(), accept)
			require.Equal(t, want.Header(), got.Header(), accept)
			header["Accept-Encoding"] = "gzip"
			zipped := b.Do("GET", "/metrics", "", header)
			require.Equal(t, "gzip", zipped.Header().Get("Content-Encoding"))
			text, err := gzip.NewReader(zipped.Body)
			require.NoError(t, err)
			all, err := io.ReadAll(text)
			require.NoError(t, err)
			require.Equal(t, want.Body.String(), string(all), accept)
			lines = max(lines, strings.Count(string(all), "\n"))
		}
	}
	require.Greater(t, lines, 400)
	proto := b.Do("GET", "/metrics", "", map[string]string{"Accept": "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"})
	require.Contains(t, proto.Header().Get("Content-Type"), "protobuf")
}

// counted takes an answer as a connection does: it keeps none of it. A recorder copies megabytes while it grows.
type counted struct {
	header http.Header
	bytes  int
}

func (w *counted) Header() http.Header         { return w.header }
func (w *counted) WriteHeader(int)             {}
func (w *counted) Write(p []byte) (int, error) { w.bytes += len(p); return len(p), nil }

// BenchmarkScrape is a scrape with 2,000 series, of which a few have changed since the last one.
func BenchmarkScrape(b *testing.B) {
	for _, how := range []struct{ name, path, encoding string }{
		{"library", byLibrary(), ""}, {"library-gzip", byLibrary(), "gzip"}, {"text", "/metrics", ""}, {"gzip", "/metrics", "gzip"},
	} {
		b.Run(how.name, func(b *testing.B) {
			bench := consoletest.NewBench(b, nil)
			var all []usage.Call
			for n := range 2000 {
				c := metricCall(n, usage.Fingerprint(fmt.Sprint(n%50)))
				c.Model, c.Provider, c.Service = fmt.Sprintf("a-rather-long-model-name-%d-2026-01-31", n/50), "openai", "gateway.example.com"
				c.Tokens = usage.Tokens{InputUncached: 123_456, CacheRead: 12_345, CacheWrite: 1_234, OutputText: 4_321, Reasoning: 999, Fields: usage.HasInput | usage.HasOutput}
				all = append(all, c)
			}
			bench.Commit(usage.Batch{Calls: all})
			header := map[string]string{"Accept-Encoding": how.encoding}
			var w counted
			bench.Do("GET", how.path, "", header)
			made := 2000
			runtime.GC()
			b.ResetTimer()
			for range b.N {
				b.StopTimer()
				var batch usage.Batch
				for range 50 {
					c := all[made%len(all)]
					id := metricCall(made, "")
					c.ID, c.Trace, c.Span = id.ID, id.Trace, id.Span
					c.Start = consoletest.TestNow.Add(-time.Duration(made) * time.Millisecond)
					made++
					batch.Calls = append(batch.Calls, c)
				}
				bench.Commit(batch)
				b.StartTimer()
				r := httptest.NewRequestWithContext(b.Context(), "GET", "http://localhost:8317"+how.path, http.NoBody)
				r.Header.Set("Accept-Encoding", how.encoding)
				w = counted{header: http.Header{}}
				bench.Handler.ServeHTTP(&w, r)
			}
			b.ReportMetric(float64(w.bytes), "bytes")
		})
	}
}

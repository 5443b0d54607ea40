package attack

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	// mostMemory is how much more memory than before the process may hold for any single request.
	mostMemory = 100e6
	// limit is the process's memory under whatever is asked of it at one time, as a container's or a unit's
	// would be: the program leaves three quarters of it to Go, see cmd/tokenboard.
	limit = 800 << 20
)

// floodAttacks make work of ever new names. They come last: what they leave behind makes all slower.
func floodAttacks() []attack {
	return []attack{
		{"names", "30,000 calls of ever new models and users", nil, floodOfNames},
		{"names", "answers with all of them", nil, answersAreBounded},
		{"trend", "the largest that is answered", nil, largestTrend},
		{"trend", "many clients that leave", nil, clientsThatLeave},
		{"exports", "20 Parquet files at one time", nil, parallelExports},
		{"exports", "one that nobody reads, while calls are written", nil, stalledExport},
		{"hostile", "1,000 requests at one time", nil, thousandAtOnce},
	}
}

func floodOfNames(t *testing.T, b *target) string {
	above := b.peak(func() {
		b.calls(30_000, func(i int) call {
			return call{
				id: 1_000_000 + i, start: time.Now().Add(-time.Duration(i) * time.Minute), input: int64(i), output: 10,
				model: fmt.Sprintf("model-%d", i), user: fmt.Sprintf("user-%d-%s", i, strings.Repeat("u", 100)),
			}
		})
	})
	return "taken, " + mib(above) + " more memory"
}

func answersAreBounded(t *testing.T, b *target) string {
	const most = 8 << 20
	largest, where := 0, ""
	var above int64
	for _, path := range []string{
		"/stats", "/stats?top=1000", "/quality?top=1000", "/breakdown?by=model&limit=1000", "/breakdown?by=user,model&limit=1000", "/dimensions/user?limit=1000",
		"/usage-trend?group_by=user&top=100&days=90", "/usage-trend?group_by=user&top=10&days=90&user=user-1-" + strings.Repeat("u", 100), "/breakdown/heatmap?days=90",
		"/forecast", "/forecast?user=user-1", "/changes?by=user&top=1000&from=" + url.QueryEscape(time.Now().Add(-49*time.Hour).UTC().Format(time.RFC3339)),
		"/usage-trend?group_by=user&top=100&interval=15m&from=" + url.QueryEscape(time.Now().Add(-49*time.Hour-7*time.Minute).UTC().Format(time.RFC3339)),
		"/logs?limit=1000", "/keys", "/prices", "/dashboards", "/settings", "/openapi.json",
	} {
		var r reply
		above = max(above, b.peak(func() { r = b.viewer.get(api + path) }))
		require.Contains(t, []int{200, 400}, r.status, "%s: %s", path, r.message())
		if len(r.body) > largest {
			largest, where = len(r.body), path
		}
	}
	var metrics reply
	above = max(above, b.peak(func() { metrics = b.viewer.get("/metrics") }))
	metrics.must(t, 200)
	require.Less(t, len(metrics.body), most, "/metrics")
	require.Less(t, largest, most, where)
	require.Less(t, above, int64(mostMemory))
	return fmt.Sprintf("at most %.1f MB (%s), /metrics %.1f MB, memory +%s", float64(largest)/1e6, where, float64(len(metrics.body))/1e6, mib(above))
}

func since(d time.Duration) string {
	return url.QueryEscape(time.Now().Add(-d).UTC().Truncate(15 * time.Minute).Format(time.RFC3339))
}

func largestTrend(t *testing.T, b *target) string {
	const day = 24 * time.Hour
	refused := b.member.get(api+"/usage-trend?interval=15m&group_by=user&top=100&from="+since(100*day)).must(t, 400)
	require.Contains(t, refused.message(), "20000")
	var above int64
	for _, query := range []string{
		"interval=15m&group_by=user&top=2&from=" + since(100*day), "interval=hour&group_by=user&top=90&from=" + since(8*day), "interval=15m&from=" + since(100*day),
		"interval=hour&group_by=user&top=90&user=user-1-" + strings.Repeat("u", 100) + "&from=" + since(8*day), "interval=hour&group_by=model&top=90&status=ok&from=" + since(8*day),
	} {
		var r reply
		above = max(above, b.peak(func() { r = b.viewer.get(api + "/usage-trend?" + query) }))
		r.must(t, 200)
	}
	require.Less(t, above, int64(mostMemory))
	return "10,000 x 100 refused; 20,000 points: memory +" + mib(above)
}

func clientsThatLeave(t *testing.T, b *target) string {
	ctx, leave := context.WithCancel(context.Background())
	var all sync.WaitGroup
	for i := range 60 {
		all.Go(func() {
			b.viewer.do(ctx, http.MethodGet, api+fmt.Sprintf("/breakdown?by=user,model&limit=1000&status=ok&to=%d", time.Now().Unix()-int64(i)), nil)
		})
	}
	time.Sleep(500 * time.Millisecond)
	leave()
	all.Wait()
	const most = 15 * time.Second // the machine may be busy with other things; the work itself would go on for a minute
	took, quiet := b.quiet(most)
	require.True(t, quiet, "the work goes on after its clients left")
	return fmt.Sprintf("idle %.1f s later", took.Seconds())
}

func parallelExports(t *testing.T, b *target) string {
	busy := 0
	var mu sync.Mutex
	above := b.peak(func() {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				who := []*caller{b.viewer, b.operator, b.admin}[i%3]
				r := who.get(api + "/export?format=parquet")
				mu.Lock()
				defer mu.Unlock()
				if r.status == 503 {
					require.NotEmpty(t, r.header.Get("Retry-After"))
					busy++
				} else {
					require.Equal(t, 200, r.status, r.message())
				}
			})
		}
		all.Wait()
	})
	require.Less(t, above, int64(300e6))
	return fmt.Sprintf("memory +%s, %d rejected for the time being", mib(above), busy)
}

func stalledExport(t *testing.T, b *target) string {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	for range 3 {
		res, err := b.viewer.open(ctx, http.MethodGet, api+"/export?format=ndjson", nil)
		require.NoError(t, err)
		defer res.Body.Close()
		require.Equal(t, 200, res.StatusCode)
	}
	log := filepath.Join(b.dir, "tokenboard.db-wal")
	size := func() int64 {
		files, err := filepath.Glob(filepath.Join(b.dir, "*-wal"))
		require.NoError(t, err)
		require.NotEmpty(t, files, log)
		info, err := os.Stat(files[0])
		require.NoError(t, err)
		return info.Size()
	}
	largest := int64(0)
	for i := range 100 {
		b.calls(200, func(n int) call {
			return call{id: 3_000_000 + i*200 + n, start: time.Now(), model: "stalled", user: strings.Repeat("s", 1000), input: 1, output: 1}
		})
		largest = max(largest, size())
	}
	require.Less(t, largest, int64(64e6), "the write-ahead log grows while nobody reads")
	return "log at most " + mib(largest)
}

func thousandAtOnce(t *testing.T, b *target) string {
	const n = 1000
	who := []*caller{b.viewer, b.operator, b.member, b.other, b.admin}
	statuses := map[int]int{}
	var mu sync.Mutex
	above := b.peak(func() {
		var all sync.WaitGroup
		ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
		defer stop()
		for i := range n {
			all.Go(func() {
				to := fmt.Sprint(time.Now().Unix() - int64(i))
				path := []string{
					"/usage-trend?interval=hour&group_by=user&top=90&from=" + since(8*24*time.Hour) + "&to=" + to,
					"/usage-trend?interval=15m&from=" + since(100*24*time.Hour) + "&to=" + to,
					"/breakdown?by=user,model&limit=1000&to=" + to, "/logs?limit=1000&to=" + to, "/stats?top=1000&to=" + to,
					"/logs?limit=1000&q=nowhere&to=" + to, "/export?format=parquet&to=" + to, "/export?format=json&to=" + to,
				}[i%8]
				r := who[i%len(who)].do(ctx, http.MethodGet, api+path, nil)
				mu.Lock()
				statuses[r.status]++
				mu.Unlock()
			})
		}
		all.Wait()
	})
	held := b.memory("VmHWM")
	time.Sleep(10 * time.Second)
	begun := time.Now()
	b.viewer.get(api+"/stats").must(t, 200)
	b.viewer.get(api+"/logs").must(t, 200)
	answered := time.Since(begun)
	status, err := b.export("traces", traces([]call{{id: 4_000_000, start: time.Now(), model: "after", input: 1, output: 1}}), nil)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Less(t, answered, 10*time.Second)
	require.Less(t, held, int64(limit))
	return fmt.Sprintf("memory +%s, then served in %.0f ms; statuses %v", mib(above), answered.Seconds()*1000, statuses)
}

// workAttacks make the process work hard for few bytes.
func workAttacks() []attack {
	return []attack{
		{"import", "white space, brackets, texts and rows without end", nil, bombs},
		{"import", "processor time at three sizes", nil, importIsLinear},
		{"import", "a client that leaves", nil, importWithoutClient},
		{"telemetry", "JSON that is nested deeply", nil, deepTelemetry},
		{"telemetry", "processor time of keys and texts at three sizes", nil, telemetryIsLinear},
	}
}

func zipped(begin, text string, times int, end string) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = io.WriteString(z, begin)
	many := strings.Repeat(text, 1000)
	for range times / 1000 {
		_, _ = io.WriteString(z, many)
	}
	_, _ = io.WriteString(z, end)
	_ = z.Close()
	return out.Bytes()
}

var bombsOfImport = []struct{ name, format, begin, text, end string }{
	{"white space", "tokenboard", `{"logs":[`, "\n", "]}"},
	{"white space in a row", "tokenboard", `{"logs":[{"id":`, "\t", "1}]}"},
	{"blank lines", "ndjson", "", "\n", ""},
	{"brackets", "tokenboard", `{"x":`, "[", ""},
	{"a text", "cliproxy", `{"usage":"`, "x", `"}`},
	{"rows that are none", "ndjson", "", "{}\n", ""},
	{"values of a row", "litellm", `[{"request_id":[1`, ",1", "]}]"},
}

func bombs(t *testing.T, b *target) string {
	const size = 32 << 20
	var worst int64
	for _, bomb := range bombsOfImport {
		body := zipped(bomb.begin, bomb.text, size/len(bomb.text), bomb.end)
		above := b.peak(func() {
			r := b.operator.with("Content-Encoding", "gzip").do(t.Context(), http.MethodPost, api+"/logs/import?format="+bomb.format, bytes.NewReader(body))
			require.NoError(t, r.err, bomb.name)
			require.Less(t, r.status, 500, "%s: %s", bomb.name, r.message())
		})
		require.Less(t, above, int64(mostMemory), bomb.name)
		worst = max(worst, above)
	}
	return "32 MB of each: memory +" + mib(worst)
}

// linear fails where the processor time of f grows much faster than the sizes, which double twice.
func linear(t *testing.T, b *target, sizes [3]int, f func(size int)) string {
	t.Helper()
	f(sizes[0]) // what is made once
	var spent [3]time.Duration
	for i, size := range sizes {
		spent[i] = b.spent(func() { f(size) })
	}
	// A square would be sixteen times; ticks are 10 ms, and garbage is collected when it is.
	const floor, most = 100 * time.Millisecond, 8
	require.Less(t, spent[2], most*max(spent[0], floor), "%v: %v", sizes, spent)
	return fmt.Sprintf("%v for %v", spent, sizes)
}

func importIsLinear(t *testing.T, b *target) string {
	var worst string
	for _, bomb := range bombsOfImport {
		worst = bomb.name + " " + linear(t, b, [3]int{4 << 20, 8 << 20, 16 << 20}, func(size int) {
			body := zipped(bomb.begin, bomb.text, size/len(bomb.text), bomb.end)
			b.operator.with("Content-Encoding", "gzip").do(t.Context(), http.MethodPost, api+"/logs/import?format="+bomb.format, bytes.NewReader(body))
		})
	}
	return worst
}

func importWithoutClient(t *testing.T, b *target) string {
	ctx, leave := context.WithCancel(t.Context())
	body := zipped(`{"usage":"`, "x", 500<<20, `"}`)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.operator.with("Content-Encoding", "gzip").do(ctx, http.MethodPost, api+"/logs/import?format=cliproxy", bytes.NewReader(body))
	}()
	time.Sleep(300 * time.Millisecond)
	leave()
	<-done
	took, quiet := b.quiet(10 * time.Second)
	require.True(t, quiet, "the import goes on after its client left")
	return fmt.Sprintf("idle %.1f s later", took.Seconds())
}

func deepTelemetry(t *testing.T, b *target) string {
	var worst int64
	for _, deep := range []struct{ begin, text, end string }{
		{`{"resourceSpans":`, "[", ""}, {`{"x":`, "[", ""}, {`{"x":`, `{"a":`, ""},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"a","value":`, `{"arrayValue":{"values":[`, ""},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[`, `{},`, "{}]}]}]}"},
		{`{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[`, `{},`, "{}]}]}]}]}"},
	} {
		for _, size := range []int{1 << 20, 4 << 20, 8<<20 - 512, 32 << 20} {
			body := zipped(deep.begin, deep.text, size/len(deep.text), deep.end)
			above := b.peak(func() {
				_, err := b.export("traces", body, map[string]string{"Content-Encoding": "gzip"})
				require.NoError(t, err)
			})
			worst = max(worst, above)
			t.Logf("%q of %d bytes: memory +%s", deep.text, size, mib(above))
		}
	}
	require.Less(t, worst, int64(mostMemory))
	return "memory +" + mib(worst)
}

func telemetryIsLinear(t *testing.T, b *target) string {
	id := 5_000_000
	return linear(t, b, [3]int{1000, 2000, 4000}, func(size int) {
		more := map[string]string{}
		for i := range size / 2 {
			more[fmt.Sprintf("http.request.header.x-api-key-%d", i)] = fmt.Sprintf("sk-%032d", i)
			more[fmt.Sprintf("text-%d", i)] = strings.Repeat(fmt.Sprintf("sk-%032d ", i/2), 20)
		}
		id++
		status, err := b.export("traces", traces([]call{{id: id, start: time.Now(), model: "m", input: 1, output: 1, more: more}}), nil)
		require.NoError(t, err)
		require.Equal(t, 200, status)
	})
}

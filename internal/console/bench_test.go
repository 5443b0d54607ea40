package console_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console"
	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/store/sqlite"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// BenchmarkReads is the work of one request, with 50,000 calls over a day stored.
func BenchmarkReads(b *testing.B) {
	o := consoletest.NewBench(b, nil)
	const n, batch = 50_000, 5_000
	for i := 1; i <= n; {
		var calls []usage.Call
		for ; len(calls) < batch; i++ {
			c := usage.Call{
				Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Duration(i) * 1700 * time.Millisecond), Model: fmt.Sprint("model-", i%20), Provider: "openai",
				User: fmt.Sprint("user-", i%50), Duration: time.Duration(i%3000) * time.Millisecond, Status: 200,
				Tokens: usage.Tokens{InputUncached: int64(i), OutputText: 5, Fields: usage.HasInput | usage.HasOutput},
			}
			binary.BigEndian.PutUint64(c.Trace[:], uint64(i)*0x9e3779b97f4a7c15)
			binary.BigEndian.PutUint64(c.Span[:], uint64(i))
			c.ID = usage.SpanRecordID(c.Trace, c.Span)
			calls = append(calls, c)
		}
		require.NoError(b, o.Ledger.Commit(context.Background(), usage.Batch{Calls: calls}))
	}
	for _, target := range []string{"/stats", "/logs?limit=100", "/usage-trend", "/breakdown?by=model", "/breakdown?by=model,user", "/health"} {
		b.Run(strings.Trim(strings.ReplaceAll(target, "/", " "), " "), func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				o.Handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+api.Base+target, nil))
				require.Equal(b, 200, w.Code)
			}
		})
	}
}

// BenchmarkFilled is the work of one request on the database that TOKENBOARD_BENCH_DATA names, as
// "bench fill" makes them; it is skipped without.
func BenchmarkFilled(b *testing.B) {
	dir := os.Getenv("TOKENBOARD_BENCH_DATA")
	if dir == "" {
		b.Skip("TOKENBOARD_BENCH_DATA is not set")
	}
	engine, err := sqlite.Open(context.Background(), sqlite.Options{Path: filepath.Join(dir, "tokenboard.db")})
	require.NoError(b, err)
	l, err := ledger.Open(context.Background(), engine, ledger.Options{})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, l.Close()) })
	c := console.New(console.Options{Ledger: l, Directory: engine.Directory(), Version: "test", Open: true})
	handler := c.Direct()
	yesterday := time.Now().Add(-24 * time.Hour).Unix()
	for _, target := range []string{
		"/stats", "/stats?user=user-0003", fmt.Sprint("/stats?from=", yesterday), "/usage-trend", "/usage-trend?days=90&group_by=model&timezone=UTC",
		"/usage-trend?days=90&group_by=model&timezone=Asia/Shanghai", "/usage-trend?days=90&group_by=user&timezone=UTC",
		"/usage-trend?days=90&group_by=user&timezone=Asia/Shanghai", "/usage-trend?days=90&group_by=key&timezone=UTC",
		"/logs?limit=100", "/logs?limit=100&model=o3&status=error", fmt.Sprint("/logs?q=abcdef&from=", yesterday),
		"/breakdown?by=model", "/breakdown?by=user", "/dimensions/user", "/quality", "/keys",
	} {
		b.Run(strings.ReplaceAll(strings.Trim(target, "/"), strconv.FormatInt(yesterday, 10), "yesterday"), func(b *testing.B) {
			b.ReportAllocs()
			get := func() {
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+api.Base+target, nil))
				require.Equal(b, 200, w.Code)
			}
			get() // what a first one keeps for the next ones is not measured
			begun := processorTime(b)
			for b.Loop() {
				get()
			}
			b.ReportMetric(float64(processorTime(b)-begun)/float64(b.N)/1e6, "cpu-ms/op")
		})
	}
}

// processorTime is what the process used: on a machine that has other things to do, time says little.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package console

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// BenchmarkReads is the work of one request, with 50,000 calls over a day stored.
func BenchmarkReads(b *testing.B) {
	o := newBench(b, nil)
	const n, batch = 50_000, 5_000
	for i := 1; i <= n; {
		var calls []usage.Call
		for ; len(calls) < batch; i++ {
			c := usage.Call{
				Role: usage.RoleCall, Start: testNow.Add(-time.Duration(i) * 1700 * time.Millisecond), Model: fmt.Sprint("model-", i%20), Provider: "openai",
				User: fmt.Sprint("user-", i%50), Duration: time.Duration(i%3000) * time.Millisecond, Status: 200,
				Tokens: usage.Tokens{InputUncached: int64(i), OutputText: 5, Fields: usage.HasInput | usage.HasOutput},
			}
			binary.BigEndian.PutUint64(c.Trace[:], uint64(i)*0x9e3779b97f4a7c15) //nolint:gosec // bits
			binary.BigEndian.PutUint64(c.Span[:], uint64(i))                     //nolint:gosec // bits
			c.ID = usage.SpanRecordID(c.Trace, c.Span)
			calls = append(calls, c)
		}
		require.NoError(b, o.ledger.Commit(context.Background(), usage.Batch{Calls: calls}))
	}
	for _, target := range []string{"/stats", "/logs?limit=100", "/usage-trend", "/breakdown?by=model", "/breakdown?by=model,user", "/health"} {
		b.Run(strings.Trim(strings.ReplaceAll(target, "/", " "), " "), func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				o.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+base+target, nil))
				require.Equal(b, 200, w.Code)
			}
		})
	}
}

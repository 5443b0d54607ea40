package calls_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/console/api"
	"github.com/tokenboard/tokenboard/internal/console/calls"
	"github.com/tokenboard/tokenboard/internal/console/consoletest"
	"github.com/tokenboard/tokenboard/internal/ledger"
	"github.com/tokenboard/tokenboard/internal/usage"
)

func TestParquet(t *testing.T) {
	b := consoletest.BookBench(t, ledger.Options{})
	b.History()
	w := b.Do("GET", api.Base+"/export?format=parquet", "", nil)
	require.Equal(t, 200, w.Code)
	require.Contains(t, w.Header().Get("Content-Disposition"), `filename="tokenboard-calls-until-2026-11-03.parquet"`)
	file, err := parquet.OpenFile(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	require.NoError(t, err)
	schema := file.Schema().String()
	for _, column := range []string{
		"required int64 time (TIMESTAMP(isAdjustedToUTC=true,unit=NANOS))", "optional int64 cost_usd (DECIMAL(18,9))",
		"optional binary model (STRING)", "optional int64 input_tokens", "required boolean counted",
	} {
		require.Contains(t, schema, column)
	}
	rows, err := parquet.Read[calls.ParquetRow](bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	require.NoError(t, err)
	items := consoletest.Data[calls.LogPage](b, "GET", "/logs?limit=1000", "", 200).Items
	require.Len(t, rows, len(items))
	for i := range rows {
		item := items[len(items)-1-i] // oldest first
		want := calls.ParquetRowOf(&item)
		if len(want.Quality) == 0 {
			want.Quality = rows[i].Quality // none or empty
		}
		require.Equal(t, want, rows[i])
	}
	empty := consoletest.NewBench(t, nil).Do("GET", api.Base+"/export?format=parquet", "", nil)
	none, err := parquet.Read[calls.ParquetRow](bytes.NewReader(empty.Body.Bytes()), int64(empty.Body.Len()))
	require.NoError(t, err)
	require.Empty(t, none)
}

// meter is a client that throws away what it gets, and looks at the server's memory meanwhile.
type meter struct {
	header        http.Header
	written, next int
	step          int // bytes between two looks
	highest       uint64
}

func (m *meter) Header() http.Header { return m.header }

func (m *meter) WriteHeader(int) {}

func (m *meter) Write(p []byte) (int, error) {
	if m.written += len(p); m.written >= m.next {
		m.next += m.step
		m.highest = max(m.highest, liveHeap())
	}
	return len(p), nil
}

func liveHeap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// TestExportNeedsLittleMemory: an export is as large as it is, the server's memory is not.
func TestExportNeedsLittleMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("writes many calls")
	}
	const n, batch = 20_000, 4_000
	b := consoletest.NewBench(t, nil)
	for i := 1; i <= n; {
		var calls []usage.Call
		for ; len(calls) < batch; i++ {
			c := usage.Call{
				Role: usage.RoleCall, Start: consoletest.TestNow.Add(-time.Duration(i) * time.Second), Model: fmt.Sprint("model-", i%40), Provider: "openai", User: fmt.Sprint("user-", i%100),
				RequestID: fmt.Sprintf("request-%032d", i), ResponseID: fmt.Sprintf("response-%032d", i),
				Tokens: usage.Tokens{InputUncached: int64(i), OutputText: 5, Fields: usage.HasInput | usage.HasOutput},
			}
			binary.BigEndian.PutUint64(c.Trace[:], uint64(i)*0x9e3779b97f4a7c15)
			binary.BigEndian.PutUint64(c.Span[:], uint64(i))
			c.ID = usage.SpanRecordID(c.Trace, c.Span)
			calls = append(calls, c)
		}
		require.NoError(t, b.Ledger.Commit(context.Background(), usage.Batch{Calls: calls}))
	}
	for format, most := range map[string]uint64{"json": 12 << 20, "ndjson": 12 << 20, "csv": 12 << 20, "parquet": 48 << 20} {
		before := liveHeap()
		m := &meter{header: http.Header{}, step: 4 << 20}
		if format == "parquet" {
			m.step = 64 << 10
		}
		b.Handler.ServeHTTP(m, httptest.NewRequest(http.MethodGet, "http://localhost"+api.Base+"/export?format="+format, nil))
		require.NotZero(t, m.highest, format)
		grown := m.highest - min(before, m.highest)
		t.Logf("%s: %d bytes, memory grew by %d", format, m.written, grown)
		require.Less(t, grown, most, format)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(b.Do("GET", api.Base+"/export?format=csv", "", nil).Body.String(), "\uFEFF"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, n+1, len(rows)) //nolint:testifylint // Len would print them all
}

package columnar

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/hexdoc"
	"github.com/tokenboard/tokenboard/internal/store"
	"github.com/tokenboard/tokenboard/internal/store/block"
	"github.com/tokenboard/tokenboard/internal/store/dictionary"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// formatEntries are what one write made of records: one was put, one was removed. They never change, or the
// golden file would not be that of an older version.
func formatEntries() ([]*memEntry, dictionary.Values) {
	start := time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC)
	r := &store.Record{Counted: true, StoredAt: start.Add(3 * time.Second)}
	r.Trace, r.Span = usage.TraceID(bytes.Repeat([]byte{0x5b}, 16)), usage.SpanID(bytes.Repeat([]byte{0xee}, 8))
	r.ID, r.Start, r.Duration, r.Status, r.Role = usage.SpanRecordID(r.Trace, r.Span), start, 2*time.Second, 200, usage.RoleCall
	r.Operation, r.Provider, r.Model, r.RequestModel, r.Service = "chat", "openai", "gpt-4o", "gpt-4o", "my-app"
	r.Tokens = usage.Tokens{InputUncached: 1200, OutputText: 300, Fields: usage.HasInput | usage.HasOutput}
	r.Cost, r.PriceVersion, r.ResponseID = 6_000_000, "genai-prices 0.1.8", "chatcmpl-1"

	values := make(dictionary.Values, 1)
	put := &memEntry{Place: PlaceOf(r), row: block.Row{Record: r}}
	for k, key := range dictionary.KeysOf(&r.Call) {
		if dictionary.Kind(k) == dictionary.KindAccount { // there is none, which has no number
			continue
		}
		put.row.IDs[k] = uint32(len(values))
		values = append(values, key)
	}
	removed := &memEntry{Place: Place{Start: start.Add(-time.Hour).UnixNano()}}
	copy(removed.ID[:], bytes.Repeat([]byte{0xaa}, len(removed.ID)))
	return []*memEntry{removed, put}, values
}

// TestFormatLog reads a golden row of the table recent, and compares what is written today with it, and
// the example in the document.
func TestFormatLog(t *testing.T) {
	golden, err := hexdoc.File("testdata/formats/recent-1.hex")
	require.NoError(t, err)
	want, values := formatEntries()
	var got []*memEntry
	require.NoError(t, decodeLog(golden, values, func(e *memEntry) { got = append(got, e) }))
	require.Equal(t, want, got)
	require.Equal(t, golden, encodeLog(want), "the format changed: it needs another kind of part, and this file stays")
	example, err := hexdoc.Example("../../../docs/formats/journal.md", "recent")
	require.NoError(t, err)
	require.Equal(t, golden, example)
}

// TestFormatSummary: databases have summaries; their bits do not move.
func TestFormatSummary(t *testing.T) {
	entries, _ := formatEntries()
	golden, err := hexdoc.File("testdata/formats/summary-1.hex")
	require.NoError(t, err)
	require.Equal(t, golden, []byte(dictionary.SummaryBits.Summarise([]block.Row{entries[1].row}, dictionary.InlineText)))
	require.True(t, dictionary.SummaryBits.Valid(golden))
}

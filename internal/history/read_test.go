package history

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

func open(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

// rows reads a file, also byte by byte, which must not matter.
func rows(t *testing.T, f Format, b []byte) (out []Row) {
	t.Helper()
	require.NoError(t, Read(t.Context(), f, bytes.NewReader(b), func(r *Row) error {
		out = append(out, *r)
		return nil
	}))
	var slow []Row
	require.NoError(t, Read(t.Context(), f, iotest.OneByteReader(bytes.NewReader(b)), func(r *Row) error {
		slow = append(slow, *r)
		return nil
	}))
	require.Equal(t, out, slow)
	return out
}

const both = usage.HasInput | usage.HasOutput

func TestCLIProxy(t *testing.T) {
	got := rows(t, CLIProxy, open(t, "cliproxy.json"))
	require.Len(t, got, 8)
	alice := usage.Fingerprint("sk-alice-0123456789abcdef")
	for i, want := range []struct {
		line   int
		start  string
		model  string
		tokens usage.Tokens
	}{
		{13, "2026-01-19T08:00:00.123456789Z", "gpt-5", usage.Tokens{InputUncached: 20, CacheRead: 100, OutputText: 24, Reasoning: 10, Fields: both | usage.HasCacheRead | usage.HasReasoning}},
		{15, "2026-01-19T00:00:05Z", "gpt-5", usage.Tokens{InputUncached: 120, OutputText: 34, Fields: both}},
		{18, "2026-01-19T09:00:00Z", "gemini-2.5-pro", usage.Tokens{InputUncached: 100, OutputText: 20, Reasoning: 30, Fields: both | usage.HasReasoning}},
		{21, "2026-01-19T10:00:00Z", "claude-sonnet-4-5", usage.Tokens{InputUncached: 6, CacheRead: 800, OutputText: 20, Fields: both | usage.HasCacheRead}},
	} {
		c := got[i].Call
		require.Empty(t, got[i].Bad)
		require.Equal(t, want.line, got[i].Line)
		require.Equal(t, want.start, c.Start.Format(time.RFC3339Nano))
		require.Equal(t, want.model, c.Model)
		require.Equal(t, want.tokens, c.Tokens)
		require.Equal(t, alice, c.KeyFingerprint)
		require.Equal(t, "sk-al…cdef", c.KeyDisplay)
	}
	require.Equal(t, 1500*time.Millisecond, got[1].Call.Duration)
	require.Equal(t, "2c7bc0f3", got[1].Call.RequestID)
	require.Equal(t, usage.Estimated, got[3].Call.Quality, "reads and writes of a Claude cache cannot be distinguished")
	failed := got[4].Call
	require.Empty(t, failed.KeyFingerprint+failed.Model)
	require.Equal(t, "POST /v1/chat/completions", failed.Method+" "+failed.Path)
	require.True(t, failed.Failed)
	require.Equal(t, 503, failed.Status)
	require.Equal(t, "overloaded", failed.ErrorType)
	require.False(t, failed.Tokens.Reported())
	for i, says := range []string{"time", "timestamp", "token figures"} {
		require.Contains(t, got[5+i].Bad, says)
	}
	seen := map[usage.ID]bool{}
	for _, r := range got[:5] {
		require.False(t, seen[r.Call.ID])
		seen[r.Call.ID] = true
		require.NotContains(t, fmt.Sprintf("%+v", r), "someone@example.com")
		require.NotContains(t, fmt.Sprintf("%+v", r), "sk-alice-")
	}
	alone := rows(t, CLIProxy, []byte(`{"total_requests":1,"apis":{"k":{"models":{"m":{"details":[{"timestamp":"2026-01-19T08:00:00Z","tokens":{"input_tokens":1}}]}}}}}`))
	require.Len(t, alone, 1)
}

func TestLiteLLM(t *testing.T) {
	file := open(t, "litellm.ndjson")
	got := rows(t, LiteLLM, file)
	require.Len(t, got, 8)
	c := got[0].Call
	require.Equal(t, usage.Tokens{InputUncached: 20, CacheRead: 100, OutputText: 18, Reasoning: 12, Fields: both | usage.HasCacheRead | usage.HasReasoning}, c.Tokens)
	require.Equal(t, usage.NanoUSD(1_230_000), c.ReportedCost)
	require.True(t, c.HasReportedCost)
	require.Equal(t, []string{"gpt-4o", "my-gpt", "openai", "u1", "team one", "s1", "chatcmpl-1", "chat", "alice laptop", "litellm"},
		[]string{c.Model, c.RequestModel, c.Provider, c.User, c.Project, c.Session, c.ResponseID, c.Operation, c.KeyDisplay, c.Service})
	require.Equal(t, "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b", c.KeyFingerprint)
	require.Equal(t, 2*time.Second, c.Duration)
	require.Equal(t, 500*time.Millisecond, c.TTFT)
	require.Contains(t, got[1].LeftOut, "cache")

	raw := got[2]
	require.Equal(t, 4, raw.Line, "an empty line counts as a line")
	require.Equal(t, usage.Fingerprint("sk-raw-0123456789abcdefghij"), raw.Call.KeyFingerprint)
	require.NotContains(t, fmt.Sprintf("%+v", raw), "sk-raw-0")
	require.Equal(t, usage.Tokens{InputUncached: 5, CacheRead: 800, CacheWrite: 50, OutputText: 20, Fields: both | usage.HasCacheRead | usage.HasCacheWrite}, raw.Call.Tokens,
		"a cache larger than the input is not in it")
	require.False(t, raw.Call.HasReportedCost, "0 is written for what has no price")
	require.Equal(t, "customer", raw.Call.User)
	require.Equal(t, "chat", raw.Call.Operation)

	failed := got[3].Call
	require.True(t, failed.Failed)
	require.Equal(t, 429, failed.Status)
	require.Equal(t, "RateLimitError", failed.ErrorType)
	require.Equal(t, "embeddings", failed.Operation)
	require.Equal(t, time.Date(2026, 1, 19, 10, 0, 0, 0, time.UTC), failed.Start)
	for i, says := range []string{"startTime", "request_id", "JSON", "request_id"} {
		require.Contains(t, got[4+i].Bad, says)
		require.Equal(t, 6+i, got[4+i].Line)
	}

	var good [][]byte
	for _, line := range bytes.Split(bytes.TrimSpace(file), []byte("\n")) {
		if len(line) > 0 && !bytes.Equal(line, []byte("not json")) {
			good = append(good, line)
		}
	}
	list := append(append([]byte("\n["), bytes.Join(good, []byte(",\n"))...), ']')
	for _, doc := range [][]byte{list, append(append([]byte(`{"total": 7, "data": `), list...), '}')} {
		again := rows(t, LiteLLM, doc)
		require.Len(t, again, 7)
		require.Equal(t, got[0].Call, again[0].Call, "in whatever form it comes")
	}
}

func TestBrokenFiles(t *testing.T) {
	none := func(*Row) error { return nil }
	for _, tc := range []struct {
		name, text string
		format     Format
		line       int
	}{
		{"an export that ends", "{\"logs\":[\n{},\n{\"id\":", Tokenboard, 3},
		{"an export without logs", "{\"stats\":{\"a\":[1,{}]}}", Tokenboard, 1},
		{"another document", "\n[1,2]", Tokenboard, 2},
		{"nothing", "", Tokenboard, 1},
		{"a page", "<html>\n", CLIProxy, 1},
		{"an export of another program", "{\"usage\":{}}", CLIProxy, 1},
		{"a missing comma", "{\"usage\":{\"apis\":{\n\"k\":{\"models\":{\"m\":{\"details\":[\n{} {}]}}}}}}", CLIProxy, 3},
		{"no spend logs", "{\"message\":\"no\"}", LiteLLM, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var syntax *SyntaxError
			require.ErrorAs(t, Read(t.Context(), tc.format, strings.NewReader(tc.text), none), &syntax)
			require.Equal(t, tc.line, syntax.Line, syntax.Reason)
		})
	}
	long := rows(t, NDJSON, []byte("{\"id\":\""+strings.Repeat("x", maxLine)+"\"}\n{\"id\":\"x\"}"))
	require.Len(t, long, 2)
	require.Contains(t, long[0].Bad, "longer than")
	require.Equal(t, 2, long[1].Line)
	require.ErrorIs(t, Read(t.Context(), NDJSON, iotest.ErrReader(io.ErrClosedPipe), none), io.ErrClosedPipe)
	require.ErrorIs(t, Read(t.Context(), CLIProxy, iotest.ErrReader(io.ErrClosedPipe), none), io.ErrClosedPipe)
	stop := fmt.Errorf("stop")
	require.ErrorIs(t, Read(t.Context(), LiteLLM, bytes.NewReader(open(t, "litellm.ndjson")), func(*Row) error { return stop }), stop)
	require.Error(t, Read(t.Context(), "xml", nil, none))
}

func FuzzRead(f *testing.F) {
	formats := []Format{NDJSON, Tokenboard, CLIProxy, LiteLLM, NewAPI, Langfuse, Helicone}
	for _, name := range []string{"cliproxy.json", "litellm.ndjson", "newapi/sqlite.sql", "newapi/postgres-copy.sql", "newapi/mysql.sql", "newapi/postgres.csv"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		require.NoError(f, err)
		for i := range formats {
			f.Add(byte(i), b)
		}
	}
	for i, format := range formats {
		if good := goodRows[format]; good != "" {
			f.Add(byte(i), []byte(inFile(format, good)))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		format := formats[int(kind)%len(formats)]
		_ = Read(t.Context(), format, bytes.NewReader(b), func(r *Row) error {
			if r.Bad != "" || r.LeftOut != "" {
				return nil
			}
			c := &r.Call
			require.NotZero(t, c.ID)
			tk := c.Tokens
			require.GreaterOrEqual(t, min(tk.InputUncached, tk.CacheRead, tk.CacheWrite, tk.OutputText, tk.Reasoning), int64(0))
			require.NotContains(t, c.Model+c.User+c.Path+c.Session+c.RequestID, "\x1f")
			return nil
		})
	})
}

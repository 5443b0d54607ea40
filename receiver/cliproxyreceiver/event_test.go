package cliproxyreceiver

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/usage"
)

// variant is one entry of testdata/events.json: an event in the shape of some version, and what it says.
type variant struct {
	Name  string
	Event json.RawMessage
	Want  struct {
		Input, Output, CacheRead, CacheWrite, CacheWrite1h, Reasoning int64
		Fields                                                        string // of the reported figures: i o r w t h
		Quality                                                       []string
		Provider, Model, RequestModel, Operation                      string
		Method, Route                                                 string
		Stream                                                        string // "", "yes", "no"
		TTFTMs, LatencyMs                                             int64
		Status                                                        int
		ErrorType                                                     string
		RequestID                                                     string
	}
}

func variants(t *testing.T) (all []variant) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "events.json"))
	require.NoError(t, err)
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&all))
	return all
}

func fieldNames(f usage.TokenFields) (s string) {
	for i, letter := range "iorwth" {
		if f&(1<<i) != 0 {
			s += string(letter)
		}
	}
	return s
}

// TestVariants reads an event of each shape that the feed has had from v6.10 to v7.2.
func TestVariants(t *testing.T) {
	for _, v := range variants(t) {
		t.Run(v.Name, func(t *testing.T) {
			c, err := readEvent(v.Event, "main")
			require.NoError(t, err)
			w := v.Want
			require.Equal(t, []int64{w.Input, w.Output, w.CacheRead, w.CacheWrite, w.CacheWrite1h, w.Reasoning},
				[]int64{c.Tokens.Input(), c.Tokens.Output(), c.Tokens.CacheRead, c.Tokens.CacheWrite, c.Tokens.CacheWrite1h, c.Tokens.Reasoning},
				"input, output, read, write, of it for an hour, reasoning")
			require.Equal(t, w.Fields, fieldNames(c.Tokens.Fields))
			require.ElementsMatch(t, w.Quality, c.Quality.Names())
			require.Equal(t, []string{w.Provider, w.Model, w.RequestModel, w.Operation}, []string{c.Provider, c.Model, c.RequestModel, c.Operation})
			require.Equal(t, []string{w.Method, w.Route}, []string{c.Method, c.Path})
			require.Equal(t, w.Stream, map[usage.Tristate]string{usage.Unknown: "", usage.Yes: "yes", usage.No: "no"}[c.Stream])
			require.Equal(t, time.Duration(w.TTFTMs)*time.Millisecond, c.TTFT)
			require.Equal(t, time.Duration(w.LatencyMs)*time.Millisecond, c.Duration)
			require.Equal(t, []any{w.Status, w.ErrorType, w.ErrorType != ""}, []any{c.Status, c.ErrorType, c.Failed})
			require.Equal(t, w.RequestID, c.RequestID)
			require.Equal(t, usage.RoleCall, c.Role)
			require.False(t, c.Trace.IsZero() || c.Span.IsZero() || c.Start.IsZero())
			for _, n := range []int64{c.Tokens.InputUncached, c.Tokens.OutputText} {
				require.GreaterOrEqual(t, n, int64(0))
			}
		})
	}
}

const plain = `{"timestamp":"2026-11-22T22:11:51.400506617Z","auth_index":"552621c7783b2593","model":"fake-up-1","request_id":"2c7bc0f3","tokens":{"input_tokens":1,"output_tokens":1}}`

// TestIdentity: a repeat has the same ids; what differs in time, request, credential, model or proxy
// has others.
func TestIdentity(t *testing.T) {
	read := func(event, proxy string) usage.ID {
		c, err := readEvent(json.RawMessage(event), proxy)
		require.NoError(t, err)
		return c.ID
	}
	first := read(plain, "main")
	require.Equal(t, first, read(plain, "main"))
	require.Equal(t, first, read(strings.ReplaceAll(plain, "22:11:51.400506617Z", "23:11:51.400506617+01:00"), "main"), "the same moment")
	quoted, err := json.Marshal(plain)
	require.NoError(t, err)
	require.Equal(t, first, read(string(quoted), "main"), "JSON as a text")
	seen := map[usage.ID]string{first: "first"}
	for what, id := range map[string]usage.ID{
		"time":       read(strings.ReplaceAll(plain, "617Z", "618Z"), "main"),
		"request":    read(strings.ReplaceAll(plain, "2c7bc0f3", "2c7bc0f4"), "main"),
		"credential": read(strings.ReplaceAll(plain, "552621c7783b2593", "552621c7783b2594"), "main"),
		"model":      read(strings.ReplaceAll(plain, "fake-up-1", "fake-up-2"), "main"),
		"proxy":      read(plain, "other"),
		"no request": read(strings.ReplaceAll(plain, `"request_id":"2c7bc0f3",`, ""), "main"),
		"no request, other tokens": read(strings.ReplaceAll(strings.ReplaceAll(plain, `"request_id":"2c7bc0f3",`, ""),
			`"input_tokens":1`, `"input_tokens":2`), "main"),
	} {
		require.NotContains(t, seen, id, "%s has the ids of %s", what, seen[id])
		seen[id] = what
	}
}

func TestUnreadable(t *testing.T) {
	for name, event := range map[string]string{
		"no object":      `[1,2]`,
		"a number":       `17`,
		"null":           `null`,
		"no timestamp":   `{"model":"m"}`,
		"bad timestamp":  `{"timestamp":"yesterday","api_key":"sk-secret-secret-secret"}`,
		"zero timestamp": `{"timestamp":"0001-01-01T00:00:00Z"}`,
		"broken text":    `"{\"timestamp\":"`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readEvent(json.RawMessage(event), "main")
			require.ErrorIs(t, err, errUnreadable)
			require.NotContains(t, err.Error(), "secret")
		})
	}
	_, err := readEvent(json.RawMessage(`{"timestamp":"2026-11-22T22:11:51Z","endpoint":"POST /v1/messages/count_tokens"}`), "main")
	require.ErrorIs(t, err, errNoCall)
}

// FuzzReadEvent: whatever stands in an event, its figures stay counts and its texts short.
func FuzzReadEvent(f *testing.F) {
	raw, err := os.ReadFile(filepath.Join("testdata", "events.json"))
	require.NoError(f, err)
	var all []variant
	require.NoError(f, json.Unmarshal(raw, &all))
	for _, v := range all {
		f.Add([]byte(v.Event))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readEvent(b, "main")
		if err != nil {
			return
		}
		for _, n := range []int64{c.Tokens.InputUncached, c.Tokens.CacheRead, c.Tokens.CacheWrite, c.Tokens.OutputText, c.Tokens.Reasoning} {
			require.GreaterOrEqual(t, n, int64(0))
		}
		require.LessOrEqual(t, max(c.Tokens.Input(), c.Tokens.Output()), usage.MaxTokens)
		for _, s := range []string{c.Model, c.RequestModel, c.Provider, c.RequestID, c.authIndex, c.effort} {
			require.LessOrEqual(t, len(s), 2*maxText+1)
		}
	})
}

// BenchmarkEvent is the whole way of one event: read, redact, write as a span.
func BenchmarkEvent(b *testing.B) {
	raw, err := os.ReadFile(filepath.Join("testdata", "events.json"))
	require.NoError(b, err)
	var all []variant
	require.NoError(b, json.Unmarshal(raw, &all))
	event := all[0].Event
	b.ReportAllocs()
	for b.Loop() {
		c, err := readEvent(event, "main")
		if err != nil {
			b.Fatal(err)
		}
		spans([]call{c}, origin{name: "main", service: "cliproxyapi"})
	}
}

package history

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tokenboard/tokenboard/internal/strictjson"
	"github.com/tokenboard/tokenboard/internal/usage"
)

// goodRows are rows of each format, each whole in one line.
var goodRows = map[Format]string{
	NDJSON:     `{"id":"188c0e1f7a0d0000000000000000000000000000000000000000000000000001","time":"2026-01-19T06:31:22.004209664Z","model":"m","input_tokens":1,"key":{"id":"k","name":"n"},"cost_usd":0.5}`,
	Tokenboard: `{"id":"188c0e1f7a0d0000000000000000000000000000000000000000000000000001","time":"2026-01-19T06:31:22.004209664Z","model":"m","input_tokens":1,"key":{"id":"k","name":"n"},"cost_usd":0.5}`,
	CLIProxy:   `{"timestamp":"2026-01-19T08:00:00Z","failed":false,"tokens":{"input_tokens":1,"output_tokens":2}}`,
	LiteLLM:    `{"request_id":"r","startTime":"2026-01-19 08:00:00","spend":0.5,"prompt_tokens":1,"completion_tokens":2,"metadata":{"status":"success"}}`,
	NewAPI:     `{"created_at":1768809600,"type":2,"model_name":"m","prompt_tokens":1,"completion_tokens":2,"token_name":"k"}`,
	Langfuse:   `{"id":"r","trace_id":"t","type":"GENERATION","start_time":"2026-01-19 08:00:00","provided_model_name":"m","usage_details":{"input":1}}`,
	Helicone:   `{"request_id":"r","request_created_at":"2026-01-19T08:00:00Z","request_model":"m","prompt_tokens":1,"completion_tokens":2}`,
}

// inFile puts rows into a file of a format.
func inFile(f Format, rows ...string) string {
	switch f {
	case Tokenboard:
		return `{"stats":{},"logs":[` + strings.Join(rows, ",") + `]}`
	case CLIProxy:
		return `{"usage":{"apis":{"k":{"models":{"m":{"details":[` + strings.Join(rows, ",") + `]}}}}}}`
	}
	return strings.Join(rows, "\n")
}

// TestRowsAreReadOneWay: a field that stands there twice makes a row wrong, and a field in another case
// is another field.
func TestRowsAreReadOneWay(t *testing.T) {
	for f, good := range goodRows {
		id := map[string]any{}
		require.NoError(t, json.Unmarshal([]byte(good), &id))
		text := func(row string) []byte { return []byte(inFile(f, row)) }
		want := rows(t, f, text(good))
		require.Len(t, want, 1)
		require.Empty(t, want[0].Bad, f)
		for name := range id {
			twice := strings.TrimSuffix(good, "}") + `,"` + name + `":null}`
			got := rows(t, f, text(twice))
			require.Len(t, got, 1)
			require.Contains(t, got[0].Bad, "twice", "%s: %s", f, twice)
			other := strings.TrimSuffix(good, "}") + `,"` + strings.ToUpper(name) + `":12345}`
			got = rows(t, f, text(other))
			require.Empty(t, got[0].Bad, other)
			require.Equal(t, want, got, other)
		}
		deep := strings.TrimSuffix(good, "}") + `,"x":` + strings.Repeat("[", 2*strictjson.MaxDepth) + strings.Repeat("]", 2*strictjson.MaxDepth) + "}"
		require.Contains(t, rows(t, f, text(deep))[0].Bad, "nested", f)
	}
	nested := rows(t, LiteLLM, []byte(strings.Replace(goodRows[LiteLLM], `"status":`, `"usage_object":{"cache_read_input_tokens":1,"cache_read_input_tokens":5},"status":`, 1)))
	require.Contains(t, nested[0].Bad, "twice")
	cut := rows(t, LiteLLM, []byte(strings.Replace(goodRows[LiteLLM], `"status":`, `"text":"cut off \ud83d","status":`, 1)))
	require.Empty(t, cut[0].Bad, "texts that another program has cut off within a letter")
}

func TestCostsOfExports(t *testing.T) {
	for text, want := range map[string]usage.NanoUSD{"0.5": 5e8, `"0.5"`: 5e8, "1e-9": 1, "null": -1, "-1": -2, `"x"`: -2, "[]": -2, "1e300": -2, "true": -2} {
		got := rows(t, NDJSON, []byte(strings.Replace(goodRows[NDJSON], `"cost_usd":0.5`, `"cost_usd":`+text, 1)))[0]
		switch want {
		case -2:
			require.Contains(t, got.Bad, "cost", text)
		case -1:
			require.Empty(t, got.Bad, text)
			require.False(t, got.Call.HasReportedCost)
		default:
			require.Empty(t, got.Bad, text)
			require.Equal(t, want, got.Call.ReportedCost)
		}
	}
}

// TestDocumentsAreReadOneWay: what holds the rows stands there once, and nothing nests without bound.
func TestDocumentsAreReadOneWay(t *testing.T) {
	for f, row := range goodRows {
		if f == NDJSON {
			continue
		}
		whole := inFile(f, row)
		if strings.HasPrefix(whole, `{"`) && whole == row {
			whole = `{"data":[` + row + `]}`
		}
		for what, text := range map[string]string{
			"a second one in the first": strings.TrimSuffix(whole, "}") + "," + strings.TrimPrefix(whole, "{"),
			"depth":                     strings.TrimSuffix(whole, "}") + `,"x":` + strings.Repeat("[", 1_000_000),
			"a second document":         whole + whole,
			"text behind it":            whole + " x",
		} {
			n := 0
			err := Read(context.Background(), f, strings.NewReader(text), func(*Row) error { n++; return nil })
			var syntax *SyntaxError
			require.ErrorAs(t, err, &syntax, "%s: %s", f, what)
			require.LessOrEqual(t, n, 1, "%s: %s", f, what)
		}
	}
}

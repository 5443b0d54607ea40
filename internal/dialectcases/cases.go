// Package dialectcases reads the dialect cases that tests use: records as emitters write them, each with
// what is right about it. testdata/README.md says how to read them.
package dialectcases

import (
	"encoding/json"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/tokenboard/tokenboard/internal/jsonlines"
)

// Case is a record: a line of the file.
type Case struct {
	ID         string                     `json:"id"`
	Signal     string                     `json:"signal"` // span, log or metric
	Trace      string                     `json:"trace"`  // records of one name are of one trace
	Scope      string                     `json:"scope"`
	SpanName   string                     `json:"span_name"`
	Parent     string                     `json:"parent"` // the ID of another case
	Attributes map[string]json.RawMessage `json:"attributes"`
	Resource   map[string]string          `json:"resource"`
	DupGroup   string                     `json:"dup_group"` // of records with one group exactly one counts
	Expect     Expect                     `json:"expect"`
}

// Expect is the expected result. A token figure that is nil must stay absent; a text that is nil is not asserted.
type Expect struct {
	Counted    bool    `json:"counted"`
	Input      *int64  `json:"input_tokens"`
	Output     *int64  `json:"output_tokens"`
	CacheRead  *int64  `json:"cache_read"`
	CacheWrite *int64  `json:"cache_write"`
	Reasoning  *int64  `json:"reasoning"`
	Model      *string `json:"model"`
	Provider   *string `json:"provider"`
	Operation  *string `json:"operation"`
}

// Load reads all cases; testdata is the path of the folder that holds them.
func Load(t testing.TB, testdata string) (out []Case) {
	t.Helper()
	for _, line := range jsonlines.Read(t, filepath.Join(testdata, "dialects", "cases.jsonl")) {
		var c Case
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatalf("read a case: %v", err)
		}
		out = append(out, c)
	}
	return out
}

// Text returns an id of the record as an attribute: __trace_id__, __span_id__.
func (c *Case) Text(name string) (s string) {
	_ = json.Unmarshal(c.Attributes[name], &s)
	return s
}

// PutAttributes writes the attributes of a case.
func (c *Case) PutAttributes(t testing.TB, m pcommon.Map) {
	t.Helper()
	for name, v := range c.Attributes {
		if !strings.HasPrefix(name, "__") {
			put(t, m, name, v)
		}
	}
}

// PutResource writes the attributes of a case's resource.
func (c *Case) PutResource(m pcommon.Map) {
	for name, v := range c.Resource {
		m.PutStr(name, v)
	}
}

// put sets an attribute from the value's form in the cases.
func put(t testing.TB, m pcommon.Map, name string, v json.RawMessage) {
	t.Helper()
	var special struct {
		Double json.RawMessage `json:"__double__"`
		OTLP   json.RawMessage `json:"__otlp__"`
	}
	var s string
	var b bool
	var n int64
	var f float64
	switch {
	case json.Unmarshal(v, &special) == nil && special.OTLP != nil:
		u := &plog.JSONUnmarshaler{}
		logs, err := u.UnmarshalLogs([]byte(`{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":` + string(special.OTLP) + `}]}]}]}`))
		if err != nil { // the receiver refuses such a request as a whole; over protobuf the value is empty
			m.PutEmpty(name)
			return
		}
		logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).Body().CopyTo(m.PutEmpty(name))
	case special.Double != nil && json.Unmarshal(special.Double, &f) == nil:
		m.PutDouble(name, f)
	case special.Double != nil:
		m.PutDouble(name, math.NaN())
	case json.Unmarshal(v, &s) == nil:
		m.PutStr(name, s)
	case json.Unmarshal(v, &b) == nil:
		m.PutBool(name, b)
	case json.Unmarshal(v, &n) == nil:
		m.PutInt(name, n)
	case json.Unmarshal(v, &f) == nil:
		m.PutDouble(name, f)
	default:
		var fields map[string]any
		if err := json.Unmarshal(v, &fields); err != nil {
			t.Fatalf("read the value of %s: %v", name, err)
		}
		if err := m.PutEmptyMap(name).FromRaw(fields); err != nil {
			t.Fatalf("set the value of %s: %v", name, err)
		}
	}
}

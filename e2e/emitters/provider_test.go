package emitters

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/tokenboard/tokenboard/internal/fakeupstream"
)

// provider is the fake provider with answers that depend on the name of the model: frameworks let a program name a
// model, but not always send a header. The end of the name is what a call tries:
//
//	-401 -429 -500   it fails with this status
//	-cut             the stream breaks
//	-tools -agent    it calls the first tool of the request, unless the request has a tool's result already
//	-cached -tools -agent -parallel      a part of the prompt is read from the cache, and one written to it
//	-reasoning -tools -agent             a part of the output is reasoning
//
// All calls of one name are of one kind, and no two calls have the same figures.
type provider struct {
	fakeupstream.Upstream
	calls atomic.Int64
}

func (p *provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client is gone
	}
	r.Body = io.NopCloser(bytes.NewReader(raw))
	var body struct {
		Model string            `json:"model"`
		Tools []json.RawMessage `json:"tools"`
	}
	_ = json.Unmarshal(raw, &body)
	model := body.Model
	if model == "" {
		_, model, _ = strings.Cut(r.URL.Path, "/models/")
		model, _, _ = strings.Cut(model, ":")
	}
	n := p.calls.Add(1)
	bill := fakeupstream.Bill{Input: 2000 + 13*n, Output: 400 + 7*n}
	kind := model[strings.LastIndexByte(model, '-')+1:]
	switch kind {
	case "401", "429", "500":
		r.Header.Set(fakeupstream.HeaderStatus, kind)
	case "cut":
		r.Header.Set(fakeupstream.HeaderCut, strconv.Itoa(6))
	case "tools", "agent":
		bill.CacheRead, bill.CacheWrite, bill.Reasoning = 700+3*n, 300+2*n, 100+n
		if name := firstTool(body.Tools); name != "" && !hasToolResult(raw) {
			call, _ := json.Marshal(fakeupstream.ToolCall{Name: name, Arguments: map[string]any{"city": "Paris"}})
			r.Header.Set(fakeupstream.HeaderTool, string(call))
		}
	case "cached", "parallel":
		bill.CacheRead, bill.CacheWrite = 700+3*n, 300+2*n
	case "reasoning":
		bill.Reasoning = 100 + n
	}
	header, _ := json.Marshal(bill)
	r.Header.Set(fakeupstream.HeaderBill, string(header))
	p.Upstream.ServeHTTP(w, r)
}

// firstTool returns the name of the first tool of a request to any of the APIs.
func firstTool(tools []json.RawMessage) string {
	for _, raw := range tools {
		var tool struct {
			Name      string                  `json:"name"`
			Function  struct{ Name string }   `json:"function"`
			Functions []struct{ Name string } `json:"functionDeclarations"`
		}
		_ = json.Unmarshal(raw, &tool)
		switch {
		case tool.Name != "":
			return tool.Name
		case tool.Function.Name != "":
			return tool.Function.Name
		case len(tool.Functions) > 0:
			return tool.Functions[0].Name
		}
	}
	return ""
}

// hasToolResult reports whether a request to any of the APIs has the result of a tool in its messages.
func hasToolResult(raw []byte) bool {
	var compact bytes.Buffer
	if json.Compact(&compact, raw) != nil {
		return false
	}
	for _, mark := range []string{`"role":"tool"`, `"function_call_output"`, `"tool_result"`, `"functionResponse"`} {
		if bytes.Contains(compact.Bytes(), []byte(mark)) {
			return true
		}
	}
	return false
}
